"""ListOffsets, OffsetForLeaderEpoch, DeleteRecords: the ends of logs, and what lies where in them.

Knows: the special timestamps and their answers.  Does not know: how a log is searched (`log.lookup`).
Invariant: no offset above the high watermark is told.
"""

from odradek.core.broker import Broker
from odradek.core.effects import Read
from odradek.core.errors import ErrorCode, Refused
from odradek.core.log.log import Probe
from odradek.core.log.lookup import TimeLookup
from odradek.core.machine import Out
from odradek.core.replica.leader import Leader
from odradek.core.session import Call
from odradek.core.types import NO_EPOCH, NO_OFFSET, NO_TIMESTAMP, Now
from odradek.core.wire.offsets import (
    DeleteRecordsPartitionResult,
    DeleteRecordsRequest,
    DeleteRecordsResponse,
    DeleteRecordsTopicResult,
    EpochEndOffset,
    ListOffsetsPartition,
    ListOffsetsPartitionResponse,
    ListOffsetsRequest,
    ListOffsetsResponse,
    ListOffsetsTopicResponse,
    OffsetForLeaderEpochRequest,
    OffsetForLeaderEpochResponse,
    OffsetForLeaderPartition,
    OffsetForLeaderTopicResult,
)

LATEST = -1
EARLIEST = -2
MAX_TIMESTAMP = -3
EARLIEST_LOCAL = -4
LATEST_TIERED = -5
EARLIEST_PENDING_UPLOAD = -6

SINCE = {MAX_TIMESTAMP: 7, EARLIEST_LOCAL: 8, LATEST_TIERED: 9, EARLIEST_PENDING_UPLOAD: 11}
"""The first version in which a special timestamp is known; before it, UNSUPPORTED_VERSION (KIP-734, 405, 1005,
1023)."""

EPOCH_SINCE = 4

HIGH_WATERMARK = -1
"""In DeleteRecords: everything below the high watermark."""


class Looking:
    """A ListOffsets request that has to read files to answer."""

    __slots__ = ("broker", "call", "lookups", "reading", "response")

    def __init__(self, broker: Broker, call: Call) -> None:
        self.broker = broker
        self.call = call
        self.response = ListOffsetsResponse()
        self.lookups: list[tuple[Leader, TimeLookup, ListOffsetsPartitionResponse]] = []
        self.reading: tuple[int, Probe] | None = None

    def go_on(self, out: Out) -> None:
        """Finish one lookup after the other; answer when none is left."""
        while self.lookups:
            leader, lookup, result = self.lookups[-1]
            if leader.failure is not None:
                result.error_code = leader.failure
                self.lookups.pop()
                continue
            found = lookup.next()
            if isinstance(found, Probe):
                token = self.broker.expect_read(self)
                self.reading = (token.ticket, found)
                out.do(Read(found.file, found.at, found.size, token))
                return
            if found is not None:
                _tell(result, found.offset, found.timestamp, found.leader_epoch, self.call.version)
            elif self.call.version == 0:
                result.old_style_offsets = (leader.high,)
            self.lookups.pop()
        self.broker.unpark(self.call)
        self.broker.reply(self.call, self.response, out)

    def read_done(self, ticket: int, data: bytes, now: Now, out: Out) -> None:
        """A stretch of a segment was read."""
        assert self.reading is not None
        self.lookups[-1][1].learn(self.reading[1], data, now, out)
        self.reading = None
        self.go_on(out)

    def read_failed(self, ticket: int, why: str, now: Now, out: Out) -> None:
        """It cannot be read."""
        assert self.reading is not None
        leader, _, result = self.lookups.pop()
        leader.log.unreadable(self.reading[1], why, now, out)
        result.error_code = ErrorCode.KAFKA_STORAGE_ERROR
        self.reading = None
        self.go_on(out)

    def expire(self, now: Now, out: Out) -> None:
        """Never: it is parked without a limit, since reads always end."""
        raise AssertionError("a lookup is not timed")

    def abandon(self, out: Out) -> None:
        """The client has gone."""
        if self.reading is not None:
            self.broker.forget_reads((self.reading[0],))
        self.lookups.clear()


def list_offsets(broker: Broker, call: Call, now: Now, out: Out) -> None:
    """Answer a ListOffsets request (key 2)."""
    body: ListOffsetsRequest = call.body
    looking = Looking(broker, call)
    twice = _named_twice(body)
    topics = []
    for topic in body.topics:
        results = []
        for asked in topic.partitions:
            result = ListOffsetsPartitionResponse(partition_index=asked.partition_index)
            results.append(result)
            try:
                if (topic.name, asked.partition_index) in twice:
                    raise Refused(ErrorCode.INVALID_REQUEST)
                _look(broker, call, topic.name, asked, result, looking)
            except Refused as refused:
                result.error_code = refused.code
        topics.append(ListOffsetsTopicResponse(name=topic.name, partitions=tuple(results)))
    looking.response.topics = tuple(topics)
    looking.lookups.reverse()
    looking.go_on(out)
    if call.answer is None and not broker.park(call, looking, None):
        looking.abandon(out)
        call.session.close(out)


def _named_twice(body: ListOffsetsRequest) -> set[tuple[str, int]]:
    """Partitions that a request names more than once; found in one pass, since it may name very many."""
    seen: set[tuple[str, int]] = set()
    twice: set[tuple[str, int]] = set()
    for topic in body.topics:
        for partition in topic.partitions:
            key = (topic.name, partition.partition_index)
            (twice if key in seen else seen).add(key)
    return twice


def _look(
    broker: Broker,
    call: Call,
    name: str,
    asked: ListOffsetsPartition,
    result: ListOffsetsPartitionResponse,
    looking: Looking,
) -> None:
    """Answer one partition, or note that its files must be searched.  Raises Refused."""
    leader = broker.leader_of(name, asked.partition_index)
    leader.check(asked.current_leader_epoch)
    timestamp = asked.timestamp
    if timestamp < EARLIEST_PENDING_UPLOAD or call.version < SINCE.get(timestamp, 0):
        raise Refused(ErrorCode.UNSUPPORTED_VERSION)
    log = leader.log
    if timestamp == LATEST:
        _end(result, leader.high, leader, asked, call.version)
    elif timestamp in (EARLIEST, EARLIEST_LOCAL):
        _end(result, log.start, leader, asked, call.version)
    elif timestamp == MAX_TIMESTAMP:
        looking.lookups.append((leader, log.by_max_time(leader.high), result))
    elif timestamp >= 0:
        looking.lookups.append((leader, log.by_time(timestamp, leader.high), result))


def _end(
    result: ListOffsetsPartitionResponse, offset: int, leader: Leader, asked: ListOffsetsPartition, version: int
) -> None:
    """One of the log's ends.  It has no timestamp."""
    if version == 0:
        result.old_style_offsets = _old_style(leader, asked)
        return
    epoch = leader.log.epochs.at(offset)
    _tell(result, offset, NO_TIMESTAMP, leader.epoch if epoch == NO_EPOCH else epoch, version)


def _tell(result: ListOffsetsPartitionResponse, offset: int, timestamp: int, epoch: int, version: int) -> None:
    """Fill in what the version can carry."""
    if version == 0:
        result.old_style_offsets = (offset,)
        return
    result.offset = offset
    result.timestamp = timestamp
    if version >= EPOCH_SINCE:
        result.leader_epoch = epoch


def _old_style(leader: Leader, asked: ListOffsetsPartition) -> tuple[int, ...]:
    """Version 0 asks for several offsets, newest first: here the two ends, as far as `max_num_offsets` goes."""
    ends = [leader.high, leader.log.start] if asked.timestamp == LATEST else [leader.log.start]
    return tuple(dict.fromkeys(ends))[: max(0, asked.max_num_offsets)]


def offset_for_leader_epoch(broker: Broker, call: Call, now: Now, out: Out) -> None:
    """Answer an OffsetForLeaderEpoch request (key 23): where an epoch ended (KIP-101, KIP-279)."""
    body: OffsetForLeaderEpochRequest = call.body
    topics = tuple(
        OffsetForLeaderTopicResult(
            topic=topic.topic,
            partitions=tuple(_epoch_end(broker, topic.topic, asked) for asked in topic.partitions),
        )
        for topic in body.topics
    )
    broker.reply(call, OffsetForLeaderEpochResponse(topics=topics), out)


def _epoch_end(broker: Broker, name: str, asked: OffsetForLeaderPartition) -> EpochEndOffset:
    result = EpochEndOffset(partition=asked.partition, leader_epoch=NO_EPOCH, end_offset=NO_OFFSET)
    try:
        leader = broker.leader_of(name, asked.partition)
        leader.check(asked.current_leader_epoch)
        result.leader_epoch, result.end_offset = leader.end_of_epoch(asked.leader_epoch)
    except Refused as refused:
        result.error_code = refused.code
    return result


def delete_records(broker: Broker, call: Call, now: Now, out: Out) -> None:
    """Answer a DeleteRecords request (key 21, KIP-107)."""
    body: DeleteRecordsRequest = call.body
    topics = []
    for topic in body.topics:
        results = []
        for asked in topic.partitions:
            result = DeleteRecordsPartitionResult(partition_index=asked.partition_index, low_watermark=NO_OFFSET)
            results.append(result)
            try:
                known = broker.topics.get(topic.name)
                if known is not None and known.internal:
                    raise Refused(ErrorCode.INVALID_TOPIC_EXCEPTION)
                if known is not None and "delete" not in known.config.cleanup_policy:
                    raise Refused(ErrorCode.POLICY_VIOLATION)
                leader = broker.leader_of(topic.name, asked.partition_index)
                upto = leader.high if asked.offset == HIGH_WATERMARK else asked.offset
                leader.log.advance_start(upto, leader.high, now, out)
                result.low_watermark = leader.log.start
                leader.poke(out)
            except Refused as refused:
                result.error_code = refused.code
        topics.append(DeleteRecordsTopicResult(name=topic.name, partitions=tuple(results)))
    broker.reply(call, DeleteRecordsResponse(topics=tuple(topics)), out)
