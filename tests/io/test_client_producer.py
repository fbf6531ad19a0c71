"""Producing: order, retries without doubles, batches that are too large."""

import pytest

from odradek.core.errors import ErrorCode
from odradek.core.records.batch import parse
from odradek.core.records.read import Record, records
from odradek.core.wire.produce import PartitionProduceResponse, ProduceResponse, TopicProduceResponse
from odradek.core.wire.producers import InitProducerIdResponse
from odradek.io import client as client_module
from odradek.io.client import Partition, Place, Topic
from odradek.io.client_errors import ServerError, Unreachable
from odradek.io.client_producer import BATCH_BYTES, Producer, murmur2


class OneBroker:
    """A client with one broker that keeps what it is sent; `faults` are taken one for each request."""

    patience_s = 5.0

    def __init__(self, *faults, partitions=1, largest=1 << 40):
        self.faults = list(faults)
        self.largest = largest
        self.partitions = partitions
        self.batches = []
        self.kept = []
        self.requests = []

    def topic(self, name, create=False):
        rows = tuple(Partition(n, 1, (1,), (1,), 0) for n in range(self.partitions))
        return Topic(name, b"i" * 16, False, rows, 0)

    def by_leader(self, places):
        return {1: list(places)}

    def node(self, number):
        return self

    def any(self):
        return self

    def id_of(self, topic):
        return b"i" * 16

    def forget(self):
        pass

    def close(self):
        pass

    def persist(self, act):
        return act()

    def ask(self, request):
        return InitProducerIdResponse(producer_id=42, producer_epoch=3)

    def send(self, request, highest, timeout_s):
        self.requests.append(request)
        return request

    def receive(self, request):
        rows = tuple(self._judged(row) for row in request.topic_data[0].partition_data)
        fault = self.faults.pop(0) if self.faults else None
        if fault == "lost":
            raise Unreachable("the answer was lost")
        return ProduceResponse(responses=(TopicProduceResponse(topic_id=b"i" * 16, partition_responses=rows),))

    def _judged(self, row):
        header = parse(row.records)
        fault = self.faults[0] if self.faults else None
        if isinstance(fault, ErrorCode):
            return PartitionProduceResponse(index=row.index, error_code=fault)
        if len(row.records) > self.largest:
            return PartitionProduceResponse(index=row.index, error_code=ErrorCode.MESSAGE_TOO_LARGE)
        if header.base_sequence >= 0 and any(kept == header.base_sequence for kept in self.batches):
            return PartitionProduceResponse(index=row.index, error_code=ErrorCode.DUPLICATE_SEQUENCE_NUMBER)
        self.batches.append(header.base_sequence)
        base = len(self.kept)
        self.kept += [record.value for record in records(row.records)]
        return PartitionProduceResponse(index=row.index, base_offset=base)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(client_module, "sleep", lambda seconds: None)


def produced(broker, values, **more):
    told = []
    producer = Producer(broker, told=told.append, **more)
    for value in values:
        producer.put("t", None, Record(0, 1, None, value))
    producer.flush()
    return told


def test_records_arrive_in_order_and_their_offsets_are_told():
    broker = OneBroker()

    told = produced(broker, [b"a", b"b", b"c"])

    assert broker.kept == [b"a", b"b", b"c"]
    assert [(d.place, d.base_offset, len(d.records)) for d in told] == [(Place("t", 0), 0, 3)]


def test_a_batch_whose_answer_was_lost_is_sent_again_and_not_doubled():
    broker = OneBroker("lost")

    produced(broker, [b"a", b"b"])

    assert broker.kept == [b"a", b"b"]
    assert len(broker.requests) == 2


def test_without_a_producer_id_a_lost_answer_may_double():
    broker = OneBroker("lost")

    produced(broker, [b"a"], idempotent=False)

    assert broker.kept == [b"a", b"a"]


def test_an_error_that_passes_is_tried_again():
    broker = OneBroker(ErrorCode.NOT_LEADER_OR_FOLLOWER)

    produced(broker, [b"a"])

    assert broker.kept == [b"a"]


def test_an_error_that_does_not_pass_is_raised_with_its_partition():
    with pytest.raises(ServerError, match="write to t-0: TOPIC_AUTHORIZATION_FAILED"):
        produced(OneBroker(ErrorCode.TOPIC_AUTHORIZATION_FAILED), [b"a"])


def test_a_batch_that_is_too_large_is_split_until_it_fits():
    broker = OneBroker(largest=200)
    values = [b"%020d" % n for n in range(20)]

    produced(broker, values)

    assert broker.kept == values
    assert broker.batches == sorted(broker.batches)


def test_a_single_record_that_is_too_large_is_an_error_that_says_what_to_do():
    with pytest.raises(ServerError, match=r"max\.message\.bytes"):
        produced(OneBroker(largest=200), [b"x" * 1000])


def test_sequences_go_on_from_batch_to_batch():
    broker = OneBroker()

    produced(broker, [b"x" * (BATCH_BYTES // 2 - 100)] * 5)

    assert broker.batches == [0, 2, 4]
    assert {parse(r.topic_data[0].partition_data[0].records).producer_id for r in broker.requests} == {42}


def test_equal_keys_go_to_the_partition_kafka_picks():
    broker = OneBroker(partitions=7)
    told = []
    producer = Producer(broker, told=told.append)
    for n in range(20):
        producer.put("t", None, Record(0, 1, b"key%d" % n, b""))
    producer.flush()

    for delivery in told:
        for record in delivery.records:
            assert delivery.place.partition == (murmur2(record.key) & 0x7FFFFFFF) % 7


def test_without_acks_nothing_is_waited_for():
    broker = OneBroker()

    told = produced(broker, [b"a"], acks=0)

    assert [delivery.base_offset for delivery in told] == [-1]
    assert broker.kept == []  # nobody asked for the answer
    assert parse(broker.requests[0].topic_data[0].partition_data[0].records).producer_id == -1
