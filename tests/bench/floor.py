"""The floor: the least a trio broker can do, to measure Odradek against.  A process of its own.

Knows: one task that waits on one epoll set of all clients, one read and one send for each turn of a client.
Does not know: durability beyond an optional fsync of its one file, replication, groups, limits, hostile clients.
Invariant: the answers of one connection leave in the order of its requests, an empty fetch apart (clients of the floor
match answers by correlation id).
"""

import argparse
import contextlib
import os
import queue
import select
import signal
import socket
import struct
import threading
from collections.abc import Callable

import trio

from tests.bench.floor_log import (
    API_VERSIONS,
    FETCH,
    LIST_OFFSETS,
    METADATA,
    PRODUCE,
    SERVED,
    Chunk,
    Log,
    Range,
    api_versions,
)

READ_BYTES = 256 * 1024
FRAME_BYTES_MAX = 100 * 1024 * 1024
ROUNDS_BEFORE_CHECKPOINT = 8
HEAD = struct.Struct(">hhih")
START = struct.Struct(">ii")
SIZE = struct.Struct(">i")
RANGES = {api: (lowest, highest) for api, lowest, highest in SERVED}


class Connection:
    """One client: what is missing of its frame, what it has yet to take."""

    __slots__ = ("have", "held", "mask", "out", "partial", "sock")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.partial = bytearray()
        self.have = 0
        self.out: list[Chunk] = []
        self.held = 0
        self.mask = select.EPOLLIN


class Syncer:
    """Group commit: one thread that syncs the file; all answers that came meanwhile wait for the next sync."""

    def __init__(self, fd: int, flush: Callable[[Connection], None]) -> None:
        self.fd = fd
        self.flush = flush
        self.token = trio.lowlevel.current_trio_token()
        self.waiting: list[tuple[Connection, list[Chunk]]] = []
        self.busy = False
        self.work: queue.SimpleQueue[list[tuple[Connection, list[Chunk]]]] = queue.SimpleQueue()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        while True:
            group = self.work.get()
            os.fdatasync(self.fd)
            self.token.run_sync_soon(self.done, group)

    def add(self, connection: Connection, chunks: list[Chunk]) -> None:
        connection.held += 1
        self.waiting.append((connection, chunks))

    def kick(self) -> None:
        if self.waiting and not self.busy:
            self.busy = True
            self.work.put(self.waiting)
            self.waiting = []

    def done(self, group: list[tuple[Connection, list[Chunk]]]) -> None:
        self.busy = False
        for connection, chunks in group:
            connection.held -= 1
            connection.out += chunks
        for connection in {id(each): each for each, _ in group}.values():
            self.flush(connection)
        self.kick()


class Hub:
    def __init__(self, log: Log, listener: socket.socket, sync: bool, nursery: trio.Nursery) -> None:
        self.log = log
        self.listener = listener
        self.syncer = Syncer(log.fd, self.flush) if sync else None
        self.nursery = nursery
        self.epoll = select.epoll()
        self.epoll.register(listener.fileno(), select.EPOLLIN)
        self.connections: dict[int, Connection] = {}
        self.buffer = memoryview(bytearray(READ_BYTES))

    async def run(self) -> None:
        epoll_fd = self.epoll.fileno()
        poll = self.epoll.poll
        connections = self.connections
        while True:
            await trio.lowlevel.wait_readable(epoll_fd)
            rounds = 0
            while ready := poll(0):
                for fd, mask in ready:
                    connection = connections.get(fd)
                    if connection is None:
                        self.accept()
                    elif mask & select.EPOLLOUT:
                        self.flush(connection)
                    else:
                        self.readable(connection)
                if self.syncer is not None:
                    self.syncer.kick()
                rounds += 1
                if rounds == ROUNDS_BEFORE_CHECKPOINT:
                    rounds = 0
                    await trio.lowlevel.checkpoint()

    def accept(self) -> None:
        with contextlib.suppress(BlockingIOError):
            sock, _ = self.listener.accept()
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections[sock.fileno()] = Connection(sock)
            self.epoll.register(sock.fileno(), select.EPOLLIN)

    def close(self, connection: Connection) -> None:
        if self.connections.pop(connection.sock.fileno(), None) is not None:
            self.epoll.unregister(connection.sock.fileno())
            connection.sock.close()

    def listen_for(self, connection: Connection, mask: int) -> None:
        if connection.mask != mask and connection.sock.fileno() >= 0:
            connection.mask = mask
            self.epoll.modify(connection.sock.fileno(), mask)

    # Reading

    def readable(self, connection: Connection) -> None:
        try:
            if connection.partial:
                self.read_rest(connection)
            else:
                count = connection.sock.recv_into(self.buffer)
                if not count:
                    return self.close(connection)
                self.read_frames(connection, self.buffer[:count])
        except BlockingIOError:
            return
        except (OSError, struct.error, ValueError):
            return self.close(connection)
        finally:
            if self.log.taken:
                self.log.commit()
        self.flush(connection)

    def read_frames(self, connection: Connection, data: memoryview) -> None:
        """Answer every complete frame; what is left moves to a buffer of the frame's exact size."""
        at, end = 0, len(data)
        while end - at >= 4:
            (size,) = SIZE.unpack_from(data, at)
            if not HEAD.size <= size <= FRAME_BYTES_MAX:
                raise ValueError(f"a frame of {size} bytes")
            if end - at - 4 < size:
                connection.partial = bytearray(size + 4)
                break
            self.answer(connection, data[at + 4 : at + 4 + size])
            at += 4 + size
        if at < end:
            if not connection.partial:
                connection.partial = bytearray(4)
            connection.have = end - at
            connection.partial[: end - at] = data[at:]

    def read_rest(self, connection: Connection) -> None:
        while connection.have < len(connection.partial):
            with memoryview(connection.partial) as view:
                count = connection.sock.recv_into(view[connection.have :])
            if not count:
                raise ConnectionResetError("closed within a frame")
            connection.have += count
            if connection.have == 4 == len(connection.partial):
                (size,) = SIZE.unpack(connection.partial)
                if not HEAD.size <= size <= FRAME_BYTES_MAX:
                    raise ValueError(f"a frame of {size} bytes")
                connection.partial.extend(bytes(size))
        frame = memoryview(connection.partial)[4:]
        connection.partial = bytearray()
        connection.have = 0
        self.answer(connection, frame)

    # Answering

    def answer(self, connection: Connection, frame: memoryview) -> None:
        api, version, correlation, client = HEAD.unpack_from(frame, 0)
        at = HEAD.size + max(0, client)
        if api == PRODUCE and 3 <= version <= 7:
            produced = bytearray(8)
            if self.log.produce(frame, at, produced):
                START.pack_into(produced, 0, len(produced) - 4, correlation)
                self.send(connection, [produced], True)
            return
        self.answer_others(connection, frame, (api, version, correlation, at))

    def answer_others(self, connection: Connection, frame: memoryview, head: tuple[int, int, int, int]) -> None:
        api, version, correlation, at = head
        lowest, highest = RANGES.get(api, (1, 0))
        if not lowest <= version <= highest and api != API_VERSIONS:
            raise ValueError(f"request {api} version {version} is not served")
        chunks: list[Chunk]
        if api == FETCH:
            chunks, found, wait_ms = self.log.fetch(frame, at)
            if not found and wait_ms > 0:
                self.nursery.start_soon(self.fetch_later, connection, correlation, bytes(frame), at, wait_ms)
                return
        elif api == LIST_OFFSETS:
            chunks = [self.log.list_offsets(frame, at)]
        elif api == METADATA:
            chunks = [self.log.metadata(frame, at)]
        else:
            chunks = [api_versions(version)]
        self.send(connection, self.framed(correlation, chunks), False)

    @staticmethod
    def framed(correlation: int, chunks: list[Chunk]) -> list[Chunk]:
        size = 4 + sum(each.size if type(each) is Range else len(each) for each in chunks)
        return [START.pack(size, correlation), *chunks]

    def send(self, connection: Connection, chunks: list[Chunk], durable: bool) -> None:
        """Ready to leave with the next flush; when the file is synced, behind the sync that covers it."""
        if self.syncer is not None and (durable or connection.held):
            self.syncer.add(connection, chunks)
        else:
            connection.out += chunks

    async def fetch_later(self, connection: Connection, correlation: int, frame: bytes, at: int, wait_ms: int) -> None:
        """An empty fetch is answered when its wait ends, with what there is by then."""
        await trio.sleep(wait_ms / 1000)
        if connection.sock.fileno() < 0:
            return
        chunks, _, _ = self.log.fetch(memoryview(frame), at)
        self.send(connection, self.framed(correlation, chunks), False)
        self.flush(connection)

    def flush(self, connection: Connection) -> None:
        """Send what is there; when the client takes no more, read no more of it either."""
        out = connection.out
        try:
            while out:
                first = out[0]
                if type(first) is Range:
                    count = os.sendfile(connection.sock.fileno(), self.log.fd, first.position, first.size)
                    out[:1] = [Range(first.position + count, first.size - count)] if count < first.size else []
                else:
                    self.flush_bytes(connection.sock, out)
        except BlockingIOError:
            return self.listen_for(connection, select.EPOLLOUT)
        except OSError:
            return self.close(connection)
        if connection.mask == select.EPOLLOUT:
            self.listen_for(connection, select.EPOLLIN)

    @staticmethod
    def flush_bytes(sock: socket.socket, out: list[Chunk]) -> None:
        """All bytes up to the next range of the file, in one send."""
        if len(out) == 1:
            joined, data = 1, out[0]
        else:
            joined = next((at for at, each in enumerate(out) if type(each) is Range), len(out))
            data = b"".join(out[:joined])  # type: ignore[arg-type]
        assert not isinstance(data, Range)
        count = sock.send(data)
        out[:joined] = [data[count:]] if count < len(data) else []


async def stop_on_signal(scope: trio.CancelScope) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for _ in signals:
            scope.cancel()
            return


async def serve(port: int, path: str, topics: dict[str, int], sync: bool) -> None:
    listener = socket.create_server(("127.0.0.1", port), backlog=1024)
    listener.setblocking(False)
    log = Log(path, topics, listener.getsockname()[1])
    async with trio.open_nursery() as nursery:
        hub = Hub(log, listener, sync, nursery)
        print(f"floor ready on 127.0.0.1:{log.port}", flush=True)
        nursery.start_soon(stop_on_signal, nursery.cancel_scope)
        await hub.run()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--file", required=True)
    parser.add_argument("--topic", action="append", default=[], metavar="NAME:PARTITIONS")
    parser.add_argument("--sync", action="store_true", help="fdatasync before a produce is answered (group commit)")
    options = parser.parse_args()
    topics = {name: int(count) for name, _, count in (each.rpartition(":") for each in options.topic)}
    trio.run(serve, options.port, options.file, topics, options.sync)


if __name__ == "__main__":
    main()
