"""The few Kafka frames the bench itself speaks: built here by hand, so that a fault of Odradek's codec cannot hide.

Knows: Produce v7, ListOffsets v1 and ApiVersions v0, old layouts that every side serves.  Does not know: who answers.
Invariant: a frame is the same bytes each time it is sent; only the broker's answer differs.
"""

import socket
import struct

import crc32c

PRODUCE, LIST_OFFSETS, API_VERSIONS = 0, 2, 18
ACKS_ALL = -1
BATCH_HEADER_BYTES = 61
RESPONSE_BYTES_MAX = 64 * 1024 * 1024


def text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack(">h", len(raw)) + raw


def varint(value: int) -> bytes:
    """Zigzag varint, as records use it."""
    rest = value << 1 if value >= 0 else ~(value << 1)
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def batch(value: bytes, timestamp_ms: int = 1_700_000_000_000) -> bytes:
    """A v2 batch of one record, without key or headers, with a right CRC."""
    inner = b"\0" + varint(0) + varint(0) + varint(-1) + varint(len(value)) + value + varint(0)
    record = varint(len(inner)) + inner
    covered = struct.pack(">hiqqqhii", 0, 0, timestamp_ms, timestamp_ms, -1, -1, -1, 1) + record
    checked = struct.pack(">ibI", -1, 2, crc32c.crc32c(covered)) + covered
    return struct.pack(">qi", 0, len(checked)) + checked


def framed(api: int, version: int, body: bytes) -> bytes:
    frame = struct.pack(">hhi", api, version, 1) + text("bench") + body
    return struct.pack(">i", len(frame)) + frame


def produce_frame(topic: str, partition: int, records: bytes) -> bytes:
    body = struct.pack(">hhii", -1, ACKS_ALL, 30_000, 1) + text(topic)
    return framed(PRODUCE, 7, body + struct.pack(">iii", 1, partition, len(records)) + records)


def produce_error(response: bytes) -> int:
    """The error code of a Produce v7 response for one partition."""
    (name_bytes,) = struct.unpack_from(">h", response, 8)
    (code,) = struct.unpack_from(">h", response, 10 + name_bytes + 8)
    return int(code)


def api_versions_frame() -> bytes:
    return framed(API_VERSIONS, 0, b"")


def connect(address: tuple[str, int], timeout_s: float = 30.0) -> socket.socket:
    sock = socket.create_connection(address, timeout=timeout_s)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def read_exactly(sock: socket.socket, count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        chunk = sock.recv(count - len(parts))
        if not chunk:
            raise ConnectionError(f"the broker closed after {len(parts)} of {count} bytes of an answer")
        parts += chunk
    return bytes(parts)


def ask(sock: socket.socket, frame: bytes) -> bytes:
    """Send one frame, return its answer without the length prefix."""
    sock.sendall(frame)
    (size,) = struct.unpack(">i", read_exactly(sock, 4))
    if not 4 <= size <= RESPONSE_BYTES_MAX:
        raise ConnectionError(f"an answer of {size} bytes is no answer")
    return read_exactly(sock, size)


def log_end(address: tuple[str, int], topic: str, partitions: int) -> int:
    """Records the broker says it holds in all partitions: what was acknowledged must be there."""
    asked = b"".join(struct.pack(">iq", partition, -1) for partition in range(partitions))
    body = struct.pack(">ii", -1, 1) + text(topic) + struct.pack(">i", partitions) + asked
    with connect(address) as sock:
        answer = ask(sock, framed(LIST_OFFSETS, 1, body))
    (name_bytes,) = struct.unpack_from(">h", answer, 8)
    at = 10 + name_bytes + 4
    total = 0
    for _ in range(partitions):
        partition, code, _timestamp, offset = struct.unpack_from(">ihqq", answer, at)
        if code:
            raise RuntimeError(f"ListOffsets of {topic}-{partition} answered error {code}")
        total += offset
        at += 22
    return total
