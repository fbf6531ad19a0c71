"""Writing record batches: the broker's own, those that compaction leaves, and a client's packed anew.

Knows: how records become the bytes of a batch.  Does not know: what a record means, or who may write it.
Invariant: what `build` returns passes `batch.check_crc`, and `records` reads back what went in.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from odradek.core.records import compress
from odradek.core.records.batch import (
    COMPRESSION_MASK,
    CONTROL_BIT,
    CREATE_TIME,
    DELETE_HORIZON_BIT,
    HEADER_BYTES,
    LENGTH_OVERHEAD,
    LOG_APPEND_BIT,
    LOG_APPEND_TIME,
    MAGIC,
    NONE,
    TRANSACTIONAL_BIT,
    Header,
    pack,
    seal,
)
from odradek.core.records.read import DECOMPRESSED_BYTES_DEFAULT, Record, body_of, records, whole
from odradek.core.records.varint import put_varint
from odradek.core.types import NO_EPOCH, NO_PRODUCER, NO_SEQUENCE, NO_TIMESTAMP, Buffer, Offset, WallMs

__all__ = ["Record", "build", "recompress", "records"]

_HEADER_SPACE: Final = bytes(HEADER_BYTES)


def build(
    batch_records: Iterable[Record],
    *,
    base_offset: Offset = 0,
    last_offset: Offset | None = None,
    compression: int = NONE,
    level: int | None = None,
    timestamp_type: int = CREATE_TIME,
    append_timestamp: WallMs = NO_TIMESTAMP,
    delete_horizon: WallMs | None = None,
    producer_id: int = NO_PRODUCER,
    producer_epoch: int = NO_EPOCH,
    base_sequence: int = NO_SEQUENCE,
    leader_epoch: int = NO_EPOCH,
    transactional: bool = False,
    control: bool = False,
) -> bytearray:
    """One batch of `batch_records`, whose offsets are absolute, ascending and not before `base_offset`.

    `last_offset` is the batch's last offset where compaction took the records there away; a batch without records needs
    it.  With LOG_APPEND_TIME every record's time is `append_timestamp` (ms).  `delete_horizon` (ms) takes the base
    timestamp's place (KIP-534).  `level` is the codec's own, None its default.  The result is the caller's to change.
    """
    body = bytearray()
    base_timestamp = delete_horizon
    max_timestamp = NO_TIMESTAMP
    last_delta = -1
    count = 0
    for record in batch_records:
        if base_timestamp is None:
            base_timestamp = record.timestamp
        delta = record.offset - base_offset
        assert delta > last_delta, (record.offset, base_offset, last_delta)
        last_delta = delta
        max_timestamp = max(max_timestamp, record.timestamp)
        count += 1
        _put_record(body, record, record.timestamp - base_timestamp, delta)
    if last_offset is not None:
        assert last_offset - base_offset >= last_delta, (last_offset, base_offset, last_delta)
        last_delta = last_offset - base_offset
    assert last_delta >= 0, "a batch without records needs its last offset"

    attributes = (
        compression
        | (LOG_APPEND_BIT if timestamp_type == LOG_APPEND_TIME else 0)
        | (TRANSACTIONAL_BIT if transactional else 0)
        | (CONTROL_BIT if control else 0)
        | (DELETE_HORIZON_BIT if delete_horizon is not None else 0)
    )
    header = Header(
        base_offset=base_offset,
        length=0,
        leader_epoch=leader_epoch,
        magic=MAGIC,
        crc=0,
        attributes=attributes,
        last_offset_delta=last_delta,
        base_timestamp=NO_TIMESTAMP if base_timestamp is None else base_timestamp,
        max_timestamp=append_timestamp if timestamp_type == LOG_APPEND_TIME else max_timestamp,
        producer_id=producer_id,
        producer_epoch=producer_epoch,
        base_sequence=base_sequence,
        count=count,
    )
    return _join(header, compress.pack(body, compression, level) if count else b"")


def recompress(
    batch: Buffer,
    target: int,
    level: int | None = None,
    *,
    decompressed_bytes_max: int = DECOMPRESSED_BYTES_DEFAULT,
    zstd_window_log_max: int = compress.ZSTD_WINDOW_LOG_DEFAULT,
) -> bytearray:
    """The batch at the front of `batch` with its records packed by codec `target`; all else but length and CRC stays.

    Refuses as `records` does where the batch or what it unpacks to is malformed.  The records are not looked into.
    """
    header = whole(batch)
    body = body_of(
        batch, header, decompressed_bytes_max=decompressed_bytes_max, zstd_window_log_max=zstd_window_log_max
    )
    return packed_again(header, body, target, level)


def packed_again(header: Header, body: Buffer, target: int, level: int | None = None) -> bytearray:
    """A batch like `header`'s out of its unpacked records, packed by codec `target`."""
    header = header._replace(attributes=header.attributes & ~COMPRESSION_MASK | target)
    return _join(header, compress.pack(body, target, level) if header.count else b"")


def _join(header: Header, packed: Buffer) -> bytearray:
    batch = bytearray(_HEADER_SPACE)
    batch += packed
    batch[:HEADER_BYTES] = pack(header._replace(length=len(batch) - LENGTH_OVERHEAD))
    seal(batch)
    return batch


def _put_record(out: bytearray, record: Record, timestamp_delta: int, offset_delta: int) -> None:
    inner = bytearray(1)
    put_varint(inner, timestamp_delta)
    put_varint(inner, offset_delta)
    _put_blob(inner, record.key)
    _put_blob(inner, record.value)
    put_varint(inner, len(record.headers))
    for key, value in record.headers:
        _put_blob(inner, key)
        _put_blob(inner, value)
    put_varint(out, len(inner))
    out += inner


def _put_blob(out: bytearray, blob: bytes | None) -> None:
    if blob is None:
        out.append(1)
        return
    put_varint(out, len(blob))
    out += blob
