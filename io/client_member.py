"""A member of a classic consumer group: join, share the partitions out when asked to lead, stay alive, commit, leave.

Knows: the group requests and the range strategy.  Does not know: records, output.
Invariant: offsets are committed only under the generation in which their partitions were assigned.
"""

from collections.abc import Mapping
from time import monotonic
from typing import Any

from odradek.core.errors import ErrorCode
from odradek.core.wire.embedded import (
    ConsumerProtocolAssignment,
    ConsumerProtocolSubscription,
    ConsumerProtocolTopicPartition,
)
from odradek.core.wire.membership import (
    HeartbeatRequest,
    JoinGroupRequest,
    JoinGroupRequestProtocol,
    LeaveGroupRequest,
    MemberIdentity,
    SyncGroupRequest,
    SyncGroupRequestAssignment,
)
from odradek.core.wire.structs import decode_versioned, encode_versioned
from odradek.io.client import Client, Patience, Place
from odradek.io.client_errors import ClientError, ServerError, Unsupported, check
from odradek.io.client_groups import by_topic, commit

PROTOCOL_TYPE = "consumer"
STRATEGY = "range"
SESSION_TIMEOUT_MS = 45_000
REBALANCE_TIMEOUT_MS = 60_000
HEARTBEAT_S = 3.0
LEAVE_GROUP = 13
PROTOCOL_VERSION = 1

AGAIN = (ErrorCode.REBALANCE_IN_PROGRESS, ErrorCode.ILLEGAL_GENERATION, ErrorCode.UNKNOWN_MEMBER_ID)
"""The errors that mean: join again."""


class GroupMember:
    """One membership.  `assigned` is valid from `join` until `beat` or `commit` says that it is over."""

    def __init__(self, client: Client, group: str, topics: tuple[str, ...]) -> None:
        self.assigned: tuple[Place, ...] = ()
        self._client = client
        self._group = group
        self._topics = topics
        self._id = ""
        self._generation = -1
        self._beat_at = 0.0

    def join(self) -> tuple[Place, ...]:
        """Join or join again, until the group agrees on who reads what.  Blocks while others have to join too."""
        patience = Patience(REBALANCE_TIMEOUT_MS / 1000 * 2)
        while True:
            try:
                self.assigned = self._join()
                self._beat_at = monotonic() + HEARTBEAT_S
                return self.assigned
            except ServerError as error:
                if error.code == ErrorCode.UNKNOWN_MEMBER_ID:
                    self._id = ""
                elif error.code not in AGAIN and error.code != ErrorCode.MEMBER_ID_REQUIRED:
                    patience.wait(error)
                    self._client.forget()
            except ClientError as error:
                patience.wait(error)
                self._client.forget()

    def _join(self) -> tuple[Place, ...]:
        subscription = ConsumerProtocolSubscription(topics=self._topics)
        metadata = encode_versioned(subscription, PROTOCOL_VERSION)
        request = JoinGroupRequest(
            group_id=self._group,
            session_timeout_ms=SESSION_TIMEOUT_MS,
            rebalance_timeout_ms=REBALANCE_TIMEOUT_MS,
            member_id=self._id,
            protocol_type=PROTOCOL_TYPE,
            protocols=(JoinGroupRequestProtocol(name=STRATEGY, metadata=metadata),),
        )
        link = self._client.coordinator(self._group)
        joined = link.ask(request, timeout_s=REBALANCE_TIMEOUT_MS / 1000 + 30)
        if joined.error_code == ErrorCode.MEMBER_ID_REQUIRED:
            self._id = joined.member_id
        check(joined.error_code, f"join group {self._group}")
        self._id = joined.member_id
        self._generation = joined.generation_id
        leads = joined.leader == joined.member_id and not joined.skip_assignment
        return self._sync(joined, self._share_out(joined.members) if leads else {})

    def _sync(self, joined: Any, shares: Mapping[str, bytes]) -> tuple[Place, ...]:
        request = SyncGroupRequest(
            group_id=self._group,
            generation_id=self._generation,
            member_id=self._id,
            protocol_type=PROTOCOL_TYPE,
            protocol_name=joined.protocol_name,
            assignments=tuple([SyncGroupRequestAssignment(member_id=m, assignment=a) for m, a in shares.items()]),
        )
        link = self._client.coordinator(self._group)
        answer = link.ask(request, timeout_s=REBALANCE_TIMEOUT_MS / 1000 + 30)
        check(answer.error_code, f"join group {self._group}")
        if not answer.assignment:
            return ()
        assignment, _ = decode_versioned(ConsumerProtocolAssignment, bytes(answer.assignment))
        places = [Place(topic.topic, index) for topic in assignment.assigned_partitions for index in topic.partitions]
        return tuple(sorted(places))

    def _share_out(self, members: Any) -> dict[str, bytes]:
        wishes: dict[str, tuple[str, ...]] = {}
        for member in members:
            subscription, _ = decode_versioned(ConsumerProtocolSubscription, bytes(member.metadata))
            wishes[member.member_id] = tuple(subscription.topics)
        names = sorted({name for topics in wishes.values() for name in topics})
        found = self._client.cluster(names).topics
        counts = {name: len(found[name].partitions) for name in names if name in found and not found[name].error}
        shares = shared_by_range(wishes, counts)
        return {member: _encoded(places) for member, places in shares.items()}

    def beat(self) -> bool:
        """Say that this member is alive, when it is time to.  False: the assignment is over, commit and join again."""
        if monotonic() < self._beat_at:
            return True
        request = HeartbeatRequest(group_id=self._group, generation_id=self._generation, member_id=self._id)
        try:
            answer = self._client.coordinator(self._group).ask(request)
            check(answer.error_code, f"group {self._group}")
        except ServerError as error:
            if error.code in AGAIN:
                return False
            if not error.retriable:
                raise
            self._client.forget()
            return True
        except ClientError as error:
            if not error.retriable:
                raise
            self._client.forget()
            return True
        self._beat_at = monotonic() + HEARTBEAT_S
        return True

    def commit(self, offsets: Mapping[Place, int]) -> bool:
        """Commit what was dealt with.  False: too late, the partitions may be another member's already."""
        try:
            commit(self._client, self._group, offsets, generation=self._generation, member=self._id)
        except ServerError as error:
            if error.code not in AGAIN:
                raise
            return False
        return True

    def leave(self) -> None:
        """Leave, so that the others need not wait for the session to expire.  Raises nothing that could be mended."""
        if not self._id:
            return
        try:
            link = self._client.coordinator(self._group)
            if link.version(LEAVE_GROUP) >= 3:
                who = (MemberIdentity(member_id=self._id, reason="the consumer is being closed"),)
                link.ask(LeaveGroupRequest(group_id=self._group, members=who))
            else:
                link.ask(LeaveGroupRequest(group_id=self._group, member_id=self._id))
        except Unsupported:
            return
        except ClientError:
            return  # The session expires.
        self._id = ""


def shared_by_range(wishes: Mapping[str, tuple[str, ...]], counts: Mapping[str, int]) -> dict[str, list[Place]]:
    """Kafka's range strategy: of each topic a contiguous run to each member by id, the first ones take the rest."""
    shares: dict[str, list[Place]] = {member: [] for member in sorted(wishes)}
    for topic in sorted(counts):
        takers = [member for member in shares if topic in wishes[member]]
        if not takers:
            continue
        each, rest = divmod(counts[topic], len(takers))
        at = 0
        for index, member in enumerate(takers):
            size = each + (index < rest)
            shares[member] += [Place(topic, number) for number in range(at, at + size)]
            at += size
    return shares


def _encoded(places: list[Place]) -> bytes:
    topics = [ConsumerProtocolTopicPartition(topic=topic, partitions=indexes) for topic, indexes in by_topic(places)]
    return encode_versioned(ConsumerProtocolAssignment(assigned_partitions=tuple(topics)), PROTOCOL_VERSION)
