"""Sockets: the listeners, the table of connections, who may be read and who must be written.

Knows: one level-triggered epoll set, addresses, deadlines of peers.  Does not know: what a frame says, the node, the
disk.
Invariant: a connection is registered for exactly what it can use: reading unless it is paused, starved or does not
take its answers; writing only while its answers wait. Each connection that was announced is announced as gone exactly
once.
"""

import contextlib
import errno
import heapq
import select
import socket
from collections import deque
from collections.abc import Callable
from typing import Any

from odradek.core.effects import Close, Pause, Resume, Send
from odradek.core.events import Closed, Event, Opened
from odradek.core.limits import Limits
from odradek.core.types import MS, ConnId, Instant
from odradek.io.inbox import Inbox, Receiver
from odradek.io.outbox import Lost, Outbox, Shelf

READ = select.EPOLLIN
WRITE = select.EPOLLOUT
BROKEN = select.EPOLLERR | select.EPOLLHUP
CLOSING_MS_MAX = 5_000
ACCEPT_RETRY_MS = 100
BACKLOG = 1024
OUT_OF_FILES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

Address = tuple[str, int]


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; the kernel queues clients until somebody accepts them.  An empty host is every address; port
    0 is any free port.  Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


class Connection:
    """One client's socket with its two queues.

    `backlog` holds frames that were read before the connection was paused.  `active` and `stuck` are instants: of the
    last whole frame, and since when the peer takes nothing (0: it does).  `armed` is when its deadlines are looked at
    next.
    """

    __slots__ = (
        "active",
        "armed",
        "backlog",
        "closing",
        "counted",
        "id",
        "inbox",
        "interest",
        "outbox",
        "paused",
        "peer",
        "sock",
        "stuck",
    )

    def __init__(self, conn: ConnId, sock: socket.socket, peer: Address, now: Instant) -> None:
        self.id = conn
        self.sock = sock
        self.peer = peer
        self.inbox = Inbox()
        self.outbox = Outbox()
        self.backlog: deque[memoryview] = deque()
        self.interest = READ
        self.paused = False
        self.closing = False
        self.counted = 0
        self.active = now
        self.stuck = 0
        self.armed = 0


class Network:
    """All sockets of one node.  Events collect in `events`, for the hub to take.

    `tell(text, **fields)` is called with what is worth a log line.
    """

    def __init__(self, limits: Limits, shelf: Shelf, tell: Callable[..., None]) -> None:
        self.limits = limits
        self.shelf = shelf
        self.tell = tell
        self.epoll = select.epoll()
        self.receiver = Receiver(limits)
        self.events: list[Event] = []
        self.listeners: dict[int, socket.socket] = {}
        self.by_fd: dict[int, Connection] = {}
        self.by_id: dict[ConnId, Connection] = {}
        self.hosts: dict[str, int] = {}
        self.touched: dict[Connection, None] = {}
        self.starving: dict[Connection, None] = {}
        self.resumed: dict[Connection, None] = {}
        self.due: list[tuple[Instant, int]] = []
        self.accepting = False
        self.accept_again: Instant = 0
        self.last_id = 0
        self.memory = 0
        self.acts: dict[type, Callable[[Any], None]] = {
            Send: self.send,
            Close: self.close_gently,
            Pause: self.pause,
            Resume: self.resume,
        }

    # Listening ---------------------------------------------------------------------------------------------------

    def listen(self, sock: socket.socket) -> None:
        """Take over a bound socket; its clients are accepted after `accept_from_now`."""
        assert not self.accepting
        self.listeners[sock.fileno()] = sock

    def accept_from_now(self) -> None:
        """The node can serve."""
        if not self.accepting:
            self.accepting = True
            self._register_listeners()

    def accept_no_more(self) -> None:
        """Close the listeners: the node is stopping."""
        if self.accepting and not self.accept_again:
            for fd in self.listeners:
                self.epoll.unregister(fd)
        self.accepting = False
        self.accept_again = 0
        for sock in self.listeners.values():
            sock.close()
        self.listeners.clear()

    def accept(self, listener: socket.socket, now: Instant) -> None:
        """Take waiting clients, some at a time; beyond the bounds each is closed at once."""
        limits = self.limits
        for _ in range(limits.accepts_per_round):
            try:
                sock, peer = listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in OUT_OF_FILES:
                    self._accept_later(now)
                    self.tell("no file left for a connection", level="error", error=error.strerror)
                    return
                continue  # The client left while it waited.
            host, port = str(peer[0]), int(peer[1])
            if len(self.by_id) >= limits.connections_max or self.hosts.get(host, 0) >= limits.connections_per_host:
                sock.close()
                self.tell("connection refused: too many", level="warning", peer=host, open=len(self.by_id))
                continue
            self._opened(sock, (host, port), now)

    def _opened(self, sock: socket.socket, peer: Address, now: Instant) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        local = sock.getsockname()
        self.last_id += 1
        conn = Connection(ConnId(self.last_id), sock, peer, now)
        self.by_fd[sock.fileno()] = conn
        self.by_id[conn.id] = conn
        self.hosts[peer[0]] = self.hosts.get(peer[0], 0) + 1
        self.epoll.register(sock.fileno(), READ)
        self._arm(conn, now)
        self.events.append(Opened(conn.id, peer, (str(local[0]), int(local[1]))))

    def _accept_later(self, now: Instant) -> None:
        for fd in self.listeners:
            self.epoll.unregister(fd)
        self.accept_again = now + ACCEPT_RETRY_MS * MS

    def _register_listeners(self) -> None:
        for fd in self.listeners:
            self.epoll.register(fd, READ)

    # Reading -----------------------------------------------------------------------------------------------------

    def receive(self, conn: Connection, now: Instant) -> list[memoryview]:
        """What one read completed."""
        inbox = conn.inbox
        if self.receiver.starved(inbox):
            self.starving[conn] = None
            self.touched[conn] = None
            return []
        partial = inbox.body is not None
        frames = self.receiver.receive(inbox, conn.sock, now)
        if frames:
            conn.active = now
            if partial:
                self._feed_the_starving()
        if inbox.started:
            self._arm(conn, now)
        return frames

    def _feed_the_starving(self) -> None:
        """Room became free: let those that had none try again."""
        self.touched.update(self.starving)
        self.starving.clear()

    # Effects -----------------------------------------------------------------------------------------------------

    def send(self, effect: Send) -> None:
        """Queue a response; `flush` sends it.  A connection that is gone takes nothing."""
        conn = self.by_id.get(effect.conn)
        if conn is None or conn.closing:
            return
        conn.outbox.put(effect.chunks, self.shelf)
        self.touched[conn] = None

    def close_gently(self, effect: Close) -> None:
        """Close when everything sent before has left."""
        conn = self.by_id.get(effect.conn)
        if conn is not None:
            conn.closing = True
            self.touched[conn] = None

    def pause(self, effect: Pause) -> None:
        """Read no more of this connection."""
        conn = self.by_id.get(effect.conn)
        if conn is not None:
            conn.paused = True
            self.touched[conn] = None

    def resume(self, effect: Resume) -> None:
        """Read it again; frames read before the pause come first, from `resumed`."""
        conn = self.by_id.get(effect.conn)
        if conn is not None and conn.paused:
            conn.paused = False
            self.touched[conn] = None
            if conn.backlog:
                self.resumed[conn] = None

    # The end of a round ------------------------------------------------------------------------------------------

    def flush(self, now: Instant) -> None:
        """Send what waits, each connection's answers together; then register each for what it can use."""
        touched, self.touched = self.touched, {}
        for conn in touched:
            if conn.id not in self.by_id:
                continue
            outbox = conn.outbox
            if outbox.queue or outbox.lost:
                self._send(conn, now)
                if conn.id not in self.by_id:
                    continue
            if conn.closing and not outbox.queue:
                self.drop(conn, "closed by the broker")
                continue
            full = outbox.size > self.limits.send_pause_bytes
            if conn.backlog and not (full or conn.paused or conn.closing):
                self.resumed[conn] = None
            quiet = full or conn.paused or conn.closing or conn.backlog or conn in self.starving
            wanted = 0 if quiet else READ
            if outbox.queue:
                wanted |= WRITE
            if wanted != conn.interest:
                self.epoll.modify(conn.sock.fileno(), wanted)
                conn.interest = wanted

    def _send(self, conn: Connection, now: Instant) -> None:
        outbox = conn.outbox
        size = outbox.size
        try:
            emptied = outbox.flush(conn.sock, self.shelf, self.limits.send_bytes_per_round)
        except Lost:
            self.drop(conn, "bytes of its answer are gone", level="warning")
            return
        except OSError as error:
            self.drop(conn, error.strerror or "reset")
            return
        self.memory += outbox.memory - conn.counted
        conn.counted = outbox.memory
        if emptied:
            conn.stuck = 0
            return
        if not conn.stuck or outbox.size < size:
            conn.stuck = now
        if self.memory > self.limits.send_bytes_total and outbox.memory:
            self.drop(conn, "takes no answers, and there is no room to keep them", level="warning")
            return
        self._arm(conn, now)

    def drop(self, conn: Connection, why: str, level: str = "debug") -> None:
        """Close at once, whatever is queued."""
        del self.by_id[conn.id]
        del self.by_fd[conn.sock.fileno()]
        host = conn.peer[0]
        self.hosts[host] -= 1
        if not self.hosts[host]:
            del self.hosts[host]
        self.memory -= conn.counted
        conn.outbox.clear(self.shelf)
        if conn.inbox.body is not None:
            self._feed_the_starving()
        self.receiver.drop(conn.inbox)
        self.starving.pop(conn, None)
        self.resumed.pop(conn, None)
        conn.backlog.clear()
        self.events.append(Closed(conn.id))
        self.tell("connection closed", level=level, conn=conn.id, peer=f"{host}:{conn.peer[1]}", why=why)
        conn.sock.close()

    # Time --------------------------------------------------------------------------------------------------------

    @property
    def deadline(self) -> Instant | None:
        """When `expire` has something to look at."""
        first = self.due[0][0] if self.due else None
        if self.accept_again and (first is None or self.accept_again < first):
            return self.accept_again
        return first

    def expire(self, now: Instant) -> None:
        """Close peers that are too slow or silent for too long."""
        if self.accept_again and now >= self.accept_again:
            self.accept_again = 0
            self._register_listeners()
        while self.due and self.due[0][0] <= now:
            armed, conn_id = heapq.heappop(self.due)
            conn = self.by_id.get(ConnId(conn_id))
            if conn is None or conn.armed != armed:
                continue
            conn.armed = 0
            due, why = self._due(conn)
            if due <= now:
                self.drop(conn, why, level="info")
            else:
                self._arm(conn, now)

    def _arm(self, conn: Connection, now: Instant) -> None:
        due = max(self._due(conn)[0], now)
        if not conn.armed or due < conn.armed:
            conn.armed = due
            heapq.heappush(self.due, (due, conn.id))

    def _due(self, conn: Connection) -> tuple[Instant, str]:
        """The first of a connection's deadlines."""
        limits = self.limits
        due = (conn.active + limits.idle_ms_max * MS, "idle")
        inbox = conn.inbox
        if inbox.started and not conn.paused and not conn.stuck:
            grace = limits.partial_grace_ms + inbox.came * 1000 // limits.partial_bytes_per_s_min
            due = min(due, (inbox.started + grace * MS, "too slow with a frame"))
        if conn.stuck:
            patience = CLOSING_MS_MAX if conn.closing else limits.send_timeout_ms
            due = min(due, (conn.stuck + min(patience, limits.send_timeout_ms) * MS, "takes no answers"))
        return due

    def close(self) -> None:
        """Close everything, without events."""
        self.accept_no_more()
        for conn in self.by_id.values():
            conn.outbox.clear(self.shelf)
            with contextlib.suppress(OSError):
                conn.sock.close()
        self.by_id.clear()
        self.by_fd.clear()
        self.epoll.close()
