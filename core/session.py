"""One client connection: requests in, answers out, in the order asked.

Knows: which requests wait for their answer, and how many bytes they hold.  Does not know: what any request means.
Invariant: answers leave in the order of their requests (Kafka's guarantee for one connection), whatever order they
become ready in.
"""

from collections import deque
from typing import Any

from odradek.core.effects import Chunks, Close, Pause, Resume, Send
from odradek.core.machine import Out
from odradek.core.types import ConnId, Instant

NO_ANSWER: Chunks = ()
"""What a request without a response (Produce with acks=0) is answered with: nothing is sent."""


class Call:
    """One request that is being served.  `answer` is None until it is ready."""

    __slots__ = ("answer", "api_key", "body", "client_id", "correlation_id", "received", "session", "size", "version")

    def __init__(
        self,
        session: "Session",
        api_key: int,
        version: int,
        correlation_id: int,
        client_id: str | None,
        body: Any,
        size: int,
        received: Instant,
    ) -> None:
        self.session = session
        self.api_key = api_key
        self.version = version
        self.correlation_id = correlation_id
        self.client_id = client_id
        self.body = body
        self.size = size
        self.received = received
        self.answer: Chunks | None = None


class Session:
    """The state of one connection."""

    __slots__ = ("backlog", "calls", "closing", "conn", "in_flight_max", "last_seen", "local", "paused", "peer")

    def __init__(
        self, conn: ConnId, peer: tuple[str, int], local: tuple[str, int], in_flight_max: int, backlog: "Backlog"
    ) -> None:
        self.conn = conn
        self.peer = peer
        self.local = local
        self.in_flight_max = in_flight_max
        self.backlog = backlog
        self.calls: deque[Call] = deque()
        self.paused = False
        self.closing = False
        self.last_seen: Instant = 0

    def begin(self, call: Call, out: Out) -> None:
        """Take up a request.  At the bounds the connection is paused: TCP then slows the client down."""
        self.calls.append(call)
        self.last_seen = call.received
        self.backlog.bytes += call.size
        if not self.paused and (len(self.calls) >= self.in_flight_max or self.backlog.full):
            self.paused = True
            if self.backlog.full:
                self.backlog.starved[self.conn] = self
            out.do(Pause(self.conn))

    def finish(self, call: Call, answer: Chunks, out: Out) -> None:
        """The answer to `call` is ready; send it, and those behind it that waited, as far as the order allows."""
        assert call.answer is None, "a request is answered once"
        call.answer = answer
        call.body = None
        calls = self.calls
        while calls and calls[0].answer is not None:
            first = calls.popleft()
            self.backlog.bytes -= first.size
            if first.answer and not self.closing:
                out.do(Send(self.conn, first.answer))
        if self.paused and not self.closing:
            self.resume_if_drained(out)
        if self.backlog.starved:
            self.backlog.relieve(out)

    def close(self, out: Out) -> None:
        """Ask for the end of this connection; answers not yet sent are dropped."""
        if not self.closing:
            self.closing = True
            out.do(Close(self.conn))

    def closed(self, out: Out) -> None:
        """The connection is gone: give back what it held."""
        self.closing = True
        for call in self.calls:
            self.backlog.bytes -= call.size
        self.calls.clear()
        self.backlog.starved.pop(self.conn, None)
        self.backlog.relieve(out)

    def resume_if_drained(self, out: Out) -> None:
        """Read on, once at most half of the bound is in use and the backlog of all has room; else wait for that."""
        if not self.paused or len(self.calls) * 2 > self.in_flight_max:
            return
        if self.backlog.full:
            self.backlog.starved[self.conn] = self
        else:
            self.paused = False
            self.backlog.starved.pop(self.conn, None)
            out.do(Resume(self.conn))


class Backlog:
    """Bytes of requests in progress over all connections, and the connections that wait for them to drain."""

    __slots__ = ("bytes", "bytes_max", "starved")

    def __init__(self, bytes_max: int) -> None:
        self.bytes = 0
        self.bytes_max = bytes_max
        self.starved: dict[ConnId, Session] = {}

    @property
    def full(self) -> bool:
        return self.bytes >= self.bytes_max

    def relieve(self, out: Out) -> None:
        """With half of the bound free again, every connection that waited for it reads on."""
        if self.bytes * 2 > self.bytes_max:
            return
        for waiting in list(self.starved.values()):
            waiting.resume_if_drained(out)
