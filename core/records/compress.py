"""The four codecs of Kafka, each with a bound on what comes out.

Knows: gzip members, raw snappy and the xerial framing, LZ4 frames, zstd frames.  Does not know: batches or records.
Invariant: unpacking never holds more than `cap` bytes of output (plus one piece of input and the codec's own window),
whatever the input announces.  Codec packages are imported when first met: a node that sees none pays for none.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from struct import Struct
from typing import Final

from odradek.core.errors import ErrorCode, Refused
from odradek.core.records.batch import CODEC_NAMES, GZIP, LZ4, NONE, SNAPPY, ZSTD
from odradek.core.types import Buffer

PIECE_BYTES: Final = 64 * 1024
"""Input is fed in pieces of this size, and the output begins with about as much."""

OUTPUT_BYTES: Final = 256 * 1024
"""Output is taken in pieces of at most this size where a codec allocates them itself."""

GZIP_MEMBERS_MAX: Final = 64
"""Members of one gzip stream.  Clients write one; a thousand tiny ones make zlib copy its input a thousand times."""

GZIP_LEVEL_DEFAULT: Final = -1
ZSTD_LEVEL_DEFAULT: Final = 3
LZ4_LEVEL_DEFAULT: Final = 9
"""Kafka's defaults of `compression.gzip.level`, `compression.zstd.level` and `compression.lz4.level` (KIP-390)."""

XERIAL_MAGIC: Final = b"\x82SNAPPY\x00"
XERIAL_HEAD: Final = XERIAL_MAGIC + b"\x00\x00\x00\x01\x00\x00\x00\x01"
"""The framing of snappy-java: this, then blocks, each with its packed size as a 32 bit number before it."""

XERIAL_BLOCK_BYTES: Final = 32 * 1024
"""Unpacked bytes of one block as snappy-java writes it."""

XERIAL_BLOCKS_FREE: Final = 64
XERIAL_PACKED_BLOCK_BYTES_MIN: Final = 256
"""Beyond the free ones, blocks must be of this packed size on average: 32 KiB of one byte pack to six times as much."""

SNAPPY_RATIO_MAX: Final = 22
"""A snappy element of 3 bytes unpacks to at most 64: what announces more than this ratio lies."""

ZSTD_WINDOW_LOG_DEFAULT: Final = 23

_BLOCK_SIZE: Final = Struct(">i")


class _Output:
    """Unpacked bytes, growing by doubling up to exactly `cap`, so that the allocation never exceeds the cap."""

    __slots__ = ("buffer", "cap", "size")

    def __init__(self, cap: int) -> None:
        assert cap > 0, cap
        first = cap
        while first > PIECE_BYTES:
            first = (first + 1) >> 1
        self.cap = cap
        self.buffer = bytearray(first)
        self.size = 0

    def ask(self) -> int:
        """How many bytes to ask a codec for next: at the cap one more, to learn whether the data has ended."""
        if self.size >= self.cap:
            return 1
        self.reserve(1)
        return min(len(self.buffer) - self.size, OUTPUT_BYTES)

    def reserve(self, size: int) -> None:
        """Make room for `size` more bytes, which the cap must allow."""
        end = self.size + size
        if end > self.cap:
            raise _too_large(self.cap)
        while len(self.buffer) < end:
            self.buffer *= 2
            del self.buffer[self.cap :]

    def put(self, data: bytes) -> None:
        self.reserve(len(data))
        end = self.size + len(data)
        self.buffer[self.size : end] = data
        self.size = end

    def take(self) -> bytearray:
        del self.buffer[self.size :]
        return self.buffer


def unpack(data: Buffer, codec: int, cap: int, *, zstd_window_log_max: int = ZSTD_WINDOW_LOG_DEFAULT) -> Buffer:
    """The unpacked bytes of `data`, at most `cap` of them; `data` itself when the codec is NONE.

    Refuses with MESSAGE_TOO_LARGE beyond `cap`, INVALID_RECORD for what the codec cannot read, and
    UNSUPPORTED_COMPRESSION_TYPE for a codec without a name or a zstd window above 2^zstd_window_log_max bytes.
    A zstd frame that is cut short yields what it held: the records in it then come out too few.
    """
    if codec == NONE:
        if len(data) > cap:
            raise _too_large(cap)
        return data
    if codec == GZIP:
        return _gunzip(data, cap)
    if codec == SNAPPY:
        return _unsnap(data, cap)
    if codec == LZ4:
        return _unlz4(data, cap)
    if codec == ZSTD:
        return _unzstd(data, cap, zstd_window_log_max)
    raise unknown_codec(codec)


def pack(data: Buffer, codec: int, level: int | None = None) -> Buffer:
    """`data` packed as Kafka's Java clients pack it; `level` is the codec's own scale, None its default in Kafka."""
    if codec == NONE:
        return data
    if codec == GZIP:
        squeezer = zlib.compressobj(GZIP_LEVEL_DEFAULT if level is None else level, zlib.DEFLATED, 31)
        return squeezer.compress(data) + squeezer.flush()
    if codec == SNAPPY:
        return _snap(data)
    if codec == LZ4:
        return _lz4(data, level)
    if codec == ZSTD:
        from zstandard import ZstdCompressor  # noqa: PLC0415 (lazy: see the rule above)

        return ZstdCompressor(level=ZSTD_LEVEL_DEFAULT if level is None else level).compress(data)
    raise unknown_codec(codec)


def unknown_codec(codec: int) -> Refused:
    return Refused(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, f"compression type {codec} is not known, use one of 0 to 4")


def _too_large(cap: int) -> Refused:
    return Refused(
        ErrorCode.MESSAGE_TOO_LARGE, f"the records unpack to more than {cap} bytes, send smaller batches"
    )


def _unreadable(codec: int, why: object) -> Refused:
    return Refused(ErrorCode.INVALID_RECORD, f"the {CODEC_NAMES[codec]} data is malformed: {why}")


def _gunzip(data: Buffer, cap: int) -> bytearray:
    """Members one after another, as Java's GZIPInputStream reads them."""
    view = memoryview(data)
    out = _Output(cap)
    at = 0
    for _ in range(GZIP_MEMBERS_MAX):
        member = zlib.decompressobj(31)
        while not member.eof:
            rest: Buffer = member.unconsumed_tail
            if not rest:
                rest = view[at : at + PIECE_BYTES]
                at += len(rest)
            try:
                got = member.decompress(rest, out.ask())
            except zlib.error as error:
                raise _unreadable(GZIP, error) from None
            out.put(got)
            if not got and not member.eof and not member.unconsumed_tail and at >= len(view):
                raise _unreadable(GZIP, "it ends early")
        at -= len(member.unused_data)
        if at >= len(view):
            return out.take()
    raise _unreadable(GZIP, f"more than {GZIP_MEMBERS_MAX} members")


def _unlz4(data: Buffer, cap: int) -> bytearray:
    """One LZ4 frame, which is all that Java's reader takes."""
    from lz4.frame import LZ4FrameDecompressor  # type: ignore[import-untyped]  # noqa: PLC0415 (lazy)

    view = memoryview(data)
    out = _Output(cap)
    frame = LZ4FrameDecompressor()
    at = 0
    while not frame.eof:
        piece: Buffer = b""
        if frame.needs_input:
            piece = view[at : at + PIECE_BYTES]
            at += len(piece)
            if not piece:
                raise _unreadable(LZ4, "it ends early")
        try:
            got = frame.decompress(piece, max_length=out.ask())
        except (RuntimeError, ValueError, EOFError) as error:
            raise _unreadable(LZ4, error) from None
        out.put(got)
    if at - len(frame.unused_data or b"") != len(view):
        raise _unreadable(LZ4, "something follows the frame")
    return out.take()


def _lz4(data: Buffer, level: int | None) -> bytes:
    """A frame of independent blocks of 64 KiB without the content's size: what Java's reader insists on."""
    import lz4.frame  # type: ignore[import-untyped]  # noqa: PLC0415 (lazy)

    fast = level is None or level == LZ4_LEVEL_DEFAULT
    packed: bytes = lz4.frame.compress(
        data,
        compression_level=0 if fast else level,
        block_size=lz4.frame.BLOCKSIZE_MAX64KB,
        block_linked=False,
        store_size=False,
    )
    return packed


def _unzstd(data: Buffer, cap: int, window_log_max: int) -> bytearray:
    """Frames one after another."""
    from zstandard import ZstdDecompressor, ZstdError  # noqa: PLC0415 (lazy)

    out = _Output(cap)
    reader = ZstdDecompressor(max_window_size=1 << window_log_max).stream_reader(data, read_across_frames=True)
    probe = bytearray(1)
    try:
        while out.size < cap:
            out.reserve(1)
            with memoryview(out.buffer)[out.size :] as free:
                got = reader.readinto(free)
            if not got:
                return out.take()
            out.size += got
        if not reader.readinto(probe):
            return out.take()
    except ZstdError as error:
        if "too much memory" in str(error):
            message = f"the zstd window exceeds 2^{window_log_max} bytes, lower compression.zstd.level"
            raise Refused(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, message) from None
        raise _unreadable(ZSTD, error) from None
    raise _too_large(cap)


def _unsnap(data: Buffer, cap: int) -> bytearray:
    """Raw snappy, or the xerial framing where its magic stands at the front."""
    from cramjam import DecompressionError, snappy  # noqa: PLC0415 (lazy)

    view = memoryview(data)
    out = _Output(cap)
    try:
        if bytes(view[: len(XERIAL_MAGIC)]) != XERIAL_MAGIC:
            _unsnap_block(view, out, snappy.decompress_raw_into)
            return out.take()
        at = len(XERIAL_HEAD)
        if at > len(view):
            raise _unreadable(SNAPPY, "the xerial header ends early")
        blocks = XERIAL_BLOCKS_FREE + len(view) // XERIAL_PACKED_BLOCK_BYTES_MIN
        while at < len(view):
            if blocks == 0:
                raise _unreadable(SNAPPY, f"the blocks are smaller than {XERIAL_PACKED_BLOCK_BYTES_MIN} bytes")
            blocks -= 1
            size = _BLOCK_SIZE.unpack_from(view, at)[0] if at + 4 <= len(view) else -1
            at += 4
            if size <= 0 or size > len(view) - at:
                raise _unreadable(SNAPPY, f"a block of {size} bytes with {max(0, len(view) - at)} left")
            _unsnap_block(view[at : at + size], out, snappy.decompress_raw_into)
            at += size
    except DecompressionError as error:
        raise _unreadable(SNAPPY, error) from None
    return out.take()


def _unsnap_block(block: memoryview, out: _Output, decompress_into: Callable[[memoryview, memoryview], int]) -> None:
    """Unpack one raw block behind what is there.  What it announces is believed only within the cap and the ratio."""
    announced = _announced(block)
    if announced > len(block) * SNAPPY_RATIO_MAX:
        raise _unreadable(SNAPPY, f"{len(block)} bytes announce {announced}")
    out.reserve(announced)
    if announced == 0:
        if len(block) != 1:
            raise _unreadable(SNAPPY, "an empty block holds something")
        return
    with memoryview(out.buffer)[out.size : out.size + announced] as free:
        got = decompress_into(block, free)
    if got != announced:
        raise _unreadable(SNAPPY, f"{announced} bytes announced, {got} found")
    out.size += announced


def _announced(block: memoryview) -> int:
    """The unpacked length in front of a raw snappy block: a plain varint of 32 bits."""
    length = 0
    for index, byte in enumerate(block[:5]):
        length |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return length
    raise _unreadable(SNAPPY, "no length in front")


def _snap(data: Buffer) -> bytes:
    """The xerial framing with blocks of 32 KiB, as snappy-java writes it."""
    from cramjam import snappy  # noqa: PLC0415 (lazy)

    view = memoryview(data)
    out = bytearray(XERIAL_HEAD)
    for at in range(0, len(view), XERIAL_BLOCK_BYTES):
        block = bytes(snappy.compress_raw(view[at : at + XERIAL_BLOCK_BYTES]))
        out += _BLOCK_SIZE.pack(len(block))
        out += block
    return bytes(out)
