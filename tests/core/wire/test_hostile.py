"""What an attacker may send: security.md, rows 3 to 8.  Only `WireError` may come of it, and never much memory."""

import random
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odradek.core.limits import Limits
from odradek.core.wire import frames, interpret, structs
from odradek.core.wire.compile import decoder
from odradek.core.wire.primitives import Budget, WireError, read_uvarint, read_uvarlong, uvarint
from odradek.core.wire.registry import APIS
from odradek.core.wire.schema import Field, shape

ROOMY = 1 << 40
LENGTHS = (-2, -1, 0, 1, 1 << 15, (1 << 31) - 1)


def sample(key: int, version: int, specimen: Callable[..., Any], seed: int = 1) -> bytes:
    """A request frame without its size."""
    body = specimen(APIS[key].request, version, random.Random(seed))
    return b"".join(bytes(c) for c in frames.encode_request(key, version, 1, "client", body))[4:]  # type: ignore[arg-type]


def survives(frame: bytes) -> bool:
    """Whether the frame is accepted.  Anything but `WireError` and `UnsupportedApi` escapes, and fails the test."""
    try:
        frames.decode_request(memoryview(frame))
    except (WireError, frames.UnsupportedApi):
        return False
    return True


# Row 3: truncated frames ----------------------------------------------------------------------------------------------


def test_every_prefix_of_a_request_is_refused(api_version: tuple[int, int], specimen: Callable[..., Any]) -> None:
    frame = sample(*api_version, specimen)
    for size in range(min(len(frame), 400)):
        assert not survives(frame[:size])
    assert survives(frame)


# Row 4: lengths -------------------------------------------------------------------------------------------------------


class Marking(interpret.Reader):
    """Remembers where each length was read."""

    def length(self, field: Field) -> int | None:
        start = self.pos
        size = super().length(field)
        self.marks = [*getattr(self, "marks", []), (field, start, self.pos)]
        return size


def _written(field: Field, flexible: bool, size: int) -> bytes:
    if flexible and field.flexible:
        return uvarint(size + 1 & 0xFFFFFFFF)
    width = 2 if field.kind == "string" else 4
    return size.to_bytes(4, "big", signed=True)[-width:]


def test_each_length_replaced_by_a_lie_is_refused_or_read(
    api_version: tuple[int, int], specimen: Callable[..., Any]
) -> None:
    key, version = api_version
    api = APIS[key]
    for cls in (api.request, api.response):
        flexible = api.is_flexible(version)
        data = structs.encode_struct(specimen(cls, version, random.Random(2)), version)
        reader = Marking(data, version, flexible)
        reader.struct(cls)
        for field, start, stop in getattr(reader, "marks", [])[:40]:
            for size in LENGTHS:
                lie = data[:start] + _written(field, flexible, size) + data[stop:]
                try:
                    structs.decode_struct(cls, version, lie, Limits(decoded_bytes_factor=1000))
                except WireError:
                    continue
                assert size not in (-2, (1 << 31) - 1) or field.kind == "string"
                assert size != -1 or field.is_nullable(version)


# Row 5: varints -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", range(1, 12))
@pytest.mark.parametrize("filler", [0x80, 0x81, 0xFF])
def test_a_varint_of_more_than_five_bytes_or_32_bits_is_refused(size: int, filler: int) -> None:
    for end in range(128):
        data = bytes([filler]) * (size - 1) + bytes([end])
        value = sum((byte & 0x7F) << 7 * place for place, byte in enumerate(data))
        for read, bytes_max, bits in ((read_uvarint, 5, 32), (read_uvarlong, 10, 64)):
            if size <= bytes_max and value < 1 << bits:
                assert read(data, 0) == (value, size)
            else:
                with pytest.raises(WireError):
                    read(data, 0)


@settings(database=None)
@given(st.integers(0, 2**32 - 1))
def test_a_varint_comes_back(value: int) -> None:
    assert read_uvarint(uvarint(value), 0) == (value, len(uvarint(value)))


@pytest.mark.parametrize("size", [5, 6, 11, 100_000])
def test_an_endless_varint_in_place_of_a_length_is_refused(size: int) -> None:
    head = b"\0\x12\0\3\0\0\0\1\xff\xff"
    assert not survives(head + b"\0" + b"\xff" * size + b"\1\1\0")
    assert not survives(head + b"\xff" * size + b"\1\1\1\0")


# Row 6: amplification -------------------------------------------------------------------------------------------------


def _arrays(cls: Any, version: int, path: tuple[Field, ...] = ()) -> list[tuple[Field, ...]]:
    """Paths of fields from a message to each of its arrays."""
    found = []
    for field in shape(cls).fields:
        if not field.carried(version) or field.is_tagged(version):
            continue
        if field.kind == "array":
            found.append((*path, field))
        if isinstance(field.of, type):
            found += _arrays(field.of, version, (*path, field))
    return found


def _costly(kind: str, name: str) -> Any:
    """A small encoding whose Python object is as large as can be."""
    if kind in ("int16", "uint16", "int32", "uint32", "int64"):
        return 30_000
    return {"float64": 0.1, "uuid": b"\1" * 16, "string": "é", "bytes_": b"", "records": b""}.get(kind, 1)


def _filled(cls: Any, version: int, path: tuple[Field, ...], count: int) -> Any:
    """An instance with `count` elements in the array at the end of the path, and one on the way to it."""
    values: dict[str, Any] = {}
    for field in shape(cls).fields:
        if not field.carried(version) or field.is_tagged(version):
            continue
        if path and field is path[0]:
            inside = isinstance(field.of, type)
            if field.kind == "nested":
                values[field.name] = _filled(field.of, version, path[1:], count)
                continue
            times = count if len(path) == 1 else 1
            one = _filled(field.of, version, path[1:], count) if inside else _costly(field.of().kind, field.name)
            values[field.name] = (one,) * times
        elif field.kind == "nested" and field.is_nullable(version):
            values[field.name] = None
        elif field.kind not in ("array", "nested"):
            values[field.name] = _costly(field.kind, field.name)
    return cls(**values)


def test_what_decoding_allocates_was_charged_before(api_version: tuple[int, int]) -> None:
    key, version = api_version
    cls = APIS[key].request
    decode = decoder(cls, version)
    for path in _arrays(cls, version):
        data = structs.encode_struct(_filled(cls, version, path, 300), version)
        view = memoryview(data)
        decode(view, 0, len(data), Budget(ROOMY, 64, 1 << 16))
        budget = Budget(ROOMY, 64, 1 << 16)
        tracemalloc.start()
        held = decode(view, 0, len(data), budget)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert held
        assert peak <= (ROOMY - budget.left) + 4 * len(data) + 2048, (path[-1].name, peak, ROOMY - budget.left)


def test_a_frame_never_costs_more_than_its_budget(api_version: tuple[int, int]) -> None:
    key, version = api_version
    limits = Limits(decoded_bytes_factor=8, decoded_bytes_floor=4096)
    head = b"".join(bytes(c) for c in frames.encode_request(key, version, 1, None, APIS[key].request()))[4:14]  # type: ignore[arg-type]
    head += b"\0" if APIS[key].is_flexible(version) else b""
    for path in _arrays(APIS[key].request, version)[:3]:
        frame = head + structs.encode_struct(_filled(APIS[key].request, version, path, 1000), version)
        tracemalloc.start()
        try:
            frames.decode_request(memoryview(frame), limits)
        except WireError as refused:
            assert "budget" in str(refused)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak <= 12 * len(frame) + 4096 + 65536


def test_a_count_that_cannot_be_held_is_refused_before_anything_is_allocated(api_version: tuple[int, int]) -> None:
    key, version = api_version
    api = APIS[key]
    flexible = api.is_flexible(version)
    data = structs.encode_struct(api.request(), version)
    reader = Marking(data, version, flexible)
    reader.struct(api.request)
    for field, start, stop in getattr(reader, "marks", []):
        if field.kind != "array":
            continue
        lie = data[:start] + _written(field, flexible, (1 << 31) - 1) + data[stop:] + bytes(1000)
        tracemalloc.start()
        with pytest.raises(WireError, match="more elements"):
            structs.decode_struct(api.request, version, lie)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 16_384


# Row 7: tagged fields -------------------------------------------------------------------------------------------------

HEAD = b"\0\x12\0\3\0\0\0\1\xff\xff"  # ApiVersions v3, which anybody may send before logging in
BODY = b"\2a\2b"


def tag(number: int, content: bytes) -> bytes:
    return uvarint(number) + uvarint(len(content)) + content


def in_header(tags: bytes) -> bytes:
    return HEAD + tags + BODY + b"\0"


def in_body(tags: bytes) -> bytes:
    return HEAD + b"\0" + BODY + tags


@pytest.mark.parametrize("place", [in_header, in_body])
class TestTags:
    """The same rules in the header and in the body."""

    def test_unknown_tags_are_passed_over(self, place: Callable[[bytes], bytes]) -> None:
        tags = uvarint(64) + b"".join(tag(n, b"xyz") for n in range(64))
        assert frames.decode_request(memoryview(place(tags))).body.client_software_name == "a"

    def test_the_65th_tag_is_refused(self, place: Callable[[bytes], bytes]) -> None:
        assert not survives(place(uvarint(65) + b"".join(tag(n, b"") for n in range(65))))

    def test_a_count_of_tags_that_cannot_be_held_is_refused(self, place: Callable[[bytes], bytes]) -> None:
        assert not survives(place(uvarint(0xFFFFFFFF)))
        assert not survives(place(uvarint(50) + tag(1, b"")))

    @pytest.mark.parametrize("numbers", [(1, 1), (2, 1), (0, 0), (5, 4)])
    def test_tags_must_ascend(self, place: Callable[[bytes], bytes], numbers: tuple[int, ...]) -> None:
        assert not survives(place(uvarint(2) + b"".join(tag(n, b"x") for n in numbers)))
        assert survives(place(uvarint(2) + b"".join(tag(n, b"x") for n in (1, 2))))

    def test_a_tag_that_runs_over_the_end_is_refused(self, place: Callable[[bytes], bytes]) -> None:
        assert not survives(place(uvarint(1) + uvarint(0) + uvarint(100) + b"x"))

    def test_unknown_tags_of_more_than_64_kib_are_refused(self, place: Callable[[bytes], bytes]) -> None:
        assert survives(place(uvarint(1) + tag(0, bytes(60_000))))
        assert not survives(place(uvarint(2) + tag(0, bytes(40_000)) + tag(1, bytes(40_000))))

    def test_many_tags_do_not_cost_memory(self, place: Callable[[bytes], bytes]) -> None:
        frame = memoryview(place(uvarint(64) + b"".join(tag(n, b"x" * 900) for n in range(64))))
        frames.decode_request(frame)
        tracemalloc.start()
        frames.decode_request(frame)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 4096


def test_the_allowance_for_unknown_tags_is_one_for_the_whole_frame() -> None:
    one = b"\2t\1" + uvarint(1) + tag(9, bytes(30_000))
    head = b"\0\x18\0\3\0\0\0\1\xff\xff\0" + b"\2x" + bytes(8) + b"\0\0"
    assert survives(head + b"\3" + one * 2 + b"\0")
    assert not survives(head + b"\4" + one * 3 + b"\0")


@pytest.mark.parametrize("size", [0, 1, 3])
def test_a_known_tag_whose_size_lies_is_refused(size: int) -> None:
    body = structs.encode_struct(APIS[1].request(), 12)
    assert body.endswith(b"\0")
    good = body[:-1] + uvarint(1) + uvarint(0) + uvarint(2) + b"\2c"
    assert structs.decode_struct(APIS[1].request, 12, good).cluster_id == "c"
    with pytest.raises(WireError):
        structs.decode_struct(APIS[1].request, 12, body[:-1] + uvarint(1) + uvarint(0) + uvarint(size) + b"\2c")


# Row 8: depth ---------------------------------------------------------------------------------------------------------


def _depth(cls: Any, above: tuple[type, ...] = ()) -> int:
    assert cls not in above, "a struct that holds itself would let the input choose the depth"
    inner = [_depth(f.of, (*above, cls)) for f in shape(cls).fields if isinstance(f.of, type)]
    return 1 + max(inner, default=0)


def test_the_depth_of_every_message_is_set_by_its_declaration() -> None:
    deepest = max(_depth(cls) for api in APIS.values() for cls in (api.request, api.response))
    assert 4 <= deepest <= 6


# Anything at all ------------------------------------------------------------------------------------------------------

relaxed = settings(
    max_examples=8,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@settings(max_examples=300, deadline=None, database=None)
@given(st.binary(max_size=300))
def test_arbitrary_frames_are_answered_with_wire_errors_only(frame: bytes) -> None:
    survives(frame)


@relaxed
@given(body=st.binary(max_size=120), tags=st.sampled_from([b"", b"\0", b"\1\0\0"]))
def test_arbitrary_bodies_behind_a_good_header_are_answered_with_wire_errors_only(
    api_version: tuple[int, int], body: bytes, tags: bytes
) -> None:
    key, version = api_version
    survives(key.to_bytes(2, "big") + version.to_bytes(2, "big") + b"\0\0\0\1\xff\xff" + tags + body)


@pytest.mark.parametrize("bad", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"])
def test_a_string_that_is_not_utf_8_is_refused(bad: bytes) -> None:
    assert not survives(b"\0\x12\0\0\0\0\0\1" + len(bad).to_bytes(2, "big") + bad)
    assert not survives(HEAD + b"\0" + uvarint(len(bad) + 1) + bad + b"\2b\0")


@pytest.mark.parametrize("size", [-2, -(1 << 15), 5, (1 << 15) - 1])
def test_a_client_id_whose_length_lies_is_refused(size: int) -> None:
    assert not survives(b"\0\x12\0\0\0\0\0\1" + size.to_bytes(2, "big", signed=True) + b"abcd")


def test_a_fetch_of_a_thousand_partitions_is_within_the_budget() -> None:
    from odradek.core.wire.fetch import FetchPartition, FetchRequest, FetchTopic  # noqa: PLC0415

    partitions = [FetchPartition(partition=n, fetch_offset=1 << 40, partition_max_bytes=1 << 20) for n in range(1000)]
    body = FetchRequest(topics=[FetchTopic(topic="topic", partitions=partitions)])
    frame = b"".join(bytes(c) for c in frames.encode_request(1, 12, 1, "c", body))[4:]  # type: ignore[arg-type]
    assert len(frames.decode_request(memoryview(frame)).body.topics[0].partitions) == 1000
