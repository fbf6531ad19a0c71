"""Security rows 9 to 12 on a whole node: batches that lie about their content, and bombs."""

import gzip
import struct
import tracemalloc

import pytest
import zstandard

from odradek.core.errors import ErrorCode
from odradek.core.records.batch import HEADER_BYTES, seal
from odradek.core.records.build import Record, build

MIB = 1 << 20
NOW = 1_700_000_000_000
CODECS = {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
UNPACKED_MAX = 10 * 1_048_588
"""Ten times `max.message.bytes`: what a batch may unpack to."""

FIELDS = {  # name: (offset in the batch, struct)
    "base offset": (0, ">q"),
    "length": (8, ">i"),
    "magic": (16, ">b"),
    "attributes": (21, ">h"),
    "last offset delta": (23, ">i"),
    "base timestamp": (27, ">q"),
    "max timestamp": (35, ">q"),
    "producer id": (43, ">q"),
    "producer epoch": (51, ">h"),
    "base sequence": (53, ">i"),
    "record count": (57, ">i"),
}
CRC_FROM, CRC_AT, EPOCH = 21, 17, range(12, 16)


def batch(count=3, **options):
    return build([Record(n, NOW, b"k%d" % n, b"v") for n in range(count)], **options)


def repacked(codec, body):
    """A batch of one record whose compressed body is replaced."""
    packed = bytearray(build([Record(0, NOW, b"k", b"v")], compression=codec)[:HEADER_BYTES] + body)
    struct.pack_into(">i", packed, 8, len(packed) - 12)
    seal(packed)
    return packed


def bombs():
    """For each codec a batch below `max.message.bytes` that unpacks to more than is allowed."""
    for name, codec in CODECS.items():
        yield name, build([Record(0, NOW, b"k", bytes(18 * MIB))], compression=codec)
    member = gzip.compress(bytes(6 * MIB))
    yield "gzip of many members", repacked(1, member * 100)
    window = zstandard.ZstdCompressionParameters.from_level(3, window_log=27)
    stream = zstandard.ZstdCompressor(compression_params=window).compressobj()
    yield "zstd with a window of 128 MiB", repacked(4, stream.compress(bytes(MIB)) + stream.flush())
    frame = zstandard.ZstdCompressor().compress(bytes(6 * MIB))
    yield "zstd of many frames", repacked(4, frame * 100)
    xerial = b"\x82SNAPPY\0" + struct.pack(">ii", 1, 1)
    yield "snappy with a chunk of 2 GB", repacked(2, xerial + struct.pack(">i", 2**31 - 1) + bytes(100))
    yield "snappy with a negative chunk", repacked(2, xerial + struct.pack(">i", -1) + bytes(100))
    yield "snappy that announces 4 GB", repacked(2, b"\xff\xff\xff\xff\x0f" + bytes(100))
    yield "lz4 with blocks of 2 GB", repacked(3, b"\x04\x22\x4d\x18\x60\x70\x73" + struct.pack("<I", 2**31 - 1))


BOMBS = dict(bombs())


# Row 9 ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
@pytest.mark.parametrize(
    "settings",
    [{"compression_type": "gzip"}, {"compression_type": "lz4"}, {"message_timestamp_before_max_ms": "3600000"}],
    ids=["gzip", "lz4", "age"],
)
def test_a_decompression_bomb_is_refused_at_a_bounded_cost(victim, settings, bomb):
    """CVE-2023-34455, CVE-2026-111073.  The topic makes the broker look inside: for another codec than the bomb's, or
    at the age of each record."""
    assert len(bomb) < MIB
    assert victim.create("walked", **settings).error_code == 0
    before = victim.end("walked")
    tracemalloc.start()
    told = victim.produce(bomb, "walked")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    looked_at = settings.get("compression_type") != {1: "gzip", 3: "lz4"}.get(bomb[22] & 7)
    assert told.error_code != 0 or not looked_at
    assert victim.end("walked") == before or not looked_at
    assert peak < 2.2 * UNPACKED_MAX + 4 * MIB
    assert victim.unharmed()


@pytest.mark.parametrize("magic", [0, 1, 3, 9, 127, -1])
def test_old_and_unknown_formats_are_refused_unread(victim, magic):
    """Nested compressed wrappers live in magic 0 and 1 only."""
    bad = bytearray(batch())
    bad[16] = magic & 0xFF

    for size in (17, 30, 61, len(bad)):
        assert victim.produce(bad[:size]).error_code in (ErrorCode.INVALID_RECORD, ErrorCode.CORRUPT_MESSAGE)
    assert victim.end() == 0


# Row 10 ---------------------------------------------------------------------------------------------------------------


def values_near(at, form, good):
    size = struct.calcsize(form)
    top = 1 << (8 * size - 1)
    (was,) = struct.unpack_from(form, good, at)
    return [value for value in (0, 1, -1, -2, was + 1, was - 1, top - 1, -top) if -top <= value < top and value != was]


@pytest.mark.parametrize("field", FIELDS)
def test_a_header_field_that_lies_is_refused_though_the_crc_holds(victim, field):
    at, form = FIELDS[field]
    good = batch()
    for value in values_near(at, form, good):
        bad = bytearray(good)
        struct.pack_into(form, bad, at, value)
        if field not in ("length", "magic"):
            seal(bad)
        told = victim.produce(bad)
        harmless = {
            "base timestamp": value >= -1,
            "max timestamp": value >= -1,
            "attributes": value == 1,  # a codec; this topic does not make the broker look inside
            "producer epoch": True,  # without a producer id neither means anything, and kafkajs sends 0
            "base sequence": True,
        }
        assert told.error_code != 0 or harmless.get(field, False), value
    end = victim.end()
    assert victim.produce(good).base_offset == end
    assert victim.unharmed()


def test_a_max_timestamp_that_the_records_belie_does_not_reach_the_log(victim):
    bad = batch()
    struct.pack_into(">q", bad, 35, 2**62)
    seal(bad)
    victim.produce(bad)

    stored = b"".join(bytes(data) for data in victim.lab.files.values())
    assert struct.pack(">q", 2**62) not in stored


def test_two_batches_for_one_partition_are_refused(victim):
    assert victim.produce(batch() + batch()).error_code == ErrorCode.INVALID_RECORD
    assert victim.end() == 0


# Row 11 ---------------------------------------------------------------------------------------------------------------


def test_one_bit_flipped_anywhere_is_refused_and_nothing_is_appended(victim):
    good = batch()
    client = victim.lab.connect()
    before = victim.state()
    for at in range(len(good)):
        if at in EPOCH:
            continue  # the leader epoch is the broker's to write: no CRC covers it
        for bit in range(8):
            bad = bytearray(good)
            bad[at] ^= 1 << bit
            told = victim.produce(bad, client=client)
            assert told.error_code != 0, (at, bit)
            if at >= CRC_AT:
                assert told.error_code == ErrorCode.CORRUPT_MESSAGE
    assert victim.state() == before
    assert victim.unharmed()


# Row 12 ---------------------------------------------------------------------------------------------------------------

MARKER = Record(0, NOW, b"\0\0\0\1", b"\0\0\0\0\0\0")
"""The COMMIT marker that ends a transaction: whoever can write one commits for others."""


@pytest.mark.parametrize(
    "options",
    [
        {"control": True},
        {"control": True, "transactional": True, "producer_id": 1, "producer_epoch": 0, "base_sequence": 0},
        {"control": True, "producer_id": 1, "producer_epoch": 0, "base_sequence": 0},
    ],
)
@pytest.mark.parametrize("codec", [0, 1])
def test_a_control_batch_of_a_client_is_refused(victim, options, codec):
    told = victim.produce(build([MARKER], compression=codec, **options))

    assert told.error_code == ErrorCode.INVALID_RECORD
    assert victim.end() == 0


def test_a_transactional_batch_is_refused_while_transactions_are_not_served(victim):
    """CVE-2018-17196: what a batch holds counts, not what the request says of it."""
    options = {"transactional": True, "producer_id": 7, "producer_epoch": 0, "base_sequence": 0}

    assert victim.produce(batch(**options)).error_code == ErrorCode.INVALID_TXN_STATE
    assert victim.produce(batch(transactional=True)).error_code == ErrorCode.INVALID_RECORD
    assert victim.end() == 0


def test_log_append_time_claimed_by_a_client_is_refused(victim):
    bad = batch()
    bad[22] |= 8
    seal(bad)

    assert victim.produce(bad).error_code == ErrorCode.INVALID_TIMESTAMP
    assert victim.end() == 0


@pytest.mark.parametrize("topic", ["__consumer_offsets", "__cluster_metadata", "__transaction_state"])
def test_nobody_writes_into_an_internal_topic(victim, topic):
    before = victim.state()

    assert victim.produce(batch(), topic).error_code != 0
    assert victim.state() == before
