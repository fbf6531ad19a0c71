"""Builder and reader: what goes in comes out, for every codec; what is malformed is only ever refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odradek.core.errors import ErrorCode, Refused
from odradek.core.records.batch import HEADER_BYTES, LOG_APPEND_TIME, check_crc, pack, parse, seal
from odradek.core.records.build import Record, build, recompress, records
from odradek.core.records.read import Walked, body_timestamps_and_keys, chain, walk

CODECS = range(5)
BLOBS = st.none() | st.binary(max_size=300)
HEADERS = st.lists(st.tuples(st.text(max_size=5).map(str.encode), BLOBS), max_size=3).map(tuple)
TIMES = st.integers(-1, 1 << 45)


@st.composite
def batches_of_records(draw: st.DrawFn) -> list[Record]:
    base = draw(st.integers(0, 1 << 50))
    times = draw(st.lists(TIMES, min_size=1, max_size=12))
    return [Record(base + i, t, draw(BLOBS), draw(BLOBS), draw(HEADERS)) for i, t in enumerate(times)]


def body_of(batch: bytearray) -> bytes:
    return bytes(batch[HEADER_BYTES:])


@given(batches_of_records(), st.sampled_from(CODECS))
@settings(max_examples=150, deadline=None)
def test_records_come_out_as_they_went_in(wanted: list[Record], codec: int) -> None:
    batch = build(wanted, base_offset=wanted[0].offset, compression=codec)
    assert check_crc(batch)
    assert list(records(batch)) == wanted
    header = parse(batch)
    assert (header.size, header.count, header.last_offset) == (len(batch), len(wanted), wanted[-1].offset)
    assert header.max_timestamp == max(record.timestamp for record in wanted)


@given(batches_of_records())
@settings(max_examples=100, deadline=None)
def test_a_walk_finds_what_reading_finds(wanted: list[Record]) -> None:
    batch = build(wanted, base_offset=wanted[0].offset)
    deltas = [record.timestamp - wanted[0].timestamp for record in wanted]
    keyless = sum(record.key is None for record in wanted)
    assert walk(body_of(batch), len(wanted)) == Walked(min(deltas), max(deltas), keyless)
    assert walk(memoryview(body_of(batch)), len(wanted)) == Walked(min(deltas), max(deltas), keyless)
    seen = list(body_timestamps_and_keys(body_of(batch), len(wanted)))
    assert seen == [(i, deltas[i], record.key is not None) for i, record in enumerate(wanted)]
    chain(body_of(batch), len(wanted))


@given(batches_of_records(), st.data())
@settings(max_examples=150, deadline=None)
def test_what_a_walk_lets_pass_can_be_read(wanted: list[Record], data: st.DataObject) -> None:
    batch = build(record._replace(offset=i) for i, record in enumerate(wanted))
    for _ in range(data.draw(st.integers(1, 3))):
        batch[data.draw(st.integers(HEADER_BYTES, len(batch) - 1))] = data.draw(st.integers(0, 255))
    try:
        walk(body_of(batch), len(wanted))
    except Refused as refusal:
        assert refusal.code is ErrorCode.INVALID_RECORD
        return
    seal(batch)
    assert [record.offset for record in records(batch)] == list(range(len(wanted)))
    chain(body_of(batch), len(wanted))


@given(st.binary(max_size=120), st.integers(0, 127), st.integers(-1, 9))
@settings(max_examples=300, deadline=None)
def test_arbitrary_bytes_are_read_or_refused_and_nothing_else(body: bytes, attributes: int, count: int) -> None:
    batch = build([Record(0, 0, None, None)])
    header = parse(batch)._replace(length=49 + len(body), attributes=attributes, count=count)
    whole = pack(header) + body
    for attempt in (lambda: list(records(whole)), lambda: list(records(body)), lambda: chain(body, count)):
        try:
            attempt()
        except Refused as refusal:
            assert refusal.code in {
                ErrorCode.INVALID_RECORD,
                ErrorCode.CORRUPT_MESSAGE,
                ErrorCode.MESSAGE_TOO_LARGE,
                ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,
            }


@given(st.binary(max_size=80), st.integers(1, 9))
@settings(max_examples=300, deadline=None)
def test_a_walk_over_arbitrary_bytes_only_refuses_and_a_view_changes_nothing(body: bytes, count: int) -> None:
    outcomes = []
    for buffer in (body, bytearray(body), memoryview(body)):
        try:
            outcomes.append(str(walk(buffer, count)))
        except Refused as refusal:
            assert refusal.code is ErrorCode.INVALID_RECORD
            outcomes.append(str(refusal))
    assert len(set(outcomes)) == 1


LONG = 20_000
"""Enough records for offset deltas, lengths and timestamps of one, two and three bytes."""


def test_a_walk_reads_numbers_of_every_width() -> None:
    wanted = [Record(i, i * 7 - i % 3 * 9000, b"k" * (i % 200), b"v" * (i % 150)) for i in range(LONG)]
    batch = build(wanted)
    deltas = [record.timestamp for record in wanted]
    assert walk(body_of(batch), LONG) == Walked(min(deltas), max(deltas), 0)
    chain(body_of(batch), LONG)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("0c 00 00 00 01 01 02", "of 6 bytes|ends? at byte|headers"),
        ("0e 00 00 00 01 01 00", "7 bytes announced"),
        ("01 00 00 00 01 01 00", "-1 bytes announced"),
        ("0c 01 00 00 01 01 00", "attributes 1"),
        ("0c 00 00 02 01 01 00", "offset delta is 1"),
        ("0c 00 00 01 01 01 00", "offset delta is -1"),
        ("0c 00 00 00 03 01 00", "field of -2 bytes"),
        ("0c 00 00 00 01 03 00", "field of -2 bytes"),
        ("0c 00 00 00 02 01 00", "over the end|parts end"),
        ("0e 00 00 00 fe 01 01 00", "over the end|parts end"),
        ("0c 00 00 00 01 01 01", "-1 headers"),
        ("0c 00 00 00 01 01 04", "2 headers with 0 bytes"),
        ("10 00 00 00 01 01 02 01 01", "header without a key"),
        ("12 00 00 00 01 01 02 02 ff 01", "not UTF-8"),
        ("0c 00 00 00 01 01 00 00", "follow the last"),
        ("0a 00 00 00 01 01 00", "parts end at byte 7"),
        ("0e 80 80 00 01 01 00 00", "attributes 128"),
        ("0e 00 80 00 00 01 01 00", "longer than needed"),
        ("8c 00 00 00 00 01 01 00", "longer than needed"),
        ("0e 00 00 80 00 01 01 00", "longer than needed"),
        ("0e 00 00 00 80 00 01 00", "longer than needed"),
    ],
)
def test_a_walk_names_what_is_wrong_with_a_record(body: str, why: str) -> None:
    with pytest.raises(Refused, match=why) as refusal:
        walk(bytes.fromhex(body), 1)
    assert refusal.value.code is ErrorCode.INVALID_RECORD


def test_the_shortest_record_is_seven_bytes() -> None:
    assert walk(bytes.fromhex("0c 00 00 00 01 01 00"), 1) == Walked(0, 0, 1)


@pytest.mark.parametrize("count", [2, 1 << 20, (1 << 31) - 1])
def test_a_count_that_the_bytes_cannot_hold_is_refused_before_the_walk(count: int) -> None:
    with pytest.raises(Refused, match="announced in 7 bytes"):
        walk(bytes.fromhex("0c 00 00 00 01 01 00"), count)


@pytest.mark.parametrize("body", ["0c 00 00 00 01 01", "0a 00 00 00 01 01 00", "01", "8c 00 00", "ff ff ff ff ff ff"])
def test_lengths_that_do_not_lead_to_the_end_are_refused(body: str) -> None:
    with pytest.raises(Refused) as refusal:
        chain(bytes.fromhex(body), 1)
    assert refusal.value.code is ErrorCode.INVALID_RECORD


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("target", CODECS)
def test_recompression_changes_codec_length_and_crc_only(codec: int, target: int) -> None:
    wanted = [Record(50 + i, 9, b"key", b"value" * i, ((b"h", None),)) for i in range(40)]
    batch = build(
        wanted, base_offset=50, compression=codec, producer_id=4, producer_epoch=1, base_sequence=7, transactional=True
    )
    again = recompress(memoryview(bytes(batch)), target)
    assert check_crc(again)
    assert list(records(again)) == wanted
    before, after = parse(batch), parse(again)
    assert after.compression == target
    assert after._replace(length=0, crc=0, attributes=after.attributes & ~7) == before._replace(
        length=0, crc=0, attributes=before.attributes & ~7
    )


def test_every_header_field_is_settable() -> None:
    batch = build(
        [Record(12, 5, None, None)],
        base_offset=10,
        last_offset=19,
        timestamp_type=LOG_APPEND_TIME,
        append_timestamp=99,
        producer_id=1 << 40,
        producer_epoch=3,
        base_sequence=8,
        leader_epoch=6,
        transactional=True,
        control=True,
    )
    header = parse(batch)
    assert (header.base_offset, header.last_offset, header.leader_epoch) == (10, 19, 6)
    assert (header.producer_id, header.producer_epoch, header.base_sequence) == (1 << 40, 3, 8)
    assert header.is_transactional
    assert header.is_control
    assert list(records(batch)) == [Record(12, 99, None, None)]


@pytest.mark.parametrize("codec", CODECS)
def test_a_batch_may_keep_its_range_without_its_records(codec: int) -> None:
    producer = {"producer_id": 5, "producer_epoch": 0, "base_sequence": 0}
    batch = build([], base_offset=30, last_offset=39, compression=codec, **producer)
    assert check_crc(batch)
    assert len(batch) == HEADER_BYTES
    assert parse(batch).next_offset == 40
    assert parse(batch).last_sequence == 9


def test_more_records_than_the_header_counts_are_refused() -> None:
    batch = build([Record(0, 0, None, b"a"), Record(1, 0, None, b"b")])
    batch[57:61] = (1).to_bytes(4, "big")
    with pytest.raises(Refused, match="follow the last of 1 records"):
        list(records(batch))


@pytest.mark.parametrize("size", [0, 60, 61, 65])
def test_a_batch_cut_short_is_corrupt(size: int) -> None:
    with pytest.raises(Refused) as refusal:
        records(build([Record(0, 0, None, b"abc")])[:size])
    assert refusal.value.code is ErrorCode.CORRUPT_MESSAGE
