"""Classic groups: FindCoordinator, JoinGroup, Heartbeat, LeaveGroup and SyncGroup."""

from __future__ import annotations

from odradek.core.wire.schema import array, boolean, bytes_, int8, int16, int32, message, string, struct


@message(key=10, versions=(0, 6), flexible=3)
class FindCoordinatorRequest:
    """Ask which broker coordinates a group, a transactional id or a share partition."""

    key: str = string(until=3)
    key_type: int = int8(since=1)
    coordinator_keys: tuple[str, ...] = array(string, since=4)


@struct
class Coordinator:
    key: str = string()
    node_id: int = int32()
    host: str = string()
    port: int = int32()
    error_code: int = int16()
    error_message: str | None = string(nullable=True)


@message(key=10, versions=(0, 6), flexible=3)
class FindCoordinatorResponse:
    """The coordinators found."""

    throttle_time_ms: int = int32(since=1, ignorable=True)
    error_code: int = int16(until=3)
    error_message: str | None = string(since=1, until=3, nullable=True, ignorable=True)
    node_id: int = int32(until=3)
    host: str = string(until=3)
    port: int = int32(until=3)
    coordinators: tuple[Coordinator, ...] = array(Coordinator, since=4)


@struct
class JoinGroupRequestProtocol:
    name: str = string()
    metadata: bytes = bytes_()


@message(key=11, versions=(0, 9), flexible=6)
class JoinGroupRequest:
    """Join a classic group, or join again."""

    group_id: str = string()
    session_timeout_ms: int = int32()
    rebalance_timeout_ms: int = int32(since=1, default=-1, ignorable=True)
    member_id: str = string()
    group_instance_id: str | None = string(since=5, default=None, nullable=True)
    protocol_type: str = string()
    protocols: tuple[JoinGroupRequestProtocol, ...] = array(JoinGroupRequestProtocol)
    reason: str | None = string(since=8, default=None, nullable=True, ignorable=True)


@struct
class JoinGroupResponseMember:
    member_id: str = string()
    group_instance_id: str | None = string(since=5, default=None, nullable=True, ignorable=True)
    metadata: bytes = bytes_()


@message(key=11, versions=(0, 9), flexible=6)
class JoinGroupResponse:
    """The generation, the leader, and for the leader all members."""

    throttle_time_ms: int = int32(since=2, ignorable=True)
    error_code: int = int16()
    generation_id: int = int32(default=-1)
    protocol_type: str | None = string(since=7, default=None, nullable=True, ignorable=True)
    protocol_name: str | None = string(nullable=7)
    leader: str = string()
    skip_assignment: bool = boolean(since=9)
    member_id: str = string()
    members: tuple[JoinGroupResponseMember, ...] = array(JoinGroupResponseMember)


@message(key=12, versions=(0, 4), flexible=4)
class HeartbeatRequest:
    """Say that a member of a classic group is alive."""

    group_id: str = string()
    generation_id: int = int32()
    member_id: str = string()
    group_instance_id: str | None = string(since=3, default=None, nullable=True)


@message(key=12, versions=(0, 4), flexible=4)
class HeartbeatResponse:
    """Whether the member may go on, or must join again."""

    throttle_time_ms: int = int32(since=1, ignorable=True)
    error_code: int = int16()


@struct
class MemberIdentity:
    member_id: str = string()
    group_instance_id: str | None = string(default=None, nullable=True)
    reason: str | None = string(since=5, default=None, nullable=True, ignorable=True)


@message(key=13, versions=(0, 5), flexible=4)
class LeaveGroupRequest:
    """Leave a classic group; several members at once from version 3."""

    group_id: str = string()
    member_id: str = string(until=2)
    members: tuple[MemberIdentity, ...] = array(MemberIdentity, since=3)


@struct
class MemberResponse:
    member_id: str = string()
    group_instance_id: str | None = string(nullable=True)
    error_code: int = int16()


@message(key=13, versions=(0, 5), flexible=4)
class LeaveGroupResponse:
    """The outcome for each member."""

    throttle_time_ms: int = int32(since=1, ignorable=True)
    error_code: int = int16()
    members: tuple[MemberResponse, ...] = array(MemberResponse, since=3)


@struct
class SyncGroupRequestAssignment:
    member_id: str = string()
    assignment: bytes = bytes_()


@message(key=14, versions=(0, 5), flexible=4)
class SyncGroupRequest:
    """Ask for one's assignment; the leader brings everyone's."""

    group_id: str = string()
    generation_id: int = int32()
    member_id: str = string()
    group_instance_id: str | None = string(since=3, default=None, nullable=True)
    protocol_type: str | None = string(since=5, default=None, nullable=True, ignorable=True)
    protocol_name: str | None = string(since=5, default=None, nullable=True, ignorable=True)
    assignments: tuple[SyncGroupRequestAssignment, ...] = array(SyncGroupRequestAssignment)


@message(key=14, versions=(0, 5), flexible=4)
class SyncGroupResponse:
    """The assignment of this member."""

    throttle_time_ms: int = int32(since=1, ignorable=True)
    error_code: int = int16()
    protocol_type: str | None = string(since=5, default=None, nullable=True, ignorable=True)
    protocol_name: str | None = string(since=5, default=None, nullable=True, ignorable=True)
    assignment: bytes = bytes_()
