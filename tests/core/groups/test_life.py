"""Groups under random members, random delays, lost records and fail-overs."""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from odradek.core.errors import ErrorCode
from odradek.core.groups.states import State
from odradek.core.groups.turn import REJOIN, SYNC, Timer

LAB: dict[str, Any] = {}
WHO = st.integers(min_value=0, max_value=3)
TOPICS = st.sampled_from([("t",), ("t", "u")])
PROTOCOLS = [("range",), ("range", "sticky"), ("sticky", "range")]


class Client:
    """A consumer as far as the coordinator sees one.  The last two share a static id."""

    def __init__(self, number: int) -> None:
        self.instance = "shared" if number >= 2 else None
        self.version = (3, 4, 5, 9)[number]
        self.member = ""
        self.generation = -1
        self.leads: tuple[str, ...] | None = None
        self.join: int | None = None
        self.sync: int | None = None


class Life(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clients = [Client(number) for number in range(4)]
        self.owners: dict[tuple[int, bytes], str] = {}
        self.assigned = 0
        self.acked: dict[tuple[str, int], int] = {}

    @initialize(delay=st.sampled_from([0, 3_000]), seed=st.integers(0, 1_000))
    def begin(self, delay: int, seed: int) -> None:
        self.lab = LAB["make"](seed=seed, group_initial_rebalance_delay_ms=delay)

    # What clients do -----------------------------------------------------------------------------------------------
    @rule(who=WHO, topics=TOPICS, protocols=st.sampled_from(PROTOCOLS), patience=st.sampled_from([2_000, 30_000]))
    def joins(self, who: int, topics: tuple[str, ...], protocols: tuple[str, ...], patience: int) -> None:
        client = self.clients[who]
        data = LAB["subscribe"](*topics)
        client.join = self.lab.join(
            client.member,
            version=client.version,
            instance=client.instance,
            protocols=dict.fromkeys(protocols, data),
            rebalance_ms=patience,
        )
        client.sync = None
        self.listen()

    @rule(who=WHO)
    def syncs(self, who: int) -> None:
        client = self.clients[who]
        shares = {} if client.leads is None else {member: str(n).encode() for n, member in enumerate(client.leads)}
        client.sync = self.lab.sync(client.member, client.generation, shares, instance=client.instance)
        self.listen()

    @rule(who=WHO)
    def shows_that_it_lives(self, who: int) -> None:
        client = self.clients[who]
        self.lab.heartbeat(client.member, client.generation, instance=client.instance)

    @rule(who=WHO)
    def leaves(self, who: int) -> None:
        client = self.clients[who]
        self.lab.leave((client.member, client.instance))
        client.member = ""
        self.listen()

    @rule(who=WHO)
    def restarts(self, who: int) -> None:
        client = self.clients[who]
        client.member, client.generation, client.leads, client.join, client.sync = "", -1, None, None, None

    @rule(who=WHO, partition=st.integers(0, 1), offset=st.integers(0, 99), late=st.booleans())
    def commits(self, who: int, partition: int, offset: int, late: bool) -> None:
        client = self.clients[who]
        generation = client.generation - 1 if late else client.generation
        group = self.lab.shard.groups.get("g")
        before = None if group is None else (group.state, group.generation, client.member in group.members)
        ticket = self.lab.commit({("t", partition): offset}, client.member, generation, instance=client.instance)
        if generation >= 0 and ticket in self.lab.answers and self.code(ticket) == ErrorCode.NONE:
            assert before is not None
            assert before[0] in (State.STABLE, State.PREPARING)
            assert before[1:] == (generation, True)
        self.remember(ticket, partition, offset)

    @rule(partition=st.integers(0, 1), offset=st.integers(0, 99))
    def commits_by_hand(self, partition: int, offset: int) -> None:
        self.remember(self.lab.commit({("t", partition): offset}), partition, offset)

    # What the world does -------------------------------------------------------------------------------------------
    @rule(ms=st.sampled_from([1, 1_000, 3_000, 10_000, 40_000]))
    def time_passes(self, ms: int) -> None:
        self.lab.wait(ms)
        self.listen()

    @rule()
    def records_hang(self) -> None:
        self.lab.holding = True

    @precondition(lambda self: self.lab.holding)
    @rule()
    def records_are_committed(self) -> None:
        self.lab.committed()
        self.listen()

    @precondition(lambda self: not self.lab.holding)
    @rule()
    def the_next_records_are_refused(self) -> None:
        self.lab.refusing = ErrorCode.NOT_ENOUGH_REPLICAS

    @rule(snapshot=st.booleans())
    def another_node_takes_over(self, snapshot: bool) -> None:
        self.lab.committed()
        self.lab.refusing = None
        self.lab.fail_over(snapshot)
        self.listen()

    # What is seen --------------------------------------------------------------------------------------------------
    def code(self, ticket: int) -> ErrorCode:
        return ErrorCode(self.lab.answers[ticket].topics[0].partitions[0].error_code)

    def remember(self, ticket: int, partition: int, offset: int) -> None:
        where = ("t", partition)
        if ticket in self.lab.answers:
            if self.code(ticket) == ErrorCode.NONE:
                self.acked[where] = offset
        elif self.lab.holding:
            self.acked[where] = offset

    def listen(self) -> None:
        for client in self.clients:
            if client.join in self.lab.answers:
                body, client.join = self.lab.answers[client.join], None
                if body.error_code in (ErrorCode.NONE, ErrorCode.MEMBER_ID_REQUIRED):
                    client.member = body.member_id
                elif body.error_code in (ErrorCode.UNKNOWN_MEMBER_ID, ErrorCode.FENCED_INSTANCE_ID):
                    client.member = ""
                if body.error_code == ErrorCode.NONE:
                    client.generation = body.generation_id
                    client.leads = tuple(m.member_id for m in body.members) if not body.skip_assignment else None
                    assert body.generation_id >= self.assigned
            if client.sync in self.lab.answers:
                body, client.sync = self.lab.answers[client.sync], None
                if body.error_code == ErrorCode.NONE and body.assignment:
                    self.owns(client, body.assignment)

    def owns(self, client: Client, assignment: bytes) -> None:
        owner = client.instance or client.member
        assert self.owners.setdefault((client.generation, assignment), owner) == owner
        assert client.generation >= self.assigned
        self.assigned = client.generation

    @invariant()
    def the_counts_agree_with_the_members(self) -> None:
        for group in self.lab.shard.groups.values():
            members = group.members.values()
            assert group.joining == sum(member.join is not None for member in members)
            assert group.static == {m.instance_id: m.id for m in members if m.instance_id is not None}
            assert all(key == member.id for key, member in group.members.items())
            for name, count in group.supporters.items():
                assert count == sum(name in member.protocols for member in members) > 0
            assert all(member in group.members for member in group.unsynced)
            assert not any(member in group.members for member in group.pending)
            assert group.leader is None or group.leader in group.members
            if group.state in (State.STABLE, State.COMPLETING):
                assert group.leader is not None
                assert all(group.protocol in member.protocols for member in members)

    @invariant()
    def whoever_waits_has_someone_who_will_answer(self) -> None:
        timers = self.lab.shard.timers._live
        for group in self.lab.shard.groups.values():
            waiting = [member for member in group.members.values() if member.join or member.sync]
            assert not waiting or group.state in (State.PREPARING, State.COMPLETING)
            assert (group.state is State.PREPARING) == (Timer(REJOIN, group.id) in timers)
            if group.state is State.COMPLETING:
                assert group.leader in group.unsynced
            if group.state in (State.STABLE, State.COMPLETING) and group.unsynced:
                assert Timer(SYNC, group.id) in timers

    @invariant()
    def replaying_the_log_or_its_snapshot_gives_the_same_state(self) -> None:
        ledger = self.lab.shard.ledger
        for records in (self.lab.log, self.lab.shard.snapshot()):
            other = self.lab.new_shard()
            for key, value in records:
                other.load(key, value)
            assert other.ledger.metadata == ledger.metadata
            assert other.ledger.offsets == ledger.offsets

    @invariant()
    def what_was_acknowledged_is_what_is_read(self) -> None:
        held = self.lab.shard.ledger.offsets_of("g")
        for where, offset in self.acked.items():
            assert held[where].offset == offset

    def teardown(self) -> None:
        if not hasattr(self, "lab"):
            return
        self.lab.committed()
        self.lab.refusing = None
        self.lab.wait(1_200_000)
        assert [ticket for ticket in self.lab.asked if ticket not in self.lab.answers] == []
        for group in self.lab.shard.groups.values():
            assert (group.state, group.members, group.pending) == (State.EMPTY, {}, {})


def test_a_group_keeps_its_promises_whatever_happens(make_lab: Any, subscribe: Any) -> None:
    LAB.update(make=make_lab, subscribe=subscribe)
    run_state_machine_as_test(Life, settings=settings(max_examples=60, stateful_step_count=40, deadline=None))
