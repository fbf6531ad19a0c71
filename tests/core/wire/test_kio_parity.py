"""Every message in every version, byte by byte as kio writes it.  kio never sees bytes that it did not write itself."""

import dataclasses
import datetime
import io
import random
import types
import typing
import uuid
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kio.schema import index
from kio.schema.errors import ErrorCode
from kio.serial import entity_reader, entity_writer
from kio.static.constants import EntityType

from odradek.core.wire import structs
from odradek.core.wire.embedded import ConsumerProtocolAssignment, ConsumerProtocolSubscription
from odradek.core.wire.schema import shape

EXAMPLES = 6
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


@cache
def kio_class(cls: type, version: int) -> Any:
    """kio's class for a declared one, or None where kio lacks the version."""
    key = shape(cls).key
    if key is None:
        modules = {ConsumerProtocolAssignment: "consumer_protocol_assignment"}
        found = index.schema_name_map[modules.get(cls, "consumer_protocol_subscription")][version]
        path = found[EntityType.data]
    else:
        versions = index.schema_name_map[index.api_key_map[key]]
        kind = EntityType.request if cls.__name__.endswith("Request") else EntityType.response
        if version not in versions or kind not in versions[version]:
            return None
        path = versions[version][kind]
    module, name = path.replace(":", ".").rsplit(".", 1)
    return getattr(import_module(module), name)


def plain(name: str) -> str:
    """kio drops the unit of durations, and puts a line behind names that Python uses."""
    return name.rstrip("_").removesuffix("_ms")


@cache
def kio_fields(theirs: Any) -> dict[str, tuple[str, Any, str]]:
    """Field of kio's class by plain name: (its name, its struct class if it has one, kio's type name)."""
    hints = typing.get_type_hints(theirs)
    found = {}
    for field in dataclasses.fields(theirs):
        hint = hints[field.name]
        if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
            hint = next(one for one in typing.get_args(hint) if one is not type(None))
        if typing.get_origin(hint) is tuple:
            hint = typing.get_args(hint)[0]
        nested = hint if dataclasses.is_dataclass(hint) else None
        found[plain(field.name)] = (field.name, nested, field.metadata.get("kafka_type", ""))
    return found


def to_kio(ours: Any, theirs: Any, version: int) -> Any:
    """The same message as an instance of kio's class."""
    fields = kio_fields(theirs)
    values = {}
    for field in shape(ours).fields:
        if not field.carried(version):
            assert plain(field.name) not in fields, f"kio's v{version} has {field.name}"
            continue
        name, nested, kind = fields[plain(field.name)]
        value = getattr(ours, field.name)
        if field.kind == "nested" and field.is_tagged(version) and value is None and not field.is_nullable(version):
            value = field.of()
        values[name] = value_to_kio(value, nested, kind, version)
    return theirs(**values)


def value_to_kio(value: Any, nested: Any, kind: str, version: int) -> Any:
    if isinstance(value, tuple):
        return tuple(value_to_kio(one, nested, kind, version) for one in value)
    if value is None:
        return None
    if nested is not None:
        return to_kio(value, nested, version)
    if kind == "error_code":
        return ErrorCode(value)
    if kind.startswith("timedelta"):
        return datetime.timedelta(milliseconds=value)
    if kind.startswith("datetime"):
        return None if value == -1 else EPOCH + datetime.timedelta(milliseconds=value)
    if kind == "uuid":
        return uuid.UUID(bytes=value) if any(value) else None
    return value


def from_kio(theirs: Any, cls: Any, version: int) -> Any:
    """The same message as an instance of our class."""
    fields = kio_fields(type(theirs))
    values = {}
    for field in shape(cls).fields:
        if field.carried(version):
            name, nested, kind = fields[plain(field.name)]
            value = getattr(theirs, name)
            if value is not None or not field.is_nullable(version):
                value = value_from_kio(value, nested and field.of, kind, version)
            if field.kind == "nested" and field.is_tagged(version) and value == field.of():
                value = None
            values[field.name] = value
    return cls(**values)


def value_from_kio(value: Any, nested: Any, kind: str, version: int) -> Any:
    if isinstance(value, tuple):
        return tuple(value_from_kio(one, nested, kind, version) for one in value)
    if value is None:
        return bytes(16) if kind == "uuid" else -1 if kind.startswith("datetime") else None
    if nested is not None:
        return from_kio(value, nested, version)
    if kind.startswith("timedelta"):
        return round(value / datetime.timedelta(milliseconds=1))
    if kind.startswith("datetime"):
        return round((value - EPOCH) / datetime.timedelta(milliseconds=1))
    if kind == "error_code":
        return int(value)
    return value.bytes if kind == "uuid" else value


def agree(cls: type, version: int, ours: Any) -> None:
    """Both write the same bytes, and both read them back as what was written."""
    theirs = kio_class(cls, version)
    entity = to_kio(ours, theirs, version)
    written = io.BytesIO()
    entity_writer(theirs)(written, entity)

    assert structs.encode_struct(ours, version) == written.getvalue()
    assert structs.decode_struct(cls, version, written.getvalue()) == ours
    back, size = entity_reader(theirs)(written.getvalue(), 0)
    assert size == len(written.getvalue())
    assert from_kio(back, cls, version) == ours


relaxed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@relaxed
@given(seed=st.integers(0, 2**64 - 1))
def test_a_message_is_written_byte_by_byte_as_kio_writes_it(
    body: tuple[type, int], specimen: Callable[..., Any], seed: int
) -> None:
    cls, version = body
    if kio_class(cls, version) is None:
        assert (cls.__name__[:11], version) == ("ListOffsets", 0)
        return
    agree(cls, version, specimen(cls, version, random.Random(seed)))


def test_a_message_of_defaults_is_written_as_kio_writes_it(body: tuple[type, int]) -> None:
    cls, version = body
    if kio_class(cls, version) is not None:
        agree(cls, version, cls())


@pytest.mark.parametrize("cls", [ConsumerProtocolAssignment, ConsumerProtocolSubscription])
@pytest.mark.parametrize("version", range(4))
def test_an_embedded_structure_is_written_as_kio_writes_it(
    cls: type, version: int, specimen: Callable[..., Any]
) -> None:
    for seed in range(20):
        agree(cls, version, specimen(cls, version, random.Random(seed)))
