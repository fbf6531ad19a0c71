"""The header of a record batch (magic 2): read in one struct call, patched in place, checked by its CRC.

Knows: where each field of the 61 bytes lies and which of them the CRC covers.  Does not know: the records inside, what
a client may write (`validate`), how a batch is compressed.
Invariant: nothing here copies a batch; a buffer handed in is only written by `place` and `stamp`.

The layout, with the offsets this file relies on (all numbers big-endian):

    0 base offset i64 | 8 length i32 | 12 leader epoch i32 | 16 magic i8 | 17 crc u32 | 21 attributes i16
    23 last offset delta i32 | 27 base timestamp i64 | 35 max timestamp i64 | 43 producer id i64
    51 producer epoch i16 | 53 base sequence i32 | 57 count i32 | 61 records

The CRC (Castagnoli) covers everything from the attributes on, so the base offset and the leader epoch, which a broker
assigns, are outside it (KIP-98).
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Final, NamedTuple

from crc32c import crc32c

from odradek.core.types import Buffer, Offset, WallMs

_HEADER: Final = Struct(">qiibIhiqqqhii")
_OFFSET: Final = Struct(">q")
_INT32: Final = Struct(">i")
_CRC: Final = Struct(">I")
_ATTRIBUTES: Final = Struct(">h")

HEADER_BYTES: Final = _HEADER.size
"""Bytes before the records: 61."""

LENGTH_OVERHEAD: Final = 12
"""The length field counts neither itself nor the base offset."""

LENGTH_MIN: Final = HEADER_BYTES - LENGTH_OVERHEAD
"""The length field of a batch without records: 49."""

MAGIC: Final = 2

EPOCH_AT: Final = 12
CRC_AT: Final = 17
ATTRIBUTES_AT: Final = 21
MAX_TIMESTAMP_AT: Final = 35

NONE: Final = 0
GZIP: Final = 1
SNAPPY: Final = 2
LZ4: Final = 3
ZSTD: Final = 4
CODEC_NAMES: Final = ("uncompressed", "gzip", "snappy", "lz4", "zstd")
"""Kafka's names of the codecs, as `compression.type` spells them, at the codec's number."""

COMPRESSION_MASK: Final = 0x07
LOG_APPEND_BIT: Final = 0x08
TRANSACTIONAL_BIT: Final = 0x10
CONTROL_BIT: Final = 0x20
DELETE_HORIZON_BIT: Final = 0x40

CREATE_TIME: Final = 0
LOG_APPEND_TIME: Final = 1

SEQUENCES: Final = 1 << 31
"""Sequence numbers wrap to 0 after 2^31 - 1."""


class Header(NamedTuple):
    """The fixed part of a batch, field by field as the wire has it."""

    base_offset: Offset
    length: int
    leader_epoch: int
    magic: int
    crc: int
    attributes: int
    last_offset_delta: int
    base_timestamp: WallMs
    max_timestamp: WallMs
    producer_id: int
    producer_epoch: int
    base_sequence: int
    count: int  # type: ignore[assignment]  # the protocol's name; it hides tuple.count, which nobody needs here

    @property
    def size(self) -> int:
        """Bytes of the whole batch."""
        return self.length + LENGTH_OVERHEAD

    @property
    def last_offset(self) -> Offset:
        return self.base_offset + self.last_offset_delta

    @property
    def next_offset(self) -> Offset:
        return self.base_offset + self.last_offset_delta + 1

    @property
    def compression(self) -> int:
        """The codec's number; 5, 6 and 7 are nobody's."""
        return self.attributes & COMPRESSION_MASK

    @property
    def timestamp_type(self) -> int:
        """CREATE_TIME or LOG_APPEND_TIME."""
        return LOG_APPEND_TIME if self.attributes & LOG_APPEND_BIT else CREATE_TIME

    @property
    def is_transactional(self) -> bool:
        return self.attributes & TRANSACTIONAL_BIT != 0

    @property
    def is_control(self) -> bool:
        return self.attributes & CONTROL_BIT != 0

    @property
    def has_delete_horizon(self) -> bool:
        return self.attributes & DELETE_HORIZON_BIT != 0

    @property
    def delete_horizon(self) -> WallMs | None:
        """When the tombstones of a compacted batch may go, or None: it takes the base timestamp's place (KIP-534)."""
        return self.base_timestamp if self.attributes & DELETE_HORIZON_BIT else None

    @property
    def has_producer(self) -> bool:
        return self.producer_id >= 0

    @property
    def last_sequence(self) -> int:
        """The sequence number of the last record, wrapped at 2^31; -1 without sequence numbers."""
        return -1 if self.base_sequence < 0 else (self.base_sequence + self.last_offset_delta) % SEQUENCES


class Batch(NamedTuple):
    """A batch met by `scan`: its header and the place in the scanned buffer where it starts."""

    at: int
    header: Header


class Scan:
    """One pass over consecutive batches.  After it, `end` is the first byte that belongs to no whole batch.

    `torn` says why the pass stopped before the end of the buffer; None when the last batch ended exactly there, and
    while the pass still runs.  The CRC is not looked at: that is `check_crc`.
    """

    __slots__ = ("_buffer", "_size", "end", "torn")

    def __init__(self, buffer: Buffer, at: int) -> None:
        assert at >= 0, at
        self._buffer = buffer
        self._size = len(buffer)
        self.end = at
        self.torn: str | None = None

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        at = self.end
        left = self._size - at
        if left < HEADER_BYTES:
            if left > 0:
                self.torn = f"{left} bytes are left, a header takes {HEADER_BYTES}"
            raise StopIteration
        header = parse(self._buffer, at)
        if header.length < LENGTH_MIN:
            self.torn = f"length {header.length} is below {LENGTH_MIN}"
        elif header.magic != MAGIC:
            self.torn = f"magic {header.magic} is not {MAGIC}"
        elif header.size > left:
            self.torn = f"a batch of {header.size} bytes, {left} are left"
        else:
            self.end = at + header.size
            return Batch(at, header)
        raise StopIteration


def parse(buffer: Buffer, at: int = 0) -> Header:
    """Read the header at `at`.  The caller has made sure that 61 bytes are there; nothing in them is checked."""
    return Header._make(_HEADER.unpack_from(buffer, at))


def pack(header: Header) -> bytes:
    """The 61 bytes of a header."""
    return _HEADER.pack(*header)


def scan(buffer: Buffer, at: int = 0) -> Scan:
    """Iterate over the batches that follow one another from `at`; stops cleanly at a torn tail and tells where."""
    return Scan(buffer, at)


def check_crc(buffer: Buffer, at: int = 0) -> bool:
    """Whether the batch at `at` is whole and its CRC holds."""
    if len(buffer) - at < HEADER_BYTES:
        return False
    length = _INT32.unpack_from(buffer, at + 8)[0]
    end = at + LENGTH_OVERHEAD + length
    if length < LENGTH_MIN or end > len(buffer):
        return False
    return bool(crc_of(buffer, at, end) == _CRC.unpack_from(buffer, at + CRC_AT)[0])


def crc_of(buffer: Buffer, at: int, end: int) -> int:
    """The CRC that the batch in `buffer[at:end]` must carry."""
    return crc32c(memoryview(buffer)[at + ATTRIBUTES_AT : end])


def place(buffer: bytearray | memoryview, base_offset: Offset, leader_epoch: int, at: int = 0) -> None:
    """Give the batch at `at` its place in the log, in place: base offset and leader epoch, which no CRC covers."""
    _OFFSET.pack_into(buffer, at, base_offset)
    _INT32.pack_into(buffer, at + EPOCH_AT, leader_epoch)


def stamp(
    buffer: bytearray | memoryview, max_timestamp: WallMs, timestamp_type: int = LOG_APPEND_TIME, at: int = 0
) -> None:
    """Set the max timestamp and its type, in place, and compute the CRC anew.

    For LogAppendTime the max timestamp is every record's time; the deltas of the records stay as the client wrote them,
    as Kafka leaves them.
    """
    header = parse(buffer, at)
    attributes = header.attributes & ~LOG_APPEND_BIT | (LOG_APPEND_BIT if timestamp_type == LOG_APPEND_TIME else 0)
    _ATTRIBUTES.pack_into(buffer, at + ATTRIBUTES_AT, attributes)
    _OFFSET.pack_into(buffer, at + MAX_TIMESTAMP_AT, max_timestamp)
    seal(buffer, at)


def seal(buffer: bytearray | memoryview, at: int = 0) -> None:
    """Compute and write the CRC of the batch at `at`, whose length field is right."""
    end = at + LENGTH_OVERHEAD + _INT32.unpack_from(buffer, at + 8)[0]
    assert end <= len(buffer), (end, len(buffer))
    _CRC.pack_into(buffer, at + CRC_AT, crc_of(buffer, at, end))
