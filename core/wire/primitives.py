"""The smallest pieces of the wire: varints, the two errors, and the budget a decoder spends.

Knows: how single values look in bytes, and what may be wrong with them.  Does not know: messages, versions, sockets.
Invariant: bytes that break a rule raise `WireError`, and nothing else.
"""

from typing import Final

from odradek.core.limits import Limits

STRING_BYTES_MAX: Final = 0x7FFF
"""Longest string, in UTF-8 bytes, in both encodings: Kafka's generated readers refuse longer ones."""


class WireError(ValueError):
    """Bytes that are no valid message: the connection they came on is closed (security.md, rows 3 to 8)."""


class EncodeError(ValueError):
    """A value that the asked version cannot carry: a bug of the caller, or of the peer's choice of version."""


class Budget:
    """What one frame may cost while it is decoded.

    `left`: bytes of Python objects still allowed; text is not charged, it takes at most four times its bytes.  `tags`:
    tagged fields allowed in one tag section.  `tag_bytes`: bytes of unknown tagged fields still allowed in the frame.
    """

    __slots__ = ("left", "tag_bytes", "tags")

    def __init__(self, left: int, tags: int, tag_bytes: int) -> None:
        self.left = left
        self.tags = tags
        self.tag_bytes = tag_bytes


def budget_of(limits: Limits, frame_bytes: int) -> Budget:
    """The budget of a frame of this size."""
    left = limits.decoded_bytes_factor * frame_bytes + limits.decoded_bytes_floor
    return Budget(left, limits.tags_per_field_set, limits.tag_bytes_max)


def _short_varints() -> tuple[bytes, ...]:
    one = [bytes((n,)) for n in range(128)]
    two = [bytes((n & 0x7F | 0x80, n >> 7)) for n in range(128, 2048)]
    return tuple(one + two)


UVARINTS: Final = _short_varints()
"""The encodings of the small numbers, ready made."""


def uvarint(value: int) -> bytes:
    """An unsigned varint of at most 32 bits.  Raises `EncodeError` outside that range."""
    if 0 <= value < len(UVARINTS):
        return UVARINTS[value]
    if not 0 <= value < 1 << 32:
        raise EncodeError(f"{value} does not fit an unsigned varint of 32 bits")
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_uvarint(buf: memoryview | bytes, pos: int) -> tuple[int, int]:
    """(value, next position) of an unsigned varint: at most five bytes and 32 bits.

    Padding with zero groups (`80 00` for 0) is accepted, as Kafka accepts it.  Bits above the 32nd are refused, which
    Kafka drops in silence.  Raises `WireError`; `IndexError` where the buffer ends is left to the caller's guard.
    """
    value = shift = 0
    while True:
        byte = buf[pos]
        pos += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
        if shift > 28:
            raise WireError("varint of more than five bytes")
    if value > 0xFFFFFFFF:
        raise WireError(f"varint of {value.bit_length()} bits, at most 32 are allowed")
    return value, pos


def read_uvarlong(buf: memoryview | bytes, pos: int) -> tuple[int, int]:
    """(value, next position) of an unsigned varint of at most ten bytes and 64 bits; else as `read_uvarint`."""
    value = shift = 0
    while True:
        byte = buf[pos]
        pos += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
        if shift > 63:
            raise WireError("varint of more than ten bytes")
    if value > 0xFFFFFFFFFFFFFFFF:
        raise WireError(f"varint of {value.bit_length()} bits, at most 64 are allowed")
    return value, pos
