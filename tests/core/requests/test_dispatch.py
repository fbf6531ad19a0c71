"""From frames to handlers: every API in every version, and bytes that mean nothing."""

import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lab import Client, Lab
from talk import ask_metadata, booted, create

from odradek.core.requests.dispatch import SERVED
from odradek.core.requests.versions import served_range
from odradek.core.wire.cluster import DescribeClusterRequest
from odradek.core.wire.commits import OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest
from odradek.core.wire.configs import AlterConfigsRequest, DescribeConfigsRequest, IncrementalAlterConfigsRequest
from odradek.core.wire.fetch import FetchRequest
from odradek.core.wire.groups import DeleteGroupsRequest, DescribeGroupsRequest, ListGroupsRequest
from odradek.core.wire.log_dirs import DescribeLogDirsRequest
from odradek.core.wire.membership import (
    FindCoordinatorRequest,
    HeartbeatRequest,
    JoinGroupRequest,
    LeaveGroupRequest,
    SyncGroupRequest,
)
from odradek.core.wire.metadata import DescribeTopicPartitionsRequest, MetadataRequest
from odradek.core.wire.offsets import DeleteRecordsRequest, ListOffsetsRequest, OffsetForLeaderEpochRequest
from odradek.core.wire.produce import ProduceRequest
from odradek.core.wire.producers import DescribeProducersRequest, InitProducerIdRequest
from odradek.core.wire.registry import APIS
from odradek.core.wire.topics import CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest
from odradek.core.wire.versions import ApiVersionsRequest

PLAIN: dict[int, Any] = {
    0: ProduceRequest(acks=1, timeout_ms=1),
    1: FetchRequest(),
    2: ListOffsetsRequest(replica_id=-1),
    3: MetadataRequest(topics=()),
    8: OffsetCommitRequest(group_id="g"),
    9: OffsetFetchRequest(),
    10: FindCoordinatorRequest(),
    11: JoinGroupRequest(group_id="g", session_timeout_ms=10_000),
    12: HeartbeatRequest(group_id="g"),
    13: LeaveGroupRequest(group_id="g"),
    14: SyncGroupRequest(group_id="g"),
    15: DescribeGroupsRequest(),
    16: ListGroupsRequest(),
    18: ApiVersionsRequest(),
    19: CreateTopicsRequest(),
    20: DeleteTopicsRequest(),
    21: DeleteRecordsRequest(),
    22: InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=1),
    23: OffsetForLeaderEpochRequest(),
    32: DescribeConfigsRequest(),
    33: AlterConfigsRequest(),
    35: DescribeLogDirsRequest(topics=None),
    37: CreatePartitionsRequest(),
    42: DeleteGroupsRequest(),
    44: IncrementalAlterConfigsRequest(),
    47: OffsetDeleteRequest(group_id="g"),
    60: DescribeClusterRequest(),
    61: DescribeProducersRequest(),
    75: DescribeTopicPartitionsRequest(),
}
EVERY = [(key, version) for key in SERVED for version in range(served_range(key)[0], served_range(key)[1] + 1)]


def header(key: int, version: int, correlation: int = 1) -> bytes:
    return struct.pack(">hhih", key, version, correlation, -1)


@pytest.mark.parametrize(("key", "version"), EVERY)
def test_an_almost_empty_request_is_answered_in_every_version_of_every_api(key: int, version: int) -> None:
    _, client = booted()
    answer = client.ask(PLAIN[key], version)
    assert type(answer) is APIS[key].response
    assert not client.is_closed


@pytest.mark.parametrize(("key", "version"), [(0, 0), (0, 2), (0, 14), (1, 3), (1, 19), (3, 14), (22, 6), (23, 1)])
def test_a_version_that_is_not_served_closes_the_connection(key: int, version: int) -> None:
    lab, client = booted()
    client.raw(header(key, version) + bytes(50))
    assert client.is_closed
    assert client.answers() == 0
    assert lab.noted("request not served, connection closed")


@pytest.mark.parametrize("key", [4, 7, 17, 24, 26, 28, 68, 71, 999, -1])
def test_an_api_that_is_not_served_closes_the_connection(key: int) -> None:
    _, client = booted()
    client.raw(header(key, 0) + bytes(50))
    assert client.is_closed


@pytest.mark.parametrize("frame", [b"", b"\0", bytes(7), header(3, 1)[:9], header(3, 9), header(0, 3) + b"\xff" * 20])
def test_bytes_that_are_no_request_close_the_connection(frame: bytes) -> None:
    lab, client = booted()
    client.raw(frame)
    assert client.is_closed
    assert lab.noted("malformed request, connection closed")


def test_bytes_behind_a_request_are_passed_over() -> None:
    _, client = booted()
    client.raw(header(3, 1) + struct.pack(">i", -1) + b"x")
    assert (client.is_closed, client.answers()) == (False, 1)


def test_a_client_that_is_closed_for_nonsense_harms_nobody_else() -> None:
    lab, client = booted()
    create(client, "t")
    other = lab.connect()
    other.raw(b"nonsense, all of it")
    assert (other.is_closed, client.is_closed) == (True, False)
    assert [topic.name for topic in ask_metadata(client).topics] == ["t"]


def test_frames_behind_a_bad_one_are_not_served() -> None:
    _, client = booted()
    client.raw(b"nonsense")
    client.raw(header(3, 1) + struct.pack(">i", -1))
    assert (client.is_closed, client.answers()) == (True, 0)


LAB = Lab()


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(EVERY), st.binary(max_size=60))
def test_whatever_the_bytes_one_answer_or_the_end(api: tuple[int, int], body: bytes) -> None:
    lab = LAB if LAB.node.broker.ready else LAB.boot()
    client: Client = lab.connect()
    client.raw(header(*api) + body)
    assert client.is_closed or client.answers() <= 1
    assert lab.halted is None
    client.close()
    assert lab.node.broker.sessions == {}
