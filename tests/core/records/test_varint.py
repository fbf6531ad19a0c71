"""Zigzag varints: what is written reads back, and nothing else is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odradek.core.errors import ErrorCode, Refused
from odradek.core.records.varint import get_varint, put_varint, varint_size

INT32 = st.integers(-(1 << 31), (1 << 31) - 1)
INT64 = st.integers(-(1 << 63), (1 << 63) - 1)


def spelt(value: int) -> bytes:
    out = bytearray()
    put_varint(out, value)
    return bytes(out)


@given(INT32)
def test_a_number_of_32_bits_reads_back_from_at_most_5_bytes(value: int) -> None:
    data = spelt(value)
    assert get_varint(data, 0) == (value, len(data))
    assert len(data) == varint_size(value) <= 5


@given(INT64)
def test_a_number_of_64_bits_reads_back_from_at_most_10_bytes(value: int) -> None:
    data = spelt(value)
    assert get_varint(b"\x55" + data, 1, 64) == (value, 1 + len(data))
    assert len(data) == varint_size(value) <= 10


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"\x00", 0),
        (b"\x01", -1),
        (b"\x02", 1),
        (b"\x7f", -64),
        (b"\x80\x01", 64),
        (b"\xff\xff\xff\xff\x0f", -(1 << 31)),
    ],
)
def test_the_spelling_is_that_of_protocol_buffers(data: bytes, value: int) -> None:
    assert spelt(value) == data
    assert get_varint(data, 0) == (value, len(data))


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("length", range(1, 12))
def test_every_length_is_read_up_to_the_types_and_refused_beyond(bits: int, length: int) -> None:
    data = b"\x80" * (length - 1) + b"\x01"
    if length <= (5 if bits == 32 else 10):
        assert get_varint(data, 0, bits)[1] == length
    else:
        with pytest.raises(Refused, match="takes more than"):
            get_varint(data, 0, bits)


@pytest.mark.parametrize(
    ("data", "bits", "why"),
    [
        (b"", 32, "over the end"),
        (b"\x80", 32, "over the end"),
        (b"\x80\x80\x80\x80", 64, "over the end"),
        (b"\x80\x00", 32, "longer than needed"),
        (b"\xff\xff\x00", 64, "longer than needed"),
        (b"\xff\xff\xff\xff\x1f", 32, "does not fit 32"),
        (b"\xff" * 9 + b"\x02", 64, "does not fit 64"),
    ],
)
def test_a_spelling_that_no_writer_uses_is_an_invalid_record(data: bytes, bits: int, why: str) -> None:
    with pytest.raises(Refused, match=why) as refusal:
        get_varint(data, 0, bits)
    assert refusal.value.code is ErrorCode.INVALID_RECORD
