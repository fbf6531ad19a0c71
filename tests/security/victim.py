"""A node on the bench, an attacker's connections to it, and a bystander who must never notice.

Knows: the bench.  Does not know: any attack.
Invariant: after every attack the bystander is served as before (`unharmed`).
"""

from lab import Lab

from odradek.core.records.build import Record, build, records
from odradek.core.wire.fetch import FetchPartition, FetchRequest, FetchTopic
from odradek.core.wire.membership import FindCoordinatorRequest
from odradek.core.wire.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from odradek.core.wire.topics import CreatableTopic, CreatableTopicConfig, CreateTopicsRequest

CONFIG = {"num.partitions": "2", "offsets.topic.num.partitions": "2", "group.initial.rebalance.delay.ms": "0"}


class Victim:
    def __init__(self, config=None, limits=None):
        self.lab = Lab(config={**CONFIG, **(config or {})}, limits=limits).boot()
        self.bystander = self.lab.connect("10.0.0.1")
        self.topic_id = self.create("t").topic_id
        self.create("safe", partitions=1)
        self.bystander.ask(FindCoordinatorRequest(coordinator_keys=("g",)))
        self.said = 0

    def create(self, name, partitions=2, **configs):
        topic = CreatableTopic(
            name=name,
            num_partitions=partitions,
            replication_factor=1,
            configs=tuple(CreatableTopicConfig(name=k.replace("_", "."), value=v) for k, v in configs.items()),
        )
        (result,) = self.bystander.ask(CreateTopicsRequest(topics=(topic,))).topics
        return result

    def attack(self, frame):
        """One connection sends one frame; returns the connection."""
        client = self.lab.connect("10.6.6.6")
        client.raw(frame)
        return client

    def produce(self, batch, topic="t", client=None):
        """What becomes of one batch for partition 0: the response's partition."""
        data = TopicProduceData(name=topic, partition_data=(PartitionProduceData(index=0, records=bytes(batch)),))
        body = ProduceRequest(acks=-1, timeout_ms=1000, topic_data=(data,))
        return (client or self.lab.connect("10.6.6.6")).ask(body, 12).responses[0].partition_responses[0]

    def fetch(self, topic="t", offset=0, **fields):
        part = FetchPartition(partition=0, fetch_offset=offset, partition_max_bytes=1 << 20)
        body = FetchRequest(max_bytes=1 << 20, topics=(FetchTopic(topic=topic, partitions=(part,)),), **fields)
        return self.bystander.ask(body, 12).responses[0].partitions[0]

    def end(self, topic="t"):
        """The end of partition 0."""
        return self.lab.node.broker.topics[topic].leaders[0].log.end

    def state(self):
        """Everything durable, and what topics there are."""
        return {name: bytes(data) for name, data in self.lab.files.items()}, list(self.lab.node.broker.topics)

    def unharmed(self):
        """The bystander writes, and reads what it wrote; whoever attacked holds nothing."""
        value = b"said %d" % self.said
        batch = build([Record(0, self.lab.wall, b"k", value)])
        told = self.produce(batch, "safe", self.bystander)
        assert (told.error_code, told.base_offset) == (0, self.said)
        found = self.fetch("safe", self.said)
        assert [record.value for record in records(found.records)] == [value]
        assert self.lab.halted is None
        self.said += 1
        return True
