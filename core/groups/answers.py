"""The responses of the membership APIs, and what becomes of a response whose records were not committed.

Knows: messages and error codes.  Does not know: shards, timers, the log.
Invariant: a response is made once and never changed; `failed` makes another.
"""

from typing import Any, Final

from odradek.core.errors import ErrorCode
from odradek.core.groups.group import Group
from odradek.core.groups.member import Member
from odradek.core.wire.commits import (
    OffsetCommitResponse,
    OffsetCommitResponsePartition,
    OffsetCommitResponseTopic,
    OffsetDeleteResponse,
    OffsetFetchResponseGroup,
)
from odradek.core.wire.groups import DeletableGroupResult, DescribedGroup, ListGroupsResponse
from odradek.core.wire.membership import (
    HeartbeatResponse,
    JoinGroupResponse,
    JoinGroupResponseMember,
    LeaveGroupResponse,
    SyncGroupResponse,
)

JOIN_NULLABLE_SINCE: Final = 7
"""From this version of JoinGroup on, a missing protocol name is null; before, it is empty."""

UNAVAILABLE: Final = (
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    ErrorCode.NOT_ENOUGH_REPLICAS,
    ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
    ErrorCode.REQUEST_TIMED_OUT,
)
MOVED: Final = (ErrorCode.NOT_LEADER_OR_FOLLOWER, ErrorCode.FENCED_LEADER_EPOCH, ErrorCode.KAFKA_STORAGE_ERROR)
TOO_LARGE: Final = (ErrorCode.MESSAGE_TOO_LARGE, ErrorCode.RECORD_LIST_TOO_LARGE, ErrorCode.INVALID_FETCH_SIZE)


def join_error(code: ErrorCode, version: int, member_id: str = "") -> JoinGroupResponse:
    """A JoinGroup that was refused."""
    name = None if version >= JOIN_NULLABLE_SINCE else ""
    return JoinGroupResponse(error_code=code, protocol_name=name, member_id=member_id)


def sync_error(code: ErrorCode) -> SyncGroupResponse:
    """A SyncGroup that was refused."""
    return SyncGroupResponse(error_code=code)


def joined(
    group: Group, member: Member, with_members: bool, skip_assignment: bool = False, leader: str | None = None
) -> JoinGroupResponse:
    """The present generation, as this member is told of it.  `leader` stands in for the real one's id."""
    members: tuple[JoinGroupResponseMember, ...] = ()
    if with_members:
        members = tuple([_seen_by_leader(group, other) for other in group.members.values()])
    return JoinGroupResponse(
        generation_id=group.generation,
        protocol_type=group.protocol_type,
        protocol_name=group.protocol or "",
        leader=leader or group.leader or "",
        skip_assignment=skip_assignment,
        member_id=member.id,
        members=members,
    )


def _seen_by_leader(group: Group, member: Member) -> JoinGroupResponseMember:
    return JoinGroupResponseMember(
        member_id=member.id, group_instance_id=member.instance_id, metadata=member.metadata(group.protocol)
    )


def synced(group: Group, member: Member) -> SyncGroupResponse:
    """The member's assignment."""
    return SyncGroupResponse(
        protocol_type=group.protocol_type, protocol_name=group.protocol, assignment=member.assignment
    )


def coordinator_error(code: ErrorCode) -> ErrorCode:
    """What a group's client is told when the group's log answered `code`, as Kafka translates it."""
    if code in UNAVAILABLE:
        return ErrorCode.COORDINATOR_NOT_AVAILABLE
    if code in MOVED:
        return ErrorCode.NOT_COORDINATOR
    if code in TOO_LARGE:
        return ErrorCode.UNKNOWN_SERVER_ERROR
    return code


def commit_error(code: ErrorCode) -> ErrorCode:
    """The same for OffsetCommit, where the client can make the batch smaller."""
    return ErrorCode.INVALID_COMMIT_OFFSET_SIZE if code in TOO_LARGE else coordinator_error(code)


def failed(body: Any, code: ErrorCode) -> Any:
    """The response to send in place of `body` because what it waited for ended in `code`.

    `body` is any response that a shard handed out.  What had been refused for a reason of its own keeps that reason.
    """
    assert code != ErrorCode.NONE
    if isinstance(body, OffsetCommitResponse):
        return _commit_failed(body, commit_error(code))
    told = coordinator_error(code)
    match body:
        case JoinGroupResponse():
            return JoinGroupResponse(error_code=told, protocol_name=body.protocol_name, member_id=body.member_id)
        case SyncGroupResponse():
            return sync_error(told)
        case HeartbeatResponse():
            return HeartbeatResponse(error_code=told)
        case LeaveGroupResponse():
            return LeaveGroupResponse(error_code=told)
        case OffsetDeleteResponse():
            return OffsetDeleteResponse(error_code=told)
        case OffsetFetchResponseGroup():
            return OffsetFetchResponseGroup(group_id=body.group_id, error_code=told)
        case DescribedGroup():
            return DescribedGroup(group_id=body.group_id, error_code=told)
        case ListGroupsResponse():
            return ListGroupsResponse(error_code=told)
        case DeletableGroupResult():
            return DeletableGroupResult(group_id=body.group_id, error_code=told)
    raise AssertionError(f"no shard hands out a {type(body).__name__}")


def _commit_failed(body: OffsetCommitResponse, code: ErrorCode) -> OffsetCommitResponse:
    return OffsetCommitResponse(
        topics=tuple(
            [
                OffsetCommitResponseTopic(
                    name=topic.name,
                    topic_id=topic.topic_id,
                    partitions=tuple(
                        [
                            OffsetCommitResponsePartition(
                                partition_index=part.partition_index, error_code=part.error_code or code
                            )
                            for part in topic.partitions
                        ]
                    ),
                )
                for topic in body.topics
            ]
        )
    )
