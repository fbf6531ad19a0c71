import pytest

from odradek.core.errors import ErrorCode
from odradek.core.groups.answers import commit_error, coordinator_error, failed, join_error, joined, sync_error, synced
from odradek.core.groups.config import GroupConfig
from odradek.core.groups.group import Group
from odradek.core.groups.member import Client, Member
from odradek.core.groups.states import State
from odradek.core.wire.commits import (
    OffsetCommitResponse,
    OffsetCommitResponsePartition,
    OffsetCommitResponseTopic,
    OffsetDeleteResponse,
    OffsetFetchResponseGroup,
)
from odradek.core.wire.groups import DeletableGroupResult, DescribedGroup, ListGroupsResponse
from odradek.core.wire.membership import HeartbeatResponse, JoinGroupResponse, LeaveGroupResponse, SyncGroupResponse
from odradek.core.wire.structs import decode_struct, encode_struct

HANDED_OUT = [
    JoinGroupResponse(generation_id=3),
    SyncGroupResponse(assignment=b"x"),
    HeartbeatResponse(),
    LeaveGroupResponse(),
    OffsetDeleteResponse(),
    OffsetFetchResponseGroup(group_id="g"),
    DescribedGroup(group_id="g", group_state="Stable"),
    ListGroupsResponse(),
    DeletableGroupResult(group_id="g"),
]


@pytest.mark.parametrize("body", HANDED_OUT, ids=lambda body: type(body).__name__)
def test_every_response_a_shard_hands_out_can_fail(body: object) -> None:
    before = repr(body)
    other = failed(body, ErrorCode.NOT_LEADER_OR_FOLLOWER)
    assert type(other) is type(body)
    assert other.error_code == ErrorCode.NOT_COORDINATOR
    assert repr(body) == before


def test_a_response_of_another_kind_is_a_bug() -> None:
    with pytest.raises(AssertionError, match="Config"):
        failed(GroupConfig(), ErrorCode.REQUEST_TIMED_OUT)


def test_a_failed_commit_keeps_the_reasons_its_partitions_had() -> None:
    parts = tuple([OffsetCommitResponsePartition(partition_index=n, error_code=code) for n, code in enumerate((0, 12))])
    body = OffsetCommitResponse(topics=(OffsetCommitResponseTopic(name="t", topic_id=bytes(16), partitions=parts),))
    told = failed(body, ErrorCode.NOT_ENOUGH_REPLICAS).topics[0]
    assert told.name == "t"
    assert [part.error_code for part in told.partitions] == [ErrorCode.COORDINATOR_NOT_AVAILABLE, 12]


def test_only_a_commit_can_be_made_smaller() -> None:
    assert commit_error(ErrorCode.MESSAGE_TOO_LARGE) == ErrorCode.INVALID_COMMIT_OFFSET_SIZE
    assert coordinator_error(ErrorCode.MESSAGE_TOO_LARGE) == ErrorCode.UNKNOWN_SERVER_ERROR
    assert coordinator_error(ErrorCode.FENCED_LEADER_EPOCH) == ErrorCode.NOT_COORDINATOR
    assert coordinator_error(ErrorCode.GROUP_AUTHORIZATION_FAILED) == ErrorCode.GROUP_AUTHORIZATION_FAILED


def test_a_refused_join_has_no_generation() -> None:
    assert join_error(ErrorCode.INVALID_GROUP_ID, 9, "m").generation_id == -1


def test_another_leader_can_be_shown() -> None:
    group = Group("g", 0, 4)
    member = Member("m", None, Client("c", "h"), 1, 1, {"range": b"x"})
    group.add(member, "consumer")
    assert joined(group, member, with_members=False).leader == "m"
    assert joined(group, member, with_members=False, leader="other").leader == "other"


@pytest.mark.parametrize("version", range(10))
def test_join_answers_can_be_written_in_every_version(version: int) -> None:
    group = Group("g", 0, 4)
    member = Member("m", "i", Client("c", "h"), 1, 1, {"range": b"x"})
    group.add(member, "consumer")
    group.move(State.PREPARING, 0)
    group.next_generation(0)
    for body in (
        joined(group, member, True, skip_assignment=version >= 9),
        join_error(ErrorCode.NOT_COORDINATOR, version),
    ):
        found = decode_struct(JoinGroupResponse, version, encode_struct(body, version))
        assert (found.error_code, found.generation_id) == (body.error_code, body.generation_id)
        lost = failed(body, ErrorCode.REQUEST_TIMED_OUT)
        assert decode_struct(JoinGroupResponse, version, encode_struct(lost, version)).error_code == 15


@pytest.mark.parametrize("version", range(6))
def test_sync_answers_can_be_written_in_every_version(version: int) -> None:
    group = Group("g", 0, 4)
    member = Member("m", None, Client("c", "h"), 1, 1, {"range": b"x"})
    group.add(member, "consumer")
    for body in (synced(group, member), sync_error(ErrorCode.NOT_COORDINATOR)):
        found = decode_struct(SyncGroupResponse, version, encode_struct(body, version))
        assert found.error_code == body.error_code
