"""The group coordinator of this node: its shards, the partitions of `__consumer_offsets` they live in, and who
waits.

Knows: when what a shard decided is committed.  Does not know: the rules of groups (`groups`), what a request asked.
Invariant: a reply leaves only when every record the shard had appended before it is committed; a shard serves only
after its log was replayed (KAFKA-5600).
"""

from collections import deque
from random import Random
from typing import Any, NamedTuple, Protocol

from odradek.core.broker import Broker
from odradek.core.errors import ErrorCode, Refused
from odradek.core.groups.answers import failed
from odradek.core.groups.config import GroupConfig
from odradek.core.groups.out import Appended, ShardOut, Ticket
from odradek.core.groups.routing import shard_of
from odradek.core.groups.shard import Shard
from odradek.core.machine import Out
from odradek.core.quorum.names import OFFSETS_TOPIC
from odradek.core.records.build import Record
from odradek.core.replay import Replay
from odradek.core.replica.leader import Leader
from odradek.core.types import Now, Offset

RESTATE_BYTES_MIN = 4 * 1024 * 1024
"""A shard's log is restated once it has grown by this much, and by twice what the last restatement took."""

RESTATE_BATCH_BYTES = 512 * 1024


class Asker(Protocol):
    """One who asked a shard something, under a ticket."""

    def told(self, body: Any, out: Out) -> None:
        """The shard's answer, committed."""


class Held(NamedTuple):
    """An answer that waits until everything below `upto` is committed."""

    upto: Offset
    ticket: Ticket
    body: Any


class Host:
    """One shard, its partition, and the answers that wait for it."""

    __slots__ = (
        "_broker",
        "_config",
        "_replay",
        "_rng",
        "drop_to",
        "held",
        "leader",
        "loading",
        "restated_at",
        "restated_bytes",
        "shard",
    )

    def __init__(self, broker: Broker, leader: Leader, config: GroupConfig, rng: Random) -> None:
        self._broker = broker
        self._config = config
        self._rng = rng
        self.leader = leader
        self.held: deque[Held] = deque()
        self._replay: Replay | None = None
        self.shard = self._fresh_shard()
        self.loading = False
        self.restated_at = leader.log.size
        self.restated_bytes = 0
        self.drop_to: tuple[Offset, Offset] | None = None

    def _fresh_shard(self) -> Shard:
        # Of its own chance: a shard that is loaded again must not hand out the member ids it gave before.
        rng = Random(self._rng.getrandbits(64))
        return Shard(self.leader.partition.partition, self._config, self._broker.limits, rng)

    def load(self, now: Now, out: Out) -> None:
        """Rebuild the shard from its log; it answers COORDINATOR_LOAD_IN_PROGRESS meanwhile."""
        self._resign(now, out)
        self.shard = self._fresh_shard()
        self._replay = Replay(self._broker, self.leader, self)
        self._replay.go_on(now, out)

    def _resign(self, now: Now, out: Out) -> None:
        """The shard as it is serves no longer: whoever waits in it for a rebalance is told to look again."""
        self.loading = True
        self._broker.timers.cancel(self)
        if self._replay is not None:
            self._replay.stop()
        step = ShardOut()
        self.shard.resign(now, step)
        out.effects.extend(step.notes)
        for act in step.acts:
            assert not isinstance(act, Appended), "a shard that resigns writes nothing"
            self._tell(act.ticket, act.body, out)

    def replayed(self, record: Record, now: Now) -> None:
        """One record of the log (see `Sink`)."""
        assert record.key is not None, "a record of __consumer_offsets has a key"
        self.shard.load(record.key, record.value)

    def finished(self, now: Now, out: Out) -> None:
        """The shard is as it was: serve."""
        step = ShardOut()
        self.shard.loaded(now, step)
        self.loading = False
        self.perform(step, now, out)

    def broke(self, why: str, now: Now, out: Out) -> None:
        """The log cannot be replayed: the shard stays closed rather than forget offsets."""
        out.note("group shard cannot be loaded", shard=self.leader.partition.partition, why=why)
        self.leader.log.quarantine(why, out)

    def perform(self, step: ShardOut, now: Now, out: Out) -> None:
        """Carry out what the shard decided in one step.  Once a batch is refused, so are those decided after it."""
        out.effects.extend(step.notes)
        refused: ErrorCode | None = None
        lost: list[Appended] = []
        for act in step.acts:
            if isinstance(act, Appended):
                if refused is None:
                    refused = self._append(act, now, out)
                if refused is not None:
                    lost.append(act)
            else:
                self._answer(act.ticket, act.body, self.leader.log.end if act.after_commit else 0, out)
        if refused is not None:
            undoing = ShardOut()
            for act in reversed(lost):
                self.shard.refused(act, refused, now, undoing)
            self.perform(undoing, now, out)
        self.arm()

    def arm(self) -> None:
        """Let the node wake this shard when it wants."""
        deadline = self.shard.deadline
        if deadline is None:
            self._broker.timers.cancel(self)
        else:
            self._broker.timers.set(self, deadline)

    def expire(self, now: Now, out: Out) -> None:
        """A timer of the shard is due."""
        step = ShardOut()
        if not self.loading:
            self.shard.wake(now, step)
            self.perform(step, now, out)

    def _append(self, act: Appended, now: Now, out: Out) -> ErrorCode | None:
        """Append one batch; the error when the log does not take it."""
        try:
            upto = self.leader.write(act.records, now, out)
        except Refused as refused:
            return refused.code
        for ticket, body in act.replies:
            self._answer(ticket, body, upto, out)
        self._restate_if_grown(now, out)
        return None

    def _answer(self, ticket: Ticket, body: Any, upto: Offset, out: Out) -> None:
        if upto <= self.leader.high:
            self._tell(ticket, body, out)
        else:
            self.held.append(Held(upto, ticket, body))

    def _tell(self, ticket: Ticket, body: Any, out: Out) -> None:
        asker: Asker = ticket  # type: ignore[assignment]
        asker.told(body, out)

    def committed(self, high: Offset, now: Now, out: Out) -> None:
        """The high watermark moved: let go of what waited for it."""
        while self.held and self.held[0].upto <= high:
            held = self.held.popleft()
            self._tell(held.ticket, held.body, out)
        if self.drop_to is not None and self.drop_to[1] <= high:
            start, self.drop_to = self.drop_to[0], None
            self.leader.log.advance_start(start, high, now, out)
            self.restated_at = self.leader.log.size

    def undone(self, to: Offset, now: Now, out: Out) -> None:
        """Appends from `to` on never happened (disk full): whoever waited for them is told, and the log says what
        is true.
        """
        lost = [held for held in self.held if held.upto > to]
        kept = [held for held in self.held if held.upto <= to]
        self.held.clear()
        self.held.extend(kept)
        self.drop_to = None
        self.restated_at = min(self.restated_at, self.leader.log.size)
        for held in lost:
            self._tell(held.ticket, failed(held.body, ErrorCode.COORDINATOR_NOT_AVAILABLE), out)
        self.load(now, out)

    def close(self, code: ErrorCode, now: Now, out: Out) -> None:
        """The partition is gone: nothing will be committed any more."""
        self._resign(now, out)
        for held in list(self.held):
            self._tell(held.ticket, failed(held.body, code), out)
        self.held.clear()

    def _restate_if_grown(self, now: Now, out: Out) -> None:
        """Keep the log bounded until compaction exists: append all that is live anew, then drop everything before
        it."""
        log = self.leader.log
        grown = log.size - self.restated_at
        if self.drop_to is not None or grown < max(RESTATE_BYTES_MIN, 2 * self.restated_bytes):
            return
        log.roll(now, out)
        start, before = log.end, log.size
        try:
            for batch in _batches(self.shard.snapshot()):
                self.leader.write(batch, now, out)
        except Refused as refused:
            out.note("group log not restated", shard=self.leader.partition.partition, code=refused.code.name)
            self.restated_at = log.size
            return
        self.restated_bytes = log.size - before
        self.restated_at = log.size
        self.drop_to = (start, log.end)
        out.note("group log restated", shard=self.leader.partition.partition, bytes=self.restated_bytes)


def _batches(pairs: list[tuple[bytes, bytes | None]]) -> list[list[tuple[bytes, bytes | None]]]:
    """Cut a snapshot into batches of a size that any reader takes."""
    batches: list[list[tuple[bytes, bytes | None]]] = [[]]
    size = 0
    for key, value in pairs:
        size += len(key) + len(value or b"") + 32
        if size > RESTATE_BATCH_BYTES and batches[-1]:
            batches.append([])
            size = 0
        batches[-1].append((key, value))
    return [batch for batch in batches if batch]


class Coordinator:
    """All shards of this node."""

    __slots__ = ("_broker", "_config", "_rng", "hosts")

    def __init__(self, broker: Broker, config: GroupConfig, rng: Random) -> None:
        self._broker = broker
        self._config = config
        self._rng = rng
        self.hosts: list[Host] = []

    def opened(self, leaders: list[Leader], now: Now, out: Out) -> None:
        """Partitions of `__consumer_offsets` are led here: load those that are new."""
        for leader in leaders[len(self.hosts) :]:
            host = Host(self._broker, leader, self._config, Random(self._rng.getrandbits(64)))
            self.hosts.append(host)
            host.load(now, out)

    def closed(self, now: Now, out: Out) -> None:
        """`__consumer_offsets` was deleted: every group goes with it."""
        for host in self.hosts:
            host.close(ErrorCode.NOT_COORDINATOR, now, out)
        self.hosts.clear()

    def host_of(self, group: str) -> Host:
        """The shard of a group; it answers by itself while it is loading.  Raises Refused:
        COORDINATOR_NOT_AVAILABLE."""
        if not self.hosts:
            raise Refused(ErrorCode.COORDINATOR_NOT_AVAILABLE)
        host = self.hosts[shard_of(group, len(self.hosts))]
        if host.leader.failure is not None:
            raise Refused(ErrorCode.COORDINATOR_NOT_AVAILABLE)
        return host

    def topic_deleted(self, name: str, now: Now, out: Out) -> None:
        """Every group forgets its offsets of a topic that is gone."""
        for host in self.hosts:
            if host.shard.serving:
                step = ShardOut()
                host.shard.topic_deleted(name, now, step)
                host.perform(step, now, out)

    def host_at(self, leader: Leader) -> Host | None:
        """The shard that lives in a partition; None when it is no partition of `__consumer_offsets`, or not open
        yet."""
        index = leader.partition.partition
        if leader.name != OFFSETS_TOPIC or index >= len(self.hosts):
            return None
        return self.hosts[index]
