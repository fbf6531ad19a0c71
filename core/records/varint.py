"""Zigzag varints, as records carry them (the scheme of Protocol Buffers).

Knows: one number at a time.  Does not know: what a number means.
Invariant: a read refuses what no correct writer emits: more than 5 bytes (10 for 64 bits), bits beyond the type, a
number spelt longer than needed.  It never reads behind the buffer.
"""

from __future__ import annotations

from typing import Final

from odradek.core.errors import ErrorCode, Refused
from odradek.core.types import Buffer

INT32_BYTES_MAX: Final = 5
INT64_BYTES_MAX: Final = 10


def put_varint(out: bytearray, value: int) -> None:
    """Append `value`, a number of at most 64 bits."""
    assert -(1 << 63) <= value < 1 << 63, value
    rest = value << 1 if value >= 0 else (-value << 1) - 1
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)


def varint_size(value: int) -> int:
    """Bytes that `put_varint` appends for `value`."""
    rest = value << 1 if value >= 0 else (-value << 1) - 1
    return max(1, (rest.bit_length() + 6) // 7)


def get_varint(buffer: Buffer, at: int, bits: int = 32) -> tuple[int, int]:
    """The number at `at` and the place behind it.  `bits` is 32 or 64.  Refuses with INVALID_RECORD."""
    raw = 0
    shift = 0
    for place in range(at, at + (INT32_BYTES_MAX if bits == 32 else INT64_BYTES_MAX)):
        if place >= len(buffer):
            raise Refused(ErrorCode.INVALID_RECORD, f"a varint at byte {at} runs over the end")
        byte = buffer[place]
        raw |= (byte & 0x7F) << shift
        if byte < 0x80:
            if raw >> bits:
                raise Refused(ErrorCode.INVALID_RECORD, f"a varint at byte {at} does not fit {bits} bits")
            if byte == 0 and shift:
                raise Refused(ErrorCode.INVALID_RECORD, f"a varint at byte {at} is spelt longer than needed")
            return (raw >> 1) ^ -(raw & 1), place + 1
        shift += 7
    raise Refused(ErrorCode.INVALID_RECORD, f"a varint at byte {at} takes more than {shift // 7} bytes")
