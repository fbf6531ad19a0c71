"""InitProducerId and DescribeProducers: who writes idempotently.

Knows: how a producer id is asked for and shown.  Does not know: how retries are recognised (`log.producers`).
Invariant: two producers never get the same id.
"""

from odradek.core.broker import Broker
from odradek.core.errors import ErrorCode, Refused
from odradek.core.machine import Out
from odradek.core.session import Call
from odradek.core.types import NO_EPOCH, NO_OFFSET, NO_PRODUCER, Now
from odradek.core.wire.producers import (
    DescribeProducersRequest,
    DescribeProducersResponse,
    InitProducerIdRequest,
    InitProducerIdResponse,
    PartitionResponse,
    ProducerState,
    TopicResponse,
)


class Initializing:
    """An InitProducerId that waits for an id."""

    __slots__ = ("broker", "call")

    def __init__(self, broker: Broker, call: Call) -> None:
        self.broker = broker
        self.call = call

    def given(self, producer_id: int, out: Out) -> None:
        """A new producer begins with epoch 0."""
        self.broker.reply(self.call, InitProducerIdResponse(producer_id=producer_id, producer_epoch=0), out)

    def denied(self, code: ErrorCode, out: Out) -> None:
        """No id can be reserved now: the client tries again."""
        retriable = ErrorCode.COORDINATOR_NOT_AVAILABLE if code is ErrorCode.KAFKA_STORAGE_ERROR else code
        self.broker.reply(self.call, _refused(retriable), out)


def init_producer_id(broker: Broker, call: Call, now: Now, out: Out) -> None:
    """Answer an InitProducerId request (key 22).

    An idempotent producer gets a new id each time it asks.  Transactional ids are refused with INVALID_REQUEST, which
    clients take as final, as long as transactions are not served.
    """
    body: InitProducerIdRequest = call.body
    if body.transactional_id is not None:
        out.note("transactional producer refused")
        broker.reply(call, _refused(ErrorCode.INVALID_REQUEST), out)
        return
    broker.producer_ids.want(Initializing(broker, call), now, out)


def _refused(code: ErrorCode) -> InitProducerIdResponse:
    return InitProducerIdResponse(error_code=code, producer_id=NO_PRODUCER, producer_epoch=NO_EPOCH)


def describe_producers(broker: Broker, call: Call, now: Now, out: Out) -> None:
    """Answer a DescribeProducers request (key 61, KIP-664)."""
    body: DescribeProducersRequest = call.body
    topics = tuple(
        TopicResponse(
            name=topic.name,
            partitions=tuple(_producers(broker, topic.name, index) for index in dict.fromkeys(topic.partition_indexes)),
        )
        for topic in {topic.name: topic for topic in body.topics}.values()
    )
    broker.reply(call, DescribeProducersResponse(topics=topics), out)


def _producers(broker: Broker, name: str, index: int) -> PartitionResponse:
    try:
        leader = broker.leader_of(name, index)
    except Refused as refused:
        return PartitionResponse(partition_index=index, error_code=refused.code, error_message=refused.message)
    known = leader.log.producers.by_id
    active = []
    for producer_id in sorted(known):
        producer = known[producer_id]
        active.append(
            ProducerState(
                producer_id=producer_id,
                producer_epoch=producer.epoch,
                last_sequence=producer.batches[-1].last_sequence if producer.batches else -1,
                last_timestamp=producer.timestamp,
                coordinator_epoch=producer.coordinator_epoch,
                current_txn_start_offset=producer.txn_first if producer.txn_first >= 0 else NO_OFFSET,
            )
        )
    return PartitionResponse(partition_index=index, active_producers=tuple(active))
