"""What a client may write: every check a produced batch must pass before it is appended.

Knows: the rules of Kafka's ProduceRequest, LogValidator and UnifiedLog for magic 2, and a topic's settings (`Rules`).
Does not know: the log, producer state (sequence gaps and fencing are the log's), who the client is.
Invariant: a batch that `check` lets pass has a header in which every field agrees with the others and a CRC that holds;
with `Rules.walk`, or where a rule asks for it, its records are well-formed too.  A client's buffer is never written.

The refusals that a client may retry (CORRUPT_MESSAGE: the bytes changed on the way) are kept apart from those where a
retry is useless (INVALID_RECORD: the client wrote it so).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import attrs

from odradek.core.errors import ErrorCode, Refused
from odradek.core.records import compress
from odradek.core.records.batch import (
    CODEC_NAMES,
    COMPRESSION_MASK,
    CONTROL_BIT,
    CREATE_TIME,
    HEADER_BYTES,
    LENGTH_MIN,
    LENGTH_OVERHEAD,
    LOG_APPEND_BIT,
    MAGIC,
    TRANSACTIONAL_BIT,
    ZSTD,
    Header,
    crc_of,
    parse,
    stamp,
)
from odradek.core.records.build import packed_again
from odradek.core.records.read import (
    DECOMPRESSED_BYTES_DEFAULT,
    RECORD_BYTES_MIN,
    Walked,
    body_of,
    body_timestamps_and_keys,
    chain,
    walk,
)
from odradek.core.types import NO_PRODUCER, NO_TIMESTAMP, Buffer, WallMs

RECORD_ERRORS_MAX: Final = 100
"""Per-record errors in one refusal; the rest is counted in the message."""

NO_LIMIT_MS: Final = (1 << 63) - 1
"""Kafka's default of `message.timestamp.before.max.ms`: any age."""

COPIED_RECORD_BYTES: Final = 2048
"""Records smaller than this on average are copied before a walk: bytes are read faster than a view of them."""

_CLIENT_BITS: Final = COMPRESSION_MASK | TRANSACTIONAL_BIT

ZSTD_PRODUCE_VERSION: Final = 7
"""The first version of Produce that may carry zstd (KIP-110)."""


class RecordError(NamedTuple):
    """One refused record: `batch_index` counts records from 0 (KIP-467)."""

    batch_index: int
    message: str


class InvalidRecords(Refused):
    """A refusal that names the records it is about, for Produce 8 and later (KIP-467)."""

    def __init__(self, code: ErrorCode, message: str, errors: tuple[RecordError, ...]) -> None:
        super().__init__(code, message)
        self.errors = errors


@attrs.frozen(kw_only=True)
class Rules:
    """What one topic, and the version of the request, ask of a batch.  Defaults are Kafka's."""

    max_message_bytes: int = 1_048_588
    """Largest batch as the client sent it: `max.message.bytes`."""

    timestamp_type: int = CREATE_TIME
    """`message.timestamp.type`."""

    before_max_ms: int = NO_LIMIT_MS
    """`message.timestamp.before.max.ms`: how old a record may be (KIP-937)."""

    after_max_ms: int = 3_600_000
    """`message.timestamp.after.max.ms`: how far ahead a record may be (KIP-937)."""

    keys_required: bool = False
    """Whether every record needs a key: `cleanup.policy` contains `compact`."""

    target: int | None = None
    """The codec that `compression.type` names; None for `producer`, which keeps what the client chose."""

    level: int | None = None
    """The level for `target`, on the codec's own scale; None for its default."""

    produce_version: int = ZSTD_PRODUCE_VERSION
    """The version of the Produce request: zstd needs 7."""

    walk: bool = False
    """Whether the records are walked over even where no other rule needs it."""

    chain: bool = False
    """Whether the lengths of uncompressed records must at least lead to the end of the batch."""

    walked_records_max: int = 100_000
    """Records of one batch where they are walked, at about a microsecond each; a batch of more is too large."""

    decompressed_bytes_max: int = DECOMPRESSED_BYTES_DEFAULT
    """Unpacked bytes of one batch."""

    zstd_window_log_max: int = compress.ZSTD_WINDOW_LOG_DEFAULT
    """log2 of the largest zstd window."""


class Accepted(NamedTuple):
    """A batch as it is to be appended, but for its offset, epoch and LogAppendTime, which the log writes in place.

    `buffer` is what the client sent where nothing had to change; `header` is the header in it.
    """

    header: Header
    buffer: memoryview


def check(records: Buffer, rules: Rules, now_ms: WallMs) -> tuple[Header, ...]:
    """The headers in the records field of a produced partition: exactly one since magic 2.  `now_ms` is wall time.

    Raises Refused, or InvalidRecords where single records are to blame.  The order of the checks is Kafka's, so that a
    batch with two faults gets the answer Kafka gives: shape, size, CRC, then meaning.
    """
    header = check_header(records, rules)
    if _walk_needed(header, rules, now_ms):
        _examine(_unpacked(records, header, rules), header, rules, now_ms)
    elif rules.chain:
        _check_chain(records, header)
    return (header,)


def accept(records: Buffer, rules: Rules, now_ms: WallMs) -> Accepted:
    """`check`, and what the topic asks to change: codec, or a max timestamp that the records belie.

    A writable buffer is changed in place, another one copied if it must change.
    """
    header = check_header(records, rules)
    max_timestamp = header.max_timestamp
    body: Buffer | None = None
    if _walk_needed(header, rules, now_ms):
        body = _unpacked(records, header, rules)
        walked = _examine(body, header, rules, now_ms)
        if rules.timestamp_type == CREATE_TIME:
            max_timestamp = header.base_timestamp + walked.delta_max
    elif rules.chain:
        _check_chain(records, header)

    view = memoryview(records)
    if rules.target is not None and rules.target != header.compression:
        assert body is not None
        view = memoryview(packed_again(header, body, rules.target, rules.level))
        if len(view) > rules.max_message_bytes:
            raise _too_large(len(view), rules)
        header = parse(view)
    if max_timestamp != header.max_timestamp:
        if view.readonly:
            view = memoryview(bytearray(view))
        stamp(view, max_timestamp, CREATE_TIME)
        header = parse(view)
    return Accepted(header, view)


def check_header(records: Buffer, rules: Rules) -> Header:
    """The fast part: the header's shape, the CRC and all that fields can say about each other.  Reads no record."""
    given = len(records)
    if given < HEADER_BYTES:
        _refuse_short(records)
    header = parse(records)
    base_offset, length, _, magic, crc, attributes, delta, base_time, max_time, producer_id, _, _, count = header
    size = length + LENGTH_OVERHEAD
    if magic != MAGIC or size != given or length < LENGTH_MIN or base_offset != 0 or size > rules.max_message_bytes:
        _refuse_shape(header, given, rules)
    if crc_of(records, 0, size) != crc:
        raise Refused(ErrorCode.CORRUPT_MESSAGE, f"the CRC of the batch is not {crc:#010x}, send it again")
    if count <= 0 or delta != count - 1:
        raise Refused(ErrorCode.INVALID_RECORD, f"{count} records with a last offset delta of {delta}")
    if attributes & ~_CLIENT_BITS:
        _refuse_attributes(header)
    codec = attributes & COMPRESSION_MASK
    if codec >= ZSTD:
        _check_zstd(codec, rules)
    if not codec and count * RECORD_BYTES_MIN > size - HEADER_BYTES:
        raise Refused(ErrorCode.INVALID_RECORD, f"{count} records cannot fit {size - HEADER_BYTES} bytes")
    if producer_id != NO_PRODUCER or attributes & TRANSACTIONAL_BIT:
        _check_producer(header)
    if base_time < NO_TIMESTAMP or max_time < NO_TIMESTAMP:
        raise Refused(ErrorCode.INVALID_TIMESTAMP, f"timestamps {base_time} and {max_time}, none may be below -1")
    return header


def _refuse_shape(header: Header, given: int, rules: Rules) -> None:
    """Not the only batch, not whole, or of a size that the topic does not take.  The order is Kafka's."""
    _refuse_magic(header.magic)
    if header.length < LENGTH_MIN or header.size > given:
        raise Refused(
            ErrorCode.CORRUPT_MESSAGE, f"the length says {header.length}, {given - LENGTH_OVERHEAD} bytes follow it"
        )
    if header.size < given:
        raise Refused(
            ErrorCode.INVALID_RECORD, f"{given - header.size} bytes follow the batch, a partition is sent one batch"
        )
    if header.base_offset != 0:
        raise Refused(ErrorCode.INVALID_RECORD, f"the base offset is {header.base_offset}, a client's must be 0")
    raise _too_large(header.size, rules)


def _check_zstd(codec: int, rules: Rules) -> None:
    if codec > ZSTD:
        raise compress.unknown_codec(codec)
    if rules.produce_version < ZSTD_PRODUCE_VERSION:
        raise Refused(
            ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,
            f"zstd needs Produce {ZSTD_PRODUCE_VERSION}, this is {rules.produce_version}",
        )


def _too_large(size: int, rules: Rules) -> Refused:
    return Refused(ErrorCode.MESSAGE_TOO_LARGE, f"a batch of {size} bytes, the topic takes {rules.max_message_bytes}")


def _check_chain(records: Buffer, header: Header) -> None:
    if not header.compression:
        chain(memoryview(records)[HEADER_BYTES:], header.count)


def _refuse_short(records: Buffer) -> None:
    """Less than a header: nothing, a message of an old format, or a torn batch."""
    if len(records) == 0:
        raise Refused(ErrorCode.INVALID_RECORD, "no record batch, a produced partition needs exactly one")
    if len(records) > 16:
        _refuse_magic(memoryview(records).cast("B")[16])
    raise Refused(ErrorCode.CORRUPT_MESSAGE, f"{len(records)} bytes, a batch header takes {HEADER_BYTES}")


def _refuse_magic(magic: int) -> None:
    """Kafka 4 writes magic 2 only and calls 0 and 1 an invalid record; what never was a magic, corruption (KIP-724)."""
    if magic in (0, 1):
        raise Refused(ErrorCode.INVALID_RECORD, f"magic {magic} is not written any more, use magic {MAGIC}")
    if magic != MAGIC:
        raise Refused(ErrorCode.CORRUPT_MESSAGE, f"magic {magic} does not exist")


def _refuse_attributes(header: Header) -> None:
    """Bits that a client must not set.  LogAppendTime is judged with the topic's timestamp rules, as in Kafka."""
    if header.attributes & CONTROL_BIT:
        raise Refused(ErrorCode.INVALID_RECORD, "clients may not write control records")
    if header.attributes & ~(_CLIENT_BITS | LOG_APPEND_BIT):
        raise Refused(
            ErrorCode.INVALID_RECORD, f"attributes {header.attributes & 0xFFFF:#06x} hold bits that clients may not set"
        )
    raise Refused(ErrorCode.INVALID_TIMESTAMP, "a producer may not set the timestamp type to LogAppendTime")


def _check_producer(header: Header) -> None:
    """Producer id, epoch and sequence belong together.  Without an id the other two are ignored: kafkajs sends 0."""
    if header.producer_id < NO_PRODUCER:
        raise Refused(ErrorCode.INVALID_RECORD, f"producer id {header.producer_id}")
    if header.producer_id == NO_PRODUCER:
        raise Refused(ErrorCode.INVALID_RECORD, "a transactional batch needs a producer id")
    if header.producer_epoch < 0 or header.base_sequence < 0:
        raise Refused(
            ErrorCode.INVALID_RECORD,
            f"producer {header.producer_id} with epoch {header.producer_epoch} and sequence {header.base_sequence}",
        )


def _walk_needed(header: Header, rules: Rules, now_ms: WallMs) -> bool:
    """Whether a rule looks at single records, or the header hints that one would be broken."""
    if rules.walk or rules.keys_required or (rules.target is not None and rules.target != header.compression):
        return True
    if rules.timestamp_type != CREATE_TIME:
        return False
    return (
        header.max_timestamp < header.base_timestamp
        or header.max_timestamp > now_ms + rules.after_max_ms
        or rules.before_max_ms != NO_LIMIT_MS
    )


def _unpacked(records: Buffer, header: Header, rules: Rules) -> Buffer:
    """The records for a walk.  Too many are MESSAGE_TOO_LARGE, at which Java's producer splits the batch by itself."""
    if header.count > rules.walked_records_max:
        raise Refused(
            ErrorCode.MESSAGE_TOO_LARGE, f"a batch of {header.count} records, {rules.walked_records_max} are the most"
        )
    body = body_of(
        records,
        header,
        decompressed_bytes_max=rules.decompressed_bytes_max,
        zstd_window_log_max=rules.zstd_window_log_max,
    )
    copied = isinstance(body, memoryview) and len(body) < header.count * COPIED_RECORD_BYTES
    return bytes(body) if copied else body


def _examine(body: Buffer, header: Header, rules: Rules, now_ms: WallMs) -> Walked:
    """Walk the records, and refuse with the list of those that break a rule of the topic."""
    walked = walk(body, header.count)
    oldest = header.base_timestamp + walked.delta_min
    newest = header.base_timestamp + walked.delta_max
    suspect = rules.keys_required and walked.keyless > 0
    if rules.timestamp_type == CREATE_TIME:
        suspect = suspect or newest - now_ms > rules.after_max_ms or now_ms - oldest > rules.before_max_ms
    if oldest < NO_TIMESTAMP or newest > NO_LIMIT_MS:
        raise Refused(ErrorCode.INVALID_TIMESTAMP, f"record timestamps from {oldest} to {newest}")
    if suspect:
        _refuse_records(body, header, rules, now_ms)
    return walked


def _refuse_records(body: Buffer, header: Header, rules: Rules, now_ms: WallMs) -> None:
    """Name the records at fault; returns when none is (-1, no timestamp, is of no age)."""
    errors: list[RecordError] = []
    total = 0
    code = ErrorCode.INVALID_RECORD
    for index, delta, has_key in body_timestamps_and_keys(body, header.count):
        timestamp = header.base_timestamp + delta
        message = None
        if rules.keys_required and not has_key:
            message = "a compacted topic takes no record without a key"
        elif rules.timestamp_type == CREATE_TIME and timestamp != NO_TIMESTAMP:
            age = now_ms - timestamp
            if age > rules.before_max_ms or -age > rules.after_max_ms:
                code = ErrorCode.INVALID_TIMESTAMP
                message = f"timestamp {timestamp} is too far from the broker's {now_ms}"
        if message is not None:
            total += 1
            if len(errors) < RECORD_ERRORS_MAX:
                errors.append(RecordError(index, message))
    if total:
        message = f"{total} of {header.count} records were refused, the first: {errors[0].message}"
        raise InvalidRecords(code, message, tuple(errors))


def codec_named(name: str) -> int | None:
    """The codec that a `compression.type` names; None for `producer`.  The name has been validated as a setting."""
    return None if name == "producer" else CODEC_NAMES.index(name)



