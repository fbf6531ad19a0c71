"""The controller of a cluster: every change of the metadata is decided here.

Knows: the metadata image and the rules for changing it.  Does not know: the log the records go to, who else replicates
it, or when a record is committed: whoever drives it appends `Decision.records` as one batch, applies each record to
the image once it is committed, and only then gives the reply.
Invariant: deciding changes nothing but the state of `rng`, so a decision that is never committed leaves no trace.

With one node a record is committed when it is synced.  Under a quorum the same holds when a majority has it: a leader
must not decide again before its last decision is applied, or decide on an image that has it applied already.
"""

from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Final, NamedTuple

from odradek.core.configs import BrokerConfig, TopicConfig, topic_config, with_dynamic
from odradek.core.errors import ErrorCode, Refused
from odradek.core.limits import Limits
from odradek.core.quorum import records as r
from odradek.core.quorum import settings, topics
from odradek.core.quorum.image import BROKER_RESOURCE, NO_LEADER, TOPIC_RESOURCE, Endpoint, Image
from odradek.core.quorum.settings import Altered, Change, Replacement
from odradek.core.quorum.view import Decision, View
from odradek.core.types import NodeId
from odradek.core.wire.configs import DescribeConfigsResource, DescribeConfigsResult
from odradek.core.wire.topics import (
    CreatableTopic,
    CreatableTopicResult,
    CreatePartitionsTopic,
    CreatePartitionsTopicResult,
    DeletableTopicResult,
    DeleteTopicState,
)

PRODUCER_ID_BLOCK: Final = 1000
PRODUCER_ID_MAX: Final = 2**63 - 1


class ProducerIdBlock(NamedTuple):
    """Producer ids from `first` on, `size` of them, for one broker to hand out."""

    first: int
    size: int


class Controller:
    """Decides.  `image` is read, never written; `config` is what this node was started with."""

    __slots__ = ("_config", "_layers", "_limits", "_rng", "_static", "image")

    def __init__(self, image: Image, config: BrokerConfig, limits: Limits, rng: Random) -> None:
        self.image = image
        self._static = config
        self._config = config
        self._layers: tuple[dict[str, str], dict[str, str]] = ({}, {})
        self._limits = limits
        self._rng = rng

    def config(self) -> BrokerConfig:
        """The settings of this node in force: as started with, under the dynamic ones of the cluster and of this
        broker.

        It is made anew when those changed, and the same object otherwise.
        """
        layers = (
            dict(self.image.settings(BROKER_RESOURCE, "")),
            dict(self.image.settings(BROKER_RESOURCE, str(self._static.node_id))),
        )
        if layers != self._layers:
            self._config = with_dynamic(self._static, *layers)
            self._layers = layers
        return self._config

    def topic_config(self, name: str) -> TopicConfig:
        """The settings of a topic in force."""
        return topic_config(self.image.settings(TOPIC_RESOURCE, name), self.config())

    def create_topics(
        self, wanted: Sequence[CreatableTopic], validate_only: bool = False
    ) -> Decision[tuple[CreatableTopicResult, ...]]:
        """CreateTopics v2-7.  `validate_only` decides the same and writes nothing; its topic ids are zero."""
        return topics.create(self._view(), wanted, validate_only)

    def auto_create(self, names: Iterable[str]) -> Decision[tuple[CreatableTopicResult, ...]]:
        """Create topics that were merely asked for, and internal topics, with the defaults of this broker.

        Whether a client's asking may create one (`auto.create.topics.enable`) is for the caller to know.
        """
        wanted = [CreatableTopic(name=name, num_partitions=-1, replication_factor=-1) for name in dict.fromkeys(names)]
        return topics.create(self._view(), wanted, validate_only=False)

    def delete_topics(self, wanted: Iterable[DeleteTopicState]) -> Decision[tuple[DeletableTopicResult, ...]]:
        """DeleteTopics v1-6; a list of names (before v6) is a list of states with names."""
        return topics.delete(self._view(), wanted)

    def create_partitions(
        self, wanted: Sequence[CreatePartitionsTopic], validate_only: bool = False
    ) -> Decision[tuple[CreatePartitionsTopicResult, ...]]:
        """CreatePartitions v0-3."""
        return topics.add_partitions(self._view(), wanted, validate_only)

    def alter_configs(
        self, resources: Sequence[Replacement], validate_only: bool = False
    ) -> Decision[tuple[Altered, ...]]:
        """AlterConfigs v0-2."""
        return settings.replace(self._view(), resources, validate_only)

    def incremental_alter_configs(
        self, resources: Sequence[Change], validate_only: bool = False
    ) -> Decision[tuple[Altered, ...]]:
        """IncrementalAlterConfigs v0-1."""
        return settings.change(self._view(), resources, validate_only)

    def describe_configs(
        self, resources: Sequence[DescribeConfigsResource], synonyms: bool = False, documentation: bool = False
    ) -> tuple[DescribeConfigsResult, ...]:
        """DescribeConfigs v1-4."""
        return settings.describe(self._view(), resources, synonyms, documentation)

    def allocate_producer_ids(self, node_id: NodeId, broker_epoch: int) -> Decision[ProducerIdBlock]:
        """The next block of producer ids, for one registered broker.

        Raises BROKER_ID_NOT_REGISTERED, STALE_BROKER_EPOCH, or UNKNOWN_SERVER_ERROR when all 2^63 are gone.
        """
        broker = self.image.brokers.get(node_id)
        if broker is None:
            raise Refused(ErrorCode.BROKER_ID_NOT_REGISTERED, f"No broker with id {node_id} found.")
        if broker.epoch != broker_epoch:
            raise Refused(
                ErrorCode.STALE_BROKER_EPOCH, f"Broker {node_id} has epoch {broker.epoch}, not {broker_epoch}."
            )
        first = 0 if self.image.producer_ids is None else self.image.producer_ids.next_id
        if first > PRODUCER_ID_MAX - PRODUCER_ID_BLOCK:
            raise Refused(ErrorCode.UNKNOWN_SERVER_ERROR, "All producer ids have been used.")
        made = r.ProducerIdsRecord(
            broker_id=node_id, broker_epoch=broker_epoch, next_producer_id=first + PRODUCER_ID_BLOCK
        )
        return Decision((made,), ProducerIdBlock(first, PRODUCER_ID_BLOCK))

    def bootstrap(self, features: Mapping[str, int]) -> Decision[None]:
        """The first records of a new cluster: the feature levels that are not yet as given.  None if all are."""
        return Decision(
            tuple(
                r.FeatureLevelRecord(name=name, feature_level=features[name])
                for name in sorted(features)
                if self.image.features.get(name, 0) != features[name]
            ),
            None,
        )

    def register_broker(
        self,
        node_id: NodeId,
        incarnation: bytes,
        endpoints: Sequence[Endpoint],
        rack: str | None,
        broker_epoch: int,
        fenced: bool = False,
    ) -> Decision[int]:
        """A broker process is there; the reply is its epoch.

        `broker_epoch` is the offset the record will have: larger than any before, so an old process can be told from a
        new one.  Raises STALE_BROKER_EPOCH if it is not larger, INVALID_REGISTRATION if there is no endpoint.
        """
        old = self.image.brokers.get(node_id)
        if old is not None and broker_epoch <= old.epoch:
            raise Refused(ErrorCode.STALE_BROKER_EPOCH, f"Broker {node_id} has epoch {old.epoch} already.")
        if not endpoints:
            raise Refused(ErrorCode.INVALID_REGISTRATION, f"Broker {node_id} has no endpoint.")
        made = r.RegisterBrokerRecord(
            broker_id=node_id,
            incarnation_id=incarnation,
            broker_epoch=broker_epoch,
            end_points=tuple(
                r.BrokerEndpoint(name=one.name, host=one.host, port=one.port, security_protocol=one.security_protocol)
                for one in endpoints
            ),
            rack=rack,
            fenced=fenced,
        )
        return Decision((made,), broker_epoch)

    def take_leadership(self, node_id: NodeId) -> Decision[int]:
        """Elect a broker that has come (back) up for every partition it led, or that has no leader and has it in sync.

        Each election raises the leader epoch, so that what was written before and after a restart can be told apart
        (KIP-101).  The reply is the number of partitions.
        """
        records = []
        for name in sorted(self.image.topics):
            topic = self.image.topics[name]
            for number, partition in enumerate(topic.partitions):
                vacant = partition.leader == NO_LEADER and node_id in partition.isr
                if vacant or partition.leader == node_id:
                    records.append(
                        r.PartitionChangeRecord(partition_id=number, topic_id=topic.topic_id, leader=node_id)
                    )
        return Decision(tuple(records), len(records))

    def _view(self) -> View:
        return View(self.image, self.config(), self._limits, self._rng)
