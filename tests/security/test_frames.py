"""Security rows 3 to 8 on a whole node: frames that lie about their shape.  tests/core/wire/test_hostile.py has the
decoder's side."""

import tracemalloc

import pytest
from specimens import EXTREMES, IDS, VERSIONS, arrays, frame_of, lengths_in, lie, scalars, whole
from victim import Victim

from odradek.core.requests.dispatch import SERVED
from odradek.core.wire.configs import AlterConfigsRequest
from odradek.core.wire.configs import AlterConfigsRequestAlterableConfig as AlterableConfig
from odradek.core.wire.configs import AlterConfigsRequestAlterConfigsResource as AlterConfigsResource
from odradek.core.wire.membership import JoinGroupRequest, JoinGroupRequestProtocol
from odradek.core.wire.primitives import uvarint
from odradek.core.wire.registry import APIS

LENGTHS = (-2, -1, 0, 1, 1 << 15, (1 << 31) - 1, (1 << 32) - 1)
HUGE = (1 << 31) - 1
JOIN_GROUP = 11
EVERY_API = pytest.mark.parametrize("key", sorted(SERVED), ids=[APIS[key].name for key in sorted(SERVED)])


def versions_of(key):
    return [version for api, version in VERSIONS if api == key]


# Row 3 ----------------------------------------------------------------------------------------------------------------


@EVERY_API
def test_a_frame_cut_at_any_byte_ends_its_connection_and_changes_nothing(victim, key):
    for version in versions_of(key):
        frame = frame_of(key, version, whole(APIS[key].request, version, victim.topic_id))
        before = victim.state()
        for size in range(len(frame)):
            client = victim.attack(frame[:size])
            assert (client.is_closed, client.answers()) == (True, 0), (version, size)
        assert victim.state() == before
    assert victim.unharmed()


# Row 4 ----------------------------------------------------------------------------------------------------------------


@EVERY_API
def test_every_length_replaced_by_a_lie_is_answered_or_ends_the_connection(victim, key):
    for version in versions_of(key):
        head, data, lengths = lengths_in(key, version, whole(APIS[key].request, version, victim.topic_id))
        for length in lengths:
            for size in LENGTHS:
                client = victim.attack(head + lie(key, version, data, length, size))
                waits = client.conn in [call.session.conn for call in victim.lab.node.broker.parked]
                held = any(session.calls for session in victim.lab.node.broker.sessions.values())
                assert client.is_closed or client.answers() == 1 or waits or held or key == 0
                if size in (-2, HUGE):
                    assert client.is_closed or length.field.kind == "string"
                client.close()
    victim.lab.sleep(60_000)
    assert victim.unharmed()


# Row 5 ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", range(6, 12))
@pytest.mark.parametrize("filler", [0x80, 0xFF])
def test_a_varint_that_does_not_end_in_time_ends_the_connection(victim, size, filler):
    endless = bytes([filler]) * (size - 1) + b"\0"
    api_versions = b"\0\x12\0\3\0\0\0\1\xff\xff"

    assert victim.attack(api_versions + endless + b"\2a\2b\0").is_closed
    assert victim.attack(api_versions + b"\0" + endless + b"\2b\0").is_closed
    assert victim.attack(api_versions + b"\0\2a\2b" + endless).is_closed
    assert victim.unharmed()


# Row 6 ----------------------------------------------------------------------------------------------------------------


@EVERY_API
def test_a_count_that_the_frame_cannot_hold_allocates_nothing(victim, key):
    for version in versions_of(key)[:: 4 if len(versions_of(key)) > 6 else 1]:
        head, data, lengths = lengths_in(key, version, whole(APIS[key].request, version, victim.topic_id))
        for length in lengths:
            if length.field.kind == "array":
                frame = head + lie(key, version, data, length, HUGE) + bytes(1000)
                tracemalloc.start()
                client = victim.attack(frame)
                _, peak = tracemalloc.get_traced_memory()
                tracemalloc.stop()
                assert client.is_closed
                assert peak < 128 * 1024
    assert victim.unharmed()


# Row 7 ----------------------------------------------------------------------------------------------------------------


def tag(number, content=b""):
    return uvarint(number) + uvarint(len(content)) + content


BAD_TAGS = {
    "a count and nothing": uvarint(0xFFFFFFFF),
    "65 tags": uvarint(65) + b"".join(tag(n) for n in range(65)),
    "one tag twice": uvarint(2) + tag(1) + tag(1),
    "descending": uvarint(2) + tag(2) + tag(1),
    "a size beyond the end": uvarint(1) + uvarint(1) + uvarint(1000),
    "a size of 2^32-1": uvarint(1) + uvarint(1) + uvarint(0xFFFFFFFF),
    "more than 64 KiB": uvarint(2) + tag(1, bytes(40_000)) + tag(2, bytes(40_000)),
}


@pytest.mark.parametrize("tags", BAD_TAGS.values(), ids=BAD_TAGS.keys())
def test_tagged_fields_that_lie_or_are_too_many_end_the_connection(victim, tags):
    """CVE-2026-111115: anybody may send these, in the header of ApiVersions."""
    head = b"\0\x12\0\3\0\0\0\1\xff\xff"

    assert victim.attack(head + tags + b"\2a\2b\0").is_closed
    assert victim.attack(head + b"\0\2a\2b" + tags).is_closed
    assert victim.unharmed()


def test_unknown_tagged_fields_within_the_bounds_are_passed_over(victim):
    tags = uvarint(64) + b"".join(tag(n, b"?") for n in range(64))

    assert victim.attack(b"\0\x12\0\3\0\0\0\1\xff\xff" + tags + b"\2a\2b" + tags).answers() == 1


# Row 8 ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("opening", [b"[", b"{", b"(", b'{"a":', b"\x02"])
def test_nothing_inside_a_request_is_read_by_recursion(victim, opening):
    deep = opening * (8000 // len(opening))
    text = deep.decode()
    join = JoinGroupRequest(
        group_id=text,
        session_timeout_ms=10_000,
        rebalance_timeout_ms=10_000,
        protocol_type=text,
        protocols=(JoinGroupRequestProtocol(name=text, metadata=deep * 10),),
    )
    alter = AlterConfigsRequest(
        resources=tuple(
            AlterConfigsResource(
                resource_type=kind, resource_name=name, configs=(AlterableConfig(name=setting, value=text),)
            )
            for kind, name in ((2, "t"), (4, ""), (2, text))
            for setting in ("cleanup.policy", "listeners", "retention.ms", text)
        ),
        validate_only=False,
    )

    for key, body in ((11, join), (33, alter)):
        client = victim.attack(frame_of(key, 2, body))
        assert client.is_closed or client.answers() == 1
    assert victim.unharmed()


# CVE-2026-83525 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("key", "version"), VERSIONS, ids=IDS)
def test_every_array_null_empty_or_with_the_same_element_twice_is_survived(key, version):
    """CVE-2026-83525: an empty array where nobody expects one took a controller down."""
    victim = Victim()
    cls = APIS[key].request
    for path in arrays(cls, version):
        odd = {"empty": lambda one: (), "twice": lambda one: (one, one), "often": lambda one: (one,) * 100}
        if path[-1].is_nullable(version):
            odd["null"] = lambda one: None
        for name, value in odd.items():
            client = victim.attack(frame_of(key, version, whole(cls, version, victim.topic_id, path, value)))
            victim.lab.sleep(30_000)
            assert client.is_closed or client.answers() == 1, (path[-1].name, name)
            client.close()
            victim.create("t")
    assert victim.unharmed()


# Fields at the ends of their ranges ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("key", "version"), VERSIONS, ids=IDS)
@pytest.mark.parametrize("client_id", ["attacker", "x" * 32_767], ids=["", "long"])
def test_every_field_at_the_ends_of_its_range_is_survived(key, version, client_id):
    """Found by this: a retention of 2^63-1 ms in OffsetCommit, a client id too long to be part of a member id."""
    victim = Victim()
    cls = APIS[key].request
    for path in scalars(cls, version):
        for value in EXTREMES[path[-1].kind]:
            body = whole(cls, version, victim.topic_id, path, lambda _, value=value: value)
            client = victim.attack(frame_of(key, version, body, client_id))
            victim.lab.sleep(30_000)
            acks_0 = path[-1].name == "acks"
            waits = key == JOIN_GROUP or path[-1].name in ("max_wait_ms", "timeout_ms")
            assert client.is_closed or client.answers() == 1 or acks_0 or waits, (path[-1].name, value)
            client.close()
            victim.create("t")
    assert victim.unharmed()
