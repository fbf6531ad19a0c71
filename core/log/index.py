"""The sparse index of one segment: some batch boundaries, with the largest timestamp before each.

Knows: offsets, positions and times of some batches.  Does not know: how dense it is; a lookup finds the last entry
before the goal, and the caller looks on from there.  So a lost index costs time, never an answer.
Invariant: all three columns ascend; entry 0 is (base offset, 0, -1).
"""

import struct
from array import array
from bisect import bisect_left, bisect_right
from typing import Final, NamedTuple

from crc32c import crc32c

from odradek.core.types import NO_TIMESTAMP, Offset, WallMs

_HEAD: Final = struct.Struct(">4sqqqqqqq")
_MAGIC: Final = b"OIX1"
_CRC: Final = struct.Struct(">I")
ENTRY_BYTES: Final = 24


class Entry(NamedTuple):
    """A batch begins at `position`; every record before it has an offset < `offset` and a timestamp <= `time`."""

    offset: Offset
    position: int
    time: WallMs


class Summary(NamedTuple):
    """What is known of a segment without reading it."""

    base: Offset
    size: int
    next: Offset
    first_time: WallMs
    max_time: WallMs
    max_time_offset: Offset
    created: WallMs


class Index:
    """Three columns of 64-bit numbers."""

    __slots__ = ("offsets", "positions", "times")

    def __init__(self, base: Offset) -> None:
        self.offsets = array("q", (base,))
        self.positions = array("q", (0,))
        self.times = array("q", (NO_TIMESTAMP,))

    def __len__(self) -> int:
        return len(self.offsets)

    def add(self, offset: Offset, position: int, time: WallMs) -> None:
        """An entry behind the last one."""
        assert position > self.positions[-1]
        assert offset >= self.offsets[-1]
        self.offsets.append(offset)
        self.positions.append(position)
        self.times.append(time)

    def learn(self, offset: Offset, position: int, time: WallMs, interval: int) -> None:
        """An entry anywhere, unless one is within `interval` bytes of it already."""
        i = bisect_left(self.positions, position)
        if i < len(self.positions) and self.positions[i] - position < interval:
            return
        if i > 0 and position - self.positions[i - 1] < interval:
            return
        self.offsets.insert(i, offset)
        self.positions.insert(i, position)
        self.times.insert(i, max(time, self.times[i - 1]))

    def entry(self, i: int) -> Entry:
        return Entry(self.offsets[i], self.positions[i], self.times[i])

    def floor(self, offset: Offset) -> Entry:
        """The last entry that is not behind the batch of `offset`."""
        i = bisect_right(self.offsets, offset) - 1
        assert i >= 0, offset
        return self.entry(i)

    def floor_position(self, position: int, offset: Offset) -> tuple[int, Offset]:
        """The last boundary that is <= `position` and whose offset is <= `offset`: (position, offset)."""
        i = min(bisect_right(self.positions, position), bisect_right(self.offsets, offset)) - 1
        assert i >= 0, (position, offset)
        return self.positions[i], self.offsets[i]

    def before_time(self, time: WallMs) -> Entry:
        """The last entry with no record of `time` or later before it."""
        return self.entry(max(0, bisect_left(self.times, time) - 1))

    def at_position(self, position: int) -> Entry:
        """The last entry at or before `position`."""
        return self.entry(bisect_right(self.positions, position) - 1)

    def take(self, stored: "Index") -> None:
        """Take over the entries of an index file; those behind its last one stay."""
        i = bisect_right(self.positions, stored.positions[-1])
        self.offsets = stored.offsets + self.offsets[i:]
        self.positions = stored.positions + self.positions[i:]
        self.times = stored.times + self.times[i:]

    def after(self, position: int) -> int | None:
        """The position of the first entry behind `position`."""
        i = bisect_right(self.positions, position)
        return self.positions[i] if i < len(self.positions) else None

    def cut(self, position: int) -> None:
        """Forget the entries at `position` and behind it, but the first."""
        i = max(1, bisect_left(self.positions, position))
        del self.offsets[i:], self.positions[i:], self.times[i:]


def encode(summary: Summary, index: Index) -> bytes:
    """The content of an index file: magic, summary, entries, CRC-32C over all before it; big-endian."""
    columns = []
    for column in (index.offsets, index.positions, index.times):
        columns.append(struct.pack(f">{len(column)}q", *column))
    body = _HEAD.pack(_MAGIC, *summary) + b"".join(columns)
    return body + _CRC.pack(crc32c(body))


def decode(data: bytes) -> tuple[Summary, Index] | None:
    """None when the content is torn, rotten or not an index."""
    if len(data) < _HEAD.size + ENTRY_BYTES + _CRC.size or data[:4] != _MAGIC:
        return None
    body = memoryview(data)[: -_CRC.size]
    if crc32c(body) != _CRC.unpack_from(data, len(body))[0] or (len(body) - _HEAD.size) % ENTRY_BYTES:
        return None
    summary = Summary._make(_HEAD.unpack_from(data)[1:])
    count = (len(body) - _HEAD.size) // ENTRY_BYTES
    numbers = struct.unpack_from(f">{3 * count}q", data, _HEAD.size)
    index = Index(summary.base)
    index.offsets = array("q", numbers[:count])
    index.positions = array("q", numbers[count : 2 * count])
    index.times = array("q", numbers[2 * count :])
    return summary, index
