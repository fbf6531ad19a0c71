"""confluent-kafka, and with it librdkafka, as a worker."""

import uuid

from confluent_kafka import OFFSET_BEGINNING, Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
)
from worker import Member, Reading, Sending, headers_of, serve, to_wire, unhexed

TIMEOUT_S = 30


def answer_of(futures):
    """The one result of an admin call about one thing."""
    (future,) = futures.values()
    return future.result(TIMEOUT_S)


def record_of(message):
    _, timestamp = message.timestamp()
    return to_wire(
        message.partition(), message.offset(), timestamp, message.key(), message.value(), message.headers()
    )


class Librdkafka:
    def __init__(self, servers):
        self.servers = servers
        self.admin = AdminClient({"bootstrap.servers": servers})

    # -- admin

    def create_topic(self, topic, partitions, configs):
        answer_of(self.admin.create_topics([NewTopic(topic, partitions, 1, config=configs)]))

    def delete_topic(self, topic):
        answer_of(self.admin.delete_topics([topic]))

    def list_topics(self):
        return sorted(self.admin.list_topics(timeout=TIMEOUT_S).topics)

    def partitions_of(self, topic):
        return len(self.admin.list_topics(topic, timeout=TIMEOUT_S).topics[topic].partitions)

    def configs_of(self, topic):
        entries = answer_of(self.admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, topic)]))
        return {name: entry.value for name, entry in entries.items()}

    def alter_config(self, topic, name, value):
        entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
        answer_of(self.admin.incremental_alter_configs([resource]))

    def add_partitions(self, topic, total):
        answer_of(self.admin.create_partitions([NewPartitions(topic, total)]))

    def delete_records(self, topic, partition, before):
        return answer_of(self.admin.delete_records([TopicPartition(topic, partition, before)])).low_watermark

    def ends(self, topic):
        consumer = self.reader()
        try:
            wanted = range(self.partitions_of(topic))
            return {p: consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=TIMEOUT_S) for p in wanted}
        finally:
            consumer.close()

    def offset_at(self, topic, partition, timestamp):
        spec = OffsetSpec.for_timestamp(timestamp)
        offset = answer_of(self.admin.list_offsets({TopicPartition(topic, partition): spec})).offset
        return None if offset < 0 else offset

    def list_groups(self):
        return sorted(group.group_id for group in self.admin.list_consumer_groups().result(TIMEOUT_S).valid)

    def group(self, group):
        found = answer_of(self.admin.describe_consumer_groups([group]))
        return {"state": found.state.name, "members": len(found.members)}

    def delete_group(self, group):
        answer_of(self.admin.delete_consumer_groups([group]))

    def committed(self, group, topic):
        found = answer_of(self.admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)]))
        return {p.partition: p.offset for p in found.topic_partitions if p.topic == topic and p.offset >= 0}

    def commit_for(self, group, topic, partition, offset):
        wanted = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, partition, offset)])
        answer_of(self.admin.alter_consumer_group_offsets([wanted]))

    # -- records

    def reader(self, **more):
        return Consumer({"bootstrap.servers": self.servers, "group.id": f"reader-{uuid.uuid4()}"} | more)

    def producer(self, **more):
        return Producer({"bootstrap.servers": self.servers, "enable.idempotence": True} | more)

    def send(self, producer, topic, record, on_delivery):
        partition, _, timestamp, key, value, _ = record
        stamp = {} if timestamp is None else {"timestamp": timestamp}
        headers = headers_of(record)
        producer.produce(
            topic, unhexed(value), unhexed(key), partition, on_delivery=on_delivery, headers=headers, **stamp
        )

    def produce(self, topic, records, compression):
        producer = self.producer(**{"compression.type": compression, "linger.ms": 20})
        where = [None] * len(records)
        for index, record in enumerate(records):

            def delivered(error, message, index=index):
                where[index] = [message.partition(), message.offset()] if error is None else str(error)

            self.send(producer, topic, record, delivered)
            producer.poll(0)
        producer.flush(TIMEOUT_S)
        return where

    def consume(self, topic, since=None):
        ends = self.ends(topic)
        starts = {p: low if since is None else self.offset_at(topic, p, since) for p, (low, _) in ends.items()}
        starts = {p: ends[p][1] if start is None else start for p, start in starts.items()}
        reading = Reading(starts, {p: high for p, (_, high) in ends.items()})
        consumer = self.reader()
        from_start = OFFSET_BEGINNING if since is None else None
        consumer.assign([TopicPartition(topic, p, from_start or starts[p]) for p in reading.missing])
        while not reading.done:
            for message in consumer.consume(1000, 0.5):
                assert message.error() is None, message.error()
                reading.add(record_of(message))
        consumer.close()
        return reading.records

    # -- one group member

    def join(self, group, topic, session_ms):
        consumer = self.reader(
            **{
                "group.id": group,
                "session.timeout.ms": session_ms,
                "heartbeat.interval.ms": 500,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 100,
            }
        )
        consumer.subscribe([topic])

        def poll_once():
            messages = consumer.consume(500, 0.05)
            return [[m.partition(), m.offset()] for m in messages if m.error() is None]

        def commit():
            if any(p.offset >= 0 for p in consumer.position(consumer.assignment())):
                consumer.commit(asynchronous=False)

        self.member = Member(poll_once, lambda: [p.partition for p in consumer.assignment()], commit, consumer.close)

    def poll(self):
        return self.member.poll()

    def commit(self):
        self.member.commit()

    def leave(self):
        self.member.leave()

    # -- a producer that outlives a broker

    def start_sending(self, topic, records):
        producer = self.producer(**{"linger.ms": 2, "delivery.timeout.ms": 60000, "reconnect.backoff.max.ms": 200})

        def send(index, record):
            def delivered(error, message):
                if error is None:
                    self.sending.acked.append([index, message.partition(), message.offset()])
                else:
                    self.sending.failed.append([index, str(error)])

            self.send(producer, topic, record, delivered)
            producer.poll(0)

        self.sending = Sending(records, send, producer.flush)

    def progress(self):
        return self.sending.progress()

    def finish_sending(self):
        return self.sending.finish()


if __name__ == "__main__":
    serve(Librdkafka)
