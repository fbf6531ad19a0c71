"""The hub: one task that tells a node what happened and does what it asks.

Knows: when to feed, when to perform, when to sleep.  Does not know: what any event or effect means to the node.
Invariant: no completion reaches the node inside the step that asked for it; everything between two awaits is one
round, with one `Now`, and at its end nothing is left undone that could be done.
"""

import os
import socket
import time
from collections.abc import Callable
from typing import Any, Protocol

import trio

from odradek.core.effects import Effect, Halt, Note
from odradek.core.events import Event, Received, Started, Stopping, Woke
from odradek.core.limits import Limits
from odradek.core.types import MS, Instant, Now
from odradek.io.clock import now as look
from odradek.io.disk import Disk
from odradek.io.net import BROKEN, READ, WRITE, Connection, Network

ROUNDS_PER_TURN = 8
"""Rounds between two checkpoints, where other tasks get their turn."""

READY = "ready"
"""The `Note` by which a node says that it can serve."""


class Node(Protocol):
    """What the driver knows of a node."""

    @property
    def deadline(self) -> Instant | None: ...

    def step(self, event: Event, now: Now) -> list[Effect]: ...


class Hub:
    """Runs one node over one data directory.

    `on_ready()` is called when the node first says it can serve; connections are accepted from then on (until
    then the kernel queues them).  `tell(text, **fields)` gets every note.  `busy_poll_us` trades a core for latency:
    how long to look for more work before going to sleep.
    """

    def __init__(
        self,
        node: Node,
        data_dir: str,
        limits: Limits,
        *,
        tell: Callable[..., None],
        on_ready: Callable[[], None],
        busy_poll_us: int = 0,
    ) -> None:
        self.node = node
        self.limits = limits
        self.tell = tell
        self.on_ready = on_ready
        self.busy_poll_us = busy_poll_us
        self.bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.disk = Disk(data_dir, self.ring, limits.open_files)
        self.net = Network(limits, self.disk, tell)
        self.net.epoll.register(self.bell, READ)
        self.now = look()
        self.why: str | None = None
        self.ready = False
        self.stop_by: Instant | None = None
        self.timer = trio.CancelScope()
        self.armed: Instant | None = None
        self.acts: dict[type, Callable[[Any], None]] = {
            **self.disk.acts,
            **self.net.acts,
            Note: self._note,
            Halt: self._halt,
        }

    def listen(self, sock: socket.socket) -> None:
        """Serve the clients of a bound socket, once the node is ready.  The hub closes it."""
        self.net.listen(sock)

    def ring(self) -> None:
        """Wake the hub.  May be called from any thread."""
        os.eventfd_write(self.bell, 1)

    async def run(self) -> str:
        """Live until the node halts; returns why, '' after a clean stop.  The hub cannot be used again."""
        try:
            self._round([], Started())
            while self.why is None:
                with trio.CancelScope() as self.timer:
                    self.armed = None
                    await self._turn()
            self.net.flush(self.now.mono)
            return self.why
        finally:
            self.net.close()
            self.disk.close()
            os.close(self.bell)

    def stop(self) -> None:
        """Ask the node to finish; `run` returns when it has, or after `limits.stop_ms_max`."""
        if self.stop_by is None and self.why is None:
            self.stop_by = time.monotonic_ns() + self.limits.stop_ms_max * MS
            self.net.accept_no_more()
            self._round([], Stopping())
            self.ring()

    async def _turn(self) -> None:
        """Rounds, as long as there is something to do; sleep when there is not."""
        poll = self.net.epoll.poll
        rounds = 0
        while self.why is None:
            ready = poll(0)
            if not ready and self.busy_poll_us and rounds:
                ready = self._look_longer()
            if ready or self._due(time.monotonic_ns()):
                self._round(ready)
                rounds += 1
                if rounds % ROUNDS_PER_TURN == 0:
                    await trio.lowlevel.checkpoint()
                continue
            self._arm()
            await trio.lowlevel.wait_readable(self.net.epoll.fileno())

    def _round(self, ready: list[tuple[int, int]], *events: Event) -> None:
        """One batch: what happened, what follows from it, and the answers."""
        self.now = look()
        mono = self.now.mono
        for event in events:
            self._feed(event)
        by_fd = self.net.by_fd
        for fd, mask in ready:
            conn = by_fd.get(fd)
            if conn is not None:
                self._socket(conn, mask, mono)
            elif fd == self.bell:
                os.eventfd_read(fd)
                self.disk.collect()
            elif fd in self.net.listeners:
                self.net.accept(self.net.listeners[fd], mono)
        if self._due(mono):
            self._expire(mono)
        self._settle(mono)

    def _socket(self, conn: Connection, mask: int, mono: Instant) -> None:
        if mask & READ and conn.interest & READ:
            step, acts, now, conn_id = self.node.step, self.acts, self.now, conn.id
            outbox, full = conn.outbox, self.limits.send_pause_bytes
            for frame in self.net.receive(conn, mono):
                if conn.paused or conn.closing or outbox.size > full:
                    conn.backlog.append(frame)
                    continue
                for effect in step(Received(conn_id, frame), now):
                    acts[type(effect)](effect)
            if conn.inbox.gone:
                self.net.drop(conn, conn.inbox.gone)
                return
        elif mask & BROKEN:
            self.net.drop(conn, "reset")
            return
        if mask & WRITE:
            self.net.touched[conn] = None

    def _settle(self, mono: Instant) -> None:
        """Feed completions and send answers, until neither brings anything new."""
        disk, net = self.disk, self.net
        while True:
            disk.flush()
            if disk.events:
                events, disk.events = disk.events, []
            elif net.events:
                events, net.events = net.events, []
            elif net.resumed:
                self._feed_backlog(net.resumed.popitem()[0])
                continue
            elif net.touched:
                net.flush(mono)
                continue
            else:
                return
            for event in events:
                self._feed(event)

    def _feed(self, event: Event) -> None:
        acts = self.acts
        for effect in self.node.step(event, self.now):
            acts[type(effect)](effect)

    def _feed_backlog(self, conn: Connection) -> None:
        """Frames that were read and had to wait: for the node, or for the peer to take the answers before them."""
        full = self.limits.send_pause_bytes
        while conn.backlog and not conn.paused and not conn.closing and conn.outbox.size <= full:
            self._feed(Received(conn.id, conn.backlog.popleft()))
        self.net.touched[conn] = None

    def _due(self, mono: Instant) -> bool:
        deadline = self._deadline()
        return deadline is not None and deadline <= mono

    def _deadline(self) -> Instant | None:
        first = self.node.deadline
        other = self.net.deadline
        if other is not None and (first is None or other < first):
            first = other
        if self.stop_by is not None and (first is None or self.stop_by < first):
            first = self.stop_by
        return first

    def _expire(self, mono: Instant) -> None:
        self.net.expire(mono)
        deadline = self.node.deadline
        if deadline is not None and deadline <= mono:
            self._feed(Woke())
        if self.stop_by is not None and self.stop_by <= mono:
            self._halt(Halt(f"not stopped within {self.limits.stop_ms_max} ms"))

    def _arm(self) -> None:
        """Set the one timer.  One that is set too early is left: it costs one wake-up, moving it costs more."""
        deadline = self._deadline()
        if deadline is not None and (self.armed is None or deadline < self.armed):
            self.armed = deadline
            self.timer.deadline = trio.current_time() + max(0, deadline - time.monotonic_ns()) / 1e9

    def _look_longer(self) -> list[tuple[int, int]]:
        poll, end = self.net.epoll.poll, time.monotonic_ns() + self.busy_poll_us * 1000
        ready = poll(0)
        while not ready and time.monotonic_ns() < end:
            os.sched_yield()
            ready = poll(0)
        return ready

    def _note(self, note: Note) -> None:
        if note.text == READY and not self.ready:
            self.ready = True
            if self.stop_by is None:
                self.net.accept_from_now()
            self.on_ready()
        self.tell(note.text, **note.fields)

    def _halt(self, halt: Halt) -> None:
        if self.why is None:
            self.why = halt.why
