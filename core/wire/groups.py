"""Groups seen from outside: DescribeGroups, ListGroups and DeleteGroups."""

from __future__ import annotations

from odradek.core.wire.schema import array, boolean, bytes_, int16, int32, message, string, struct


@message(key=15, versions=(0, 6), flexible=5)
class DescribeGroupsRequest:
    """Ask for the state of classic groups."""

    groups: tuple[str, ...] = array(string)
    include_authorized_operations: bool = boolean(since=3)


@struct
class DescribedGroupMember:
    member_id: str = string()
    group_instance_id: str | None = string(since=4, default=None, nullable=True, ignorable=True)
    client_id: str = string()
    client_host: str = string()
    member_metadata: bytes = bytes_()
    member_assignment: bytes = bytes_()


@struct
class DescribedGroup:
    error_code: int = int16()
    error_message: str | None = string(since=6, default=None, nullable=True)
    group_id: str = string()
    group_state: str = string()
    protocol_type: str = string()
    protocol_data: str = string()
    members: tuple[DescribedGroupMember, ...] = array(DescribedGroupMember)
    authorized_operations: int = int32(since=3, default=-2147483648)


@message(key=15, versions=(0, 6), flexible=5)
class DescribeGroupsResponse:
    """State, protocol and members of each group."""

    throttle_time_ms: int = int32(since=1, ignorable=True)
    groups: tuple[DescribedGroup, ...] = array(DescribedGroup)


@message(key=16, versions=(0, 5), flexible=3)
class ListGroupsRequest:
    """Ask for the groups this broker coordinates."""

    states_filter: tuple[str, ...] = array(string, since=4)
    types_filter: tuple[str, ...] = array(string, since=5)


@struct
class ListedGroup:
    group_id: str = string()
    protocol_type: str = string()
    group_state: str = string(since=4, ignorable=True)
    group_type: str = string(since=5, ignorable=True)


@message(key=16, versions=(0, 5), flexible=3)
class ListGroupsResponse:
    """The groups, with their types and states."""

    throttle_time_ms: int = int32(since=1, ignorable=True)
    error_code: int = int16()
    groups: tuple[ListedGroup, ...] = array(ListedGroup)


@message(key=42, versions=(0, 2), flexible=2)
class DeleteGroupsRequest:
    """Delete groups that have no members."""

    groups_names: tuple[str, ...] = array(string)


@struct
class DeletableGroupResult:
    group_id: str = string()
    error_code: int = int16()


@message(key=42, versions=(0, 2), flexible=2)
class DeleteGroupsResponse:
    """The outcome for each group."""

    throttle_time_ms: int = int32()
    results: tuple[DeletableGroupResult, ...] = array(DeletableGroupResult)
