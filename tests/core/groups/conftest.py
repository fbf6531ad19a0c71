"""A shard, its log and a clock: what the group tests play with.

The lab stands in for the node.  It keeps the log, holds answers back until what they wait for is committed, checks that
a ticket is answered once, and lets time pass from deadline to deadline.
"""

from itertools import count
from random import Random
from typing import Any

import pytest

from odradek.core.errors import ErrorCode
from odradek.core.groups.config import GroupConfig
from odradek.core.groups.member import Client
from odradek.core.groups.out import Appended, ShardOut
from odradek.core.groups.shard import Shard
from odradek.core.limits import Limits
from odradek.core.types import MS, Now
from odradek.core.wire.commits import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
    OffsetDeleteRequest,
    OffsetDeleteRequestPartition,
    OffsetDeleteRequestTopic,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopics,
)
from odradek.core.wire.embedded import ConsumerProtocolSubscription
from odradek.core.wire.groups import ListGroupsRequest
from odradek.core.wire.membership import (
    HeartbeatRequest,
    JoinGroupRequest,
    JoinGroupRequestProtocol,
    LeaveGroupRequest,
    MemberIdentity,
    SyncGroupRequest,
    SyncGroupRequestAssignment,
)
from odradek.core.wire.structs import encode_versioned

START_WALL = 1_700_000_000_000


def subscription(*topics: str) -> bytes:
    return encode_versioned(ConsumerProtocolSubscription(topics=topics), 1)


class Lab:
    def __init__(self, limits: Limits | None = None, seed: int = 1, **settings: Any) -> None:
        settings.setdefault("group_initial_rebalance_delay_ms", 0)
        self.config = GroupConfig(**settings)
        self.limits = limits or Limits()
        self.seed = seed
        self.mono = 1_000 * MS
        self.tickets = count(1)
        self.answers: dict[int, Any] = {}
        self.asked: list[int] = []
        self.log: list[tuple[bytes, bytes | None]] = []
        self.notes: list[str] = []
        self.uncommitted: list[tuple[int, Any]] = []
        self.holding = False
        self.refusing: ErrorCode | None = None
        self.shard = self.new_shard()
        self.step(self.shard.loaded)

    def new_shard(self) -> Shard:
        self.seed += 1
        return Shard(0, self.config, self.limits, Random(self.seed))

    @property
    def now(self) -> Now:
        return Now(self.mono, START_WALL + self.mono // MS)

    # The node's part -----------------------------------------------------------------------------------------------
    def step(self, method: Any, *args: Any) -> None:
        out = ShardOut()
        method(*args, self.now, out)
        self.take(out)

    def take(self, out: ShardOut) -> None:
        self.notes.extend(note.text for note in out.notes)
        batches = [act for act in out.acts if isinstance(act, Appended)]
        if batches and self.refusing is not None:
            out.acts = [act for act in out.acts if not isinstance(act, Appended)]
            again = ShardOut()
            for batch in reversed(batches):
                self.shard.refused(batch, self.refusing, self.now, again)
            self.refusing = None
            self.take(out)
            self.take(again)
            return
        for act in out.acts:
            if isinstance(act, Appended):
                self.log.extend(act.records)
                for ticket, body in act.replies:
                    self.answer(ticket, body, wait=True)
            else:
                self.answer(act.ticket, act.body, act.after_commit)

    def answer(self, ticket: Any, body: Any, wait: bool) -> None:
        assert ticket not in self.answers and all(ticket != held for held, _ in self.uncommitted)
        if wait and self.holding:
            self.uncommitted.append((ticket, body))
        else:
            self.answers[ticket] = body

    def committed(self) -> None:
        self.holding = False
        held, self.uncommitted = self.uncommitted, []
        for ticket, body in held:
            self.answers[ticket] = body

    def fail_over(self, snapshot: bool = False) -> None:
        """Another node takes over from the log."""
        records = self.shard.snapshot() if snapshot else self.log
        self.step(self.shard.resign)
        self.shard = self.new_shard()
        for key, value in records:
            self.shard.load(key, value)
        self.step(self.shard.loaded)

    def wait(self, ms: int) -> None:
        """Let time pass; the shard is woken whenever it asked for it."""
        end = self.mono + ms * MS
        while (deadline := self.shard.deadline) is not None and deadline <= end:
            self.mono = max(self.mono, deadline)
            self.step(self.shard.wake)
        self.mono = end

    # Requests ------------------------------------------------------------------------------------------------------
    def ticket(self) -> int:
        ticket = next(self.tickets)
        self.asked.append(ticket)
        return ticket

    def join(
        self,
        member: str = "",
        group: str = "g",
        version: int = 3,
        instance: str | None = None,
        topics: tuple[str, ...] = ("t",),
        protocols: dict[str, bytes] | None = None,
        protocol_type: str = "consumer",
        session_ms: int = 10_000,
        rebalance_ms: int = 60_000,
        client: str = "c",
    ) -> int:
        protocols = {"range": subscription(*topics)} if protocols is None else protocols
        request = JoinGroupRequest(
            group_id=group,
            session_timeout_ms=session_ms,
            rebalance_timeout_ms=rebalance_ms,
            member_id=member,
            group_instance_id=instance,
            protocol_type=protocol_type,
            protocols=tuple([JoinGroupRequestProtocol(name=name, metadata=data) for name, data in protocols.items()]),
        )
        ticket = self.ticket()
        self.step(self.shard.join, request, version, Client(client, "/127.0.0.1"), ticket)
        return ticket

    def sync(
        self,
        member: str,
        generation: int,
        assignments: dict[str, bytes] | None = None,
        group: str = "g",
        instance: str | None = None,
        protocol_type: str | None = None,
        protocol_name: str | None = None,
    ) -> int:
        request = SyncGroupRequest(
            group_id=group,
            generation_id=generation,
            member_id=member,
            group_instance_id=instance,
            protocol_type=protocol_type,
            protocol_name=protocol_name,
            assignments=tuple(
                [
                    SyncGroupRequestAssignment(member_id=who, assignment=what)
                    for who, what in (assignments or {}).items()
                ]
            ),
        )
        ticket = self.ticket()
        self.step(self.shard.sync, request, 5, ticket)
        return ticket

    def heartbeat(self, member: str, generation: int, group: str = "g", instance: str | None = None) -> ErrorCode:
        request = HeartbeatRequest(
            group_id=group, generation_id=generation, member_id=member, group_instance_id=instance
        )
        ticket = self.ticket()
        self.step(self.shard.heartbeat, request, ticket)
        return ErrorCode(self.answers[ticket].error_code)

    def leave(self, *members: str | tuple[str, str], group: str = "g", version: int = 3) -> Any:
        who = [(member, None) if isinstance(member, str) else member for member in members]
        request = LeaveGroupRequest(
            group_id=group,
            member_id=who[0][0] if version < 3 else "",
            members=tuple([MemberIdentity(member_id=member, group_instance_id=inst) for member, inst in who])
            if version >= 3
            else (),
        )
        ticket = self.ticket()
        self.step(self.shard.leave, request, version, ticket)
        return self.answers[ticket]

    def commit(
        self,
        offsets: dict[tuple[str, int], int],
        member: str = "",
        generation: int = -1,
        group: str = "g",
        instance: str | None = None,
        metadata: str | None = None,
        version: int = 8,
        retention_ms: int = -1,
        leader_epoch: int = -1,
    ) -> int:
        topics: dict[str, list[OffsetCommitRequestPartition]] = {}
        for (topic, partition), offset in offsets.items():
            topics.setdefault(topic, []).append(
                OffsetCommitRequestPartition(
                    partition_index=partition,
                    committed_offset=offset,
                    committed_leader_epoch=leader_epoch,
                    committed_metadata=metadata,
                )
            )
        request = OffsetCommitRequest(
            group_id=group,
            generation_id_or_member_epoch=generation,
            member_id=member,
            group_instance_id=instance,
            retention_time_ms=retention_ms,
            topics=tuple([OffsetCommitRequestTopic(name=name, partitions=tuple(p)) for name, p in topics.items()]),
        )
        ticket = self.ticket()
        self.step(self.shard.commit, request, version, ticket)
        return ticket

    def commit_code(self, *args: Any, **kwargs: Any) -> ErrorCode:
        """The outcome of a commit, alike for all its partitions."""
        body = self.answers[self.commit(*args, **kwargs)]
        codes = {part.error_code for topic in body.topics for part in topic.partitions}
        assert len(codes) == 1
        return ErrorCode(codes.pop())

    def ask_offsets(self, topics: dict[str, tuple[int, ...]] | None = None, group: str = "g") -> int:
        asked = None
        if topics is not None:
            asked = tuple([OffsetFetchRequestTopics(name=name, partition_indexes=p) for name, p in topics.items()])
        ticket = self.ticket()
        out = ShardOut()
        self.shard.fetch(OffsetFetchRequestGroup(group_id=group, topics=asked), ticket, out)
        self.take(out)
        return ticket

    def offsets(self, topics: dict[str, tuple[int, ...]] | None = None, group: str = "g") -> dict[Any, int]:
        body = self.answers[self.ask_offsets(topics, group)]
        assert body.error_code == ErrorCode.NONE
        return {(t.name, p.partition_index): p.committed_offset for t in body.topics for p in t.partitions}

    def delete_offsets(self, topics: dict[str, tuple[int, ...]], group: str = "g") -> Any:
        request = OffsetDeleteRequest(
            group_id=group,
            topics=tuple(
                [
                    OffsetDeleteRequestTopic(
                        name=name,
                        partitions=tuple([OffsetDeleteRequestPartition(partition_index=p) for p in parts]),
                    )
                    for name, parts in topics.items()
                ]
            ),
        )
        ticket = self.ticket()
        self.step(self.shard.delete_offsets, request, ticket)
        return self.answers[ticket]

    def delete(self, group: str = "g") -> ErrorCode:
        ticket = self.ticket()
        self.step(self.shard.delete_group, group, ticket)
        return ErrorCode(self.answers[ticket].error_code)

    def describe(self, group: str = "g", version: int = 5) -> Any:
        ticket = self.ticket()
        out = ShardOut()
        self.shard.describe(group, version, ticket, out)
        self.take(out)
        return self.answers[ticket]

    def state(self, group: str = "g") -> str:
        return str(self.describe(group).group_state)

    def listing(self, states: tuple[str, ...] = (), types: tuple[str, ...] = ()) -> list[str]:
        ticket = self.ticket()
        out = ShardOut()
        self.shard.list_groups(ListGroupsRequest(states_filter=states, types_filter=types), ticket, out)
        self.take(out)
        return [group.group_id for group in self.answers[ticket].groups]

    # Scenes --------------------------------------------------------------------------------------------------------
    def joined(self, *args: Any, **kwargs: Any) -> Any:
        """The answer to a JoinGroup that need not wait."""
        return self.answers[self.join(*args, **kwargs)]

    def stable(self, members: int = 1, instances: tuple[str, ...] = (), **kwargs: Any) -> tuple[list[str], int]:
        """A stable group: its member ids, leader first, and its generation."""
        names: list[str | None] = list(instances) or [None] * members
        tickets = [self.join(instance=names[0], **kwargs)]
        first = self.answers[tickets[0]].member_id
        tickets = [self.join(instance=name, **kwargs) for name in names[1:]]
        again = self.join(member=first, instance=names[0], **kwargs)
        ids = [first] + [self.answers[ticket].member_id for ticket in tickets]
        body = self.answers[again]
        assert body.leader == first
        group = kwargs.get("group", "g")
        for member, name in zip(ids[1:], names[1:], strict=True):
            self.sync(member, body.generation_id, group=group, instance=name)
        self.sync(first, body.generation_id, {who: who.encode() for who in ids}, group=group, instance=names[0])
        assert self.state(group) == "Stable"
        return ids, body.generation_id

    def keep_alive(self, members: list[str], generation: int, ms: int, group: str = "g") -> None:
        """Let time pass while these members send heartbeats."""
        for _ in range(ms // 3_000):
            self.wait(3_000)
            for member in members:
                self.heartbeat(member, generation, group)


@pytest.fixture
def make_lab() -> Any:
    return Lab


@pytest.fixture
def lab() -> Lab:
    return Lab()


@pytest.fixture
def subscribe() -> Any:
    return subscription
