"""The compiled functions against the slow reading of the same declarations, on good, damaged and arbitrary bytes."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odradek.core.wire import interpret, structs
from odradek.core.wire.compile import decoder
from odradek.core.wire.primitives import Budget, EncodeError, WireError
from odradek.core.wire.schema import Field, record, shape, string

relaxed = settings(
    max_examples=4,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def compiled(cls: type, version: int, data: bytes) -> Any:
    """(object, bytes read), or None for an error."""
    try:
        return decoder(cls, version)(memoryview(data), 0, len(data), Budget(1 << 40, 1 << 30, 1 << 30))
    except WireError:
        return None


def interpreted(cls: type, version: int, data: bytes) -> Any:
    try:
        return interpret.read(cls, version, data)
    except WireError:
        return None


def agree(cls: type, version: int, data: bytes) -> None:
    one, two = compiled(cls, version, data), interpreted(cls, version, data)
    assert one == two or (one and two and written(one[0], version) == written(two[0], version)), data


def written(value: Any, version: int) -> bytes:
    """Tells two values apart where `==` cannot: a NaN is not equal to itself."""
    return structs.encode_struct(value, version)


@relaxed
@given(seed=st.integers(0, 2**64 - 1))
def test_compiled_and_interpreted_encodings_are_the_same(
    body: tuple[type, int], specimen: Callable[..., Any], seed: int
) -> None:
    cls, version = body
    rng = random.Random(seed)
    value = specimen(cls, version, rng)
    data = interpret.write(value, version)
    assert structs.encode_struct(value, version) == data
    assert interpreted(cls, version, data) == (value, len(data))
    assert compiled(cls, version, data) == (value, len(data))
    for _ in range(8):
        damaged = bytearray(data)
        for _ in range(rng.choice([1, 1, 2, 4])):
            if damaged:
                damaged[rng.randrange(len(damaged))] = rng.choice([0, 1, 2, 127, 128, 255, rng.randrange(256)])
        agree(cls, version, bytes(damaged))


@relaxed
@given(data=st.binary(max_size=200))
def test_arbitrary_bytes_are_read_or_refused_by_both_alike(body: tuple[type, int], data: bytes) -> None:
    cls, version = body
    agree(cls, version, data)


def _other_than_default(field: Field) -> Any:
    """A value that must not be dropped in silence."""
    if field.kind == "nested":
        inner = shape(field.of).fields[0]
        return field.of(**{inner.name: _other_than_default(inner)})
    if field.kind == "array":
        return (field.of() if isinstance(field.of, type) else "x",)
    plain = {"string": "other", "bytes_": b"other", "uuid": b"u" * 16, "boolean": not field.default}
    return plain.get(field.kind, 77)


def test_a_field_the_version_lacks_is_refused_unless_it_is_ignorable(body: tuple[type, int]) -> None:
    cls, version = body
    for field in shape(cls).fields:
        if field.carried(version):
            continue
        value = cls(**{field.name: _other_than_default(field)})
        if field.ignorable:
            assert structs.encode_struct(value, version) == interpret.write(value, version)
        else:
            with pytest.raises(EncodeError, match=field.name):
                structs.encode_struct(value, version)


def test_none_is_refused_where_the_version_has_no_null(body: tuple[type, int]) -> None:
    cls, version = body
    for field in shape(cls).fields:
        if not field.carried(version) or field.is_nullable(version) or field.is_tagged(version):
            continue
        value = cls()
        setattr(value, field.name, None)
        if field.kind != "boolean":
            with pytest.raises(EncodeError):
                structs.encode_struct(value, version)


@record(versions=(0, 1), flexible=1)
class Note:
    """A record of this test."""

    text: str = string()
    more: str = string(since=1, default="none")


def test_a_versioned_record_comes_back_with_its_version() -> None:
    data = structs.encode_versioned(Note(text="a", more="b"), 1)
    assert data == b"\x00\x01\x02a\x02b\x00"
    assert structs.decode_versioned(Note, data) == (Note(text="a", more="b"), 1)


def test_a_record_of_a_later_version_is_read_as_the_latest_known() -> None:
    data = b"\x00\x07\x02a\x02b\x00 and something new"
    assert structs.decode_versioned(Note, data) == (Note(text="a", more="b"), 7)


@pytest.mark.parametrize("data", [b"", b"\x00", b"\xff\xff\x00\x01a", b"\x00\x00\x00\x01a-"])
def test_a_record_with_a_bad_version_or_bytes_left_over_is_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        structs.decode_versioned(Note, data)


def test_values_of_the_wrong_type_are_refused_when_encoded() -> None:
    for wrong in (5, b"bytes", ["list"], "\ud800", "x" * 0x8000):
        with pytest.raises(EncodeError):
            structs.encode_struct(Note(text=wrong), 1)  # type: ignore[arg-type]
