"""The four codecs: round trips, what Java writes, and bombs that must not cost more than the cap."""

import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Callable

import cramjam
import lz4.frame
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from odradek.core.errors import ErrorCode, Refused
from odradek.core.records.batch import GZIP, LZ4, NONE, SNAPPY, ZSTD
from odradek.core.records.compress import GZIP_MEMBERS_MAX, XERIAL_HEAD, pack, unpack

KIB = 1024
MIB = 1024 * KIB
CODECS = (NONE, GZIP, SNAPPY, LZ4, ZSTD)
PACKED = (GZIP, SNAPPY, LZ4, ZSTD)


def gzip_member(data: bytes) -> bytes:
    squeezer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return squeezer.compress(data) + squeezer.flush()


def raw_snappy(data: bytes) -> bytes:
    return bytes(cramjam.snappy.compress_raw(data))


def xerial(*blocks: bytes) -> bytes:
    return XERIAL_HEAD + b"".join(len(block).to_bytes(4, "big") + block for block in blocks)


def refusal_of(data: bytes, codec: int, cap: int = MIB, **more: int) -> ErrorCode:
    with pytest.raises(Refused) as refusal:
        unpack(data, codec, cap, **more)
    return refusal.value.code


@given(st.binary(max_size=3000), st.integers(1, 100), st.sampled_from(CODECS))
@settings(max_examples=150, deadline=None)
def test_data_comes_out_as_it_went_in(piece: bytes, times: int, codec: int) -> None:
    data = piece * times
    assert bytes(unpack(pack(data, codec), codec, max(1, len(data)))) == data
    assert bytes(unpack(memoryview(pack(memoryview(data), codec)), codec, 10 * MIB)) == data


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("size", [1, 65_535, 65_536, 65_537, 300_001, 2 * MIB])
def test_the_cap_is_exact(codec: int, size: int) -> None:
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    packed = bytes(pack(data, codec))
    assert bytes(unpack(packed, codec, size)) == data
    assert bytes(unpack(packed, codec, size + 1)) == data
    if size > 1:
        assert refusal_of(packed, codec, size - 1) is ErrorCode.MESSAGE_TOO_LARGE


@pytest.mark.parametrize(
    ("codec", "levels"), [(GZIP, (-1, 1, 9)), (LZ4, (1, 9, 17)), (ZSTD, (-5, 1, 3, 19))], ids=["gzip", "lz4", "zstd"]
)
def test_each_level_of_a_codec_reads_back(codec: int, levels: tuple[int, ...]) -> None:
    data = b"the same again, " * 5000
    for level in levels:
        assert bytes(unpack(pack(data, codec, level), codec, len(data))) == data


def test_packing_is_a_function_of_the_data() -> None:
    data = bytes(range(256)) * 1000
    for codec in CODECS:
        assert pack(data, codec) == pack(data, codec)


def test_lz4_frames_are_those_that_java_reads() -> None:
    frame = bytes(pack(bytes(200_000), LZ4))
    about = lz4.frame.get_frame_info(frame)
    assert about["block_size"] == 64 * KIB
    assert not about["linker"] if "linker" in about else not about["block_linked"]
    assert about["content_size"] == 0, "no content size in the header"


def test_snappy_is_written_in_the_framing_of_snappy_java() -> None:
    data = bytes(range(256)) * 300
    framed = bytes(pack(data, SNAPPY))
    assert framed[:16] == bytes.fromhex("82 53 4e 41 50 50 59 00 00 00 00 01 00 00 00 01")
    blocks, at = [], 16
    while at < len(framed):
        size = int.from_bytes(framed[at : at + 4], "big")
        blocks.append(bytes(cramjam.snappy.decompress_raw(framed[at + 4 : at + 4 + size])))
        at += 4 + size
    assert [len(block) for block in blocks] == [32_768, 32_768, 76_800 - 65_536]
    assert b"".join(blocks) == data


def test_raw_snappy_is_read_too() -> None:
    data = b"abcabcabc" * 10_000
    assert unpack(raw_snappy(data), SNAPPY, len(data)) == data


def test_gzip_members_and_zstd_frames_follow_one_another() -> None:
    assert unpack(gzip_member(b"one") + gzip_member(b"") + gzip_member(b"two"), GZIP, 6) == b"onetwo"
    assert unpack(bytes(pack(b"one", ZSTD)) + bytes(pack(b"two", ZSTD)), ZSTD, 6) == b"onetwo"


@pytest.mark.parametrize("codec", [5, 6, 7])
def test_a_codec_without_a_name_is_unsupported(codec: int) -> None:
    assert refusal_of(b"", codec) is ErrorCode.UNSUPPORTED_COMPRESSION_TYPE
    with pytest.raises(Refused):
        pack(b"", codec)


@pytest.mark.parametrize("codec", [GZIP, SNAPPY, LZ4])
def test_data_cut_short_at_any_byte_is_an_invalid_record(codec: int) -> None:
    packed = bytes(pack(b"0123456789" * 20 + bytes(range(256)), codec))
    for size in range(len(packed)):
        if codec == SNAPPY and size == len(XERIAL_HEAD):
            continue  # a whole stream of no blocks
        assert refusal_of(packed[:size], codec) is ErrorCode.INVALID_RECORD


def test_zstd_cut_short_yields_a_prefix_or_is_refused() -> None:
    data = b"0123456789" * 20 + bytes(range(256))
    packed = bytes(pack(data, ZSTD))
    for size in range(len(packed)):
        assert data.startswith(bytes(unpack(packed[:size], ZSTD, MIB)))


@pytest.mark.parametrize("codec", PACKED)
def test_junk_behind_the_data_is_refused(codec: int) -> None:
    assert refusal_of(bytes(pack(b"data", codec)) + b"junk!", codec) is ErrorCode.INVALID_RECORD


@given(st.sampled_from(PACKED), st.binary(max_size=200), st.booleans(), st.data())
@settings(max_examples=400, deadline=None)
def test_arbitrary_bytes_are_unpacked_or_refused_and_nothing_else(
    codec: int, noise: bytes, damaged: bool, data: st.DataObject
) -> None:
    packed = bytearray(noise)
    if damaged:
        packed = bytearray(pack(b"some data " * 30 + noise, codec))
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    try:
        assert len(unpack(packed, codec, 64 * KIB)) <= 64 * KIB
    except Refused as refusal:
        assert refusal.code in {
            ErrorCode.INVALID_RECORD,
            ErrorCode.MESSAGE_TOO_LARGE,
            ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,
        }


ZEROS = 48 * MIB


def zstd_streamed_bomb() -> bytes:
    squeezer = zstandard.ZstdCompressor(level=1).compressobj()
    return b"".join(squeezer.compress(bytes(MIB)) for _ in range(48)) + squeezer.flush()


BOMBS: dict[str, tuple[int, Callable[[], bytes]]] = {
    "gzip": (GZIP, lambda: gzip_member(bytes(ZEROS))),
    "gzip of many members": (GZIP, lambda: gzip_member(bytes(MIB)) * 48),
    "raw snappy": (SNAPPY, lambda: raw_snappy(bytes(ZEROS))),
    "xerial of one block": (SNAPPY, lambda: xerial(raw_snappy(bytes(ZEROS)))),
    "xerial of many blocks": (SNAPPY, lambda: xerial(*[raw_snappy(bytes(MIB))] * 48)),
    "lz4": (LZ4, lambda: bytes(lz4.frame.compress(bytes(ZEROS), block_size=lz4.frame.BLOCKSIZE_MAX64KB))),
    "zstd": (ZSTD, lambda: bytes(zstandard.ZstdCompressor(level=19).compress(bytes(ZEROS)))),
    "zstd streamed": (ZSTD, zstd_streamed_bomb),
    "zstd of many frames": (ZSTD, lambda: bytes(zstandard.ZstdCompressor().compress(bytes(MIB))) * 48),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_within_the_cap(name: str) -> None:
    codec, make = BOMBS[name]
    bomb, cap = make(), 10 * MIB
    unpack(pack(b"warm", codec), codec, 100)  # the codec's package is imported before memory is measured

    tracemalloc.start()
    try:
        assert refusal_of(bomb, codec, cap) is ErrorCode.MESSAGE_TOO_LARGE
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= cap * 11 // 10


@pytest.mark.parametrize("codec", PACKED)
def test_data_of_exactly_the_cap_costs_no_more_than_a_tenth_above_it(codec: int) -> None:
    cap = 10 * MIB + 12_345
    packed = pack(bytes(cap), codec)
    tracemalloc.start()
    try:
        assert len(unpack(packed, codec, cap)) == cap
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= cap * 11 // 10


def test_a_zstd_frame_that_needs_a_huge_window_is_unsupported() -> None:
    wide = zstandard.ZstdCompressionParameters(window_log=27)
    squeezer = zstandard.ZstdCompressor(compression_params=wide).compressobj()
    frame = squeezer.compress(b"tiny") + squeezer.flush()
    assert refusal_of(frame, ZSTD) is ErrorCode.UNSUPPORTED_COMPRESSION_TYPE
    assert unpack(frame, ZSTD, MIB, zstd_window_log_max=27) == b"tiny"


def test_a_single_zstd_segment_larger_than_the_window_is_unsupported() -> None:
    wide = zstandard.ZstdCompressionParameters(window_log=27)
    segment = zstandard.ZstdCompressor(compression_params=wide).compress(bytes(16 * MIB))
    assert refusal_of(segment, ZSTD, 64 * MIB) is ErrorCode.UNSUPPORTED_COMPRESSION_TYPE


@pytest.mark.parametrize("size", [0x7FFFFFFF, -1, 0, -(1 << 31), 100])
def test_a_xerial_block_that_announces_what_is_not_there_is_refused(size: int) -> None:
    framed = XERIAL_HEAD + size.to_bytes(4, "big", signed=True) + raw_snappy(b"hello")
    tracemalloc.start()
    try:
        assert refusal_of(framed, SNAPPY, 64 * MIB) is ErrorCode.INVALID_RECORD
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MIB


@pytest.mark.parametrize("announced", ["ff ff ff ff 07", "ff ff ff ff 0f", "80 80 80 10"])
def test_a_snappy_length_that_the_bytes_cannot_reach_allocates_nothing(announced: str) -> None:
    tracemalloc.start()
    try:
        assert refusal_of(bytes.fromhex(announced) + b"\x00a", SNAPPY, 1 << 33) is ErrorCode.INVALID_RECORD
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MIB


def test_gzip_with_too_many_members_is_refused() -> None:
    empty = gzip_member(b"")
    assert unpack(empty * GZIP_MEMBERS_MAX, GZIP, 1) == b""
    assert refusal_of(empty * (GZIP_MEMBERS_MAX + 1), GZIP) is ErrorCode.INVALID_RECORD


def test_xerial_blocks_may_be_small_or_many_but_not_both() -> None:
    tiny = raw_snappy(b"a")
    assert unpack(xerial(*[tiny] * 64), SNAPPY, 64) == b"a" * 64
    zeros = raw_snappy(bytes(32 * KIB))
    assert len(unpack(xerial(*[zeros] * 600), SNAPPY, 32 * MIB)) == 600 * 32 * KIB
    assert refusal_of(xerial(*[tiny] * 5000), SNAPPY) is ErrorCode.INVALID_RECORD


def test_codec_packages_are_imported_only_when_met() -> None:
    script = (
        "import sys; from odradek.core.records import validate, build;"
        "print([name for name in ('lz4', 'zstandard', 'cramjam') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
