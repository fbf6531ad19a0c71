"""Batch headers: parsing, scanning, patching, and what the CRC covers."""

import pytest

from odradek.core.records.batch import (
    DELETE_HORIZON_BIT,
    HEADER_BYTES,
    LOG_APPEND_TIME,
    Batch,
    Header,
    check_crc,
    pack,
    parse,
    place,
    scan,
    stamp,
)
from odradek.core.records.build import Record, build, records


def a_batch(base: int = 0, count: int = 3) -> bytearray:
    return build((Record(base + i, 1000 + i, b"k", b"v" * i) for i in range(count)), base_offset=base, leader_epoch=4)


def test_a_header_is_61_bytes_and_packs_as_it_was_parsed() -> None:
    header = Header(-5, 49, -1, 2, 0xFFFFFFFE, -3, 7, -1, 1 << 62, 9, -2, -1, 8)
    assert HEADER_BYTES == len(pack(header)) == 61
    assert parse(b"xy" + pack(header), 2) == header


def test_the_header_says_what_follows_from_its_fields() -> None:
    header = Header(100, 49, 0, 2, 0, 0x04 | 0x08 | 0x10 | 0x20 | 0x40, 9, 55, 66, 7, 0, (1 << 31) - 5, 10)
    assert header.size == 61
    assert (header.last_offset, header.next_offset) == (109, 110)
    assert header.compression == 4
    assert header.timestamp_type == LOG_APPEND_TIME
    assert header.is_transactional
    assert header.is_control
    assert header.has_producer
    assert (header.has_delete_horizon, header.delete_horizon) == (True, 55)
    assert header.last_sequence == 4, "sequence numbers wrap at 2^31"


def test_a_plain_header_has_no_flags() -> None:
    header = Header(0, 49, 0, 2, 0, 0, 0, 55, 66, -1, -1, -1, 1)
    assert not (header.is_transactional or header.is_control or header.has_producer or header.has_delete_horizon)
    assert header.delete_horizon is None
    assert header.last_sequence == -1


def test_scan_finds_each_batch_and_ends_at_the_end() -> None:
    first, second = a_batch(0), a_batch(3, 1)
    found = scan(b"head" + first + second, 4)
    assert list(found) == [Batch(4, parse(first)), Batch(4 + len(first), parse(second))]
    assert found.end == 4 + len(first) + len(second)
    assert found.torn is None


def test_scan_stops_before_a_tail_torn_at_any_byte() -> None:
    first, second = a_batch(0), a_batch(3)
    for size in range(len(first) + 1, len(first) + len(second)):
        found = scan((first + second)[:size])
        assert [batch.at for batch in found] == [0]
        assert found.end == len(first)
        assert found.torn is not None


@pytest.mark.parametrize(
    ("tail", "why"),
    [(bytes(200), "length 0"), (b"\xff" * 200, "length -1"), (b"\x01" * 70, "magic 1"), (b"z" * 5, "5 bytes are left")],
)
def test_scan_names_why_the_tail_is_no_batch(tail: bytes, why: str) -> None:
    found = scan(a_batch() + tail)
    assert len(list(found)) == 1
    assert found.torn is not None
    assert why in found.torn


def test_the_crc_covers_all_but_base_offset_and_leader_epoch_and_magic() -> None:
    batch = a_batch()
    assert check_crc(batch)
    for at in range(len(batch)):
        for bit in range(8):
            broken = bytearray(batch)
            broken[at] ^= 1 << bit
            outside = at < 8 or 12 <= at < 17
            assert check_crc(broken) == outside, (at, bit)


@pytest.mark.parametrize("size", [0, 1, 60, 61, 80])
def test_a_batch_that_is_cut_short_has_no_crc(size: int) -> None:
    assert not check_crc(a_batch()[:size])


def test_place_writes_offset_and_epoch_and_leaves_the_crc_right() -> None:
    batch = a_batch()
    buffer = bytearray(b"abc") + batch
    place(memoryview(buffer), 1 << 40, 77, at=3)
    header = parse(buffer, 3)
    assert header == parse(batch)._replace(base_offset=1 << 40, leader_epoch=77)
    assert check_crc(buffer, 3)
    assert buffer[3 + 16 :] == batch[16:]


def test_stamp_gives_every_record_the_append_time_and_mends_the_crc() -> None:
    batch = a_batch()
    stamp(batch, 5555)
    assert check_crc(batch)
    assert parse(batch).timestamp_type == LOG_APPEND_TIME
    assert {record.timestamp for record in records(batch)} == {5555}
    assert parse(batch).base_timestamp == 1000, "the deltas of the records keep their base"


def test_stamp_can_take_the_append_time_away() -> None:
    batch = a_batch()
    before = bytes(batch)
    stamp(batch, 5555)
    stamp(batch, 1002, timestamp_type=0)
    assert batch == before


def test_a_delete_horizon_takes_the_base_timestamps_place() -> None:
    batch = build([Record(0, 1000, b"k", None)], delete_horizon=900)
    assert parse(batch).attributes & DELETE_HORIZON_BIT
    assert parse(batch).delete_horizon == 900
    assert [record.timestamp for record in records(batch)] == [1000]
