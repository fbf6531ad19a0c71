"""Where replicas live: ElectLeaders, the reassignment APIs and AlterPartition.

Structs that Kafka names alike in several messages carry the message's name in front here: `PartitionData`,
`TopicData`.
"""

from __future__ import annotations

from odradek.core.wire.schema import array, boolean, int8, int16, int32, int64, message, string, struct, uuid


@struct
class TopicPartitions:
    topic: str = string()
    partitions: tuple[int, ...] = array(int32)


@message(key=43, versions=(0, 2), flexible=2)
class ElectLeadersRequest:
    """Elect leaders, preferred or unclean."""

    election_type: int = int8(since=1)
    topic_partitions: tuple[TopicPartitions, ...] | None = array(TopicPartitions, nullable=True)
    timeout_ms: int = int32(default=60000)


@struct
class PartitionResult:
    partition_id: int = int32()
    error_code: int = int16()
    error_message: str | None = string(nullable=True)


@struct
class ReplicaElectionResult:
    topic: str = string()
    partition_result: tuple[PartitionResult, ...] = array(PartitionResult)


@message(key=43, versions=(0, 2), flexible=2)
class ElectLeadersResponse:
    """The outcome for each partition."""

    throttle_time_ms: int = int32()
    error_code: int = int16(since=1)
    replica_election_results: tuple[ReplicaElectionResult, ...] = array(ReplicaElectionResult)


@struct
class ReassignablePartition:
    partition_index: int = int32()
    replicas: tuple[int, ...] | None = array(int32, default=None, nullable=True)


@struct
class ReassignableTopic:
    name: str = string()
    partitions: tuple[ReassignablePartition, ...] = array(ReassignablePartition)


@message(key=45, versions=(0, 1), flexible=0)
class AlterPartitionReassignmentsRequest:
    """Set or cancel the target replicas of partitions."""

    timeout_ms: int = int32(default=60000)
    allow_replication_factor_change: bool = boolean(since=1, default=True)
    topics: tuple[ReassignableTopic, ...] = array(ReassignableTopic)


@struct
class ReassignablePartitionResponse:
    partition_index: int = int32()
    error_code: int = int16()
    error_message: str | None = string(nullable=True)


@struct
class ReassignableTopicResponse:
    name: str = string()
    partitions: tuple[ReassignablePartitionResponse, ...] = array(ReassignablePartitionResponse)


@message(key=45, versions=(0, 1), flexible=0)
class AlterPartitionReassignmentsResponse:
    """The outcome for each partition."""

    throttle_time_ms: int = int32()
    allow_replication_factor_change: bool = boolean(since=1, default=True, ignorable=True)
    error_code: int = int16()
    error_message: str | None = string(nullable=True)
    responses: tuple[ReassignableTopicResponse, ...] = array(ReassignableTopicResponse)


@struct
class ListPartitionReassignmentsTopics:
    name: str = string()
    partition_indexes: tuple[int, ...] = array(int32)


@message(key=46, versions=(0, 0), flexible=0)
class ListPartitionReassignmentsRequest:
    """Ask which reassignments are under way."""

    timeout_ms: int = int32(default=60000)
    topics: tuple[ListPartitionReassignmentsTopics, ...] | None = array(
        ListPartitionReassignmentsTopics, default=None, nullable=True
    )


@struct
class OngoingPartitionReassignment:
    partition_index: int = int32()
    replicas: tuple[int, ...] = array(int32)
    adding_replicas: tuple[int, ...] = array(int32)
    removing_replicas: tuple[int, ...] = array(int32)


@struct
class OngoingTopicReassignment:
    name: str = string()
    partitions: tuple[OngoingPartitionReassignment, ...] = array(OngoingPartitionReassignment)


@message(key=46, versions=(0, 0), flexible=0)
class ListPartitionReassignmentsResponse:
    """The replicas kept, added and removed in each partition."""

    throttle_time_ms: int = int32()
    error_code: int = int16()
    error_message: str | None = string(nullable=True)
    topics: tuple[OngoingTopicReassignment, ...] = array(OngoingTopicReassignment)


@struct
class BrokerState:
    broker_id: int = int32()
    broker_epoch: int = int64(default=-1)


@struct
class AlterPartitionRequestPartitionData:
    partition_index: int = int32()
    leader_epoch: int = int32()
    new_isr: tuple[int, ...] = array(int32, until=2)
    new_isr_with_epochs: tuple[BrokerState, ...] = array(BrokerState, since=3)
    leader_recovery_state: int = int8()
    partition_epoch: int = int32()


@struct
class AlterPartitionRequestTopicData:
    topic_id: bytes = uuid()
    partitions: tuple[AlterPartitionRequestPartitionData, ...] = array(AlterPartitionRequestPartitionData)


@message(key=56, versions=(2, 3), flexible=2)
class AlterPartitionRequest:
    """A leader asks the controller for another set of in-sync replicas."""

    broker_id: int = int32()
    broker_epoch: int = int64(default=-1)
    topics: tuple[AlterPartitionRequestTopicData, ...] = array(AlterPartitionRequestTopicData)


@struct
class AlterPartitionResponsePartitionData:
    partition_index: int = int32()
    error_code: int = int16()
    leader_id: int = int32()
    leader_epoch: int = int32()
    isr: tuple[int, ...] = array(int32)
    leader_recovery_state: int = int8()
    partition_epoch: int = int32()


@struct
class AlterPartitionResponseTopicData:
    topic_id: bytes = uuid()
    partitions: tuple[AlterPartitionResponsePartitionData, ...] = array(AlterPartitionResponsePartitionData)


@message(key=56, versions=(2, 3), flexible=2)
class AlterPartitionResponse:
    """The state of each partition as the controller now knows it."""

    throttle_time_ms: int = int32()
    error_code: int = int16()
    topics: tuple[AlterPartitionResponseTopicData, ...] = array(AlterPartitionResponseTopicData)
