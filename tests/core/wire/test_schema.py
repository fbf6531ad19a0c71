"""Declared classes: cheap to declare, made by keyword, equal by value; and every declaration is consistent."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from odradek.core.wire import structs
from odradek.core.wire.fetch import FetchRequest, FetchTopic, ReplicaState
from odradek.core.wire.offsets import (
    ListOffsetsPartition,
    ListOffsetsPartitionResponse,
    ListOffsetsRequest,
    ListOffsetsResponse,
    ListOffsetsTopic,
    ListOffsetsTopicResponse,
)
from odradek.core.wire.registry import APIS
from odradek.core.wire.schema import int32, nested, shape, struct


@struct
class Inner:
    number: int = int32(default=3)


@struct
class Outer:
    inner: Inner = nested(Inner)
    other: Inner | None = nested(Inner, tag=0)


def test_an_instance_has_slots_and_takes_keywords_only() -> None:
    request = FetchRequest(max_wait_ms=5)
    assert (request.max_wait_ms, request.replica_id, request.topics) == (5, -1, ())
    assert not hasattr(request, "__dict__")
    with pytest.raises(TypeError):
        FetchRequest(5)  # type: ignore[misc]
    with pytest.raises(TypeError):
        FetchRequest(no_such_field=5)  # type: ignore[call-arg]


def test_a_struct_by_value_starts_fresh_and_a_tagged_one_starts_absent() -> None:
    one, two = Outer(), Outer()
    assert one.inner == Inner(number=3)
    assert one.inner is not two.inner
    assert one.other is None


def test_instances_are_equal_by_value_and_a_list_is_as_good_as_a_tuple() -> None:
    assert FetchRequest(topics=[FetchTopic(topic="a")]) == FetchRequest(topics=(FetchTopic(topic="a"),))  # type: ignore[arg-type]
    assert FetchRequest(topics=(FetchTopic(topic="a"),)) != FetchRequest(topics=(FetchTopic(topic="b"),))
    assert FetchRequest() != ReplicaState()


def test_printing_shows_what_differs_from_the_defaults_and_never_bytes() -> None:
    assert repr(FetchRequest(max_wait_ms=5, topics=())) == "FetchRequest(max_wait_ms=5)"
    login = APIS[36].request(auth_bytes=b"\0alice\0secret")
    assert repr(login) == "SaslAuthenticateRequest(auth_bytes=<13 bytes>)"


def test_list_offsets_0_has_its_old_fields() -> None:
    """The one version that kio lacks: old tools ask for several offsets at once."""
    partition = ListOffsetsPartition(partition_index=2, timestamp=-1, max_num_offsets=3)
    request = ListOffsetsRequest(replica_id=-1, topics=(ListOffsetsTopic(name="t", partitions=(partition,)),))
    data = structs.encode_struct(request, 0)
    assert data == b"\xff\xff\xff\xff\0\0\0\1\0\1t\0\0\0\1\0\0\0\2" + b"\xff" * 8 + b"\0\0\0\3"
    assert structs.decode_struct(ListOffsetsRequest, 0, data) == request

    found = ListOffsetsPartitionResponse(partition_index=2, error_code=0, old_style_offsets=(9, 0))
    answer = ListOffsetsResponse(topics=(ListOffsetsTopicResponse(name="t", partitions=(found,)),))
    data = structs.encode_struct(answer, 0)
    assert data == b"\0\0\0\1\0\1t\0\0\0\1\0\0\0\2\0\0\0\0\0\2" + (9).to_bytes(8, "big") + bytes(8)
    assert structs.decode_struct(ListOffsetsResponse, 0, data) == answer


def _structs(cls: Any) -> list[Any]:
    inner = [f.of for f in shape(cls).fields if isinstance(f.of, type)]
    return [cls, *[found for one in inner for found in _structs(one)]]


ANNOTATED = {
    "int8": "int",
    "int16": "int",
    "uint16": "int",
    "int32": "int",
    "uint32": "int",
    "int64": "int",
    "float64": "float",
    "boolean": "bool",
    "string": "str",
    "bytes_": "bytes",
    "records": "Records",
    "uuid": "bytes",
}


def test_every_annotation_says_what_the_specifier_says() -> None:
    for api in APIS.values():
        for cls in (*_structs(api.request), *_structs(api.response)):
            for field in shape(cls).fields:
                named = field.of.__name__ if isinstance(field.of, type) else ""
                if field.kind == "array":
                    expected = f"tuple[{named or ANNOTATED[field.of.__name__]}, ...]"
                else:
                    expected = named or ANNOTATED[field.kind]
                absent = field.nullable is not False or (field.kind == "nested" and field.tag is not None)
                if absent and field.kind != "records":
                    expected += " | None"
                assert cls.__annotations__[field.name] == expected, (cls.__name__, field.name)


def test_every_field_is_carried_by_some_version_and_tags_are_unique() -> None:
    for api in APIS.values():
        for cls in (api.request, api.response):
            for one in _structs(cls):
                fields = shape(one).fields
                tags = [field.tag for field in fields if field.tag is not None]
                assert len(tags) == len(set(tags))
                for field in fields:
                    assert any(field.carried(version) for version in range(api.lowest, api.highest + 1)), field.name
                    assert field.until is None or field.until < api.highest, (one.__name__, field.name)


def test_encoding_leaves_the_instance_as_it_was(specimen: Callable[..., Any]) -> None:
    value = specimen(FetchRequest, 18, random.Random(5))
    again = specimen(FetchRequest, 18, random.Random(5))
    structs.encode_struct(value, 18)
    assert value == again
