"""What becomes of a JoinGroup.

Knows: who may join, under which id, and when that means a rebalance.  Does not know: how a rebalance ends.
Invariant: a refusal leaves the group as it was, except that a full group forgets whom it turns away; an accepted
JoinGroup is answered at once or parked with its member.
"""

from typing import NamedTuple
from uuid import UUID

from odradek.core.errors import ErrorCode, Refused
from odradek.core.groups.answers import join_error, joined
from odradek.core.groups.group import Group
from odradek.core.groups.member import Client, Member, Protocols, Waiting
from odradek.core.groups.rebalance import (
    NEW_MEMBER_JOIN_MS,
    answer_join,
    answer_sync,
    expel,
    forget_pending,
    maybe_prepare,
    prepare,
    try_complete,
)
from odradek.core.groups.schema import GroupKey, group_change
from odradek.core.groups.states import State
from odradek.core.groups.subscription import CONSUMER, subscribed_topics
from odradek.core.groups.turn import PENDING, SESSION, Timer, Turn
from odradek.core.wire.membership import JoinGroupRequest

KNOWN_ID_SINCE = 4
"""From this version of JoinGroup on, a dynamic member first asks for its id (KIP-394)."""

SKIP_SINCE = 9
"""From this version on, a leader can be told that nothing need be assigned (KIP-814)."""

MEMBER_ID_PREFIX_CHARS_MAX = 255
"""What a member id keeps of a client's id: that may have 32,767 bytes, and then no string has room for what follows."""


class Join(NamedTuple):
    """A JoinGroup, read and checked as far as that needs no group."""

    request: JoinGroupRequest
    version: int
    client: Client
    waiting: Waiting
    protocols: Protocols
    rebalance_timeout_ms: int


def check_join(t: Turn, request: JoinGroupRequest, protocols: Protocols) -> None:
    """Refuse what no group would take: an empty group id, a session timeout out of bounds, too much metadata."""
    if not request.group_id:
        raise Refused(ErrorCode.INVALID_GROUP_ID)
    config = t.config
    if not config.group_min_session_timeout_ms <= request.session_timeout_ms <= config.group_max_session_timeout_ms:
        raise Refused(ErrorCode.INVALID_SESSION_TIMEOUT)
    size = sum([len(name) + len(metadata) for name, metadata in protocols.items()])
    if size > t.limits.group_metadata_bytes_max:
        raise Refused(ErrorCode.MESSAGE_TOO_LARGE)


def check_member(group: Group, member_id: str, instance_id: str | None) -> Member:
    """The member that a request names.

    Raises `Refused`: UNKNOWN_MEMBER_ID, or FENCED_INSTANCE_ID for a static member that another one replaced (KIP-345).
    """
    if instance_id is not None:
        current = group.static.get(instance_id)
        if current is not None and current != member_id:
            raise Refused(ErrorCode.FENCED_INSTANCE_ID)
        if current is None:
            raise Refused(ErrorCode.UNKNOWN_MEMBER_ID)
    member = group.members.get(member_id)
    if member is None:
        raise Refused(ErrorCode.UNKNOWN_MEMBER_ID)
    return member


def join(t: Turn, group: Group, ask: Join) -> None:
    """Let a member into the group, or in again.  Raises `Refused`."""
    member_id = ask.request.member_id
    if not _has_room(t, group, member_id):
        _turn_away(t, group, member_id)
        t.out.reply(ask.waiting.ticket, join_error(ErrorCode.GROUP_MAX_SIZE_REACHED, ask.version))
        return
    if not group.supports(ask.request.protocol_type, ask.protocols):
        raise Refused(ErrorCode.INCONSISTENT_GROUP_PROTOCOL)
    if not member_id:
        _join_unknown(t, group, ask)
    elif member_id in group.pending:
        if ask.request.group_instance_id is not None:
            raise Refused(ErrorCode.INVALID_REQUEST)
        forget_pending(t, group, member_id)
        _add(t, group, ask, member_id)
    else:
        _join_known(t, group, ask, check_member(group, member_id, ask.request.group_instance_id))


def _has_room(t: Turn, group: Group, member_id: str) -> bool:
    """Whether the group's size admits this member (KIP-389).  In a rebalance those who join first are in; those who
    have not come back still take room, since static ones stay (they would add up from rebalance to rebalance)."""
    size_max = min(t.config.group_max_size, t.limits.group_members_max)
    member = group.members.get(member_id)
    if member is None and len(group.members) >= t.limits.group_members_max:
        return False
    if group.state is State.EMPTY:
        return True
    if group.state is State.PREPARING:
        return (member is not None and member.join is not None) or group.joining < size_max
    return member is not None or len(group.members) < size_max


def _turn_away(t: Turn, group: Group, member_id: str) -> None:
    if member_id in group.pending:
        forget_pending(t, group, member_id)
        try_complete(t, group)
    elif member_id in group.members:
        expel(t, group, group.members[member_id], "group is full")
    t.tell(group, "group is full", members=len(group.members))


# A member without an id --------------------------------------------------------------------------------------------


def _join_unknown(t: Turn, group: Group, ask: Join) -> None:
    instance_id = ask.request.group_instance_id
    old = None if instance_id is None else group.static.get(instance_id)
    if old is not None:
        _replace(t, group, ask, group.members[old])
    elif instance_id is None and ask.version >= KNOWN_ID_SINCE:
        _hand_out_id(t, group, ask)
    else:
        _add(t, group, ask, _new_id(t, ask))


def _new_id(t: Turn, ask: Join) -> str:
    """A member id as Kafka makes them: the static id or the client's, a dash, a random UUID."""
    prefix = ask.request.group_instance_id
    if prefix is None:
        prefix = ask.client.id
    prefix = prefix[:MEMBER_ID_PREFIX_CHARS_MAX]
    return f"{prefix}-{UUID(int=t.rng.getrandbits(128), version=4)}"


def _hand_out_id(t: Turn, group: Group, ask: Join) -> None:
    if len(group.pending) >= t.limits.group_members_max:
        raise Refused(ErrorCode.GROUP_MAX_SIZE_REACHED)

    member_id = _new_id(t, ask)
    group.pending[member_id] = None
    t.arm(Timer(PENDING, group.id, member_id), ask.request.session_timeout_ms)
    t.out.reply(ask.waiting.ticket, join_error(ErrorCode.MEMBER_ID_REQUIRED, ask.version, member_id))


def _add(t: Turn, group: Group, ask: Join, member_id: str) -> None:
    request = ask.request
    member = Member(
        member_id,
        request.group_instance_id,
        ask.client,
        request.session_timeout_ms,
        ask.rebalance_timeout_ms,
        ask.protocols,
    )
    member.is_new = True
    if group.delay_left is not None:
        group.arrived = True
    group.add(member, request.protocol_type)
    group.park_join(member, ask.waiting)
    t.arm(Timer(SESSION, group.id, member_id), NEW_MEMBER_JOIN_MS)
    t.tell(group, "member joined", member=member_id, instance=request.group_instance_id, reason=request.reason)
    maybe_prepare(t, group, "member joined")


def _replace(t: Turn, group: Group, ask: Join, member: Member) -> None:
    """A static member started anew: the old instance is fenced, and the others notice only if the protocol changes."""
    old_id, old_leader = member.id, group.leader
    answer_join(t, group, member, ErrorCode.FENCED_INSTANCE_ID, old_id)
    answer_sync(t, member, ErrorCode.FENCED_INSTANCE_ID)
    t.disarm(Timer(SESSION, group.id, old_id))
    group.rename(member, _new_id(t, ask))
    same_topics = _same_topics(group, member, ask.protocols)
    t.tell(group, "static member replaced", member=member.id, old=old_id, instance=member.instance_id)
    _refresh(t, group, ask, member)
    t.arm(Timer(SESSION, group.id, member.id), NEW_MEMBER_JOIN_MS if member.is_new else member.session_timeout_ms)

    if group.state is not State.STABLE:
        maybe_prepare(t, group, "static member replaced")
        return
    changes = [group_change(GroupKey(group.id), group.stored())]
    if group.elected_protocol() != group.protocol or not same_topics or not t.fits(changes):
        prepare(t, group, "static member replaced with other subscription")
        return
    waiting = group.take_join(member)
    assert waiting is not None
    if ask.version >= SKIP_SINCE:
        leads = group.leader == member.id
        body = joined(group, member, with_members=leads, skip_assignment=leads)
    else:
        # An older client that saw itself lead would assign, in vain: it is shown the id the leader had.
        body = joined(group, member, with_members=False, leader=old_leader)
    t.write(changes, [(waiting.ticket, body)])


def _same_topics(group: Group, member: Member, protocols: Protocols) -> bool:
    """Whether a consumer still wants the topics its assignment was made for.

    Kafka compares only the protocol's name, so that a static consumer restarted with other topics never gets them.
    """
    if group.protocol_type != CONSUMER or group.protocol is None:
        return True
    new = subscribed_topics(protocols.get(group.protocol, b""))
    old = subscribed_topics(member.metadata(group.protocol))
    return new is None or old is None or sorted(new) == sorted(old)


# A member with an id -------------------------------------------------------------------------------------------------


def _join_known(t: Turn, group: Group, ask: Join, member: Member) -> None:
    same = member.says_the_same(ask.protocols)
    leads = group.leader == member.id
    if group.state is State.PREPARING:
        _refresh(t, group, ask, member)
        try_complete(t, group)
    elif group.state is State.COMPLETING and same:
        # The answer to its first JoinGroup was lost.
        t.out.reply(ask.waiting.ticket, joined(group, member, with_members=leads))
    elif group.state is State.STABLE and same and not leads:
        t.out.reply(ask.waiting.ticket, joined(group, member, with_members=False))
    else:
        # A leader that joins again wants to assign again: topics may have changed.
        _refresh(t, group, ask, member)
        prepare(t, group, "leader rejoined" if same else "member changed its subscription")


def _refresh(t: Turn, group: Group, ask: Join, member: Member) -> None:
    """Take over what the request says, and park it in place of an older one of the same member."""
    answer_join(t, group, member, ErrorCode.REBALANCE_IN_PROGRESS, member.id)
    group.revise(member, ask.protocols)
    member.session_timeout_ms = ask.request.session_timeout_ms
    member.rebalance_timeout_ms = ask.rebalance_timeout_ms
    member.client = ask.client
    group.park_join(member, ask.waiting)
