"""Fetch: answer with slices of segments, now or when there is enough to read.

Knows: the budgets of a fetch, and what makes one wait.  Does not know: the bytes it answers with, which the driver
sends straight from the file.
Invariant: nothing at or above the high watermark is ever answered, and a fetch that has waited is answered exactly
once.
"""

from odradek.core.broker import Broker
from odradek.core.effects import Read
from odradek.core.errors import ErrorCode, Refused
from odradek.core.fetch_sessions import FetchSession, Key, Wanted
from odradek.core.log.log import Probe, Slice
from odradek.core.machine import Out
from odradek.core.replica.leader import Leader
from odradek.core.session import Call
from odradek.core.types import MS, Now, TopicPartition
from odradek.core.wire.fetch import (
    EpochEndOffset,
    FetchableTopicResponse,
    FetchRequest,
    FetchResponse,
    PartitionData,
)

NO_RECORDS = b""
"""Never null: librdkafka takes a null for a broken message set."""

READ_COMMITTED = 1
DEBUGGING_CONSUMER = -2
"""The replica id of a debugging consumer: an ordinary reader otherwise."""

PROBES_MAX = 64
"""Rounds of index reading for one fetch.  Each teaches a log one exact position; a fetch never needs more than
its partitions, and one that does all the same answers with what it has."""


class Fetching:
    """One fetch in progress: it reads, waits for reads of the index range it needs, and waits for more to read."""

    __slots__ = (
        "available",
        "body",
        "broker",
        "call",
        "incremental",
        "leaders",
        "overdue",
        "probes",
        "rounds",
        "session",
    )

    def __init__(self, broker: Broker, call: Call, session: FetchSession, incremental: bool) -> None:
        self.broker = broker
        self.call = call
        self.body: FetchRequest = call.body
        self.session = session
        self.incremental = incremental
        self.leaders: dict[TopicPartition, Wanted] = {}
        self.available: dict[TopicPartition, int] = {}
        self.probes: dict[int, tuple[Leader, Probe]] = {}
        self.rounds = 0
        self.overdue = False

    def begin(self, now: Now, out: Out) -> None:
        """Answer at once where that is due; else wait for `max_wait_ms`, and for every partition that is at its end."""
        results = self.collect(out)
        if self.probes or self.enough(results) or self.body.max_wait_ms <= 0:
            if not self.probes:
                self.answer(results, out)
            elif not self.broker.park(self.call, self, now.mono + max(1, self.body.max_wait_ms) * MS):
                self.overdue = True  # no room to wait: answer as soon as the reads are done
        elif self.broker.park(self.call, self, now.mono + self.body.max_wait_ms * MS):
            self.listen()
        else:
            self.answer(results, out)

    def collect(self, out: Out) -> list[tuple[Key, Wanted, PartitionData]]:
        """Read every partition within the budgets.  Where a log needs to look at its file first, `probes` is not
        empty."""
        left = min(max(0, self.body.max_bytes), self.broker.limits.fetch_bytes_max)
        results = []
        self.leaders.clear()
        self.available.clear()
        nothing_yet = True
        for key, wanted in self.session.wanted.items():
            data = PartitionData(
                partition_index=key[2],
                high_watermark=-1,
                aborted_transactions=() if self.body.isolation_level == READ_COMMITTED else None,
                records=NO_RECORDS,
            )
            try:
                size = self._read(key, wanted, data, left, nothing_yet, out)
            except Refused as refused:
                data.error_code = refused.code
                size = 0
            left = max(0, left - size)
            nothing_yet = nothing_yet and size == 0
            results.append((key, wanted, data))
        return results

    def _read(self, key: Key, wanted: Wanted, data: PartitionData, left: int, must: bool, out: Out) -> int:
        """Fill in one partition; the number of bytes it takes from the budget.  Raises Refused."""
        leader = self.broker.leader_by_key(key)
        partition = wanted.partition
        leader.check(partition.current_leader_epoch)
        log = leader.log
        data.high_watermark = data.last_stable_offset = leader.high
        data.log_start_offset = log.start
        self.leaders[leader.partition] = wanted
        if partition.last_fetched_epoch >= 0 and partition.fetch_offset >= log.start:
            epoch, end = leader.end_of_epoch(partition.last_fetched_epoch)
            if epoch < 0:
                raise Refused(ErrorCode.OFFSET_OUT_OF_RANGE)
            if epoch < partition.last_fetched_epoch or end < partition.fetch_offset:
                data.diverging_epoch = EpochEndOffset(epoch=epoch, end_offset=end)
                return 0
        if not log.start <= partition.fetch_offset <= log.end:
            raise Refused(ErrorCode.OFFSET_OUT_OF_RANGE)
        if partition.fetch_offset >= leader.high:
            return 0
        budget = min(left, max(0, partition.partition_max_bytes))
        if budget <= 0 and not must:
            return 0
        found = log.read(partition.fetch_offset, budget, leader.high, must)
        if isinstance(found, Probe):
            self._probe(leader, found, out)
            return 0
        return self._take(leader, found, data)

    def _take(self, leader: Leader, found: Slice, data: PartitionData) -> int:
        if found.size == 0:
            return 0
        data.records = found.slices
        self.available[leader.partition] = found.size
        return found.size

    def _probe(self, leader: Leader, probe: Probe, out: Out) -> None:
        ticket = self.broker.expect_read(self)
        self.probes[ticket.ticket] = (leader, probe)
        out.do(Read(probe.file, probe.at, probe.size, ticket))

    def read_done(self, ticket: int, data: bytes, now: Now, out: Out) -> None:
        """A range of a segment was read to learn where batches begin."""
        leader, probe = self.probes.pop(ticket)
        leader.log.learn(probe, data, now, out)
        self._go_on(out)

    def read_failed(self, ticket: int, why: str, now: Now, out: Out) -> None:
        """The range cannot be read: the log says what that means."""
        leader, probe = self.probes.pop(ticket)
        leader.log.unreadable(probe, why, now, out)
        self._go_on(out)

    def _go_on(self, out: Out) -> None:
        if self.probes:
            return
        self.rounds += 1
        results = self.collect(out)
        if self.probes and self.rounds < PROBES_MAX:
            return
        self.broker.forget_reads(self.probes)
        self.probes.clear()
        if self.overdue or self.enough(results):
            self.answer(results, out)
        else:
            self.listen()

    def enough(self, results: list[tuple[Key, Wanted, PartitionData]]) -> bool:
        """Whether the client has nothing to wait for: enough bytes, an error, or no partitions at all."""
        if not results or sum(self.available.values()) >= self.body.min_bytes:
            return True
        for _, wanted, data in results:
            if data.error_code or data.diverging_epoch is not None:
                return True
            if self.incremental and wanted.start not in (-1, data.log_start_offset):
                return True
        return False

    def listen(self) -> None:
        """Be poked when one of the partitions has more to read."""
        for partition in self.leaders:
            leader = self.broker.leaders.get(partition)
            if leader is not None:
                leader.listeners[self] = None

    def unlisten(self) -> None:
        """Wait for no partition any more."""
        for partition in self.leaders:
            leader = self.broker.leaders.get(partition)
            if leader is not None:
                leader.listeners.pop(self, None)

    def poke(self, partition: TopicPartition, out: Out) -> None:
        """One partition has more to read, or is gone.  Answer once all have enough together."""
        leader = self.broker.leaders.get(partition)
        wanted = self.leaders.get(partition)
        if self.probes:
            return
        if leader is not None and leader.failure is None and wanted is not None:
            budget = max(0, wanted.partition.partition_max_bytes)
            try:
                found = leader.log.read(wanted.partition.fetch_offset, budget, leader.high, True)
            except Refused:
                found = None
            if isinstance(found, Slice):
                self.available[partition] = found.size
                if sum(self.available.values()) < self.body.min_bytes:
                    return
        self.unlisten()
        results = self.collect(out)
        if not self.probes:
            self.answer(results, out)

    def expire(self, now: Now, out: Out) -> None:
        """`max_wait_ms` is over: answer with what there is, as soon as no read is outstanding."""
        self.overdue = True
        self.unlisten()
        if self.probes:
            return
        results = self.collect(out)
        if not self.probes:
            self.answer(results, out)

    def abandon(self, out: Out) -> None:
        """The client has gone."""
        self.unlisten()
        self.broker.forget_reads(self.probes)
        self.probes.clear()

    def answer(self, results: list[tuple[Key, Wanted, PartitionData]], out: Out) -> None:
        """Send the response, with what changed only in an incremental session."""
        self.broker.unpark(self.call)
        topics: dict[tuple[str, bytes], list[PartitionData]] = {}
        for key, wanted, data in results:
            if self.session.id:
                if not self._news(wanted, data):
                    continue
                if data.records != NO_RECORDS:
                    self.session.served(key)
            topics.setdefault((key[0], key[1]), []).append(data)
        responses = tuple(
            FetchableTopicResponse(topic=name, topic_id=topic_id, partitions=tuple(partitions))
            for (name, topic_id), partitions in topics.items()
        )
        self.broker.reply(self.call, FetchResponse(session_id=self.session.id, responses=responses), out)

    def _news(self, wanted: Wanted, data: PartitionData) -> bool:
        """Whether the client must hear of this partition; remembers what it is told (KIP-227)."""
        told = (wanted.high, wanted.start, wanted.last_error)
        wanted.high, wanted.start, wanted.last_error = data.high_watermark, data.log_start_offset, data.error_code
        if not self.incremental or data.records != NO_RECORDS or data.error_code or data.diverging_epoch is not None:
            return True
        return told != (data.high_watermark, data.log_start_offset, data.error_code)


def serve(broker: Broker, call: Call, now: Now, out: Out) -> None:
    """Answer a Fetch request (key 1)."""
    body: FetchRequest = call.body
    replica = body.replica_id if body.replica_state is None else body.replica_state.replica_id
    if replica >= 0:
        _refuse_follower(broker, call, out)
        return
    try:
        session, incremental = broker.fetch_sessions.open(body, call.version >= 13, now.mono)
    except Refused as refused:
        broker.reply(call, FetchResponse(error_code=refused.code, session_id=0), out)
        return
    Fetching(broker, call, session, incremental).begin(now, out)


def _refuse_follower(broker: Broker, call: Call, out: Out) -> None:
    """A client that claims to be a replica would move the high watermark (CVE-2018-1288): no such replica is known."""
    out.note("fetch as a replica refused", conn=call.session.conn)
    code = ErrorCode.CLUSTER_AUTHORIZATION_FAILED
    body: FetchRequest = call.body
    responses = tuple(
        FetchableTopicResponse(
            topic=topic.topic,
            topic_id=topic.topic_id,
            partitions=tuple(
                PartitionData(partition_index=p.partition, error_code=code, high_watermark=-1, records=NO_RECORDS)
                for p in topic.partitions
            ),
        )
        for topic in body.topics
    )
    broker.reply(call, FetchResponse(error_code=code if call.version >= 7 else 0, responses=responses), out)
