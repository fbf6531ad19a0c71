"""aiokafka as a worker: its event loop lives in a thread of its own."""

import asyncio
import threading

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from worker import Member, Reading, Sending, headers_of, serve, to_wire, unhexed

TIMEOUT_S = 60


def record_of(message):
    return to_wire(
        message.partition, message.offset, message.timestamp, message.key, message.value, message.headers
    )


def no_error(pairs):
    for name, code, *rest in pairs:
        assert code == 0, (name, code, *rest)


class Aiokafka:
    def __init__(self, servers):
        self.servers = servers
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(TIMEOUT_S)

    # -- admin

    def asked(self, ask):
        async def go():
            admin = AIOKafkaAdminClient(bootstrap_servers=self.servers)
            await admin.start()
            try:
                return await ask(admin)
            finally:
                await admin.close()

        return self.run(go())

    def create_topic(self, topic, partitions, configs):
        new = NewTopic(topic, partitions, 1, topic_configs=configs)
        no_error(self.asked(lambda admin: admin.create_topics([new])).topic_errors)

    def delete_topic(self, topic):
        no_error(self.asked(lambda admin: admin.delete_topics([topic])).topic_error_codes)

    def list_topics(self):
        return sorted(self.asked(lambda admin: admin.list_topics()))

    def partitions_of(self, topic):
        return len(self.asked(lambda admin: admin.describe_topics([topic]))[0]["partitions"])

    def configs_of(self, topic):
        wanted = ConfigResource(ConfigResourceType.TOPIC, topic)
        (response,) = self.asked(lambda admin: admin.describe_configs([wanted]))
        ((code, message, _, _, entries),) = response.resources
        assert code == 0, (code, message)
        return {entry[0]: entry[1] for entry in entries}

    def alter_config(self, topic, name, value):
        wanted = ConfigResource(ConfigResourceType.TOPIC, topic, {name: value})
        for response in self.asked(lambda admin: admin.alter_configs([wanted])):
            for code, message, *_ in response.resources:
                assert code == 0, (code, message)

    def add_partitions(self, topic, total):
        self.asked(lambda admin: admin.create_partitions({topic: NewPartitions(total)}))

    def delete_records(self, topic, partition, before):
        wanted = TopicPartition(topic, partition)
        return self.asked(lambda admin: admin.delete_records({wanted: RecordsToDelete(before)}))[wanted]

    def ends(self, topic):
        wanted = [TopicPartition(topic, p) for p in range(self.partitions_of(topic))]

        async def ask(consumer):
            return await consumer.beginning_offsets(wanted), await consumer.end_offsets(wanted)

        lows, highs = self.read(ask)
        return {p.partition: [lows[p], highs[p]] for p in wanted}

    def offset_at(self, topic, partition, timestamp):
        wanted = TopicPartition(topic, partition)
        found = self.read(lambda consumer: consumer.offsets_for_times({wanted: timestamp}))[wanted]
        return None if found is None else found.offset

    def list_groups(self):
        return sorted(name for name, _ in self.asked(lambda admin: admin.list_consumer_groups()))

    def group(self, group):
        (response,) = self.asked(lambda admin: admin.describe_consumer_groups([group]))
        ((code, _, state, _, _, members, *_),) = response.groups
        assert code == 0, code
        return {"state": state, "members": len(members)}

    def committed(self, group, topic):
        found = self.asked(lambda admin: admin.list_consumer_group_offsets(group))
        return {p.partition: o.offset for p, o in found.items() if p.topic == topic and o.offset >= 0}

    # -- records

    def read(self, ask, **options):
        async def go():
            consumer = AIOKafkaConsumer(bootstrap_servers=self.servers, **options)
            await consumer.start()
            try:
                return await ask(consumer)
            finally:
                await consumer.stop()

        return self.run(go())

    async def send(self, producer, topic, record):
        partition, _, timestamp, key, value, _ = record
        return await producer.send(
            topic, unhexed(value), unhexed(key), partition, timestamp_ms=timestamp, headers=headers_of(record)
        )

    async def started_producer(self, **options):
        producer = AIOKafkaProducer(bootstrap_servers=self.servers, enable_idempotence=True, **options)
        await producer.start()
        return producer

    def produce(self, topic, records, compression):
        async def go():
            codec = None if compression == "none" else compression
            producer = await self.started_producer(compression_type=codec, linger_ms=20, max_batch_size=100_000)
            sent = [await self.send(producer, topic, record) for record in records]
            where = [[m.partition, m.offset] for m in await asyncio.gather(*sent)]
            await producer.stop()
            return where

        return self.run(go())

    def consume(self, topic, since=None):
        ends = self.ends(topic)
        starts = {p: low if since is None else self.offset_at(topic, p, since) for p, (low, _) in ends.items()}
        starts = {p: ends[p][1] if start is None else start for p, start in starts.items()}
        reading = Reading(starts, {p: high for p, (_, high) in ends.items()})

        async def go(consumer):
            consumer.assign([TopicPartition(topic, p) for p in reading.missing])
            for p in reading.missing:
                consumer.seek(TopicPartition(topic, p), starts[p])
            while not reading.done:
                for messages in (await consumer.getmany(timeout_ms=500, max_records=1000)).values():
                    for message in messages:
                        reading.add(record_of(message))
            return reading.records

        return self.read(go)

    # -- one group member

    def join(self, group, topic, session_ms):
        async def start():
            consumer = AIOKafkaConsumer(
                topic,
                bootstrap_servers=self.servers,
                group_id=group,
                session_timeout_ms=session_ms,
                heartbeat_interval_ms=500,
                auto_offset_reset="earliest",
                enable_auto_commit=False,
                fetch_max_wait_ms=100,
            )
            await consumer.start()
            return consumer

        consumer = self.run(start())

        def poll_once():
            found = self.run(consumer.getmany(timeout_ms=50))
            return [[m.partition, m.offset] for ms in found.values() for m in ms]

        def assigned():
            return [p.partition for p in consumer.assignment()]

        self.member = Member(
            poll_once, assigned, lambda: self.run(consumer.commit()), lambda: self.run(consumer.stop())
        )

    def poll(self):
        return self.member.poll()

    def commit(self):
        self.member.commit()

    def leave(self):
        self.member.leave()

    # -- a producer that outlives a broker

    def start_sending(self, topic, records):
        producer = self.run(self.started_producer(linger_ms=2, request_timeout_ms=60000))
        pending = []

        def send(index, record):
            def delivered(future):
                if future.exception() is None:
                    self.sending.acked.append([index, future.result().partition, future.result().offset])
                else:
                    self.sending.failed.append([index, repr(future.exception())])

            future = self.run(self.send(producer, topic, record))
            self.loop.call_soon_threadsafe(future.add_done_callback, delivered)
            pending.append(future)

        self.sending = Sending(records, send, lambda: self.run(self.settled(pending)))

    async def settled(self, pending):
        await asyncio.gather(*pending, return_exceptions=True)
        await asyncio.sleep(0.1)  # done callbacks run after the futures

    def progress(self):
        return self.sending.progress()

    def finish_sending(self):
        return self.sending.finish()


if __name__ == "__main__":
    serve(Aiokafka)
