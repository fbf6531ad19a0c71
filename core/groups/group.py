"""One classic group in memory: who is in it, who waits, what the generation is.

Knows: members, votes, the leader, the state table.  Does not know: time, timers, the log, how requests are answered.
Invariant: in one generation at most one protocol and one leader; a static id (KIP-345) names at most one member; the
counts of supporters and of parked joins agree with the members.

Nothing here is durable: what must survive is in the ledger, put there by a record.
"""

from collections import deque
from typing import Any, NamedTuple

from odradek.core.groups.member import Member, Protocols, Waiting, restored
from odradek.core.groups.schema import GroupMetadataValue
from odradek.core.groups.states import MAY_BECOME, State
from odradek.core.groups.subscription import CONSUMER, subscribed_topics
from odradek.core.types import Instant, WallMs


class Told(NamedTuple):
    """One line of a group's history."""

    at: WallMs
    text: str
    fields: dict[str, Any]


class Group:
    """`since`: when the present state began, as the group's record says it (Kafka's `currentStateTimestamp`).

    `static`: member ids by instance id.  `pending`: member ids handed out that have not joined yet (KIP-394).
    `unsynced`: members of this generation that have not sent SyncGroup (KAFKA-9752, KAFKA-12890).
    `delay_left`: nanoseconds the first rebalance may still be delayed; None outside such a delay (KIP-134).
    """

    __slots__ = (
        "arrived",
        "delay_left",
        "generation",
        "history",
        "id",
        "joining",
        "leader",
        "members",
        "pending",
        "protocol",
        "protocol_type",
        "since",
        "state",
        "static",
        "supporters",
        "unsynced",
    )

    def __init__(self, group_id: str, since: WallMs, history: int) -> None:
        self.id = group_id
        self.state = State.EMPTY
        self.since = since
        self.generation = 0
        self.protocol_type: str | None = None
        self.protocol: str | None = None
        self.leader: str | None = None
        self.members: dict[str, Member] = {}
        self.static: dict[str, str] = {}
        self.pending: dict[str, None] = {}
        self.unsynced: dict[str, None] = {}
        self.supporters: dict[str, int] = {}
        self.joining = 0
        self.arrived = False
        self.delay_left: Instant | None = None
        self.history: deque[Told] = deque(maxlen=history)

    def restore(self, value: GroupMetadataValue, now: WallMs) -> None:
        """Become what the last stored generation says.  Only for a group that has just been made."""
        assert not self.members and self.state is State.EMPTY
        self.generation = value.generation
        self.protocol_type = value.protocol_type or None
        self.protocol = value.protocol
        self.since = value.current_state_timestamp if value.current_state_timestamp >= 0 else now
        for stored in value.members:
            member = restored(stored, value.protocol)
            self.members[member.id] = member
            if member.instance_id is not None:
                self.static[member.instance_id] = member.id
            self._count(member.protocols, 1)
        self.leader = value.leader if value.leader in self.members else next(iter(self.members), None)
        self.state = State.STABLE if self.members else State.EMPTY

    def move(self, state: State, now: WallMs) -> None:
        """Enter a state the table allows."""
        assert state in MAY_BECOME[self.state], (self.id, self.state, state)
        self.state = state
        self.since = now

    # Members -----------------------------------------------------------------------------------------------------
    def add(self, member: Member, protocol_type: str) -> None:
        """A member joins the group; the first one decides the protocol type and leads."""
        assert member.id not in self.members
        if not self.members:
            self.protocol_type = protocol_type
        assert member.instance_id is None or member.instance_id not in self.static
        self.pending.pop(member.id, None)
        self.members[member.id] = member
        if member.instance_id is not None:
            self.static[member.instance_id] = member.id
        if self.leader is None:
            self.leader = member.id
        self._count(member.protocols, 1)

    def remove(self, member: Member) -> None:
        """A member is gone.  Its parked requests must have been answered."""
        assert member.join is None and member.sync is None
        del self.members[member.id]
        self.unsynced.pop(member.id, None)
        if member.instance_id is not None:
            del self.static[member.instance_id]
        self._count(member.protocols, -1)
        if self.leader == member.id:
            self.leader = next(iter(self.members), None)

    def rename(self, member: Member, member_id: str) -> None:
        """A static member came back under a new id: it takes the old one's place, leadership included (KIP-345)."""
        assert member.instance_id is not None and member.join is None and member.sync is None
        old = member.id
        del self.members[old]
        self.unsynced.pop(old, None)
        member.id = member_id
        self.members[member_id] = member
        self.static[member.instance_id] = member_id
        if self.leader == old:
            self.leader = member_id

    def revise(self, member: Member, protocols: Protocols) -> None:
        """A member's protocols changed."""
        self._count(member.protocols, -1)
        member.protocols = protocols
        self._count(protocols, 1)

    def _count(self, protocols: Protocols, change: int) -> None:
        for name in protocols:
            count = self.supporters.get(name, 0) + change
            assert count >= 0
            if count:
                self.supporters[name] = count
            else:
                del self.supporters[name]

    # Parked joins ------------------------------------------------------------------------------------------------
    def park_join(self, member: Member, waiting: Waiting) -> None:
        """Keep a JoinGroup until the generation begins."""
        assert member.join is None
        member.join = waiting
        self.joining += 1

    def take_join(self, member: Member) -> Waiting | None:
        """The parked JoinGroup, which is parked no longer."""
        waiting, member.join = member.join, None
        if waiting is not None:
            self.joining -= 1
        return waiting

    @property
    def all_joined(self) -> bool:
        """Whether nobody is left to wait for."""
        return self.joining == len(self.members) and not self.pending

    # Protocols ---------------------------------------------------------------------------------------------------
    def supports(self, protocol_type: str, protocols: Protocols) -> bool:
        """Whether someone with these protocols could be a member: one of them must be everyone's."""
        if self.state is State.EMPTY:
            return bool(protocol_type) and bool(protocols)
        everyone = len(self.members)
        return self.protocol_type == protocol_type and any(
            self.supporters.get(name, 0) == everyone for name in protocols
        )

    def elected_protocol(self) -> str:
        """The protocol with most votes: each member votes for the first of its own that everyone supports.

        A tie goes to the protocol that was voted for first, in the order in which members joined.
        """
        assert self.members
        everyone = len(self.members)
        votes: dict[str, int] = {}
        for member in self.members.values():
            choice = next(name for name in member.protocols if self.supporters[name] == everyone)
            votes[choice] = votes.get(choice, 0) + 1
        return max(votes, key=lambda name: votes[name])

    def elect_joined_leader(self) -> bool:
        """Make sure the leader is one who has joined again; False when nobody has."""
        leader = None if self.leader is None else self.members[self.leader]
        if leader is not None and leader.join is not None:
            return True
        joined = next((member.id for member in self.members.values() if member.join is not None), None)
        if joined is not None:
            self.leader = joined
        return joined is not None

    def next_generation(self, now: WallMs) -> None:
        """Begin a generation: with members COMPLETING, without any EMPTY."""
        self.generation = self.generation + 1 if self.generation < 0x7FFFFFFF else 1
        self.unsynced.clear()
        if self.members:
            self.protocol = self.elected_protocol()
            self.move(State.COMPLETING, now)
        else:
            self.protocol = None
            self.leader = None
            self.move(State.EMPTY, now)

    @property
    def rebalance_timeout_ms(self) -> int:
        """The patience of the most patient member, 0 without members."""
        return max((member.rebalance_timeout_ms for member in self.members.values()), default=0)

    # What others may know ----------------------------------------------------------------------------------------
    def topics(self) -> tuple[str, ...] | None:
        """What the members subscribed to, sorted; None when that cannot be known (another protocol, other bytes)."""
        if self.protocol_type != CONSUMER:
            return None
        if not self.members:
            return ()
        if self.protocol is None:
            return None
        found: dict[str, None] = {}
        for member in self.members.values():
            topics = subscribed_topics(member.metadata(self.protocol))
            if topics is None:
                return None
            found.update(dict.fromkeys(topics))
        return tuple(sorted(found))

    def stored(self) -> GroupMetadataValue:
        """The group as its record holds it."""
        return GroupMetadataValue(
            protocol_type=self.protocol_type or "",
            generation=self.generation,
            protocol=self.protocol,
            leader=self.leader,
            current_state_timestamp=self.since,
            members=tuple([member.stored(self.protocol) for member in self.members.values()]),
        )
