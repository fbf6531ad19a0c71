"""A node's disk in time: each effect takes a while, a crash finds some of them half done.

Knows: the order the contract gives effects of one file, and the faults that fail an effect.  Does not know: what is
stored, who asked.
Invariant: effects of one file that move data happen in the order asked for; a sync covers exactly what was asked of its
file before it; completions of one kind keep their order.
"""

from collections import deque
from collections.abc import Callable
from random import Random
from typing import Any

from odradek.core.effects import Append, List, Read, Remove, Replace, Sync, Truncate
from odradek.core.events import Done, Event, Failed
from odradek.core.types import FileName, Instant
from odradek.sim.chance import between, skewed
from odradek.sim.disk import Disk
from odradek.sim.world import World

DiskEffect = Append | Sync | Read | Truncate | Replace | Remove | List
US = 1000


class Job:
    """An effect that was asked for and is not complete."""

    __slots__ = ("due", "effect", "number", "upto")

    def __init__(self, number: int, effect: DiskEffect, due: Instant) -> None:
        self.number = number
        self.effect = effect
        self.due = due
        self.upto: Job | None = None


class Lane:
    """The effects of one file: `moving` data, in order, and `syncing`, in order."""

    __slots__ = ("covered", "last_move", "last_sync", "moving", "syncing")

    def __init__(self) -> None:
        self.moving: deque[Job] = deque()
        self.syncing: deque[Job] = deque()
        self.last_move: Instant = 0
        self.last_sync: Instant = 0
        self.covered: dict[int, int] = {}
        """By number of a sync in flight: the disk's number when all that it covers had been done."""


class Spindle:
    """The disk of one machine, as one process of it uses it.  `tell` takes completions."""

    def __init__(
        self, world: World, name: str, disk: Disk, options: dict[str, Any], tell: Callable[[Event], None]
    ) -> None:
        self.world = world
        self.name = name
        self.disk = disk
        self.rng: Random = world.stream("spindle", name)
        self.append_us = int(options["append_us_max"])
        self.sync_us = int(options["sync_us_max"])
        self.tell = tell
        self.lanes: dict[FileName, Lane] = {}
        self.numbers = 0
        self.life = 0
        self.dead = ""
        """Why every effect fails: this process met an error that a directory does not survive."""
        self.stuck: dict[FileName, None] = {}
        self.armed: dict[str, int] = {}
        """Faults that wait for the next effect they fit: kind to how many."""
        self.slow_until: Instant = 0
        self.slow_factor = 1
        self.hung_until: Instant = 0
        self.on_pending: Callable[[], None] | None = None

    # Asking ------------------------------------------------------------------------------------------------------

    def ask(self, effect: DiskEffect) -> None:
        """Take up an effect; its completion comes later."""
        name = "" if isinstance(effect, List) else effect.file
        lane = self.lanes.setdefault(name, Lane())
        self.numbers += 1
        job = Job(self.numbers, effect, self.world.now + self._latency(effect))
        if isinstance(effect, Sync):
            job.due = max(job.due, lane.last_sync, lane.moving[-1].due if lane.moving else 0)
            lane.last_sync = job.due
            lane.syncing.append(job)
            if lane.moving:
                job.upto = lane.moving[-1]
            else:
                lane.covered[job.number] = self.disk.number
        else:
            if isinstance(effect, List):
                job.due = max([job.due, *(other.last_move for other in self.lanes.values())])
            job.due = max(job.due, lane.last_move)
            lane.last_move = job.due
            lane.moving.append(job)
        life = self.life
        self.world.at(job.due, self.name, lambda: self._complete(life, lane, job))
        if self.on_pending is not None and isinstance(effect, Append):
            watcher, self.on_pending = self.on_pending, None
            watcher()

    @property
    def pending(self) -> int:
        """Effects asked for and not complete."""
        return sum(len(lane.moving) + len(lane.syncing) for lane in self.lanes.values())

    def _latency(self, effect: DiskEffect) -> int:
        slow = isinstance(effect, Sync | Replace)
        ns = skewed(self.rng, 5, self.sync_us if slow else self.append_us) * US
        now = self.world.now
        if now < self.slow_until:
            ns *= self.slow_factor
            self.world.count("effect slowed")
        if now < self.hung_until:
            ns += self.hung_until - now
            self.world.count("effect hung")
        return ns

    # Completing --------------------------------------------------------------------------------------------------

    def _complete(self, life: int, lane: Lane, job: Job) -> None:
        if life != self.life:
            return
        if isinstance(job.effect, Sync):
            first = lane.syncing.popleft()
            assert first is job, "syncs of one file complete in order"
            self.tell(self._synced(lane, job))
            return
        first = lane.moving.popleft()
        assert first is job, "effects of one file complete in order"
        event = self._performed(job.effect)
        self._cover(lane, job)
        self.tell(event)

    def _cover(self, lane: Lane, job: Job) -> None:
        """Syncs that waited for this effect know what they cover now."""
        for sync in lane.syncing:
            if sync.upto is job:
                sync.upto = None
                lane.covered[sync.number] = self.disk.number

    def _synced(self, lane: Lane, job: Job) -> Event:
        effect = job.effect
        assert isinstance(effect, Sync)
        upto = lane.covered.pop(job.number)
        if self.dead:
            return Failed(effect.then, "EIO")
        if self._fires("fsync_fail"):
            self.disk.lose_sync(effect.file)
            return self._fatal(effect.then, "EIO")
        self.disk.sync(effect.file, upto)
        return Done(effect.then)

    def _performed(self, effect: DiskEffect) -> Event:
        disk = self.disk
        if self.dead:
            return Failed(effect.then, "EIO")
        match effect:
            case Append(file, chunks):
                return self._appended(effect, file, b"".join(chunks))
            case Read(file, at, size):
                return self._read(effect, disk.read(file, at, size))
            case Truncate(file, size):
                disk.truncate(file, size)
            case Replace(file, data):
                if self._fires("write_eio"):
                    return self._fatal(effect.then, "EIO")
                if not disk.replace(file, bytes(data)):
                    self.world.count("disk full")
                    return Failed(effect.then, "ENOSPC")
            case Remove(file):
                disk.remove(file)
            case List():
                return Done(effect.then, disk.listing())
        return Done(effect.then)

    def _appended(self, effect: Append, file: FileName, data: bytes) -> Event:
        if file in self.stuck:
            return Failed(effect.then, "ENOSPC")
        if self._fires("write_eio"):
            self.disk.append(file, data, between(self.rng, 0, len(data)))
            return self._fatal(effect.then, "EIO")
        if not self.disk.append(file, data):
            self.stuck[file] = None
            self.world.count("disk full")
            return Failed(effect.then, "ENOSPC")
        if data and self._fires("misdirect"):
            self._misdirect(file, data)
        return Done(effect.then)

    def _misdirect(self, file: FileName, data: bytes) -> None:
        """The disk wrote these bytes over others of its own, and says that all is well."""
        size = len(self.disk.files[file].cache or b"")
        at = between(self.rng, 0, max(0, size - 1)) // self.disk.sector * self.disk.sector
        self.disk.overwrite(file, at, data[: self.disk.sector])

    def _read(self, effect: Read, data: bytes | None) -> Event:
        if data is None or self._fires("read_eio"):
            self.world.count("read failed")
            return Failed(effect.then, "EIO")
        if data and self._fires("flip_read"):
            data = flipped(data, self.rng)
        if data and self._fires("stale_read"):
            file = self.disk.files[effect.file]
            old = bytes((file.platter or b"")[effect.at : effect.at + effect.size])
            data = old + bytes(len(data) - len(old)) if len(old) < len(data) else old
        return Done(effect.then, data)

    def _fatal(self, then: Any, why: str) -> Event:
        """After this nothing succeeds any more in this process (contract, clause 7)."""
        self.dead = why
        return Failed(then, why)

    def told(self, event: Event) -> None:
        """The node knows of a failure: appends asked for from now on are asked for in its knowledge."""
        if isinstance(event, Failed) and self.stuck:
            self.stuck.clear()

    def _fires(self, kind: str) -> bool:
        if not self.armed.get(kind):
            return False
        self.armed[kind] -= 1
        self.world.count(f"fault took effect: {kind}")
        return True

    def send_slice(self, name: FileName, at: int, size: int) -> bytes | None:
        """The bytes of a file slice as they are when they are sent; None when they cannot be read whole."""
        if self.dead:
            return None
        data = self.disk.read(name, at, size)
        if data is None or len(data) != size or self._fires("read_eio"):
            return None
        return flipped(data, self.rng) if data and self._fires("flip_read") else data

    # Dying -------------------------------------------------------------------------------------------------------

    def kill(self) -> None:
        """The process dies: of each file's effects a prefix happened, the append behind it perhaps in part."""
        self.life += 1
        pending = self.pending
        for name in sorted(self.lanes):
            self._half_done(self.lanes[name])
        if pending:
            self.world.count("crash with effects pending")
        self.lanes.clear()
        self.stuck.clear()
        self.dead = ""

    def _half_done(self, lane: Lane) -> None:
        count = between(self.rng, 0, len(lane.moving))
        part = self.rng.random()
        for _ in range(count):
            if not self.dead:
                self._performed(lane.moving.popleft().effect)
        if lane.moving and not self.dead and isinstance(lane.moving[0].effect, Append) and part < 0.6:
            effect = lane.moving[0].effect
            data = b"".join(effect.chunks)
            if effect.file not in self.stuck:
                self.disk.append(effect.file, data, int(part / 0.6 * len(data)))


def flipped(data: bytes, rng: Random) -> bytes:
    """The bytes with one bit changed."""
    changed = bytearray(data)
    at = between(rng, 0, len(data) * 8 - 1)
    changed[at // 8] ^= 1 << at % 8
    return bytes(changed)
