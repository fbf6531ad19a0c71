"""Frames out of bytes.

Knows: the four length bytes, one shared buffer, how much memory unfinished frames take.  Does not know: requests, who
is paused.
Invariant: memory follows the bytes that came, never the length that was announced: what has come of a frame is put
back in front of the shared buffer while it is little, then gets a buffer with room for at most four times as much.
"""

import socket
from struct import Struct

from odradek.core.limits import Limits

FRAME_BYTES_MIN = 8
"""A request header has an api key, a version and a correlation id: eight bytes."""

GROWTH = 4
LENGTH = Struct(">i")
LENGTH_BYTES = 4


class Inbox:
    """What one connection has sent of a frame that is not whole yet.

    `started` is when that frame began, 0 while there is none.  `hungry`: there was no room to give it its own buffer.
    `gone` is why no further byte is read: '' while the connection is fine.
    """

    __slots__ = ("body", "filled", "gone", "hungry", "rest", "size", "started")

    def __init__(self) -> None:
        self.rest = b""
        self.body: bytearray | None = None
        self.filled = 0
        self.size = 0
        self.started = 0
        self.hungry = False
        self.gone = ""

    @property
    def came(self) -> int:
        """Bytes of the unfinished frame received so far."""
        return self.filled if self.body is not None else len(self.rest)


class Receiver:
    """Reads sockets into frames.  One buffer serves all connections; `partial_bytes` is what unfinished frames hold."""

    def __init__(self, limits: Limits) -> None:
        assert limits.receive_buffer_bytes > limits.partial_bytes_first + LENGTH_BYTES
        self.shared = bytearray(limits.receive_buffer_bytes)
        self.view = memoryview(self.shared)
        self.frame_bytes_max = limits.frame_bytes_max
        self.first = limits.partial_bytes_first
        self.total = limits.partial_bytes_total
        self.partial_bytes = 0
        self.growing: dict[Inbox, None] = {}

    def receive(self, inbox: Inbox, sock: socket.socket, now: int) -> list[memoryview]:
        """One read.  Returns the frames it completed, each in a buffer of its own; sets `inbox.gone` when no more will
        come.
        """
        try:
            if inbox.body is not None:
                return self._fill(inbox, inbox.body, sock)
            view, rest = self.view, inbox.rest
            if self.partial_bytes > self.total:
                view = view[: self.first + LENGTH_BYTES + 1]
                assert len(rest) < len(view)
            if rest:
                view[: len(rest)] = rest
                came = sock.recv_into(view[len(rest) :])
            else:
                came = sock.recv_into(view)
        except BlockingIOError:
            return []
        except OSError as error:
            inbox.gone = error.strerror or "reset"
            return []
        if came == 0:
            inbox.gone = "closed by the client"
            return []
        return self._split(inbox, len(rest) + came, now)

    def starved(self, inbox: Inbox) -> bool:
        """No room to go on with this frame.  The oldest unfinished frame always has room: so some frame always ends."""
        if self.partial_bytes <= self.total:
            return False
        if inbox.body is None:
            return inbox.hungry
        return inbox.filled == len(inbox.body) and inbox is not next(iter(self.growing))

    def drop(self, inbox: Inbox) -> None:
        """Forget an unfinished frame: it is whole, or its connection is gone."""
        if inbox.body is not None:
            self.partial_bytes -= len(inbox.body)
            del self.growing[inbox]
            inbox.body = None
        inbox.rest = b""
        inbox.started = 0

    def _split(self, inbox: Inbox, end: int, now: int) -> list[memoryview]:
        frames: list[memoryview] = []
        shared, view, at, size = self.shared, self.view, 0, 0
        while end - at >= LENGTH_BYTES:
            size = LENGTH.unpack_from(shared, at)[0]
            if not FRAME_BYTES_MIN <= size <= self.frame_bytes_max:
                inbox.gone = f"a frame of {size} bytes"
                return frames
            body = at + LENGTH_BYTES
            if end < body + size:
                break
            at = body + size
            frames.append(memoryview(bytearray(view[body:at])))
        if at == end:
            inbox.rest = b""
            inbox.started = 0
            return frames
        if frames or not inbox.started:
            inbox.started = now
        begun = end - at - LENGTH_BYTES
        inbox.hungry = begun > self.first and self.partial_bytes > self.total
        if begun <= self.first or inbox.hungry:
            inbox.rest = bytes(view[at:end])
        else:
            inbox.rest = b""
            self._own(inbox, size, view[at + LENGTH_BYTES : end])
        return frames

    def _own(self, inbox: Inbox, size: int, begun: memoryview) -> None:
        came = len(begun)
        body = bytearray(min(size, GROWTH * came))
        body[:came] = begun
        inbox.body = body
        inbox.filled = came
        inbox.size = size
        self.growing[inbox] = None
        self.partial_bytes += len(body)

    def _fill(self, inbox: Inbox, body: bytearray, sock: socket.socket) -> list[memoryview]:
        filled = inbox.filled
        if filled == len(body):
            more = min(inbox.size, GROWTH * filled) - filled
            body.extend(bytes(more))
            self.partial_bytes += more
        came = sock.recv_into(memoryview(body)[filled:])
        if came == 0:
            inbox.gone = "closed by the client"
            return []
        inbox.filled = filled = filled + came
        if filled < inbox.size:
            return []
        self.drop(inbox)
        return [memoryview(body)]
