"""What the floor keeps and answers: one file for everything, and where each batch of a partition lies in it.

Knows: five requests in one old layout each, and how to check a batch's CRC.  Does not know: sockets, trio, fsync.
Invariant: a batch is in the file before its offset is answered.
"""

import os
import struct
from bisect import bisect_right
from typing import NamedTuple

import crc32c

PRODUCE, FETCH, LIST_OFFSETS, METADATA, API_VERSIONS = 0, 1, 2, 3, 18
SERVED = ((PRODUCE, 3, 7), (FETCH, 4, 4), (LIST_OFFSETS, 1, 1), (METADATA, 4, 4), (API_VERSIONS, 0, 3))
NONE, UNKNOWN_TOPIC_OR_PARTITION, CORRUPT_MESSAGE = 0, 3, 2

SHORT = struct.Struct(">h").unpack_from
INT = struct.Struct(">i").unpack_from
PRODUCE_HEAD = struct.Struct(">hii").unpack_from
PARTITION_HEAD = struct.Struct(">ii").unpack_from
BATCH_HEAD = struct.Struct(">qiibIhi").unpack_from  # base offset, length, epoch, magic, crc, attributes, last delta
STAMP = struct.Struct(">qi").pack_into
PRODUCED = struct.Struct(">ihqqq").pack


class Range(NamedTuple):
    """Bytes of the file, for sendfile."""

    position: int
    size: int


Chunk = bytes | bytearray | Range


class Partition:
    __slots__ = ("bases", "next", "ranges")

    def __init__(self) -> None:
        self.next = 0
        self.bases: list[int] = []
        self.ranges: list[tuple[int, int]] = []


def name_at(frame: memoryview, at: int) -> tuple[bytes, int]:
    """A string with its length in front, as it lies in the frame: key and echo at once."""
    (size,) = SHORT(frame, at)
    end = at + 2 + size
    return bytes(frame[at:end]), end


def text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack(">h", len(raw)) + raw


class Log:
    """All topics over one file.  `topics` gives each topic's partition count."""

    def __init__(self, path: str, topics: dict[str, int], port: int) -> None:
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        self.end = 0
        self.taken: list[memoryview] = []
        self.port = port
        self.topics = {text(name): [Partition() for _ in range(count)] for name, count in topics.items()}

    def commit(self) -> None:
        """Write the batches taken since the last call, in one call of the kernel where it takes them whole."""
        views = self.taken
        while views:
            left = os.writev(self.fd, views[:1024])
            if left == sum(map(len, views)):
                break
            while views and left >= len(views[0]):
                left -= len(views.pop(0))
            if left:
                views[0] = views[0][left:]
        self.taken = []

    # Produce

    def produce(self, frame: memoryview, at: int, answer: bytearray) -> bool:
        """Take the batches and add the answer's body; says whether the client waits for one (acks other than 0)."""
        (size,) = SHORT(frame, at)
        at += 2 + max(0, size)
        acks, _timeout, topics = PRODUCE_HEAD(frame, at)
        at += 10
        answer += topics.to_bytes(4)
        for _ in range(topics):
            name, at = name_at(frame, at)
            (partitions,) = INT(frame, at)
            at += 4
            answer += name
            answer += partitions.to_bytes(4)
            found = self.topics.get(name, ())
            for _ in range(partitions):
                index, size = PARTITION_HEAD(frame, at)
                at += 8
                code, base = UNKNOWN_TOPIC_OR_PARTITION, -1
                if 0 <= index < len(found):
                    code, base = self.append(found[index], frame[at : at + size])
                at += size
                answer += PRODUCED(index, code, base, -1, 0)
        answer += b"\0\0\0\0"
        return bool(acks)

    def append(self, partition: Partition, records: memoryview) -> tuple[int, int]:
        """Check one batch, give it its offsets in place, and note where it will lie."""
        _, length, _, magic, crc, _, last_delta = BATCH_HEAD(records, 0)
        size = len(records)
        if magic != 2 or length + 12 != size or crc32c.crc32c(records[21:]) != crc:
            return CORRUPT_MESSAGE, -1

        base = partition.next
        STAMP(records, 0, base, length)
        partition.next = base + last_delta + 1
        partition.bases.append(base)
        partition.ranges.append((self.end, size))
        self.end += size
        self.taken.append(records)
        return NONE, base

    def partition(self, name: bytes, index: int) -> Partition | None:
        found = self.topics.get(name, [])
        return found[index] if 0 <= index < len(found) else None

    # Fetch

    def fetch(self, frame: memoryview, at: int) -> tuple[list[Chunk], int, int]:
        """The answer's body in chunks, the record bytes in it, and how long the client would wait for some (ms)."""
        _replica, wait_ms, _least, most, _isolation, topics = struct.unpack_from(">iiiibi", frame, at)
        at += 21
        body = bytearray(struct.pack(">ii", 0, topics))
        chunks: list[Chunk] = []
        sent = 0
        for _ in range(topics):
            name, at = name_at(frame, at)
            (partitions,) = struct.unpack_from(">i", frame, at)
            at += 4
            body += name + struct.pack(">i", partitions)
            for _ in range(partitions):
                index, offset, partition_most = struct.unpack_from(">iqi", frame, at)
                at += 16
                partition = self.partition(name, index)
                if partition is None:
                    body += struct.pack(">ihqqii", index, UNKNOWN_TOPIC_OR_PARTITION, -1, -1, -1, 0)
                    continue
                found = self.batches(partition, offset, min(partition_most, most - sent), sent == 0)
                count = sum(each.size for each in found)
                body += struct.pack(">ihqqii", index, NONE, partition.next, partition.next, -1, count)
                if count:
                    chunks.append(bytes(body))
                    chunks.extend(found)
                    body.clear()
                    sent += count
        if body:
            chunks.append(bytes(body))
        return chunks, sent, wait_ms

    def batches(self, partition: Partition, offset: int, most: int, at_least_one: bool) -> list[Range]:
        """Ranges from the batch that holds `offset`, neighbours joined, at most `most` bytes (or one batch)."""
        if offset >= partition.next:
            return []
        found: list[Range] = []
        left = most
        for at in range(max(0, bisect_right(partition.bases, offset) - 1), len(partition.bases)):
            position, count = partition.ranges[at]
            if count > left and (found or not at_least_one):
                break
            left -= count
            if found and found[-1].position + found[-1].size == position:
                found[-1] = Range(found[-1].position, found[-1].size + count)
            else:
                found.append(Range(position, count))
        return found

    # The rest

    def list_offsets(self, frame: memoryview, at: int) -> bytes:
        _replica, topics = struct.unpack_from(">ii", frame, at)
        at += 8
        answer = struct.pack(">i", topics)
        for _ in range(topics):
            name, at = name_at(frame, at)
            (partitions,) = struct.unpack_from(">i", frame, at)
            at += 4
            answer += name + struct.pack(">i", partitions)
            for _ in range(partitions):
                index, timestamp = struct.unpack_from(">iq", frame, at)
                at += 12
                partition = self.partition(name, index)
                if partition is None:
                    answer += struct.pack(">ihqq", index, UNKNOWN_TOPIC_OR_PARTITION, -1, -1)
                else:
                    answer += struct.pack(">ihqq", index, NONE, -1, 0 if timestamp == -2 else partition.next)
        return answer

    def metadata(self, frame: memoryview, at: int) -> bytes:
        (count,) = struct.unpack_from(">i", frame, at)
        at += 4
        names = list(self.topics) if count < 0 else []
        for _ in range(max(0, count)):
            name, at = name_at(frame, at)
            names.append(name)
        broker = struct.pack(">i", 1) + text("127.0.0.1") + struct.pack(">ih", self.port, -1)
        answer = [struct.pack(">ii", 0, 1), broker, text("floor"), struct.pack(">ii", 1, len(names))]
        for name in names:
            partitions = self.topics.get(name, ())
            code = NONE if partitions else UNKNOWN_TOPIC_OR_PARTITION
            answer.append(struct.pack(">h", code) + name + struct.pack(">bi", 0, len(partitions)))
            answer.extend(struct.pack(">hiiiiii", NONE, at, 1, 1, 1, 1, 1) for at in range(len(partitions)))
        return b"".join(answer)


def api_versions(version: int) -> bytes:
    """Version 3 is the flexible layout; a version we do not know is answered in that of version 0, as KIP-511 says."""
    if version == 3:
        rows = b"".join(struct.pack(">hhhb", *row, 0) for row in SERVED)
        return struct.pack(">hB", NONE, len(SERVED) + 1) + rows + struct.pack(">ib", 0, 0)
    code = NONE if version < 3 else 35
    rows = b"".join(struct.pack(">hhh", *row) for row in SERVED)
    return struct.pack(">hi", code, len(SERVED)) + rows + (struct.pack(">i", 0) if version in (1, 2) else b"")
