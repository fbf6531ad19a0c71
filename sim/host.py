"""One machine: its clock, its disk, and the process of a node that runs on it, driven as the contract says.

Knows: how events reach a node, what its effects do here, how a process dies and comes back.  Does not know: why it is
made to die (`faults`), what the node's state means (`checkers`).
Invariant: a node learns nothing but through `step`; what a dead process was still to be told is never told to the next.
"""

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import attrs
from odradek.core import effects as ef
from odradek.core import events as ev
from odradek.core.configs import parse_broker
from odradek.core.limits import Limits
from odradek.core.node import Node
from odradek.core.types import MS, ConnId, Instant, Now
from odradek.sim.canon import spelled
from odradek.sim.disk import Disk
from odradek.sim.net import Conn, End, Net
from odradek.sim.plan import NodePlan, Options
from odradek.sim.spindle import DiskEffect, Spindle
from odradek.sim.world import Violation, World

EPOCH_WALL_MS = 1_700_000_000_000
PORT = 9092
SPIN_MAX = 2_000


class Watcher(Protocol):
    """Who looks at a node after each of its steps, and at its end."""

    def began(self, host: "Host") -> None:
        """A process was made; it has not taken a step."""

    def stepped(self, host: "Host", event: ev.Event, effects: list[ef.Effect]) -> None:
        """The node took a step."""

    def dies(self, host: "Host", power: bool) -> None:
        """The process is about to die; its memory can still be read."""


class FrameWaits(NamedTuple):
    """In the inbox: the next frame of this connection may be read, unless the node has paused it."""

    conn: int


class Link:
    """The server's end of one connection: bytes in, frames out."""

    __slots__ = ("backlog", "buffer", "closing", "conn", "paused")

    def __init__(self, conn: Conn) -> None:
        self.conn = conn
        self.buffer = bytearray()
        self.backlog: deque[bytearray] = deque()
        self.paused = False
        self.closing = False


class Host:
    """A machine of the plan.  `node` is None while no process runs."""

    def __init__(self, world: World, net: Net, plan: NodePlan, disk_options: Options, watcher: Watcher) -> None:
        self.world = world
        self.net = net
        self.plan = plan
        self.name = plan.name
        self.watcher = watcher
        self.rng = world.stream("host", plan.name)
        self.disk = Disk(world.stream("disk", plan.name), int(disk_options["sector"]))
        self.capacity = self.disk.capacity
        self.spindle = Spindle(world, plan.name, self.disk, disk_options, self._completed)
        self.node: Node | None = None
        self.lives = 0
        self.links: dict[int, Link] = {}
        self.inbox: deque[ev.Event | FrameWaits] = deque()
        self.paused_until: Instant = 0
        self.armed: Instant | None = None
        self.boot_mono = 1_000_000_000
        self.boot_at: Instant = 0
        self.skew_ms = plan.skew_ms
        self.halted: str | None = None
        self.on_halt: Callable[[str], None] | None = None
        self.notes: dict[str, int] = {}
        self.awake = 0
        net.listeners[plan.name] = self

    # The clock ---------------------------------------------------------------------------------------------------

    @property
    def now(self) -> Now:
        """This machine's time: the monotonic clock runs at its own rate, the wall clock is wrong by its skew."""
        mono = self._mono(self.world.now)
        return Now(mono, EPOCH_WALL_MS + self.skew_ms + mono // MS)

    def _mono(self, time: Instant) -> Instant:
        passed = time - self.boot_at
        return self.boot_mono + passed + passed * self.plan.drift_ppm // 1_000_000

    def _true(self, mono: Instant) -> Instant:
        """The first instant at which this machine's clock shows `mono` or more."""
        passed = max(0, mono - self.boot_mono)
        time = self.boot_at + passed * 1_000_000 // (1_000_000 + self.plan.drift_ppm)
        while self._mono(time) < mono:
            time += 1 + (mono - self._mono(time)) // 2
        return time

    # A process ---------------------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        return self.node is not None and self.halted is None

    @property
    def ready(self) -> bool:
        """Whether clients are served."""
        return self.node is not None and self.halted is None and self.node.broker.ready

    def start(self) -> None:
        """Start a process on what the disk holds."""
        assert self.node is None, "one process at a time"
        life = self.plan.lives[self.lives % len(self.plan.lives)]
        self.lives += 1
        limits = attrs.evolve(Limits(), **life.limits)
        rng = self.world.stream("node", self.name, str(self.lives))
        self.node = Node(parse_broker(dict(life.config)), limits, rng, "simulated-cluster-id")
        self.halted = None
        self.armed = None
        self.awake = 0
        self.world.step(f"{self.name} start life={self.lives}")
        self.watcher.began(self)
        self.post(ev.Started())

    def stop(self) -> None:
        """Ask the node to finish in order."""
        if self.running:
            self.post(ev.Stopping())

    def kill(self) -> None:
        """`kill -9`: the page cache survives."""
        self._die(power=False)
        self.spindle.kill()

    def power(self, mood: int) -> None:
        """The machine dies, and with it the page cache."""
        self._die(power=True)
        self.spindle.kill()
        lost = self.disk.power(mood)
        self.world.count("power cut with unsynced changes" if lost else "power cut with all synced")
        self.boot_mono = 1_000_000_000 + self.world.steps
        self.boot_at = self.world.now
        self.spindle.armed.clear()

    def _die(self, power: bool) -> None:
        if self.node is not None:
            self.watcher.dies(self, power)
        self.world.step(f"{self.name} {'power cut' if power else 'killed'}")
        self.node = None
        self.links.clear()
        self.inbox.clear()
        self.paused_until = 0
        self.net.died(self.name)

    def pause(self, ms: int) -> None:
        """The process stands still while the clock runs on."""
        self.paused_until = self.world.now + ms * MS
        self.world.at(self.paused_until, self.name, self._drain)

    # Events ------------------------------------------------------------------------------------------------------

    def post(self, event: ev.Event | FrameWaits) -> None:
        """Let the node take this event as soon as it can."""
        self.inbox.append(event)
        if len(self.inbox) == 1:
            life = self.lives
            self.world.at(self.world.now, self.name, lambda: self._drain() if life == self.lives else None)

    def _drain(self) -> None:
        """Give the node what waits for it."""
        if self.world.now < self.paused_until:
            return
        inbox = self.inbox
        while inbox and self.running:
            event = inbox.popleft()
            if isinstance(event, FrameWaits):
                self._read(event.conn)
            else:
                self._step(event)
        if self.running:
            self._wake_if_due()
            self._arm()

    def _read(self, conn: int) -> None:
        """Give the node the next frame of a connection that it reads from."""
        link = self.links.get(conn)
        if link is not None and link.backlog and not link.paused and not link.closing:
            self._step(ev.Received(ConnId(conn), memoryview(link.backlog.popleft())))

    def _completed(self, event: ev.Event) -> None:
        self.post(event)

    def _step(self, event: ev.Event) -> None:
        node = self.node
        assert node is not None
        self.spindle.told(event)
        effects = node.step(event, self.now)
        self.world.step(f"{self.name} {spelled(event)} -> {spelled(effects)}")
        for effect in effects:
            self._perform(effect)
        self.watcher.stepped(self, event, effects)

    def _wake_if_due(self) -> None:
        assert self.node is not None
        deadline = self.node.deadline
        if deadline is None or deadline > self.now.mono:
            self.awake = 0
            return
        self.awake += 1
        if self.awake > SPIN_MAX:
            raise Violation("DeadlineMoves", f"{self.name} was woken {self.awake} times and is due again at once")
        self.inbox.append(ev.Woke())
        self.world.after(1, self.name, self._drain)

    def _arm(self) -> None:
        """One wake-up for the node's deadline; one that comes too early does no harm."""
        assert self.node is not None
        deadline = self.node.deadline
        if deadline is None:
            return
        time = max(self.world.now + 1, self._true(deadline))
        if self.armed is not None and self.world.now < self.armed <= time:
            return
        self.armed = time
        life = self.lives

        def ring() -> None:
            if life == self.lives and self.running:
                if self.armed == self.world.now:
                    self.armed = None
                self._drain()

        self.world.at(time, self.name, ring)

    # Effects -----------------------------------------------------------------------------------------------------

    def _perform(self, effect: ef.Effect) -> None:
        if isinstance(effect, DiskEffect):
            self.spindle.ask(effect)
            return
        match effect:
            case ef.Send(conn, chunks):
                self._send(conn, chunks)
            case ef.Close(conn):
                link = self.links.get(conn)
                if link is not None:
                    link.closing = True
                    link.conn.close(by_server=True)
            case ef.Pause(conn):
                if conn in self.links:
                    self.links[conn].paused = True
            case ef.Resume(conn):
                self._resume(conn)
            case ef.Note(text):
                self.notes[text] = self.notes.get(text, 0) + 1
            case ef.Halt(why):
                self._halt(why)

    def _send(self, conn: ConnId, chunks: ef.Chunks) -> None:
        link = self.links.get(conn)
        if link is None:
            return
        parts: list[bytes] = []
        for chunk in chunks:
            if isinstance(chunk, ef.FileSlice):
                data = self.spindle.send_slice(chunk.file, chunk.at, chunk.size)
                if data is None:
                    self.world.count("slice not sent")
                    link.conn.reset(1.0)
                    return
                parts.append(data)
            else:
                parts.append(bytes(chunk))
        frame = b"".join(parts)
        if int.from_bytes(frame[:4], "big") != len(frame) - 4:
            raise Violation("FrameWhole", f"{self.name} announced {frame[:4].hex()} for {len(frame) - 4} bytes")
        link.conn.send(False, frame)

    def _halt(self, why: str) -> None:
        """The process ends by its own will."""
        self.halted = why
        self.world.step(f"{self.name} halted {ascii(why)}")
        self.watcher.dies(self, power=False)
        self.node = None
        self.links.clear()
        self.inbox.clear()
        for conn in [conn for conn in self.net.conns.values() if conn.server == self.name]:
            conn.close(by_server=True)
        self.spindle.kill()
        if self.on_halt is not None:
            self.on_halt(why)

    # Connections -------------------------------------------------------------------------------------------------

    def accepts(self) -> bool:
        return self.ready

    def opened(self, conn: Conn) -> End:
        self.links[conn.number] = Link(conn)
        self.post(ev.Opened(ConnId(conn.number), (conn.client, 40_000 + conn.number % 20_000), (self.name, PORT)))
        return self

    def arrived(self, conn: Conn, data: bytes) -> None:
        link = self.links.get(conn.number)
        if link is None or link.closing:
            return
        buffer = link.buffer
        buffer += data
        assert self.node is not None
        most = self.node.limits.frame_bytes_max
        while len(buffer) >= 4:
            size = int.from_bytes(buffer[:4], "big", signed=True)
            if size < 0 or size > most:
                self.world.count("frame refused by its size")
                link.closing = True
                conn.close(by_server=True)
                return
            if len(buffer) < 4 + size:
                return
            frame = bytearray(buffer[4 : 4 + size])
            del buffer[: 4 + size]
            link.backlog.append(frame)
            self.post(FrameWaits(conn.number))

    def broke(self, conn: Conn) -> None:
        if self.links.pop(conn.number, None) is not None:
            self.post(ev.Closed(ConnId(conn.number)))

    def _resume(self, conn: int) -> None:
        link = self.links.get(conn)
        if link is None:
            return
        link.paused = False
        for _ in link.backlog:
            self.post(FrameWaits(conn))


def describe(host: Host) -> dict[str, Any]:
    """Where a host stands, for the box of a failure."""
    node = host.node
    return {"life": host.lives, "stage": node.stage.value if node is not None else f"down ({host.halted})"}
