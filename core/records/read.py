"""The records inside one batch: read one by one, or walked over to make sure that they could be.

Knows: the layout of a record (KIP-98, with the headers of KIP-82).  Does not know: which records a topic accepts.
Invariant: no length is believed beyond the bytes that are there, and nothing is allocated by an announced size.

    length varint | attributes i8 | timestamp delta varlong | offset delta varint
    key length varint, key | value length varint, value | header count varint, (key length, key, value length, value)*
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from odradek.core.errors import ErrorCode, Refused
from odradek.core.records import compress
from odradek.core.records.batch import HEADER_BYTES, LENGTH_MIN, LOG_APPEND_BIT, MAGIC, Header, parse
from odradek.core.records.varint import get_varint
from odradek.core.types import Buffer, Offset, WallMs

RECORD_BYTES_MIN: Final = 7
"""The shortest record: one byte for each of its seven parts."""

DECOMPRESSED_BYTES_DEFAULT: Final = 64 * 1024 * 1024
"""Unpacked bytes of one batch where the caller sets no tighter cap."""

_FAR: Final = 1 << 63
"""Beyond any timestamp delta."""

RecordHeader = tuple[bytes, bytes | None]


class Record(NamedTuple):
    """One record.  Header keys are UTF-8 on the wire and stay bytes here, so that nothing is lost in reading."""

    offset: Offset
    timestamp: WallMs
    key: bytes | None
    value: bytes | None
    headers: tuple[RecordHeader, ...] = ()


class Walked(NamedTuple):
    """What a walk over well-formed records found; the deltas are against the batch's base timestamp."""

    delta_min: int
    delta_max: int
    keyless: int
    """Records without a key."""


def body_of(
    batch: Buffer,
    header: Header,
    *,
    decompressed_bytes_max: int = DECOMPRESSED_BYTES_DEFAULT,
    zstd_window_log_max: int = compress.ZSTD_WINDOW_LOG_DEFAULT,
) -> Buffer:
    """The records of the batch at the front of `batch`, unpacked; a view of `batch` where nothing is compressed."""
    packed = memoryview(batch)[HEADER_BYTES : header.size]
    if not header.compression:
        return packed
    return compress.unpack(packed, header.compression, decompressed_bytes_max, zstd_window_log_max=zstd_window_log_max)


def records(
    batch: Buffer,
    *,
    decompressed_bytes_max: int = DECOMPRESSED_BYTES_DEFAULT,
    zstd_window_log_max: int = compress.ZSTD_WINDOW_LOG_DEFAULT,
) -> Iterator[Record]:
    """Read the records of the batch at the front of `batch`, in order.

    Refuses, before the first record, with CORRUPT_MESSAGE for a header that cannot be one or a batch that is cut short,
    and on the way with INVALID_RECORD for a malformed record (`compress.unpack` names the refusals of unpacking).
    The CRC is not looked at: `batch.check_crc` does that.
    """
    header = whole(batch)
    body = body_of(
        batch, header, decompressed_bytes_max=decompressed_bytes_max, zstd_window_log_max=zstd_window_log_max
    )
    return _each(bytes(body) if isinstance(body, memoryview) else body, header)


def whole(batch: Buffer) -> Header:
    """The header of the batch at the front of `batch`, after making sure that all of it is there."""
    if len(batch) < HEADER_BYTES:
        raise Refused(ErrorCode.CORRUPT_MESSAGE, f"{len(batch)} bytes, a batch header takes {HEADER_BYTES}")
    header = parse(batch)
    if header.magic != MAGIC or header.length < LENGTH_MIN or header.size > len(batch) or header.count < 0:
        raise Refused(
            ErrorCode.CORRUPT_MESSAGE,
            f"no whole batch: magic {header.magic}, {header.size} of {len(batch)} bytes, {header.count} records",
        )
    return header


def _each(body: bytes | bytearray, header: Header) -> Iterator[Record]:
    at = 0
    stamp = header.max_timestamp if header.attributes & LOG_APPEND_BIT else None
    for index in range(header.count):
        length, at = get_varint(body, at)
        stop = at + length
        if length < 0 or stop > len(body):
            raise malformed(index, f"{length} bytes announced, {len(body) - at} left")
        delta, at = get_varint(body, at + 1, 64)
        offset_delta, at = get_varint(body, at)
        key, at = _blob(body, at, stop, index)
        value, at = _blob(body, at, stop, index)
        headers, at = _headers(body, at, stop, index)
        if at != stop:
            raise malformed(index, f"its parts end at byte {at}, its length says {stop}")
        timestamp = header.base_timestamp + delta if stamp is None else stamp
        yield Record(header.base_offset + offset_delta, timestamp, key, value, headers)
    if at != len(body):
        raise Refused(ErrorCode.INVALID_RECORD, f"{len(body) - at} bytes follow the last of {header.count} records")


def _blob(body: Buffer, at: int, stop: int, index: int) -> tuple[bytes | None, int]:
    """A length and that many bytes; a length of -1 is null."""
    length, at = get_varint(body, at)
    if length == -1:
        return None, at
    if length < 0 or length > stop - at:
        raise malformed(index, f"a field of {length} bytes with {stop - at} left")
    return bytes(body[at : at + length]), at + length


def _headers(body: Buffer, at: int, stop: int, index: int) -> tuple[tuple[RecordHeader, ...], int]:
    count, at = get_varint(body, at)
    if count == 0:
        return (), at
    if count < 0 or count > (stop - at) // 2:
        raise malformed(index, f"{count} headers with {stop - at} bytes left")
    found: list[RecordHeader] = []
    for _ in range(count):
        key, at = _blob(body, at, stop, index)
        if key is None:
            raise malformed(index, "a header without a key")
        value, at = _blob(body, at, stop, index)
        found.append((key, value))
    return tuple(found), at


def malformed(index: int, why: str) -> Refused:
    return Refused(ErrorCode.INVALID_RECORD, f"record {index} is malformed: {why}")


def walk(body: Buffer, count: int) -> Walked:
    """Make sure that `body` is exactly `count` (> 0) well-formed records with offset deltas 0, 1, 2 …, no attributes.

    Refuses with INVALID_RECORD.  Stricter than `records`: offsets must be consecutive, as a client must send them,
    attributes zero and header keys UTF-8, because some client libraries fall over records that are not.  Numbers of one
    and two bytes are read inline, which is what the walk's speed comes from; `_number` reads the rest.
    """
    if count * RECORD_BYTES_MIN > len(body):
        raise Refused(ErrorCode.INVALID_RECORD, f"{count} records announced in {len(body)} bytes")
    size = len(body)
    at = keyless = index = 0
    low, high = _FAR, -_FAR
    try:
        for index in range(count):
            byte = body[at]
            if byte < 0x80:
                raw, at = byte, at + 1
            elif 0 < (second := body[at + 1]) < 0x80:
                raw, at = byte & 0x7F | second << 7, at + 2
            else:
                raw, at = _number(body, at)
            stop = at + (raw >> 1)
            if raw & 1 or stop > size or body[at]:
                raise _bad_start(body, at, raw, index)

            byte = body[at + 1]
            if byte < 0x80:
                raw, at = byte, at + 2
            elif 0 < (second := body[at + 2]) < 0x80:
                raw, at = byte & 0x7F | second << 7, at + 3
            else:
                raw, at = _number(body, at + 1, 64)
            delta = -(raw >> 1) - 1 if raw & 1 else raw >> 1
            if delta > high:  # noqa: PLR1730 (a call of max would double the cost)
                high = delta
            if delta < low:  # noqa: PLR1730
                low = delta

            byte = body[at]
            if byte < 0x80:
                raw, at = byte, at + 1
            elif 0 < (second := body[at + 1]) < 0x80:
                raw, at = byte & 0x7F | second << 7, at + 2
            else:
                raw, at = _number(body, at)
            if raw != index << 1:
                raise malformed(index, f"its offset delta is {(raw >> 1) ^ -(raw & 1)}")

            byte = body[at]
            if byte == 1:
                keyless, at = keyless + 1, at + 1
            else:
                at = _behind(body, at, index) if byte & 0x81 else at + 1 + (byte >> 1)
            byte = body[at]
            if byte > 0x7F and 0 < (second := body[at + 1]) < 0x80 and not byte & 1:
                at += 2 + ((byte & 0x7E) >> 1 | second << 6)
            else:
                at = _behind(body, at, index) if byte & 0x81 else at + 1 + (byte >> 1)
            at = _behind_headers(body, at, stop, index) if body[at] else at + 1
            if at != stop:
                raise malformed(index, f"its parts end at byte {at}, its length says {stop}")
    except IndexError:
        raise malformed(index, "it runs over the end") from None
    if at != size:
        raise Refused(ErrorCode.INVALID_RECORD, f"{size - at} bytes follow the last of {count} records")
    return Walked(low, high, keyless)


def chain(body: Buffer, count: int) -> None:
    """Make sure that the lengths of `count` records lead from the first byte of `body` exactly to its end.

    Refuses with INVALID_RECORD.  A quarter of the cost of `walk` for a part of what it knows: a reader that
    skips by length finds every record, whatever is inside.
    """
    at = index = 0
    try:
        for index in range(count):
            byte = body[at]
            if byte < 0x80 and not byte & 1:
                at += 1 + (byte >> 1)
            elif not byte & 1 and 0 < (second := body[at + 1]) < 0x80:
                at += 2 + ((byte & 0x7E) >> 1 | second << 6)
            else:
                raw, at = _number(body, at)
                if raw & 1:
                    raise malformed(index, f"-{(raw >> 1) + 1} bytes announced")
                at += raw >> 1
    except IndexError:
        raise malformed(index, "it begins behind the end") from None
    if at != len(body):
        raise Refused(ErrorCode.INVALID_RECORD, f"{count} records end at byte {at} of {len(body)}")


def _number(body: Buffer, at: int, bits: int = 32) -> tuple[int, int]:
    """A varint of three bytes or more, before its zigzag is undone, and the place behind it."""
    second, third = body[at + 1], body[at + 2]
    if second > 0x7F and 0 < third < 0x80:
        return body[at] & 0x7F | (second & 0x7F) << 7 | third << 14, at + 3
    value, at = get_varint(body, at, bits)
    return (value << 1) ^ (value >> 63), at


def _behind(body: Buffer, at: int, index: int) -> int:
    """The place behind a key or a value.  That it lies inside the record is seen where the record's end is compared."""
    length, at = get_varint(body, at)
    if length < -1:
        raise malformed(index, f"a field of {length} bytes")
    return at + max(0, length)


def _behind_headers(body: Buffer, at: int, stop: int, index: int) -> int:
    headers, at = _headers(body, at, stop, index)
    for key, _ in headers:
        try:
            key.decode()
        except UnicodeDecodeError as error:
            raise malformed(index, f"a header key is not UTF-8: {error.reason}") from None
    return at


def _bad_start(body: Buffer, at: int, raw: int, index: int) -> Refused:
    length = (raw >> 1) ^ -(raw & 1)
    left = len(body) - at
    if not 0 <= length <= left:
        return malformed(index, f"{length} bytes announced, {left} left")
    return malformed(index, f"attributes {body[at]}, none are defined")


def body_timestamps_and_keys(body: Buffer, count: int) -> Iterator[tuple[int, int, bool]]:
    """Index, timestamp delta and whether there is a key, of each record of a body that `walk` found well-formed."""
    at = 0
    for index in range(count):
        length, at = get_varint(body, at)
        stop = at + length
        delta, at = get_varint(body, at + 1, 64)
        _, at = get_varint(body, at)
        key_length, _ = get_varint(body, at)
        yield index, delta, key_length >= 0
        at = stop
