"""A node on a bench: time stands still until it is told, the disk is a dictionary, clients speak wire bytes.

Knows: the contract of effects, performed at once and in order.  Does not know: faults (that is the simulator's work).
"""

from collections import deque
from collections.abc import Callable
from random import Random
from typing import Any

from odradek.core import effects as ef
from odradek.core import events as ev
from odradek.core.configs import parse_broker
from odradek.core.limits import Limits
from odradek.core.node import Node
from odradek.core.types import MS, ConnId, Now
from odradek.core.wire.frames import decode_response, encode_request
from odradek.core.wire.registry import APIS, NAMES

START_WALL_MS = 1_700_000_000_000
ADDRESS = ("127.0.0.1", 9092)


class Lab:
    """One node and its world.  `files` may be handed to the next one: a restart."""

    def __init__(
        self,
        files: dict[str, bytearray] | None = None,
        config: dict[str, str] | None = None,
        limits: Limits | None = None,
        seed: int | None = None,
        cluster_id: str = "lab",
    ) -> None:
        self.files: dict[str, bytearray] = {} if files is None else files
        self.mono = 1_000_000_000
        self.wall = START_WALL_MS
        if seed is None:
            # As in the world: no two lives of a node have the same chance.
            seed = sum(len(data) for data in self.files.values())
        self.node = Node(parse_broker(config or {}), limits or Limits(), Random(seed), cluster_id)
        self.queue: deque[ev.Event] = deque()
        self.sent: dict[int, deque[bytes]] = {}
        self.closed: set[int] = set()
        self.paused: set[int] = set()
        self.notes: list[ef.Note] = []
        self.halted: str | None = None
        self.conns = 0
        self.hold: Callable[[ef.Effect], bool] = lambda effect: False
        self.held: list[ev.Event] = []
        self.fail: Callable[[ef.Effect], str | None] = lambda effect: None
        self.syncs: list[str] = []

    # Running -----------------------------------------------------------------------------------------------------

    def boot(self) -> "Lab":
        self.feed(ev.Started())
        assert self.node.broker.ready, (self.node.stage, self.halted, self.notes[-3:])
        return self

    def feed(self, *events: ev.Event) -> None:
        """Give events to the node, and what follows from them, until all is quiet."""
        self.queue.extend(events)
        while self.queue:
            for effect in self.node.step(self.queue.popleft(), Now(self.mono, self.wall)):
                self.perform(effect)

    def sleep(self, ms: int) -> None:
        """Let time pass, waking the node whenever it wants."""
        until = self.mono + ms * MS
        for _ in range(100_000):
            deadline = self.node.deadline
            if deadline is None or deadline > until:
                break
            self._set(max(self.mono, deadline))
            self.feed(ev.Woke())
        else:
            raise AssertionError("the node wants to be woken for ever")
        self._set(until)

    def _set(self, mono: int) -> None:
        self.wall += (mono - self.mono) // MS
        self.mono = mono

    def release(self) -> None:
        """Complete what `hold` kept back."""
        held, self.held = self.held, []
        self.feed(*held)

    def stop(self) -> dict[str, bytearray]:
        self.feed(ev.Stopping())
        assert self.halted == "", self.halted
        return self.files

    # Effects -----------------------------------------------------------------------------------------------------

    def perform(self, effect: ef.Effect) -> None:
        why = self.fail(effect)
        if why is not None:
            self.queue.append(ev.Failed(effect.then, why))  # type: ignore[union-attr]
            return
        value = self._act(effect)
        then = getattr(effect, "then", None)
        if then is not None:
            done = ev.Done(then, value)
            if self.hold(effect):
                self.held.append(done)
            else:
                self.queue.append(done)

    def _act(self, effect: ef.Effect) -> Any:
        files = self.files
        match effect:
            case ef.Append(file, chunks):
                target = files.setdefault(file, bytearray())
                for chunk in chunks:
                    target += chunk
            case ef.Read(file, at, size):
                return bytes(files.get(file, b"")[at : at + size])
            case ef.Truncate(file, size):
                if file in files:
                    del files[file][size:]
            case ef.Replace(file, data):
                files[file] = bytearray(data)
            case ef.Remove(file):
                files.pop(file, None)
            case ef.List():
                return tuple(sorted((name, len(data)) for name, data in files.items()))
            case ef.Sync(file):
                self.syncs.append(file)
            case ef.Send(conn, chunks):
                self.sent[conn].append(b"".join(self._bytes(chunk) for chunk in chunks))
            case ef.Close(conn):
                self.closed.add(conn)
                self.queue.append(ev.Closed(conn))
            case ef.Pause(conn):
                self.paused.add(conn)
            case ef.Resume(conn):
                self.paused.discard(conn)
            case ef.Note():
                self.notes.append(effect)
            case ef.Halt(why):
                self.halted = why
        return None

    def _bytes(self, chunk: ef.Chunk) -> bytes:
        if isinstance(chunk, ef.FileSlice):
            data = bytes(self.files[chunk.file][chunk.at : chunk.at + chunk.size])
            assert len(data) == chunk.size, "a slice of bytes that are not there"
            return data
        return bytes(chunk)

    # Clients -----------------------------------------------------------------------------------------------------

    def connect(self, peer: str = "127.0.0.1") -> "Client":
        self.conns += 1
        self.sent[self.conns] = deque()
        self.feed(ev.Opened(ConnId(self.conns), (peer, 40_000 + self.conns), ADDRESS))
        return Client(self, self.conns)

    def noted(self, text: str) -> bool:
        return any(note.text == text for note in self.notes)


class Client:
    """One connection."""

    def __init__(self, lab: Lab, conn: int) -> None:
        self.lab = lab
        self.conn = conn
        self.correlation = 0
        self.asked: deque[tuple[int, int, int]] = deque()

    def send(self, body: Any, version: int | None = None, client_id: str | None = "lab") -> None:
        """Ask without waiting."""
        api = NAMES[type(body).__name__.removesuffix("Request")]
        version = api.highest if version is None else version
        self.correlation += 1
        self.asked.append((api.key, version, self.correlation))
        frame = b"".join(bytes(c) for c in encode_request(api.key, version, self.correlation, client_id, body))  # type: ignore[arg-type]
        self.raw(frame[4:])

    def raw(self, frame: bytes) -> None:
        """Send a frame as it is."""
        self.lab.feed(ev.Received(ConnId(self.conn), memoryview(bytearray(frame))))

    def answers(self) -> int:
        return len(self.lab.sent[self.conn])

    def take(self) -> Any:
        """The next answer, which must be there."""
        frame = self.lab.sent[self.conn].popleft()
        key, version, correlation = self.asked.popleft()
        assert int.from_bytes(frame[:4], "big") == len(frame) - 4
        got, body = decode_response(key, version, memoryview(frame)[4:])
        assert got == correlation
        return body

    def ask(self, body: Any, version: int | None = None) -> Any:
        """Ask, and the answer."""
        self.send(body, version)
        return self.take()

    def close(self) -> None:
        self.lab.feed(ev.Closed(ConnId(self.conn)))

    @property
    def is_closed(self) -> bool:
        return self.conn in self.lab.closed


__all__ = ["ADDRESS", "APIS", "Client", "Lab"]
