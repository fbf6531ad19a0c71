"""Topics made and unmade: CreateTopics, DeleteTopics and CreatePartitions."""

from __future__ import annotations

from odradek.core.wire.schema import array, boolean, int8, int16, int32, message, string, struct, uuid


@struct
class CreatableReplicaAssignment:
    partition_index: int = int32()
    broker_ids: tuple[int, ...] = array(int32)


@struct
class CreatableTopicConfig:
    name: str = string()
    value: str | None = string(nullable=True)


@struct
class CreatableTopic:
    name: str = string()
    num_partitions: int = int32()
    replication_factor: int = int16()
    assignments: tuple[CreatableReplicaAssignment, ...] = array(CreatableReplicaAssignment)
    configs: tuple[CreatableTopicConfig, ...] = array(CreatableTopicConfig)


@message(key=19, versions=(2, 7), flexible=5)
class CreateTopicsRequest:
    """Create topics."""

    topics: tuple[CreatableTopic, ...] = array(CreatableTopic)
    timeout_ms: int = int32(default=60000)
    validate_only: bool = boolean()


@struct
class CreatableTopicConfigs:
    name: str = string()
    value: str | None = string(nullable=True)
    read_only: bool = boolean()
    config_source: int = int8(default=-1)
    is_sensitive: bool = boolean()


@struct
class CreatableTopicResult:
    name: str = string()
    topic_id: bytes = uuid(since=7, ignorable=True)
    error_code: int = int16()
    error_message: str | None = string(nullable=True)
    topic_config_error_code: int = int16(since=5, tag=0, ignorable=True)
    num_partitions: int = int32(since=5, default=-1, ignorable=True)
    replication_factor: int = int16(since=5, default=-1, ignorable=True)
    configs: tuple[CreatableTopicConfigs, ...] | None = array(
        CreatableTopicConfigs, since=5, nullable=True, ignorable=True
    )


@message(key=19, versions=(2, 7), flexible=5)
class CreateTopicsResponse:
    """The outcome, id and settings of each topic."""

    throttle_time_ms: int = int32()
    topics: tuple[CreatableTopicResult, ...] = array(CreatableTopicResult)


@struct
class DeleteTopicState:
    name: str | None = string(default=None, nullable=True)
    topic_id: bytes = uuid()


@message(key=20, versions=(1, 6), flexible=4)
class DeleteTopicsRequest:
    """Delete topics, by name or by id."""

    topics: tuple[DeleteTopicState, ...] = array(DeleteTopicState, since=6)
    topic_names: tuple[str, ...] = array(string, until=5, ignorable=True)
    timeout_ms: int = int32()


@struct
class DeletableTopicResult:
    name: str | None = string(nullable=6)
    topic_id: bytes = uuid(since=6, ignorable=True)
    error_code: int = int16()
    error_message: str | None = string(since=5, default=None, nullable=True, ignorable=True)


@message(key=20, versions=(1, 6), flexible=4)
class DeleteTopicsResponse:
    """The outcome for each topic."""

    throttle_time_ms: int = int32()
    responses: tuple[DeletableTopicResult, ...] = array(DeletableTopicResult)


@struct
class CreatePartitionsAssignment:
    broker_ids: tuple[int, ...] = array(int32)


@struct
class CreatePartitionsTopic:
    name: str = string()
    count: int = int32()
    assignments: tuple[CreatePartitionsAssignment, ...] | None = array(CreatePartitionsAssignment, nullable=True)


@message(key=37, versions=(0, 3), flexible=2)
class CreatePartitionsRequest:
    """Raise the number of partitions of topics."""

    topics: tuple[CreatePartitionsTopic, ...] = array(CreatePartitionsTopic)
    timeout_ms: int = int32()
    validate_only: bool = boolean()


@struct
class CreatePartitionsTopicResult:
    name: str = string()
    error_code: int = int16()
    error_message: str | None = string(default=None, nullable=True)


@message(key=37, versions=(0, 3), flexible=2)
class CreatePartitionsResponse:
    """The outcome for each topic."""

    throttle_time_ms: int = int32()
    results: tuple[CreatePartitionsTopicResult, ...] = array(CreatePartitionsTopicResult)
