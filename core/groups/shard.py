"""The group coordinator of one partition of `__consumer_offsets`.

Knows: its groups, its ledger, its timers; which rule a request goes to.  Does not know: the rules, sockets, the log.
Invariant: the ledger changes only by records: one appended in the same step (`Turn.write`), or read from the log
(`load`); what a reply says of it is told only when it is committed.

Life: `load` for each record of the partition, `loaded`, then requests; `resign` when another node leads the partition.
"""

from random import Random

from odradek.core.errors import ErrorCode, Refused
from odradek.core.groups import answers, commits, expiry, joining, rebalance, syncing, viewing
from odradek.core.groups.config import GroupConfig
from odradek.core.groups.group import Group, Told
from odradek.core.groups.ledger import Ledger
from odradek.core.groups.member import Client, Waiting, protocols_of
from odradek.core.groups.out import Appended, Record, ShardOut, Ticket
from odradek.core.groups.schema import Change, GroupKey
from odradek.core.groups.states import State
from odradek.core.groups.turn import EXPIRY, PENDING, REJOIN, SESSION, Timer, Turn
from odradek.core.limits import Limits
from odradek.core.timers import Timers
from odradek.core.types import Instant, Now
from odradek.core.wire.commits import (
    OffsetCommitRequest,
    OffsetDeleteRequest,
    OffsetDeleteResponse,
    OffsetFetchRequestGroup,
    OffsetFetchResponseGroup,
)
from odradek.core.wire.groups import DeletableGroupResult, DescribedGroup, ListGroupsRequest, ListGroupsResponse
from odradek.core.wire.membership import (
    HeartbeatRequest,
    HeartbeatResponse,
    JoinGroupRequest,
    LeaveGroupRequest,
    LeaveGroupResponse,
    SyncGroupRequest,
)

GROUP_ID_MISSING_SINCE = 9
"""From this version of OffsetCommit on, a group that does not exist has an error of its own (KIP-848)."""


class Shard:
    """One method for each request.  Each answers its `ticket` through `out`, at once or in a later step.

    What cannot be served is answered with Kafka's error for it; while loading, with COORDINATOR_LOAD_IN_PROGRESS.
    Bounds: `Limits.groups_per_shard` and the other fields under "Groups".
    """

    __slots__ = ("config", "groups", "ledger", "limits", "partition", "rng", "serving", "timers")

    failed = staticmethod(answers.failed)

    def __init__(self, partition: int, config: GroupConfig, limits: Limits, rng: Random) -> None:
        self.partition = partition
        self.config = config
        self.limits = limits
        self.rng = rng
        self.ledger = Ledger(limits.foreign_records_per_shard)
        self.groups: dict[str, Group] = {}
        self.timers = Timers()
        self.serving = False

    # Membership --------------------------------------------------------------------------------------------------
    def join(
        self, request: JoinGroupRequest, version: int, client: Client, ticket: Ticket, now: Now, out: ShardOut
    ) -> None:
        """JoinGroup, versions 0 to 9.  The answer waits until the generation begins."""
        t = self._turn(now, out)
        protocols = protocols_of(request)
        # Version 0 knew no rebalance timeout.
        patience_ms = request.rebalance_timeout_ms if version >= 1 else request.session_timeout_ms
        ask = joining.Join(request, version, client, Waiting(ticket, version), protocols, patience_ms)
        try:
            self._check_serving()
            joining.check_join(t, request, protocols)
            group = self.groups.get(request.group_id)
            if group is None:
                if request.member_id:
                    raise Refused(ErrorCode.UNKNOWN_MEMBER_ID)
                group = self._new_group(request.group_id, now)
            joining.join(t, group, ask)
        except Refused as refused:
            out.reply(ticket, answers.join_error(refused.code, version, request.member_id))
        else:
            self.groups[group.id] = group
            self._drop_if_void(t, group)

    def sync(self, request: SyncGroupRequest, version: int, ticket: Ticket, now: Now, out: ShardOut) -> None:
        """SyncGroup, versions 0 to 5.  The answer waits until the leader's assignment is stored."""
        try:
            group = self._group_of_member(request.group_id)
            syncing.sync(self._turn(now, out), group, request, Waiting(ticket, version))
        except Refused as refused:
            out.reply(ticket, answers.sync_error(refused.code))

    def heartbeat(self, request: HeartbeatRequest, ticket: Ticket, now: Now, out: ShardOut) -> None:
        """Heartbeat, versions 0 to 4."""
        try:
            group = self._group_of_member(request.group_id)
            body = syncing.heartbeat(self._turn(now, out), group, request)
        except Refused as refused:
            body = HeartbeatResponse(error_code=refused.code)
        out.reply(ticket, body)

    def leave(self, request: LeaveGroupRequest, version: int, ticket: Ticket, now: Now, out: ShardOut) -> None:
        """LeaveGroup, versions 0 to 5."""
        t = self._turn(now, out)
        try:
            group = self._group_of_member(request.group_id)
        except Refused as refused:
            out.reply(ticket, LeaveGroupResponse(error_code=refused.code))
            return
        out.reply(ticket, syncing.leave(t, group, request, version))
        self._drop_if_void(t, group)

    # Offsets -----------------------------------------------------------------------------------------------------
    def commit(self, request: OffsetCommitRequest, version: int, ticket: Ticket, now: Now, out: ShardOut) -> None:
        """OffsetCommit, versions 2 to 10.  Every topic carries its name; the node resolved the ids of version 10."""
        try:
            self._check_serving()
            group = self.groups.get(request.group_id)
            if group is None:
                group = self._group_to_commit_to(request, version, now)
            commits.commit(self._turn(now, out), group, request, ticket)
        except Refused as refused:
            out.reply(ticket, commits.commit_refused(request, refused.code))
            return
        if self.ledger.knows(group.id):
            self.groups[group.id] = group

    def _group_to_commit_to(self, request: OffsetCommitRequest, version: int, now: Now) -> Group:
        """A commit without a generation makes the group of a plain consumer; any other came too late."""
        if request.generation_id_or_member_epoch < 0:
            return self._new_group(request.group_id, now)
        if version >= GROUP_ID_MISSING_SINCE:
            raise Refused(ErrorCode.GROUP_ID_NOT_FOUND)
        raise Refused(ErrorCode.ILLEGAL_GENERATION)

    def fetch(self, request: OffsetFetchRequestGroup, ticket: Ticket, out: ShardOut) -> None:
        """One group of an OffsetFetch, answered with an `OffsetFetchResponseGroup` (see `commits.asked_groups`)."""
        try:
            self._check_serving()
        except Refused as refused:
            out.reply(ticket, OffsetFetchResponseGroup(group_id=request.group_id, error_code=refused.code))
            return
        out.reply(ticket, commits.fetch(self.ledger, request), after_commit=True)

    def delete_offsets(self, request: OffsetDeleteRequest, ticket: Ticket, now: Now, out: ShardOut) -> None:
        """OffsetDelete, version 0.  The node has taken out topics that do not exist."""
        t = self._turn(now, out)
        try:
            self._check_serving()
            if not request.group_id:
                raise Refused(ErrorCode.INVALID_GROUP_ID)
            group = self._existing(request.group_id)
            commits.delete(t, group, request, ticket)
        except Refused as refused:
            out.reply(ticket, OffsetDeleteResponse(error_code=refused.code))
        else:
            self._drop_if_void(t, group)

    def topic_deleted(self, topic: str, now: Now, out: ShardOut) -> None:
        """Forget every group's offsets of a topic that was deleted, so that a new one of that name begins afresh."""
        t = self._turn(now, out)
        changes: list[Change] = []
        for group_id in self.ledger.offsets:
            changes.extend(expiry.of_topic(t, group_id, topic))
        self._erase(t, changes)

    # Administration ----------------------------------------------------------------------------------------------
    def describe(self, group_id: str, version: int, ticket: Ticket, out: ShardOut) -> None:
        """One group of a DescribeGroups, versions 0 to 6, answered with a `DescribedGroup`."""
        if not self.serving:
            loading = DescribedGroup(group_id=group_id, error_code=ErrorCode.COORDINATOR_LOAD_IN_PROGRESS)
            out.reply(ticket, loading)
            return
        group = self.groups.get(group_id)
        body = viewing.missing(group_id, version) if group is None else viewing.described(group)
        out.reply(ticket, body, after_commit=True)

    def list_groups(self, request: ListGroupsRequest, ticket: Ticket, out: ShardOut) -> None:
        """This shard's part of a ListGroups, versions 0 to 5."""
        if not self.serving:
            out.reply(ticket, ListGroupsResponse(error_code=ErrorCode.COORDINATOR_LOAD_IN_PROGRESS))
            return
        out.reply(ticket, ListGroupsResponse(groups=viewing.listed(self.groups, request)), after_commit=True)

    def delete_group(self, group_id: str, ticket: Ticket, now: Now, out: ShardOut) -> None:
        """One group of a DeleteGroups, versions 0 to 2, answered with a `DeletableGroupResult`."""
        t = self._turn(now, out)
        try:
            self._check_serving()
            group = self._existing(group_id)
            if group.state is not State.EMPTY:
                raise Refused(ErrorCode.NON_EMPTY_GROUP)
        except Refused as refused:
            out.reply(ticket, DeletableGroupResult(group_id=group_id, error_code=refused.code))
            return
        for member_id in list(group.pending):
            rebalance.forget_pending(t, group, member_id)
        t.write_split(self.ledger.tombstones(group_id), [(ticket, DeletableGroupResult(group_id=group_id))])
        self._drop_if_void(t, group)

    def history(self, group_id: str) -> tuple[Told, ...]:
        """The latest events of a group, oldest first; empty for one that does not exist."""
        group = self.groups.get(group_id)
        return () if group is None else tuple(group.history)

    # Time --------------------------------------------------------------------------------------------------------
    @property
    def deadline(self) -> Instant | None:
        """When `wake` is next wanted, None for never."""
        return self.timers.first

    def wake(self, now: Now, out: ShardOut) -> None:
        """Do what is due.  No rule arms a timer for the present instant, so this ends."""
        t = self._turn(now, out)
        while (due := self.timers.pop_due(now.mono)) is not None:
            assert isinstance(due, Timer)
            if due.kind == EXPIRY:
                self._expire(t)
                continue
            group = self.groups[due.group]
            if due.kind == SESSION:
                rebalance.session_ended(t, group, due.member)
            elif due.kind == PENDING:
                rebalance.pending_ended(t, group, due.member)
            elif due.kind == REJOIN:
                rebalance.rejoin_ended(t, group)
            else:
                rebalance.sync_ended(t, group)
            self._drop_if_void(t, group)

    def _expire(self, t: Turn) -> None:
        changes: list[Change] = []
        for group in self.groups.values():
            changes.extend(expiry.expired(t, group))
        if changes:
            t.out.note("offsets expired", partition=self.partition, records=len(changes))
        self._erase(t, changes)
        t.arm(Timer(EXPIRY, ""), self.config.offsets_retention_check_interval_ms)

    def _erase(self, t: Turn, changes: list[Change]) -> None:
        t.write_split(changes)
        for group_id in dict.fromkeys([change.name.group for change in changes]):
            self._drop_if_void(t, self.groups[group_id])

    # Loading and giving up ---------------------------------------------------------------------------------------
    def load(self, key: bytes, value: bytes | None) -> None:
        """Replay one record of the partition, in order.  Raises `Refused`: see `Ledger.apply`."""
        assert not self.serving
        self.ledger.apply(key, value)

    def loaded(self, now: Now, out: ShardOut) -> None:
        """The log is read: serve.  Members of loaded groups begin new sessions; groups above their size rebalance."""
        assert not self.serving
        self.serving = True
        t = self._turn(now, out)
        for group_id in dict.fromkeys([*self.ledger.metadata, *self.ledger.offsets]):
            self._revive(t, group_id)
        t.arm(Timer(EXPIRY, ""), self.config.offsets_retention_check_interval_ms)

    def _revive(self, t: Turn, group_id: str) -> None:
        group = Group(group_id, t.now.wall, self.limits.group_history)
        self.groups[group_id] = group
        stored = self.ledger.metadata.get(group_id)
        if stored is None:
            return
        group.restore(stored, t.now.wall)
        for member in group.members.values():
            rebalance.rearm(t, group, member)
        if len(group.members) > min(self.config.group_max_size, self.limits.group_members_max):
            rebalance.prepare(t, group, "loaded with too many members")

    def snapshot(self) -> list[Record]:
        """Every live record restated, once.  Loading these alone gives an equal ledger."""
        return self.ledger.snapshot()

    def resign(self, now: Now, out: ShardOut) -> None:
        """Another node leads the partition: everyone who waits is sent there.  The shard is not used again."""
        t = self._turn(now, out)
        self.serving = False
        for group in self.groups.values():
            for member in group.members.values():
                rebalance.answer_join(t, group, member, ErrorCode.NOT_COORDINATOR, member.id)
                rebalance.answer_sync(t, member, ErrorCode.NOT_COORDINATOR)
            group.move(State.DEAD, now.wall)
        self.groups.clear()
        self.timers = Timers()

    def refused(self, appended: Appended, code: ErrorCode, now: Now, out: ShardOut) -> None:
        """The log did not take a batch: put back what it replaced, and tell its requests what `code` means to them.

        Batches are given back newest first, in the step they were handed out.  A batch of which it is not known whether
        it was taken stays applied: the node only sends `failed(body, code)` in place of its replies.
        """
        t = self._turn(now, out)
        for name, value in reversed(appended.undo):
            self.ledger.put(name, value)
        for ticket, body in appended.replies:
            out.reply(ticket, answers.failed(body, code))
        out.note("records refused", partition=self.partition, code=code.name, records=len(appended.records))
        for group_id in dict.fromkeys([name.group for name, _ in appended.undo]):
            group = self.groups.get(group_id)
            if group is None:
                self._revive(t, group_id)
                continue
            if group.state is State.STABLE and any(name == GroupKey(group_id) for name, _ in appended.undo):
                rebalance.prepare(t, group, "generation could not be stored")
            self._drop_if_void(t, group)

    # Parts -------------------------------------------------------------------------------------------------------
    def _turn(self, now: Now, out: ShardOut) -> Turn:
        return Turn(self.config, self.limits, self.rng, self.ledger, self.timers, now, out)

    def _check_serving(self) -> None:
        if not self.serving:
            raise Refused(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS)

    def _existing(self, group_id: str) -> Group:
        group = self.groups.get(group_id)
        if group is None:
            raise Refused(ErrorCode.GROUP_ID_NOT_FOUND)
        return group

    def _group_of_member(self, group_id: str) -> Group:
        self._check_serving()
        if not group_id:
            raise Refused(ErrorCode.INVALID_GROUP_ID)
        group = self.groups.get(group_id)
        if group is None:
            raise Refused(ErrorCode.UNKNOWN_MEMBER_ID)
        return group

    def _new_group(self, group_id: str, now: Now) -> Group:
        """A group that is not in the table yet: a request that is refused after all leaves none behind."""
        if len(self.groups) >= self.limits.groups_per_shard:
            raise Refused(ErrorCode.POLICY_VIOLATION)
        return Group(group_id, now.wall, self.limits.group_history)

    def _drop_if_void(self, t: Turn, group: Group) -> None:
        """Take a group out of the table of which nothing is left: no members, none to come, nothing remembered."""
        if group.state is not State.EMPTY or group.pending or self.ledger.knows(group.id):
            return
        t.disarm(Timer(REJOIN, group.id))
        group.move(State.DEAD, t.now.wall)
        del self.groups[group.id]
