"""Answers on their way out.

Knows: chunks, slices of files, how much a socket takes.  Does not know: frames, requests, other connections.
Invariant: bytes leave in the order they were put, each exactly once; a slice whose bytes are gone ends the connection
and is never replaced by other bytes.
"""

import os
import socket
from collections import deque
from typing import NamedTuple, Protocol

from odradek.core.effects import Chunks, FileSlice
from odradek.core.types import Buffer, FileName
from odradek.io.disk import read_at
from odradek.io.files import OpenFile

JOIN_BYTES_MAX = 64 * 1024
"""Up to this, copying the chunks together is cheaper than handing each to the kernel."""

SENDFILE_BYTES_MIN = 32 * 1024
"""From this on, `sendfile` is cheaper than reading the slice and sending it."""

GATHER_BYTES_MAX = 1 << 20
IOV_MAX = 1024


class Lost(Exception):
    """The bytes of a slice are no longer there; the connection cannot go on."""


class Shelf(Protocol):
    """Where slices come from: the disk."""

    def pin(self, name: FileName) -> OpenFile | None: ...
    def unpin(self, file: OpenFile) -> None: ...


class Held(NamedTuple):
    """A slice of a file that stays open until it is sent."""

    file: OpenFile
    at: int
    size: int


class Outbox:
    """The queue of one connection.  `size` is everything still to send, `memory` the part of it held in memory, in
    bytes.
    """

    __slots__ = ("lost", "memory", "queue", "size", "slices")

    def __init__(self) -> None:
        self.queue: deque[Buffer | Held] = deque()
        self.size = 0
        self.memory = 0
        self.slices = 0
        self.lost = False

    def put(self, chunks: Chunks, shelf: Shelf) -> None:
        """Queue one response.  Buffers are kept, not copied."""
        put = self.queue.append
        size = 0
        for chunk in chunks:
            if not isinstance(chunk, FileSlice):
                put(chunk)
                size += len(chunk)
            elif chunk.size > 0:
                file = shelf.pin(chunk.file)
                if file is None:
                    self.lost = True
                    break
                put(Held(file, chunk.at, chunk.size))
                self.slices += 1
                self.size += chunk.size
        self.size += size
        self.memory += size

    def flush(self, sock: socket.socket, shelf: Shelf, budget: int) -> bool:
        """Send until the socket is full (False) or nothing is left or `budget` bytes have gone (True).

        Raises `Lost`, or the socket's OSError.
        """
        queue = self.queue
        try:
            if queue and not self.slices and self.size <= JOIN_BYTES_MAX:
                sent = sock.send(b"".join(queue))  # type: ignore[arg-type]
                if sent == self.size:
                    queue.clear()
                    self.size = self.memory = 0
                else:
                    self._drop(sent)
            while queue and budget > 0:
                head = queue[0]
                if type(head) is Held and head.size >= SENDFILE_BYTES_MIN:
                    budget -= self._send_slice(sock, head, shelf, budget)
                else:
                    budget -= self._send_gathered(sock, shelf)
        except BlockingIOError:
            return False
        if self.lost and not queue:
            raise Lost
        return True

    def clear(self, shelf: Shelf) -> None:
        """Forget everything: the connection is gone."""
        for chunk in self.queue:
            if isinstance(chunk, Held):
                shelf.unpin(chunk.file)
        self.queue.clear()
        self.size = self.memory = self.slices = 0

    def _send_slice(self, sock: socket.socket, head: Held, shelf: Shelf, budget: int) -> int:
        if head.at + head.size > head.file.cut:
            raise Lost
        sent = os.sendfile(sock.fileno(), head.file.fd, head.at, min(head.size, max(budget, SENDFILE_BYTES_MIN)))
        if sent == 0:
            raise Lost
        self.size -= sent
        if sent == head.size:
            self.queue.popleft()
            self.slices -= 1
            shelf.unpin(head.file)
        else:
            self.queue[0] = Held(head.file, head.at + sent, head.size - sent)
        return sent

    def _send_gathered(self, sock: socket.socket, shelf: Shelf) -> int:
        """Send the buffers at the front, and small slices among them, as one piece."""
        buffers: list[Buffer] = []
        total = 0
        queue = self.queue
        for i in range(min(len(queue), IOV_MAX)):
            chunk = queue[i]
            if isinstance(chunk, Held):
                if chunk.size >= SENDFILE_BYTES_MIN:
                    break
                chunk = queue[i] = self._read(chunk, shelf)
            buffers.append(chunk)
            total += len(chunk)
            if total >= GATHER_BYTES_MAX:
                break
        if total > JOIN_BYTES_MAX:
            sent = sock.sendmsg(buffers)
        else:
            sent = sock.send(buffers[0] if len(buffers) == 1 else b"".join(buffers))
        self._drop(sent)
        return max(sent, 1)

    def _read(self, slice_: Held, shelf: Shelf) -> bytes:
        if slice_.at + slice_.size > slice_.file.cut:
            raise Lost
        data = read_at(slice_.file.fd, slice_.at, slice_.size)
        if len(data) < slice_.size:
            raise Lost
        shelf.unpin(slice_.file)
        self.memory += len(data)
        self.slices -= 1
        return data

    def _drop(self, sent: int) -> None:
        """The first bytes are sent."""
        queue = self.queue
        self.size -= sent
        self.memory -= sent
        while sent or (queue and queue[0] == b""):
            head = queue[0]
            assert not isinstance(head, Held)
            if sent < len(head):
                queue[0] = memoryview(head)[sent:]
                return
            sent -= len(head)
            queue.popleft()
