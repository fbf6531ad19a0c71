"""What clients can use: makes committed metadata true on this node.

Knows: which logs must exist, with which settings, and which topic each belongs to.  Does not know: why they were
decided.
Invariant: a topic is in `broker.topics` exactly when all its partitions are open and led by this node.
"""

from odradek.core.broker import Broker, Topic
from odradek.core.configs import BrokerConfig, TopicConfig, topic_config, with_dynamic
from odradek.core.coordinator import Coordinator
from odradek.core.errors import ErrorCode
from odradek.core.log.config import Durability, LogConfig
from odradek.core.log.log import Log
from odradek.core.log.store import log_name
from odradek.core.machine import Out
from odradek.core.quorum.image import BROKER_RESOURCE, TOPIC_RESOURCE, Image
from odradek.core.quorum.image import Topic as Described
from odradek.core.quorum.names import INTERNAL_TOPICS, OFFSETS_TOPIC
from odradek.core.quorum.records import (
    ConfigRecord,
    Metadata,
    PartitionChangeRecord,
    PartitionRecord,
    RemoveTopicRecord,
    TopicRecord,
)
from odradek.core.replica.leader import Leader
from odradek.core.types import Now, TopicId, TopicPartition

DURABILITIES = {
    "sync": Durability.SYNC,
    "replicated": Durability.REPLICATED,
    "interval": Durability.INTERVAL,
}


class Catalog:
    """Keeps `broker.topics` and `broker.leaders` equal to the committed image."""

    __slots__ = ("_broker", "_coordinator", "_image", "_static")

    def __init__(self, broker: Broker, image: Image, coordinator: Coordinator) -> None:
        self._broker = broker
        self._image = image
        self._coordinator = coordinator
        self._static = broker.config

    def open_all(self, now: Now, out: Out) -> None:
        """After a start: the logs are open; bring up every topic of the image."""
        for name in sorted(self._image.topics):
            self._bring_up(self._image.topics[name], now, out)

    def publish(self, records: tuple[Metadata, ...], now: Now, out: Out) -> None:
        """These records are committed."""
        touched: dict[TopicId, None] = {}
        configured: dict[tuple[int, str], None] = {}
        for record in records:
            if isinstance(record, RemoveTopicRecord):
                touched.pop(bytes(record.topic_id), None)
                self._take_down(bytes(record.topic_id), now, out)
            elif isinstance(record, TopicRecord | PartitionRecord | PartitionChangeRecord):
                touched[bytes(record.topic_id)] = None
            elif isinstance(record, ConfigRecord):
                configured[record.resource_type, record.resource_name] = None
        for topic_id in touched:
            described = self._image.topics_by_id.get(topic_id)
            if described is not None:
                self._bring_up(described, now, out)
        for kind, name in configured:
            self._configured(kind, name, now, out)

    def _bring_up(self, described: Described, now: Now, out: Out) -> None:
        """Open what is missing of a topic, then let clients see it."""
        broker = self._broker
        config = self.config_of(described.name)
        topic = broker.topics_by_id.get(described.topic_id)
        if topic is None:
            internal = described.name in INTERNAL_TOPICS
            topic = Topic(described.name, described.topic_id, internal, config, broker.limits)
        for index in range(len(topic.leaders), len(described.partitions)):
            topic.leaders.append(self._lead(described, index, config, now, out))
        broker.topics[topic.name] = topic
        broker.topics_by_id[topic.id] = topic
        if topic.name == OFFSETS_TOPIC:
            self._coordinator.opened(topic.leaders, now, out)

    def _lead(self, described: Described, index: int, config: TopicConfig, now: Now, out: Out) -> Leader:
        partition = TopicPartition(described.topic_id, index)
        state = described.partitions[index]
        name = log_name(partition)
        log = self._broker.store.logs.get(name)
        if log is None:
            log = self._broker.store.create(name, log_config(config, self._broker.config, described.name), now)
        leader = Leader(partition, described.name, log, state.leader_epoch, state.replicas, state.isr)
        if log.quarantined:
            leader.failure = ErrorCode.KAFKA_STORAGE_ERROR
        leader.tells = described.name == OFFSETS_TOPIC
        leader.start(out)
        self._broker.add_leader(leader)
        return leader

    def _take_down(self, topic_id: TopicId, now: Now, out: Out) -> None:
        """A topic is deleted: whoever waits on it is told, then its files go."""
        broker = self._broker
        topic = broker.topics_by_id.pop(topic_id, None)
        if topic is None:
            return
        del broker.topics[topic.name]
        if topic.name == OFFSETS_TOPIC:
            self._coordinator.closed(now, out)
        for leader in topic.leaders:
            broker.remove_leader(leader)
            leader.fail(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, out)
            broker.store.delete(leader.log.name, now, out)
        self._coordinator.topic_deleted(topic.name, now, out)
        out.note("topic deleted", topic=topic.name, partitions=len(topic.leaders))

    def _configured(self, kind: int, name: str, now: Now, out: Out) -> None:
        """Settings changed: from now on they are in force."""
        if kind == BROKER_RESOURCE:
            self.reconfigure_broker()
            for topic in self._broker.topics.values():
                self._reconfigure(topic, now, out)
        elif kind == TOPIC_RESOURCE and name in self._broker.topics:
            self._reconfigure(self._broker.topics[name], now, out)

    def reconfigure_broker(self) -> None:
        """Take the broker's settings from the image."""
        own = str(self._static.node_id)
        self._broker.config = with_dynamic(
            self._static, self._image.settings(BROKER_RESOURCE, ""), self._image.settings(BROKER_RESOURCE, own)
        )

    def _reconfigure(self, topic: Topic, now: Now, out: Out) -> None:
        config = self.config_of(topic.name)
        if config == topic.config:
            return
        topic.configure(config, self._broker.limits)
        for leader in topic.leaders:
            self._configure_log(leader.log, log_config(config, self._broker.config, topic.name), now)
            leader.moved(out)

    def _configure_log(self, log: Log, config: LogConfig, now: Now) -> None:
        """Settings of one log.  What a weaker durability left unsynced is synced as the new one asks."""
        log.configure(config, now)
        if log.quarantined:
            return
        committer = self._broker.store.committer
        if config.durability is Durability.SYNC and log.uncovered():
            committer.dirty[log.name] = log
        elif config.durability is Durability.INTERVAL and log.unsynced:
            committer.flush_later(log, now)

    def config_of(self, name: str) -> TopicConfig:
        """The settings of a topic in force."""
        return topic_config(self._image.settings(TOPIC_RESOURCE, name), self._broker.config)


def log_config(topic: TopicConfig, broker: BrokerConfig, name: str) -> LogConfig:
    """What a topic's settings mean to its logs."""
    return LogConfig(
        durability=DURABILITIES[topic.durability],
        flush_ms=broker.durability_interval_ms,
        segment_bytes=topic.segment_bytes,
        segment_ms=topic.segment_ms,
        segment_jitter_ms=topic.segment_jitter_ms,
        index_interval_bytes=topic.index_interval_bytes,
        segment_index_bytes=topic.segment_index_bytes,
        retention_ms=topic.retention_ms,
        retention_bytes=topic.retention_bytes,
        retention_check_ms=broker.log_retention_check_interval_ms,
        deletes="delete" in topic.cleanup_policy,
        file_delete_delay_ms=topic.file_delete_delay_ms,
        producer_expiration_ms=broker.producer_id_expiration_ms,
        log_append_time=topic.message_timestamp_type == "LogAppendTime",
        system=name in INTERNAL_TOPICS,
    )


def metadata_log_config(broker: BrokerConfig) -> LogConfig:
    """The metadata log: always synced, never deleted by age (KAFKA-14238)."""
    return LogConfig(durability=Durability.SYNC, deletes=False, system=True, file_delete_delay_ms=0)
