"""What becomes of SyncGroup, Heartbeat and LeaveGroup: the requests of those who are in.

Knows: what a member of a generation may ask.  Does not know: how one becomes a member.
Invariant: an assignment is given out only once the record that holds it is committed.
"""

from odradek.core.errors import ErrorCode, Refused
from odradek.core.groups.answers import synced
from odradek.core.groups.group import Group
from odradek.core.groups.joining import check_member
from odradek.core.groups.member import Member, Waiting
from odradek.core.groups.out import Ticket
from odradek.core.groups.rebalance import (
    answer_sync,
    expel,
    forget_pending,
    prepare,
    rearm,
    reset_assignments,
    try_complete,
)
from odradek.core.groups.schema import GroupKey, group_change
from odradek.core.groups.states import State
from odradek.core.groups.turn import SYNC, Timer, Turn
from odradek.core.wire.membership import (
    HeartbeatRequest,
    HeartbeatResponse,
    LeaveGroupRequest,
    LeaveGroupResponse,
    MemberIdentity,
    MemberResponse,
    SyncGroupRequest,
    SyncGroupResponse,
)

BATCHED_LEAVE_SINCE = 3
"""From this version of LeaveGroup on, several members can be named, also by their static ids (KIP-345)."""


def sync(t: Turn, group: Group, request: SyncGroupRequest, waiting: Waiting) -> None:
    """Give a member its assignment, or take everyone's from the leader.  Raises `Refused`."""
    member = check_member(group, request.member_id, request.group_instance_id)
    if request.generation_id != group.generation:
        raise Refused(ErrorCode.ILLEGAL_GENERATION)
    if request.protocol_type is not None and request.protocol_type != group.protocol_type:
        raise Refused(ErrorCode.INCONSISTENT_GROUP_PROTOCOL)
    if request.protocol_name is not None and request.protocol_name != group.protocol:
        raise Refused(ErrorCode.INCONSISTENT_GROUP_PROTOCOL)
    if group.state is State.PREPARING:
        raise Refused(ErrorCode.REBALANCE_IN_PROGRESS)
    leads = group.leader == member.id
    if group.state is State.COMPLETING and leads:
        _check_assignments(t, request)

    _has_synced(t, group, member)
    if group.state is State.STABLE:
        rearm(t, group, member)
        t.out.reply(waiting.ticket, synced(group, member), after_commit=True)
        return
    assert group.state is State.COMPLETING
    answer_sync(t, member, ErrorCode.REBALANCE_IN_PROGRESS)
    member.sync = waiting
    if leads:
        _assign(t, group, request)


def _check_assignments(t: Turn, request: SyncGroupRequest) -> None:
    for assigned in request.assignments:
        if len(assigned.assignment) > t.limits.group_metadata_bytes_max:
            raise Refused(ErrorCode.MESSAGE_TOO_LARGE)


def _has_synced(t: Turn, group: Group, member: Member) -> None:
    group.unsynced.pop(member.id, None)
    if not group.unsynced:
        t.disarm(Timer(SYNC, group.id))


def _assign(t: Turn, group: Group, request: SyncGroupRequest) -> None:
    """The leader has decided: store the generation, and let everyone who waits have its part once it is committed."""
    brought = {assigned.member_id: bytes(assigned.assignment) for assigned in request.assignments}
    for member in group.members.values():
        member.assignment = brought.get(member.id, b"")
    changes = [group_change(GroupKey(group.id), group.stored())]
    if not t.fits(changes):
        t.tell(group, "assignment too large to store", bytes=len(changes[0].record[1] or b""))
        reset_assignments(t, group, ErrorCode.UNKNOWN_SERVER_ERROR)
        prepare(t, group, "assignment too large to store")
        return

    replies: list[tuple[Ticket, SyncGroupResponse]] = []
    for member in group.members.values():
        waiting, member.sync = member.sync, None
        if waiting is not None:
            replies.append((waiting.ticket, synced(group, member)))
            rearm(t, group, member)
    group.move(State.STABLE, t.now.wall)
    t.tell(group, "assignment stored", generation=group.generation, members=len(group.members))
    t.write(changes, list(replies))


def heartbeat(t: Turn, group: Group, request: HeartbeatRequest) -> HeartbeatResponse:
    """Note that a member lives, and tell it whether a rebalance is under way.  Raises `Refused`."""
    member = check_member(group, request.member_id, request.group_instance_id)
    if request.generation_id != group.generation:
        raise Refused(ErrorCode.ILLEGAL_GENERATION)

    if not member.is_new:
        rearm(t, group, member)
    preparing = group.state is State.PREPARING
    return HeartbeatResponse(error_code=ErrorCode.REBALANCE_IN_PROGRESS if preparing else ErrorCode.NONE)


def leave(t: Turn, group: Group, request: LeaveGroupRequest, version: int) -> LeaveGroupResponse:
    """Take members out, each with an outcome of its own."""
    if version < BATCHED_LEAVE_SINCE:
        code = _leave_one(t, group, MemberIdentity(member_id=request.member_id))
        return LeaveGroupResponse(error_code=code)
    return LeaveGroupResponse(
        members=tuple(
            [
                MemberResponse(
                    member_id=who.member_id,
                    group_instance_id=who.group_instance_id,
                    error_code=_leave_one(t, group, who),
                )
                for who in request.members
            ]
        )
    )


def _leave_one(t: Turn, group: Group, who: MemberIdentity) -> ErrorCode:
    if who.member_id in group.pending:
        forget_pending(t, group, who.member_id)
        try_complete(t, group)
        return ErrorCode.NONE
    member_id = who.member_id
    if not member_id and who.group_instance_id is not None:
        # An administrator removes a static member by its name alone.
        member_id = group.static.get(who.group_instance_id, "")
    try:
        member = check_member(group, member_id, who.group_instance_id)
    except Refused as refused:
        return refused.code
    t.tell(group, "member left", member=member.id, instance=member.instance_id, reason=who.reason)
    expel(t, group, member, "member left")
    return ErrorCode.NONE
