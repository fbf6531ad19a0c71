"""Groups as administrators see them: DescribeGroups and ListGroups.

Knows: how a group is shown.  Does not know: how it came to be so.
Invariant: looking changes nothing.
"""

from odradek.core.errors import ErrorCode
from odradek.core.groups.group import Group
from odradek.core.groups.states import State
from odradek.core.wire.groups import DescribedGroup, DescribedGroupMember, ListedGroup, ListGroupsRequest

MISSING_IS_ERROR_SINCE = 6
"""From this version of DescribeGroups on, a group that does not exist is an error (KIP-1043)."""

CLASSIC = "classic"
"""The type of all groups here, as ListGroups prints it (KIP-848)."""


def missing(group_id: str, version: int) -> DescribedGroup:
    """A group that does not exist."""
    if version < MISSING_IS_ERROR_SINCE:
        return DescribedGroup(group_id=group_id, group_state=State.DEAD.value)
    return DescribedGroup(
        error_code=ErrorCode.GROUP_ID_NOT_FOUND,
        error_message=f"Group {group_id} not found.",
        group_id=group_id,
        group_state=State.DEAD.value,
    )


def described(group: Group) -> DescribedGroup:
    """The group and its members; what they agreed upon is shown only while they agree."""
    stable = group.state is State.STABLE
    members = [
        DescribedGroupMember(
            member_id=member.id,
            group_instance_id=member.instance_id,
            client_id=member.client.id,
            client_host=member.client.host,
            member_metadata=member.metadata(group.protocol) if stable else b"",
            member_assignment=member.assignment if stable else b"",
        )
        for member in group.members.values()
    ]
    return DescribedGroup(
        group_id=group.id,
        group_state=group.state.value,
        protocol_type=group.protocol_type or "",
        protocol_data=(group.protocol or "") if stable else "",
        members=tuple(members),
    )


def listed(groups: dict[str, Group], request: ListGroupsRequest) -> tuple[ListedGroup, ...]:
    """The groups that pass the filters, which ignore case; an empty filter passes everything (KIP-518, KIP-848)."""
    states = [state.lower() for state in request.states_filter]
    types = [kind.lower() for kind in request.types_filter]
    if types and CLASSIC not in types:
        return ()
    return tuple(
        [
            ListedGroup(
                group_id=group.id,
                protocol_type=group.protocol_type or "",
                group_state=group.state.value,
                group_type=CLASSIC,
            )
            for group in groups.values()
            if not states or group.state.value.lower() in states
        ]
    )
