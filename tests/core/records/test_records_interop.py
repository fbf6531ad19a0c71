"""Batches against kafka-python's and aiokafka's: theirs parse in ours, ours in theirs, field by field."""

from typing import Any

import aiokafka.record.default_records as aio
import kafka.record.default_records as kp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odradek.core.records.batch import NONE, SNAPPY, check_crc, parse
from odradek.core.records.build import Record, build, records
from odradek.core.records.validate import Rules, check

THEIRS = {"kafka-python": kp, "aiokafka": aio}
CODECS = {"kafka-python": (0, 1, 3, 4), "aiokafka": (0, 1, 2, 3, 4)}
"""kafka-python reads snappy with a package that is not among ours."""

PAIRS = [(name, codec) for name in THEIRS for codec in CODECS[name]]
NOW = 1_700_000_000_000
BLOBS = st.none() | st.binary(max_size=100)
RECORDS = st.lists(
    st.tuples(
        st.integers(0, 9000).map(lambda ms: NOW + ms),
        BLOBS,
        BLOBS,
        st.lists(st.tuples(st.text(max_size=4).map(str.encode), BLOBS), max_size=2).map(tuple),
    ),
    min_size=1,
    max_size=100,
).map(lambda rows: [Record(i, *row) for i, row in enumerate(rows)])


def built_by(library: Any, wanted: list[Record], codec: int, producer: tuple[int, int, int], txn: bool) -> bytes:
    builder = library.DefaultRecordBatchBuilder(
        magic=2,
        compression_type=codec,
        is_transactional=txn,
        producer_id=producer[0],
        producer_epoch=producer[1],
        base_sequence=producer[2],
        batch_size=1 << 20,
    )
    for record in wanted:
        headers = [(key.decode(), value) for key, value in record.headers]
        builder.append(record.offset, record.timestamp, record.key, record.value, headers)
    return bytes(builder.build())


def read_by(library: Any, batch: bytes) -> list[Record]:
    theirs = library.DefaultRecordBatch(bytearray(batch))
    assert theirs.validate_crc()
    return [
        Record(r.offset, r.timestamp, r.key, r.value, tuple((key.encode(), value) for key, value in r.headers))
        for r in theirs
    ]


@pytest.mark.parametrize(("name", "codec"), PAIRS)
@given(wanted=RECORDS, txn=st.booleans())
@settings(max_examples=25, deadline=None)
def test_their_batches_pass_and_read_back(name: str, codec: int, wanted: list[Record], txn: bool) -> None:
    batch = built_by(THEIRS[name], wanted, codec, (7, 1, 40), txn)
    (header,) = check(batch, Rules(walk=True), NOW)
    assert list(records(batch)) == wanted
    assert (header.count, header.producer_id, header.producer_epoch, header.base_sequence) == (len(wanted), 7, 1, 40)
    assert header.is_transactional == txn


@pytest.mark.parametrize(("name", "codec"), PAIRS)
@given(wanted=RECORDS, txn=st.booleans())
@settings(max_examples=25, deadline=None)
def test_our_batches_read_back_in_theirs(name: str, codec: int, wanted: list[Record], txn: bool) -> None:
    moved = [record._replace(offset=record.offset + 1000) for record in wanted]
    batch = build(
        moved,
        base_offset=1000,
        compression=codec,
        producer_id=9,
        producer_epoch=2,
        base_sequence=5,
        transactional=txn,
    )
    assert read_by(THEIRS[name], bytes(batch)) == moved


@pytest.mark.parametrize("name", THEIRS)
@given(wanted=RECORDS, txn=st.booleans())
@settings(max_examples=25, deadline=None)
def test_uncompressed_batches_are_the_same_byte_for_byte(name: str, wanted: list[Record], txn: bool) -> None:
    theirs = built_by(THEIRS[name], wanted, NONE, (3, 0, 0), txn)
    ours = build(
        wanted,
        producer_id=3,
        producer_epoch=0,
        base_sequence=0,
        transactional=txn,
        leader_epoch=parse(theirs).leader_epoch,
    )
    assert ours == theirs


@pytest.mark.parametrize("name", THEIRS)
def test_their_header_fields_are_ours(name: str) -> None:
    batch = build([Record(70 + i, NOW + i, b"k", b"v") for i in range(3)], base_offset=70, leader_epoch=2)
    theirs = THEIRS[name].DefaultRecordBatch(bytearray(batch))
    header = parse(batch)
    assert theirs.base_offset == header.base_offset
    assert theirs.next_offset == header.next_offset
    assert theirs.crc == header.crc
    assert theirs.attributes == header.attributes
    assert theirs.first_timestamp == header.base_timestamp
    assert theirs.max_timestamp == header.max_timestamp
    assert theirs.producer_id == header.producer_id
    assert check_crc(batch)


def test_aiokafkas_snappy_passes_a_walk() -> None:
    wanted = [Record(i, NOW, b"k", b"again and again " * 500) for i in range(20)]
    batch = built_by(aio, wanted, SNAPPY, (-1, -1, -1), False)
    assert parse(batch).compression == SNAPPY
    check(batch, Rules(walk=True), NOW)
    assert list(records(batch)) == wanted
