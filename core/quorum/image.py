"""The metadata image: what the cluster is, as of the last metadata record applied.

Knows: topics, partitions, settings, brokers, features and the next producer id.  Does not know: who decided, or why;
what is valid was settled before a record was written, so a record that does not fit is a bug (`assert`).
Invariant: `apply` is the only code that changes it, and `records()` applied to an empty image gives an equal image.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from odradek.core.quorum import records as r
from odradek.core.quorum.names import collides, unified
from odradek.core.types import NO_TOPIC_ID, NodeId, TopicId, TopicPartition

TOPIC_RESOURCE = 2
BROKER_RESOURCE = 4
NO_LEADER = NodeId(-1)

Resource = tuple[int, str]
"""A resource type of the protocol and a name."""

_NOTHING: Mapping[str, str] = {}


class Partition(NamedTuple):
    """One partition.  `leader` is -1 when it has none; `partition_epoch` counts every change, `leader_epoch` "
    "every election."""

    replicas: tuple[NodeId, ...]
    isr: tuple[NodeId, ...]
    leader: NodeId
    leader_epoch: int
    partition_epoch: int
    removing: tuple[NodeId, ...] = ()
    adding: tuple[NodeId, ...] = ()


class Topic:
    """One topic.  A partition's number is its place in `partitions`.  Only the image changes it."""

    __slots__ = ("name", "partitions", "topic_id")

    def __init__(self, name: str, topic_id: TopicId) -> None:
        self.name = name
        self.topic_id = topic_id
        self.partitions: list[Partition] = []

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Topic):
            return NotImplemented
        return (self.name, self.topic_id, self.partitions) == (other.name, other.topic_id, other.partitions)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Topic({self.name!r}, {self.topic_id.hex()}, {self.partitions!r})"


class Endpoint(NamedTuple):
    """Where a broker listens.  `security_protocol` 0 is PLAINTEXT."""

    name: str
    host: str
    port: int
    security_protocol: int = 0


class Broker(NamedTuple):
    """A registered broker.  A fenced one leads nothing and is not told to clients."""

    node_id: NodeId
    epoch: int
    incarnation: bytes
    endpoints: tuple[Endpoint, ...]
    features: tuple[tuple[str, int, int], ...]
    rack: str | None
    fenced: bool
    in_controlled_shutdown: bool
    log_dirs: tuple[bytes, ...]


class ProducerIds(NamedTuple):
    """The block handed out last: to whom, and the first id that has not been handed out."""

    node_id: NodeId
    broker_epoch: int
    next_id: int


class Image:
    """All metadata.  Read the attributes freely; only `apply` writes them.

    `topics` is by name and `topics_by_id` by id, both of the same objects.  `configs` holds overridden settings only.
    `colliding` has the names with '.' or '_' by what metrics would call them.  The cluster id is no record: it is
    written into the data directory when that is formatted, as in Kafka.
    """

    __slots__ = (
        "brokers",
        "cluster_id",
        "colliding",
        "configs",
        "features",
        "partition_count",
        "producer_ids",
        "topics",
        "topics_by_id",
    )

    def __init__(self, cluster_id: str) -> None:
        self.cluster_id = cluster_id
        self.topics: dict[str, Topic] = {}
        self.topics_by_id: dict[TopicId, Topic] = {}
        self.colliding: dict[str, str] = {}
        self.partition_count = 0
        self.configs: dict[Resource, dict[str, str]] = {}
        self.brokers: dict[NodeId, Broker] = {}
        self.features: dict[str, int] = {}
        self.producer_ids: ProducerIds | None = None

    def clear(self) -> None:
        """Forget everything but the cluster id: the image is about to be rebuilt."""
        self.topics.clear()
        self.topics_by_id.clear()
        self.colliding.clear()
        self.partition_count = 0
        self.configs.clear()
        self.brokers.clear()
        self.features.clear()
        self.producer_ids = None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Image):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    __hash__ = None  # type: ignore[assignment]

    def partition(self, of: TopicPartition) -> Partition | None:
        """One partition by its topic's id, or None if there is no such topic or partition."""
        topic = self.topics_by_id.get(of.topic_id)
        if topic is None or not 0 <= of.partition < len(topic.partitions):
            return None
        return topic.partitions[of.partition]

    def settings(self, resource_type: int, name: str) -> Mapping[str, str]:
        """The overridden settings of a resource; empty if there are none."""
        return self.configs.get((resource_type, name), _NOTHING)

    def live_brokers(self) -> list[NodeId]:
        """Brokers that can lead partitions, in ascending order."""
        return sorted(one.node_id for one in self.brokers.values() if not one.fenced and not one.in_controlled_shutdown)

    def apply(self, record: r.Metadata) -> Topic | None:
        """Take in one record.  Gives the topic it was about, also when it removed it; None for every other record."""
        if isinstance(record, r.PartitionChangeRecord):
            return self._change_partition(record)
        if isinstance(record, r.PartitionRecord):
            return self._add_partition(record)
        if isinstance(record, r.TopicRecord):
            return self._add_topic(record)
        if isinstance(record, r.RemoveTopicRecord):
            return self._remove_topic(record)
        if isinstance(record, r.ConfigRecord):
            self._set_config(record)
        elif isinstance(record, r.ProducerIdsRecord):
            self.producer_ids = ProducerIds(NodeId(record.broker_id), record.broker_epoch, record.next_producer_id)
        elif isinstance(record, r.FeatureLevelRecord):
            self._set_feature(record)
        elif isinstance(record, r.RegisterBrokerRecord):
            self._register(record)
        elif isinstance(record, r.BrokerRegistrationChangeRecord):
            self._change_registration(record)
        elif isinstance(record, r.UnregisterBrokerRecord):
            assert self.brokers[NodeId(record.broker_id)].epoch == record.broker_epoch
            del self.brokers[NodeId(record.broker_id)]
        else:
            assert isinstance(record, r.NoOpRecord), record
        return None

    def records(self) -> Iterator[r.Metadata]:
        """The whole image as records, in an order that depends on its content only."""
        for name in sorted(self.features):
            yield r.FeatureLevelRecord(name=name, feature_level=self.features[name])
        for node_id in sorted(self.brokers):
            yield _registration(self.brokers[node_id])
        for topic_name in sorted(self.topics):
            topic = self.topics[topic_name]
            yield r.TopicRecord(name=topic.name, topic_id=topic.topic_id)
            for number, partition in enumerate(topic.partitions):
                yield partition_record(topic.topic_id, number, partition)
        for kind, resource in sorted(self.configs):
            values = self.configs[kind, resource]
            for name in sorted(values):
                yield r.ConfigRecord(resource_type=kind, resource_name=resource, name=name, value=values[name])
        if self.producer_ids is not None:
            node_id, epoch, next_id = self.producer_ids
            yield r.ProducerIdsRecord(broker_id=node_id, broker_epoch=epoch, next_producer_id=next_id)

    def _add_topic(self, record: r.TopicRecord) -> Topic:
        assert record.name not in self.topics, record.name
        assert record.topic_id not in self.topics_by_id, record.name
        assert record.topic_id != NO_TOPIC_ID, record.name
        topic = Topic(record.name, bytes(record.topic_id))
        self.topics[topic.name] = topic
        self.topics_by_id[topic.topic_id] = topic
        if collides(topic.name):
            assert unified(topic.name) not in self.colliding, topic.name
            self.colliding[unified(topic.name)] = topic.name
        return topic

    def _add_partition(self, record: r.PartitionRecord) -> Topic:
        topic = self.topics_by_id[bytes(record.topic_id)]
        assert record.partition_id == len(topic.partitions), (topic.name, record.partition_id)
        topic.partitions.append(
            Partition(
                replicas=_nodes(record.replicas),
                isr=_nodes(record.isr),
                leader=NodeId(record.leader),
                leader_epoch=record.leader_epoch,
                partition_epoch=record.partition_epoch,
                removing=_nodes(record.removing_replicas),
                adding=_nodes(record.adding_replicas),
            )
        )
        self.partition_count += 1
        return topic

    def _change_partition(self, record: r.PartitionChangeRecord) -> Topic:
        """A leader that is named is an election, even of the leader there was (KIP-631): its epoch grows."""
        topic = self.topics_by_id[bytes(record.topic_id)]
        old = topic.partitions[record.partition_id]
        elected = record.leader != r.LEADER_UNCHANGED
        topic.partitions[record.partition_id] = Partition(
            replicas=old.replicas if record.replicas is None else _nodes(record.replicas),
            isr=old.isr if record.isr is None else _nodes(record.isr),
            leader=NodeId(record.leader) if elected else old.leader,
            leader_epoch=old.leader_epoch + 1 if elected else old.leader_epoch,
            partition_epoch=old.partition_epoch + 1,
            removing=old.removing if record.removing_replicas is None else _nodes(record.removing_replicas),
            adding=old.adding if record.adding_replicas is None else _nodes(record.adding_replicas),
        )
        return topic

    def _remove_topic(self, record: r.RemoveTopicRecord) -> Topic:
        topic = self.topics_by_id.pop(bytes(record.topic_id))
        del self.topics[topic.name]
        self.configs.pop((TOPIC_RESOURCE, topic.name), None)
        self.partition_count -= len(topic.partitions)
        if collides(topic.name):
            del self.colliding[unified(topic.name)]
        return topic

    def _set_config(self, record: r.ConfigRecord) -> None:
        resource = (record.resource_type, record.resource_name)
        if record.value is not None:
            self.configs.setdefault(resource, {})[record.name] = record.value
            return
        values = self.configs.get(resource)
        if values is not None:
            values.pop(record.name, None)
            if not values:
                del self.configs[resource]

    def _set_feature(self, record: r.FeatureLevelRecord) -> None:
        """Level 0 is the feature being off."""
        if record.feature_level:
            self.features[record.name] = record.feature_level
        else:
            self.features.pop(record.name, None)

    def _register(self, record: r.RegisterBrokerRecord) -> None:
        node_id = NodeId(record.broker_id)
        self.brokers[node_id] = Broker(
            node_id=node_id,
            epoch=record.broker_epoch,
            incarnation=bytes(record.incarnation_id),
            endpoints=tuple(Endpoint(one.name, one.host, one.port, one.security_protocol) for one in record.end_points),
            features=tuple((one.name, one.min_supported_version, one.max_supported_version) for one in record.features),
            rack=record.rack,
            fenced=record.fenced,
            in_controlled_shutdown=record.in_controlled_shutdown,
            log_dirs=tuple(bytes(one) for one in record.log_dirs),
        )

    def _change_registration(self, record: r.BrokerRegistrationChangeRecord) -> None:
        old = self.brokers[NodeId(record.broker_id)]
        assert old.epoch == record.broker_epoch, record
        self.brokers[old.node_id] = old._replace(
            fenced=old.fenced if record.fenced == 0 else record.fenced == 1,
            in_controlled_shutdown=old.in_controlled_shutdown or record.in_controlled_shutdown == 1,
            log_dirs=tuple(bytes(one) for one in record.log_dirs) or old.log_dirs,
        )


def partition_record(topic_id: TopicId, number: int, partition: Partition) -> r.PartitionRecord:
    """The record that makes this partition."""
    return r.PartitionRecord(
        partition_id=number,
        topic_id=topic_id,
        replicas=partition.replicas,
        isr=partition.isr,
        removing_replicas=partition.removing,
        adding_replicas=partition.adding,
        leader=partition.leader,
        leader_epoch=partition.leader_epoch,
        partition_epoch=partition.partition_epoch,
    )


def _registration(broker: Broker) -> r.RegisterBrokerRecord:
    return r.RegisterBrokerRecord(
        broker_id=broker.node_id,
        incarnation_id=broker.incarnation,
        broker_epoch=broker.epoch,
        end_points=tuple(
            r.BrokerEndpoint(name=one.name, host=one.host, port=one.port, security_protocol=one.security_protocol)
            for one in broker.endpoints
        ),
        features=tuple(
            r.BrokerFeature(name=name, min_supported_version=low, max_supported_version=high)
            for name, low, high in broker.features
        ),
        rack=broker.rack,
        fenced=broker.fenced,
        in_controlled_shutdown=broker.in_controlled_shutdown,
        log_dirs=broker.log_dirs,
    )


def _nodes(ids: Any) -> tuple[NodeId, ...]:
    return tuple(NodeId(one) for one in ids)
