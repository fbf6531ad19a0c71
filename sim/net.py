"""Connections between any two ends: ordered bytes that may stall, and may break anywhere with an unknown suffix lost.

Knows: bytes, delays, breaks.  Does not know: frames, requests, what an end is.
Invariant: what arrives in one direction is a prefix of what was sent; each end learns of the end exactly once.
"""

from collections.abc import Callable
from typing import Any, Protocol

from odradek.core.types import MS, Instant
from odradek.sim.chance import between, skewed
from odradek.sim.world import World

US = 1000
FOREVER = 1 << 62


class End(Protocol):
    """One who has a connection."""

    def arrived(self, conn: "Conn", data: bytes) -> None:
        """Bytes came."""

    def broke(self, conn: "Conn") -> None:
        """No more will come, and none will leave."""


class Listener(Protocol):
    """One who takes connections."""

    def accepts(self) -> bool:
        """Whether anyone listens right now."""

    def opened(self, conn: "Conn") -> End:
        """A connection was made; who it belongs to."""


class Pipe:
    """One direction: the time before which nothing more arrives, and what is on its way."""

    __slots__ = ("flying", "last", "to", "way")

    def __init__(self, way: tuple[str, str]) -> None:
        self.way = way
        self.last: Instant = 0
        self.flying = 0
        self.to: End | None = None


class Conn:
    """One connection from `client` to `server`, by the names of the two ends."""

    __slots__ = ("client", "ended", "net", "number", "open", "pipes", "rng", "server", "waiting")

    def __init__(self, net: "Net", number: int, client: str, server: str) -> None:
        self.net = net
        self.number = number
        self.client = client
        self.server = server
        self.rng = net.world.stream("link", client, server, str(net.dialled[client, server]))
        self.pipes = {True: Pipe((client, server)), False: Pipe((server, client))}
        self.open = True
        self.ended: dict[bool, bool] = {True: False, False: False}
        """By end (True: the server's): whether it was told of the end."""
        self.waiting: list[tuple[bool, bytes]] = []
        """Held back by a clog or a black hole."""

    def send(self, to_server: bool, data: bytes) -> None:
        """Give bytes to the network."""
        if not self.open or not data:
            return
        at = 0
        while at < len(data):
            size = len(data) - at
            if self.net.cuts:
                size = between(self.rng, 1, size)
                size = size if self.rng.random() < 0.5 else min(size, 7)
            self._fly(to_server, data[at : at + size])
            at += size

    def _fly(self, to_server: bool, data: bytes) -> None:
        net = self.net
        pipe = self.pipes[to_server]
        delay = skewed(self.rng, net.delay_us[0], net.delay_us[1]) * US
        if net.blocked(pipe.way) or any(way == to_server for way, _ in self.waiting):
            self.waiting.append((to_server, data))
            net.world.count("bytes held back")
            return
        pipe.last = max(pipe.last, net.world.now + delay)
        pipe.flying += 1
        net.world.at(pipe.last, "net", lambda: self._land(to_server, data))

    def _land(self, to_server: bool, data: bytes) -> None:
        pipe = self.pipes[to_server]
        pipe.flying -= 1
        if self.ended[to_server] or pipe.to is None:
            return
        if self.net.blocked(pipe.way):
            self.waiting.append((to_server, data))
            return
        pipe.to.arrived(self, data)

    def release(self) -> None:
        """A clog is over: what it held back flies on, in order."""
        waiting, self.waiting = self.waiting, []
        for to_server, data in waiting:
            self._fly(to_server, data)

    def close(self, by_server: bool) -> None:
        """One end closes in order: what it sent before still arrives, then the other learns of the end."""
        if not self.open:
            return
        self.open = False
        self._end(by_server)
        pipe = self.pipes[not by_server]
        delay = skewed(self.rng, *self.net.delay_us) * US
        self.net.world.at(max(pipe.last, self.net.world.now + delay), "net", lambda: self._end(not by_server))

    def reset(self, cut: float, silent_to: str = "") -> None:
        """It breaks: each direction loses what has not come by a moment drawn from `cut`; `silent_to` is not told
        (it is dead)."""
        if not self.open:
            return
        self.open = False
        self.net.world.count("connection reset")
        for to_server in (True, False):
            pipe = self.pipes[to_server]
            name = self.server if to_server else self.client
            if name == silent_to:
                self.ended[to_server] = True
                self._forget()
                continue
            left = max(0, pipe.last - self.net.world.now)
            self.net.world.after(int(left * cut), "net", lambda end=to_server: self._end(end))

    def _end(self, server_side: bool) -> None:
        if self.ended[server_side]:
            return
        self.ended[server_side] = True
        end = self.pipes[server_side].to
        self._forget()
        if end is not None:
            end.broke(self)

    def _forget(self) -> None:
        if all(self.ended.values()):
            self.net.conns.pop(self.number, None)


class Net:
    """All connections.  `options`: delay_us_min, delay_us_max, cuts (whether bytes arrive in arbitrary pieces)."""

    def __init__(self, world: World, options: dict[str, Any]) -> None:
        self.world = world
        self.delay_us = (int(options["delay_us_min"]), int(options["delay_us_max"]))
        self.cuts = bool(options["cuts"])
        self.conns: dict[int, Conn] = {}
        self.listeners: dict[str, Listener] = {}
        self.dialled: dict[tuple[str, str], int] = {}
        self._blocks: dict[tuple[str, str], Instant] = {}
        self._refusing: dict[str, Instant] = {}
        self._numbers = 0

    def dial(self, client: str, server: str, end: End, then: Callable[[Conn | None], None]) -> None:
        """Try to connect; `then` gets the connection, or None when it was refused or nobody answered."""
        rng = self.world.stream("dial", client, server, str(self.dialled.get((client, server), 0)))
        self.dialled[client, server] = self.dialled.get((client, server), 0) + 1
        delay = skewed(rng, *self.delay_us) * US * 2

        def arrive() -> None:
            if self.blocked((client, server)) or self.blocked((server, client)):
                self.world.count("connect timed out")
                self.world.after(3000 * MS, client, lambda: then(None))
                return
            listener = self.listeners.get(server)
            if listener is None or not listener.accepts() or self._refusing.get(server, 0) > self.world.now:
                self.world.count("connect refused")
                then(None)
                return
            self._numbers += 1
            conn = self.conns[self._numbers] = Conn(self, self._numbers, client, server)
            conn.pipes[False].to = end
            conn.pipes[True].to = listener.opened(conn)
            then(conn)

        self.world.after(delay, client, arrive)

    # Faults ------------------------------------------------------------------------------------------------------

    def blocked(self, way: tuple[str, str]) -> bool:
        """Whether bytes from one end to the other stand still."""
        if not self._blocks:
            return False
        now = self.world.now
        wider = (way, (way[0], "*"), ("*", way[1]))
        return any(self._blocks.get(one, 0) > now for one in wider)

    def block(self, way: tuple[str, str], ms: int) -> None:
        """Hold bytes back on one way for a while; "*" is anyone."""
        until = self.world.now + ms * MS
        self._blocks[way] = max(until, self._blocks.get(way, 0))
        self.world.at(until, "net", self.unclog)

    def unclog(self) -> None:
        """Let fly what is not held back any more."""
        for conn in list(self.conns.values()):
            if conn.waiting:
                conn.release()

    def refuse(self, server: str, ms: int) -> None:
        """Nobody can connect to this end for a while."""
        self._refusing[server] = self.world.now + ms * MS

    def reset_some(self, server: str, share: float, cut: float) -> None:
        """Break some of the connections to an end."""
        rng = self.world.stream("reset", server, str(self.world.now))
        for conn in list(self.conns.values()):
            if server in (conn.server, conn.client) and rng.random() < share:
                conn.reset(cut)

    def died(self, server: str) -> None:
        """The process behind an end is gone: its connections break, it learns of nothing."""
        rng = self.world.stream("died", server, str(self.world.now))
        for conn in list(self.conns.values()):
            if server in (conn.server, conn.client):
                conn.reset(rng.random(), silent_to=server)

    def heal(self) -> None:
        """Every fault of the network is over."""
        self._blocks.clear()
        self._refusing.clear()
        self.unclog()
