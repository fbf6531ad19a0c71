"""ApiVersions: what is advertised, and the answer that must work for any client."""

import struct
from typing import Any

import pytest
from lab import Client
from talk import booted

from odradek.core.errors import ErrorCode
from odradek.core.requests.dispatch import SERVED
from odradek.core.requests.versions import served_range
from odradek.core.wire.frames import decode_response
from odradek.core.wire.registry import APIS
from odradek.core.wire.versions import ApiVersionsRequest

PEOPLE = ("librdkafka", "2.16.0")


def ask(client: Client, version: int, name: str = PEOPLE[0], software: str = PEOPLE[1]) -> Any:
    request = ApiVersionsRequest()
    if version >= 3:
        request.client_software_name, request.client_software_version = name, software
    return client.ask(request, version)


@pytest.mark.parametrize("version", range(5))
def test_every_version_tells_everything_that_is_served(version: int) -> None:
    _, client = booted()
    answer = ask(client, version)
    assert answer.error_code == 0
    assert [one.api_key for one in answer.api_keys] == sorted(SERVED)


def test_what_is_advertised_is_served_and_declared() -> None:
    _, client = booted()
    for one in ask(client, 4).api_keys:
        low, high = served_range(one.api_key)
        assert one.max_version == high <= APIS[one.api_key].highest
        assert one.min_version == (0 if one.api_key == 0 else low)


def test_unstable_versions_are_not_advertised() -> None:
    _, client = booted()
    assert {one.api_key: one.max_version for one in ask(client, 4).api_keys}[22] == 5


@pytest.mark.parametrize("version", [5, 99, 32767])
def test_an_unknown_version_is_answered_in_the_shape_of_version_0(version: int) -> None:
    """Hard requirement 1, KIP-511."""
    lab, client = booted()
    client.raw(struct.pack(">hhih", 18, version, 7, -1) + b"whatever the future holds")
    frame = lab.sent[client.conn].popleft()
    correlation, body = decode_response(18, 0, memoryview(frame)[4:])
    assert (correlation, body.error_code) == (7, ErrorCode.UNSUPPORTED_VERSION)
    assert [(one.api_key, one.min_version, one.max_version) for one in body.api_keys] == [(18, 0, 4)]
    assert not client.is_closed
    assert ask(client, 0).error_code == 0


@pytest.mark.parametrize("version", range(5))
def test_the_response_header_never_has_tags(version: int) -> None:
    """Hard requirement 1: also the flexible versions answer with header version 0."""
    lab, client = booted()
    request = ApiVersionsRequest()
    if version >= 3:
        request.client_software_name, request.client_software_version = PEOPLE
    client.send(request, version)
    frame = lab.sent[client.conn].popleft()
    # Behind the size and the correlation id there is the error code at once.
    assert frame[8:10] == b"\0\0"


@pytest.mark.parametrize(
    ("name", "software"), [("", "1"), ("x", ""), ("a b", "1"), ("-x", "1"), ("x", "1-"), ("ä", "1")]
)
def test_an_impossible_client_name_is_refused(name: str, software: str) -> None:
    _, client = booted()
    assert ask(client, 3, name, software).error_code == ErrorCode.INVALID_REQUEST


@pytest.mark.parametrize(("name", "software"), [("x", "1"), ("kafka-python", "3.0.12"), ("a.b-c", "1.0-SNAPSHOT")])
def test_a_possible_client_name_is_served(name: str, software: str) -> None:
    _, client = booted()
    assert ask(client, 4, name, software).error_code == 0
