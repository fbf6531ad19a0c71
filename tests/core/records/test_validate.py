"""What a client may write: each rule alone refuses, and for its own reason."""

from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odradek.core.errors import ErrorCode, Refused
from odradek.core.records.batch import (
    GZIP,
    HEADER_BYTES,
    LOG_APPEND_TIME,
    LZ4,
    SNAPPY,
    ZSTD,
    Header,
    check_crc,
    pack,
    parse,
    scan,
    seal,
)
from odradek.core.records.build import Record, build, records
from odradek.core.records.validate import RECORD_ERRORS_MAX, InvalidRecords, Rules, accept, check, codec_named

NOW = 1_700_000_000_000
RULES = Rules()
WALK = Rules(walk=True)
HOUR = 3_600_000


def three(**more: Any) -> bytearray:
    return build([Record(i, NOW + i, b"key%d" % i, b"value" * i) for i in range(3)], **more)


def changed(batch: bytearray, **fields: int) -> bytearray:
    """`batch` with header fields replaced and the CRC computed anew."""
    changed_batch = bytearray(batch)
    changed_batch[:HEADER_BYTES] = pack(parse(batch)._replace(**fields))
    if "length" not in fields and "crc" not in fields:
        seal(changed_batch)
    return changed_batch


def refusal(batch: bytes | bytearray | memoryview, rules: Rules = RULES, now: int = NOW) -> Refused:
    with pytest.raises(Refused) as refused:
        check(batch, rules, now)
    with pytest.raises(Refused) as again:
        accept(batch, rules, now)
    assert (again.value.code, again.value.message) == (refused.value.code, refused.value.message)
    assert refused.value.message
    return refused.value


@pytest.mark.parametrize("codec", range(5))
@pytest.mark.parametrize("rules", [RULES, WALK, Rules(chain=True), Rules(keys_required=True)])
def test_a_good_batch_passes_and_is_not_copied(codec: int, rules: Rules) -> None:
    batch = memoryview(bytes(three(compression=codec)))
    assert check(batch, rules, NOW) == (parse(batch),)
    accepted = accept(batch, rules, NOW)
    assert accepted.header == parse(batch)
    assert accepted.buffer == batch
    assert accepted.buffer.obj is batch.obj


def test_a_bit_flip_at_any_byte_is_refused_but_for_the_leader_epoch() -> None:
    batch = three(leader_epoch=0)
    for at in range(len(batch)):
        for bit in (0, 3, 7):
            broken = bytearray(batch)
            broken[at] ^= 1 << bit
            if 12 <= at < 16:
                check(broken, RULES, NOW)
                continue
            code = refusal(broken).code
            if at >= 21 or 17 <= at < 21:
                assert code is ErrorCode.CORRUPT_MESSAGE, at
            else:
                assert code in (ErrorCode.CORRUPT_MESSAGE, ErrorCode.INVALID_RECORD), at


def test_a_batch_cut_short_anywhere_is_refused() -> None:
    batch = three()
    for size in range(len(batch)):
        expected = ErrorCode.INVALID_RECORD if size == 0 else ErrorCode.CORRUPT_MESSAGE
        assert refusal(batch[:size]).code is expected


Wrong = tuple[dict[str, int], ErrorCode, str]

WRONG: list[Wrong] = [
    ({"base_offset": 1}, ErrorCode.INVALID_RECORD, "base offset is 1"),
    ({"base_offset": -1}, ErrorCode.INVALID_RECORD, "base offset is -1"),
    ({"length": 48}, ErrorCode.CORRUPT_MESSAGE, "length says 48"),
    ({"length": -1}, ErrorCode.CORRUPT_MESSAGE, "length says -1"),
    ({"length": (1 << 31) - 1}, ErrorCode.CORRUPT_MESSAGE, "length says"),
    ({"length": 60}, ErrorCode.INVALID_RECORD, "follow the batch"),
    ({"magic": 0}, ErrorCode.INVALID_RECORD, "magic 0"),
    ({"magic": 1}, ErrorCode.INVALID_RECORD, "magic 1"),
    ({"magic": 3}, ErrorCode.CORRUPT_MESSAGE, "magic 3"),
    ({"magic": 9}, ErrorCode.CORRUPT_MESSAGE, "magic 9"),
    ({"magic": -1}, ErrorCode.CORRUPT_MESSAGE, "magic -1"),
    ({"crc": 1}, ErrorCode.CORRUPT_MESSAGE, "CRC"),
    ({"attributes": 5}, ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, "compression type 5"),
    ({"attributes": 7}, ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, "compression type 7"),
    ({"attributes": 0x08}, ErrorCode.INVALID_TIMESTAMP, "LogAppendTime"),
    ({"attributes": 0x10}, ErrorCode.INVALID_RECORD, "needs a producer id"),
    ({"attributes": 0x20}, ErrorCode.INVALID_RECORD, "control"),
    ({"attributes": 0x30, "producer_id": 1}, ErrorCode.INVALID_RECORD, "control"),
    ({"attributes": 0x40}, ErrorCode.INVALID_RECORD, "0x0040"),
    ({"attributes": 0x80}, ErrorCode.INVALID_RECORD, "0x0080"),
    ({"attributes": -0x8000}, ErrorCode.INVALID_RECORD, "0x8000"),
    ({"last_offset_delta": 1}, ErrorCode.INVALID_RECORD, "3 records with a last offset delta of 1"),
    ({"last_offset_delta": 3}, ErrorCode.INVALID_RECORD, "delta of 3"),
    ({"last_offset_delta": -1}, ErrorCode.INVALID_RECORD, "delta of -1"),
    ({"count": 4}, ErrorCode.INVALID_RECORD, "4 records"),
    ({"count": 0}, ErrorCode.INVALID_RECORD, "0 records"),
    ({"count": 0, "last_offset_delta": -1}, ErrorCode.INVALID_RECORD, "0 records"),
    ({"count": -3, "last_offset_delta": -4}, ErrorCode.INVALID_RECORD, "-3 records"),
    ({"count": 1 << 30, "last_offset_delta": (1 << 30) - 1}, ErrorCode.INVALID_RECORD, "cannot fit"),
    ({"base_timestamp": -2}, ErrorCode.INVALID_TIMESTAMP, "-2"),
    ({"max_timestamp": -2}, ErrorCode.INVALID_TIMESTAMP, "-2"),
    ({"producer_id": -2}, ErrorCode.INVALID_RECORD, "producer id -2"),
    ({"producer_id": 5}, ErrorCode.INVALID_RECORD, "producer 5 with epoch -1"),
    ({"producer_id": 5, "producer_epoch": 0}, ErrorCode.INVALID_RECORD, "sequence -1"),
    ({"producer_id": 5, "base_sequence": 0}, ErrorCode.INVALID_RECORD, "epoch -1"),
]


@pytest.mark.parametrize(("fields", "code", "why"), WRONG, ids=[str(wrong[0]) for wrong in WRONG])
def test_each_wrong_header_field_is_refused_for_its_own_reason(
    fields: dict[str, int], code: ErrorCode, why: str
) -> None:
    refused = refusal(changed(three(), **fields))
    assert refused.code is code
    assert why in str(refused.message)


@pytest.mark.parametrize(
    ("fields", "why"),
    [({"count": 2, "last_offset_delta": 1}, "follow the last"), ({"count": 4, "last_offset_delta": 3}, "over the end")],
)
@pytest.mark.parametrize("codec", range(5))
def test_a_count_that_the_records_belie_is_seen_by_a_walk(fields: dict[str, int], why: str, codec: int) -> None:
    refused = refusal(changed(three(compression=codec), **fields), WALK)
    assert refused.code is ErrorCode.INVALID_RECORD
    assert why in str(refused.message)


@pytest.mark.parametrize("count", [2, 4])
def test_a_count_that_the_records_belie_is_seen_by_the_chain_of_lengths(count: int) -> None:
    batch = changed(three(), count=count, last_offset_delta=count - 1)
    check(batch, RULES, NOW)
    assert refusal(batch, Rules(chain=True)).code is ErrorCode.INVALID_RECORD


def test_kafkajs_sends_epoch_and_sequence_0_without_a_producer() -> None:
    check(changed(three(), producer_epoch=0, base_sequence=0), RULES, NOW)


def test_an_idempotent_and_a_transactional_batch_pass() -> None:
    check(three(producer_id=0, producer_epoch=0, base_sequence=0), RULES, NOW)
    check(three(producer_id=7, producer_epoch=2, base_sequence=(1 << 31) - 1, transactional=True), RULES, NOW)


def test_no_batch_at_all_is_an_invalid_record() -> None:
    assert refusal(b"").code is ErrorCode.INVALID_RECORD


def test_a_second_batch_is_an_invalid_record() -> None:
    assert refusal(three() + three()).code is ErrorCode.INVALID_RECORD


def test_a_message_of_the_old_formats_is_an_invalid_record_however_short() -> None:
    for magic in (0, 1):
        message = bytes(8) + (22).to_bytes(4, "big") + bytes(4) + bytes([magic]) + bytes(17)
        assert refusal(message).code is ErrorCode.INVALID_RECORD


def test_a_batch_larger_than_the_topic_takes_is_too_large() -> None:
    batch = three()
    check(batch, Rules(max_message_bytes=len(batch)), NOW)
    assert refusal(batch, Rules(max_message_bytes=len(batch) - 1)).code is ErrorCode.MESSAGE_TOO_LARGE


def test_size_is_judged_before_the_crc() -> None:
    broken = three()
    broken[-1] ^= 1
    assert refusal(broken, Rules(max_message_bytes=10)).code is ErrorCode.MESSAGE_TOO_LARGE


def test_zstd_needs_produce_7() -> None:
    batch = three(compression=ZSTD)
    check(batch, Rules(produce_version=7), NOW)
    assert refusal(batch, Rules(produce_version=6)).code is ErrorCode.UNSUPPORTED_COMPRESSION_TYPE
    check(three(compression=LZ4), Rules(produce_version=3), NOW)


# The records one by one ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", range(5))
def test_a_compacted_topic_names_each_record_without_a_key(codec: int) -> None:
    keys = (b"a", None, b"", None)
    batch = build([Record(i, NOW, key, b"v") for i, key in enumerate(keys)], compression=codec)
    check(batch, RULES, NOW)
    refused = refusal(batch, Rules(keys_required=True))
    assert isinstance(refused, InvalidRecords)
    assert refused.code is ErrorCode.INVALID_RECORD
    assert [error.batch_index for error in refused.errors] == [1, 3]


def test_the_list_of_record_errors_is_bounded() -> None:
    batch = build([Record(i, NOW, None, b"v") for i in range(500)])
    refused = refusal(batch, Rules(keys_required=True))
    assert isinstance(refused, InvalidRecords)
    assert len(refused.errors) == RECORD_ERRORS_MAX
    assert "500 of 500" in str(refused.message)


@pytest.mark.parametrize("codec", range(5))
def test_records_too_far_ahead_are_named(codec: int) -> None:
    times = (NOW, NOW + HOUR + 1, NOW + HOUR)
    batch = build([Record(i, at, b"k", b"v") for i, at in enumerate(times)], compression=codec)
    refused = refusal(batch)
    assert isinstance(refused, InvalidRecords)
    assert refused.code is ErrorCode.INVALID_TIMESTAMP
    assert [error.batch_index for error in refused.errors] == [1]
    check(batch, RULES, NOW + 1)


def test_records_too_old_are_named() -> None:
    batch = build([Record(i, at, b"k", b"v") for i, at in enumerate((NOW, NOW - 11, NOW - 10, -1))])
    refused = refusal(batch, Rules(before_max_ms=10))
    assert isinstance(refused, InvalidRecords)
    assert refused.code is ErrorCode.INVALID_TIMESTAMP
    assert [error.batch_index for error in refused.errors] == [1]
    check(batch, RULES, NOW)


def test_records_without_a_timestamp_are_of_no_age() -> None:
    batch = build([Record(i, -1, b"k", b"v") for i in range(3)])
    check(batch, Rules(before_max_ms=10, after_max_ms=10), NOW)


def test_where_the_broker_sets_the_time_the_clients_does_not_matter() -> None:
    batch = build([Record(0, NOW + 10 * HOUR, b"k", b"v")])
    check(batch, Rules(timestamp_type=LOG_APPEND_TIME, before_max_ms=1), NOW)


def test_a_max_timestamp_too_far_ahead_that_no_record_bears_is_mended() -> None:
    batch = changed(three(), max_timestamp=NOW + 100 * HOUR)
    accepted = accept(batch, RULES, NOW)
    assert accepted.header.max_timestamp == NOW + 2
    assert bytes(accepted.buffer) == three()


def test_a_max_timestamp_before_the_base_is_mended() -> None:
    batch = changed(three(), max_timestamp=-1)
    accepted = accept(batch, RULES, NOW)
    assert bytes(accepted.buffer) == three()
    assert accepted.header == parse(three())


@pytest.mark.parametrize(("base", "times"), [(5, (5, 3, 4)), (NOW, (NOW, 0))])
def test_timestamps_may_run_backwards(base: int, times: tuple[int, ...]) -> None:
    batch = build([Record(i, at, b"k", b"v") for i, at in enumerate(times)])
    assert accept(batch, WALK, NOW).header.max_timestamp == base


def test_a_record_before_minus_one_is_an_invalid_timestamp() -> None:
    batch = build([Record(0, 10, b"k", b"v"), Record(1, -2, b"k", b"v")])
    assert refusal(batch, WALK).code is ErrorCode.INVALID_TIMESTAMP


def test_a_record_whose_time_overflows_64_bits_is_an_invalid_timestamp() -> None:
    batch = build([Record(0, 10, b"k", b"v"), Record(1, 11, b"k", b"v")])
    late = changed(batch, base_timestamp=(1 << 63) - 1, max_timestamp=(1 << 63) - 1)
    assert refusal(late, Rules(walk=True, timestamp_type=LOG_APPEND_TIME)).code is ErrorCode.INVALID_TIMESTAMP


# What the topic changes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", range(5))
@pytest.mark.parametrize("target", [None, 0, GZIP, SNAPPY, LZ4, ZSTD])
@pytest.mark.parametrize("kind", [0, LOG_APPEND_TIME])
def test_what_is_accepted_is_one_sound_batch_as_the_topic_wants_it(codec: int, target: int | None, kind: int) -> None:
    batch = bytes(three(compression=codec, producer_id=3, producer_epoch=0, base_sequence=4))
    accepted = accept(batch, Rules(target=target, timestamp_type=kind), NOW + 5)
    stored = bytes(accepted.buffer)
    assert check_crc(stored)
    assert [found.header for found in scan(stored)] == [accepted.header]
    assert accepted.header.compression == (codec if target is None else target)
    assert [record.timestamp for record in records(stored)] == [NOW, NOW + 1, NOW + 2]
    assert [record.value for record in records(stored)] == [b"", b"value", b"valuevalue"]
    assert (accepted.header.producer_id, accepted.header.base_sequence) == (3, 4)


def test_a_batch_that_outgrows_the_topic_by_unpacking_is_too_large() -> None:
    batch = build([Record(0, NOW, b"k", bytes(10_000))], compression=ZSTD)
    with pytest.raises(Refused) as refused:
        accept(batch, Rules(target=0, max_message_bytes=1000), NOW)
    assert refused.value.code is ErrorCode.MESSAGE_TOO_LARGE


@pytest.mark.parametrize("codec", range(5))
def test_a_batch_of_too_many_records_is_too_large_where_they_are_walked(codec: int) -> None:
    batch = three(compression=codec)
    check(batch, Rules(walk=True, walked_records_max=3), NOW)
    check(batch, Rules(walked_records_max=2), NOW)
    assert refusal(batch, Rules(walk=True, walked_records_max=2)).code is ErrorCode.MESSAGE_TOO_LARGE


def test_a_bomb_is_refused_where_its_records_are_walked() -> None:
    batch = build([Record(0, NOW, b"k", bytes(1 << 20))], compression=ZSTD)
    refused = refusal(batch, Rules(walk=True, decompressed_bytes_max=1 << 19))
    assert refused.code is ErrorCode.MESSAGE_TOO_LARGE


def test_compressed_nonsense_is_an_invalid_record_where_it_is_walked() -> None:
    for codec in (GZIP, SNAPPY, LZ4, ZSTD):
        batch = changed(three(), attributes=codec)
        assert refusal(batch, WALK).code is ErrorCode.INVALID_RECORD


def test_codecs_go_by_the_names_of_the_setting() -> None:
    names = ("producer", "uncompressed", "gzip", "snappy", "lz4", "zstd")
    assert [codec_named(name) for name in names] == [None, 0, 1, 2, 3, 4]


# Anything at all -----------------------------------------------------------------------------------------------------

STRICT = Rules(keys_required=True, target=LZ4, before_max_ms=HOUR, produce_version=3)
ANY_RULES = [RULES, WALK, Rules(chain=True), STRICT]


def only_refuses(attempt: Callable[[], object]) -> None:
    try:
        attempt()
    except Refused as refused:
        assert refused.code is not ErrorCode.UNKNOWN_SERVER_ERROR
        assert refused.message


@given(st.binary(max_size=150), st.sampled_from(ANY_RULES))
@settings(max_examples=200, deadline=None)
def test_arbitrary_bytes_are_only_refused(noise: bytes, rules: Rules) -> None:
    with pytest.raises(Refused):
        check(noise, rules, NOW)


HEADERS = st.builds(
    Header,
    base_offset=st.just(0),
    length=st.just(0),
    leader_epoch=st.integers(-1, 3),
    magic=st.just(2),
    crc=st.just(0),
    attributes=st.integers(0, 31) | st.integers(-(1 << 15), (1 << 15) - 1),
    last_offset_delta=st.integers(-1, 4),
    base_timestamp=st.integers(-1, 5) | st.just(NOW) | st.integers(-(1 << 63), (1 << 63) - 1),
    max_timestamp=st.integers(-1, 5) | st.just(NOW) | st.integers(-(1 << 63), (1 << 63) - 1),
    producer_id=st.integers(-2, 3),
    producer_epoch=st.integers(-2, 2),
    base_sequence=st.integers(-2, 2),
    count=st.integers(-1, 5),
)


@given(HEADERS, st.binary(max_size=60) | st.just(bytes(three()[HEADER_BYTES:])), st.sampled_from(ANY_RULES))
@settings(max_examples=400, deadline=None)
def test_any_header_over_any_bytes_is_accepted_whole_or_refused(header: Header, body: bytes, rules: Rules) -> None:
    batch = bytearray(pack(header._replace(length=49 + len(body))) + body)
    seal(batch)
    only_refuses(lambda: check(batch, rules, NOW))

    try:
        accepted = accept(batch, rules, NOW)
    except Refused:
        return
    stored = bytes(accepted.buffer)
    assert check_crc(stored)
    assert parse(stored) == accepted.header
    assert accepted.header.last_offset_delta == accepted.header.count - 1
    assert not accepted.header.is_control
    if rules.walk or rules.keys_required:
        assert [record.offset for record in records(stored)] == list(range(accepted.header.count))


def test_rules_are_values() -> None:
    assert attrs.evolve(RULES, walk=True) == WALK
    assert hash(RULES) == hash(Rules())
