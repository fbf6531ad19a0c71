"""kafka-python 3 as a worker."""

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.structs import OffsetAndMetadata
from worker import Member, Reading, Sending, headers_of, serve, to_wire, unhexed

TIMEOUT_S = 30


def record_of(message):
    return to_wire(
        message.partition, message.offset, message.timestamp, message.key, message.value, message.headers
    )


class KafkaPython:
    def __init__(self, servers):
        self.servers = servers
        self.made_admin = None

    @property
    def admin(self):
        self.made_admin = self.made_admin or KafkaAdminClient(bootstrap_servers=self.servers)
        return self.made_admin

    # -- admin

    def create_topic(self, topic, partitions, configs):
        self.admin.create_topics({topic: {"num_partitions": partitions, "replication_factor": 1, "configs": configs}})

    def delete_topic(self, topic):
        self.admin.delete_topics([topic])

    def list_topics(self):
        return sorted(self.admin.list_topics())

    def partitions_of(self, topic):
        return len(self.admin.describe_topics([topic])[0]["partitions"])

    def configs_of(self, topic):
        found = self.admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)], config_filter="all")
        return {name: entry["value"] for name, entry in found["topic"][topic].items()}

    def alter_config(self, topic, name, value):
        result = self.admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {name: value})])
        assert result["topic"][topic] == "OK", result

    def add_partitions(self, topic, total):
        self.admin.create_partitions({topic: total})

    def delete_records(self, topic, partition, before):
        wanted = TopicPartition(topic, partition)
        result = self.admin.delete_records({wanted: before})[wanted]
        return result["low_watermark"]

    def ends(self, topic):
        consumer = KafkaConsumer(bootstrap_servers=self.servers)
        wanted = [TopicPartition(topic, p) for p in range(self.partitions_of(topic))]
        lows, highs = consumer.beginning_offsets(wanted), consumer.end_offsets(wanted)
        consumer.close()
        return {p.partition: [lows[p], highs[p]] for p in wanted}

    def offset_at(self, topic, partition, timestamp):
        consumer = KafkaConsumer(bootstrap_servers=self.servers)
        wanted = TopicPartition(topic, partition)
        found = consumer.offsets_for_times({wanted: timestamp})[wanted]
        consumer.close()
        return None if found is None else found.offset

    def list_groups(self):
        return sorted(group["group_id"] for group in self.admin.list_groups())

    def group(self, group):
        found = self.admin.describe_groups([group])[group]
        return {"state": found["group_state"], "members": len(found["members"])}

    def delete_group(self, group):
        result = self.admin.delete_groups([group])[group]
        assert result == "OK", result

    def committed(self, group, topic):
        found = self.admin.list_group_offsets({group: None})[group]
        return {p.partition: o.offset for p, o in found.items() if p.topic == topic and o.offset >= 0}

    def commit_for(self, group, topic, partition, offset):
        wanted = TopicPartition(topic, partition)
        result = self.admin.alter_group_offsets(group, {wanted: OffsetAndMetadata(offset, "", -1)})[wanted]
        assert result.errno == 0, result

    # -- records

    def producer(self, **more):
        return KafkaProducer(bootstrap_servers=self.servers, enable_idempotence=True, **more)

    def send(self, producer, topic, record):
        partition, _, timestamp, key, value, _ = record
        return producer.send(
            topic, unhexed(value), unhexed(key), headers_of(record), partition=partition, timestamp_ms=timestamp
        )

    def produce(self, topic, records, compression):
        codec = None if compression == "none" else compression
        producer = self.producer(compression_type=codec, linger_ms=20, batch_size=100_000)
        sent = [self.send(producer, topic, record) for record in records]
        producer.flush(TIMEOUT_S)
        where = [[m.partition, m.offset] for m in (future.get(TIMEOUT_S) for future in sent)]
        producer.close()
        return where

    def consume(self, topic, since=None):
        ends = self.ends(topic)
        starts = {p: low if since is None else self.offset_at(topic, p, since) for p, (low, _) in ends.items()}
        starts = {p: ends[p][1] if start is None else start for p, start in starts.items()}
        reading = Reading(starts, {p: high for p, (_, high) in ends.items()})
        consumer = KafkaConsumer(bootstrap_servers=self.servers)
        consumer.assign([TopicPartition(topic, p) for p in reading.missing])
        for p in reading.missing:
            consumer.seek(TopicPartition(topic, p), starts[p])
        while not reading.done:
            for messages in consumer.poll(500, max_records=1000).values():
                for message in messages:
                    reading.add(record_of(message))
        consumer.close()
        return reading.records

    # -- one group member

    def join(self, group, topic, session_ms):
        consumer = KafkaConsumer(
            topic,
            bootstrap_servers=self.servers,
            group_id=group,
            session_timeout_ms=session_ms,
            heartbeat_interval_ms=500,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            fetch_max_wait_ms=100,
        )

        def poll_once():
            # Long: a join that ends between two polls leaves kafka-python 3.0.12 without its assignment.
            return [[m.partition, m.offset] for ms in consumer.poll(1000).values() for m in ms]

        def assigned():
            return [p.partition for p in consumer.assignment()]

        self.member = Member(poll_once, assigned, consumer.commit, consumer.close)

    def poll(self):
        return self.member.poll()

    def commit(self):
        self.member.commit()

    def leave(self):
        self.member.leave()

    # -- a producer that outlives a broker

    def start_sending(self, topic, records):
        producer = self.producer(linger_ms=2, delivery_timeout_ms=60000, reconnect_backoff_max_ms=200)

        def send(index, record):
            future = self.send(producer, topic, record)
            future.add_callback(lambda m: self.sending.acked.append([index, m.partition, m.offset]))
            future.add_errback(lambda error: self.sending.failed.append([index, repr(error)]))

        self.sending = Sending(records, send, producer.flush)

    def progress(self):
        return self.sending.progress()

    def finish_sending(self):
        return self.sending.finish()


if __name__ == "__main__":
    serve(KafkaPython)
