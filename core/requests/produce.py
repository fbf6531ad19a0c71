"""Produce: validate, append, and answer once the records are as safe as the client asked.

Knows: what each `acks` waits for, and which error each fault becomes.  Does not know: batches' insides, files, sockets.
Invariant: a success is sent only for records that have reached what `acks` and the durability in force promise.
"""

from odradek.core.broker import Broker, Topic
from odradek.core.errors import ErrorCode, Refused
from odradek.core.log.log import Duplicate
from odradek.core.machine import Out
from odradek.core.records.validate import InvalidRecords, accept
from odradek.core.replica.leader import Wait
from odradek.core.session import NO_ANSWER, Call
from odradek.core.types import MS, NO_OFFSET, NO_TIMESTAMP, Now
from odradek.core.wire.produce import (
    BatchIndexAndErrorMessage,
    PartitionProduceData,
    PartitionProduceResponse,
    ProduceRequest,
    ProduceResponse,
    TopicProduceResponse,
)

ACKS = (-1, 0, 1)


class Pending:
    """A Produce whose records are appended and not yet all safe.

    `outstanding` are the partitions still awaited, by a number of their own; `open` while more may be added.
    """

    __slots__ = ("broker", "call", "count", "open", "outstanding", "topics")

    def __init__(self, broker: Broker, call: Call) -> None:
        self.broker = broker
        self.call = call
        self.topics: list[TopicProduceResponse] = []
        self.outstanding: dict[int, PartitionProduceResponse] = {}
        self.count = 0
        self.open = True

    def await_one(self, result: PartitionProduceResponse) -> int:
        """Await one more partition, and give it its number."""
        index = self.count
        self.count += 1
        self.outstanding[index] = result
        return index

    def reached(self, index: int, out: Out) -> None:
        """One partition's records are where the client wanted them."""
        if self.outstanding.pop(index, None) is not None and not self.outstanding and not self.open:
            self.answer(out)

    def lost(self, index: int, code: ErrorCode, out: Out) -> None:
        """One partition's records will not be kept."""
        result = self.outstanding.pop(index, None)
        if result is None:
            return
        _fail(result, code, None)
        if not self.outstanding and not self.open:
            self.answer(out)

    def expire(self, now: Now, out: Out) -> None:
        """The client's timeout passed first.  The records stay: they may still be committed (as in Kafka)."""
        for result in self.outstanding.values():
            _fail(result, ErrorCode.REQUEST_TIMED_OUT, None)
        out.note("produce timed out", partitions=len(self.outstanding))
        self.outstanding.clear()
        self.answer(out)

    def answer(self, out: Out) -> None:
        """Everything is decided: tell the client."""
        self.broker.unpark(self.call)
        self.broker.reply(self.call, ProduceResponse(responses=tuple(self.topics)), out)

    def abandon(self, out: Out) -> None:
        """The client has gone.  Its records stay."""
        self.outstanding.clear()


def serve(broker: Broker, call: Call, now: Now, out: Out) -> None:
    """Answer a Produce request (key 0)."""
    body: ProduceRequest = call.body
    acks = body.acks
    pending = Pending(broker, call)
    for data in body.topic_data:
        topic = broker.topic_of(data.name, data.topic_id, call.version >= 13)
        results = []
        for partition in data.partition_data:
            result = PartitionProduceResponse(index=partition.index, base_offset=NO_OFFSET)
            results.append(result)
            try:
                if topic is None:
                    raise Refused(_unknown(call.version))
                _append(broker, topic, partition, result, pending, call, now, out)
            except Refused as refused:
                _refuse(result, refused)
        pending.topics.append(
            TopicProduceResponse(name=data.name, topic_id=data.topic_id, partition_responses=tuple(results))
        )
    pending.open = False
    if acks == 0:
        _finish_unanswered(pending, call, out)
    elif pending.outstanding:
        broker.park(call, pending, now.mono + max(0, body.timeout_ms) * MS if acks == -1 else None)
    else:
        pending.answer(out)


def _append(
    broker: Broker,
    topic: Topic,
    data: PartitionProduceData,
    result: PartitionProduceResponse,
    pending: Pending,
    call: Call,
    now: Now,
    out: Out,
) -> None:
    """Put one partition's batch into its log and note what its answer waits for.  Raises Refused; then nothing
    changed."""
    acks = call.body.acks
    if acks not in ACKS:
        raise Refused(ErrorCode.INVALID_REQUIRED_ACKS, f"acks={acks}, it must be -1, 0 or 1")
    leader = broker.leader_at(topic, data.index)
    if topic.internal:
        raise Refused(ErrorCode.INVALID_TOPIC_EXCEPTION, f"{topic.name} is written by the broker alone")
    if acks == -1 and len(leader.isr) < topic.config.min_insync_replicas:
        raise Refused(
            ErrorCode.NOT_ENOUGH_REPLICAS,
            f"{len(leader.isr)} replicas in sync, min.insync.replicas is {topic.config.min_insync_replicas}",
        )
    rules = topic.rules if call.version >= 7 else topic.rules_before_zstd
    records = data.records
    assert not isinstance(records, tuple), "decoded records are one slice of their frame"
    accepted = accept(records if records is not None else b"", rules, now.wall)
    if accepted.header.is_transactional:
        raise Refused(ErrorCode.INVALID_TXN_STATE, "transactions are not served")

    info = leader.log.append(accepted.buffer, (accepted.header,), leader.epoch, now, out)

    result.base_offset = info.first
    result.log_start_offset = leader.log.start
    if topic.log_append_time:
        result.log_append_time_ms = info.timestamp if isinstance(info, Duplicate) else info.log_append_time
    if acks != 0:
        leader.wait(acks, Wait(info.last + 1, pending, pending.await_one(result)), out)


def _finish_unanswered(pending: Pending, call: Call, out: Out) -> None:
    """acks=0 gets no response; an error closes the connection, the only way to tell such a client (as Kafka does)."""
    failed = [result for topic in pending.topics for result in topic.partition_responses if result.error_code]
    call.session.finish(call, NO_ANSWER, out)
    if failed:
        out.note("produce with acks=0 failed", code=failed[0].error_code)
        call.session.close(out)


def _unknown(version: int) -> ErrorCode:
    return ErrorCode.UNKNOWN_TOPIC_ID if version >= 13 else ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


def _refuse(result: PartitionProduceResponse, refused: Refused) -> None:
    _fail(result, refused.code, refused.message)
    if isinstance(refused, InvalidRecords):
        result.record_errors = tuple(
            BatchIndexAndErrorMessage(batch_index=error.batch_index, batch_index_error_message=error.message)
            for error in refused.errors
        )


def _fail(result: PartitionProduceResponse, code: ErrorCode, message: str | None) -> None:
    result.error_code = code
    result.error_message = message
    result.base_offset = NO_OFFSET
    result.log_append_time_ms = NO_TIMESTAMP
