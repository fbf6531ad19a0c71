"""How a group gets from one generation to the next, and what its timers do.

Knows: the rules of Kafka's classic protocol for preparing, completing and expiring.  Does not know: requests.
Invariant: while a group is PREPARING a timer of kind REJOIN is set, and while a member of its generation is unsynced
one of kind SYNC; so every parked request is answered once enough time has passed.
"""

from typing import Final

from odradek.core.errors import ErrorCode
from odradek.core.groups.answers import join_error, joined, sync_error
from odradek.core.groups.group import Group
from odradek.core.groups.member import Member
from odradek.core.groups.schema import GroupKey, group_change
from odradek.core.groups.states import REBALANCES, State
from odradek.core.groups.turn import PENDING, REJOIN, SESSION, SYNC, Timer, Turn
from odradek.core.types import MS

NEW_MEMBER_JOIN_MS: Final = 300_000
"""Who has not been told its id cannot send heartbeats, and gets this long instead of its session (KAFKA-7610)."""


def rearm(t: Turn, group: Group, member: Member) -> None:
    """The member showed that it lives: its session begins anew."""
    t.arm(Timer(SESSION, group.id, member.id), member.session_timeout_ms)


def maybe_prepare(t: Turn, group: Group, why: str) -> None:
    """Begin a rebalance unless one is under way; where one is, see whether it can end."""
    if group.state in REBALANCES:
        prepare(t, group, why)
    else:
        try_complete(t, group)


def prepare(t: Turn, group: Group, why: str) -> None:
    """Begin a rebalance: whoever waits for an assignment is told so, and the group waits for everyone to join."""
    assert group.state in REBALANCES
    was_empty = group.state is State.EMPTY
    if group.state is State.COMPLETING:
        reset_assignments(t, group, ErrorCode.REBALANCE_IN_PROGRESS)
    t.disarm(Timer(SYNC, group.id))
    group.move(State.PREPARING, t.now.wall)
    t.tell(group, "rebalance begun", why=why, generation=group.generation, members=len(group.members))

    delay_ms = t.config.group_initial_rebalance_delay_ms
    patience_ms = group.rebalance_timeout_ms
    group.arrived = False
    if was_empty and delay_ms > 0:
        group.delay_left = max(patience_ms - delay_ms, 0) * MS
        t.arm(Timer(REJOIN, group.id), delay_ms)
        return
    t.arm(Timer(REJOIN, group.id), patience_ms)
    if was_empty:
        complete(t, group)
    else:
        try_complete(t, group)


def reset_assignments(t: Turn, group: Group, code: ErrorCode) -> None:
    """Forget the generation's assignments; parked SyncGroups are answered with `code`."""
    for member in group.members.values():
        member.assignment = b""
        if answer_sync(t, member, code):
            rearm(t, group, member)


def answer_sync(t: Turn, member: Member, code: ErrorCode) -> bool:
    """Refuse the member's parked SyncGroup, if any."""
    waiting, member.sync = member.sync, None
    if waiting is not None:
        t.out.reply(waiting.ticket, sync_error(code))
    return waiting is not None


def answer_join(t: Turn, group: Group, member: Member, code: ErrorCode, member_id: str = "") -> None:
    """Refuse the member's parked JoinGroup, if any."""
    waiting = group.take_join(member)
    if waiting is not None:
        t.out.reply(waiting.ticket, join_error(code, waiting.version, member_id))


def try_complete(t: Turn, group: Group) -> None:
    """End the waiting if nobody is left to wait for.  The delay of a first rebalance is always waited out."""
    if group.state is State.PREPARING and group.delay_left is None and group.all_joined:
        complete(t, group)


def complete(t: Turn, group: Group) -> None:
    """Begin the next generation with those who are here.  Static members may be late; their session decides."""
    assert group.state is State.PREPARING
    late = [member for member in group.members.values() if member.join is None and member.instance_id is None]
    for member in late:
        t.tell(group, "member did not rejoin in time", member=member.id)
        forget(t, group, member)
    group.delay_left = None
    if group.members and not group.elect_joined_leader():
        t.arm(Timer(REJOIN, group.id), group.rebalance_timeout_ms)
        return

    t.disarm(Timer(REJOIN, group.id))
    group.next_generation(t.now.wall)
    t.tell(group, "generation begun", generation=group.generation, members=len(group.members), protocol=group.protocol)
    if not group.members:
        t.write([group_change(GroupKey(group.id), group.stored())])
        return
    for member in group.members.values():
        waiting = group.take_join(member)
        if waiting is not None:
            t.out.reply(waiting.ticket, joined(group, member, with_members=member.id == group.leader))
        rearm(t, group, member)
        member.is_new = False
        group.unsynced[member.id] = None
    t.arm(Timer(SYNC, group.id), group.rebalance_timeout_ms)


def forget(t: Turn, group: Group, member: Member) -> None:
    """Take a member out, whatever the state.  Its parked requests are answered with UNKNOWN_MEMBER_ID."""
    answer_join(t, group, member, ErrorCode.UNKNOWN_MEMBER_ID)
    answer_sync(t, member, ErrorCode.UNKNOWN_MEMBER_ID)
    t.disarm(Timer(SESSION, group.id, member.id))
    group.remove(member)


def expel(t: Turn, group: Group, member: Member, why: str) -> None:
    """Take a member out and let the others know: by a new rebalance, or by one step less to wait for."""
    forget(t, group, member)
    maybe_prepare(t, group, why)


def forget_pending(t: Turn, group: Group, member_id: str) -> None:
    """A member id that was handed out is good no longer."""
    del group.pending[member_id]
    t.disarm(Timer(PENDING, group.id, member_id))


# Timers ----------------------------------------------------------------------------------------------------------


def session_ended(t: Turn, group: Group, member_id: str) -> None:
    """A member was silent for its session timeout.  Who waits for an answer of ours is not silent, unless it is new."""
    member = group.members.get(member_id)
    if member is None:
        return
    if not member.is_new and (member.join is not None or member.sync is not None):
        return
    t.tell(group, "session expired", member=member_id, new=member.is_new)
    expel(t, group, member, "session expired")


def pending_ended(t: Turn, group: Group, member_id: str) -> None:
    """A member id was handed out and its client never came back with it."""
    if member_id not in group.pending:
        return
    t.tell(group, "pending member never joined", member=member_id)
    forget_pending(t, group, member_id)
    try_complete(t, group)


def rejoin_ended(t: Turn, group: Group) -> None:
    """The patience of a rebalance is over.  A first one is delayed again while members keep arriving (KIP-134)."""
    if group.state is not State.PREPARING:
        return
    left = group.delay_left
    if left is not None and left > 0 and group.arrived:
        again = min(t.config.group_initial_rebalance_delay_ms * MS, left)
        group.arrived = False
        group.delay_left = left - again
        t.arm(Timer(REJOIN, group.id), again // MS)
        return
    complete(t, group)


def sync_ended(t: Turn, group: Group) -> None:
    """Members that joined and never asked for their assignment are taken out (KAFKA-9752, KAFKA-12890)."""
    if group.state not in (State.COMPLETING, State.STABLE) or not group.unsynced:
        return
    for member_id in list(group.unsynced):
        t.tell(group, "member never synced", member=member_id)
        forget(t, group, group.members[member_id])
    prepare(t, group, "members never synced")
