"""Streams groups (KIP-1071): StreamsGroupHeartbeat and StreamsGroupDescribe.

Structs that Kafka names alike in several messages carry the message's name in front here: `Endpoint`, `KeyValue`,
`Subtopology`, `TaskIds`, `TaskOffset`, `TopicInfo`, `Topology`.
"""

from __future__ import annotations

from odradek.core.wire.schema import array, boolean, int8, int16, int32, int64, message, nested, string, struct, uint16


@struct
class StreamsGroupHeartbeatRequestKeyValue:
    key: str = string()
    value: str = string()


@struct
class StreamsGroupHeartbeatRequestTopicInfo:
    name: str = string()
    partitions: int = int32()
    replication_factor: int = int16()
    topic_configs: tuple[StreamsGroupHeartbeatRequestKeyValue, ...] = array(StreamsGroupHeartbeatRequestKeyValue)


@struct
class CopartitionGroup:
    source_topics: tuple[int, ...] = array(int16)
    source_topic_regex: tuple[int, ...] = array(int16)
    repartition_source_topics: tuple[int, ...] = array(int16)


@struct
class StreamsGroupHeartbeatRequestSubtopology:
    subtopology_id: str = string()
    source_topics: tuple[str, ...] = array(string)
    source_topic_regex: tuple[str, ...] = array(string)
    state_changelog_topics: tuple[StreamsGroupHeartbeatRequestTopicInfo, ...] = array(
        StreamsGroupHeartbeatRequestTopicInfo
    )
    repartition_sink_topics: tuple[str, ...] = array(string)
    repartition_source_topics: tuple[StreamsGroupHeartbeatRequestTopicInfo, ...] = array(
        StreamsGroupHeartbeatRequestTopicInfo
    )
    copartition_groups: tuple[CopartitionGroup, ...] = array(CopartitionGroup)


@struct
class StreamsGroupHeartbeatRequestTopology:
    epoch: int = int32()
    subtopologies: tuple[StreamsGroupHeartbeatRequestSubtopology, ...] = array(StreamsGroupHeartbeatRequestSubtopology)


@struct
class StreamsGroupHeartbeatRequestTaskIds:
    subtopology_id: str = string()
    partitions: tuple[int, ...] = array(int32)


@struct
class StreamsGroupHeartbeatRequestEndpoint:
    host: str = string()
    port: int = uint16()


@struct
class StreamsGroupHeartbeatRequestTaskOffset:
    subtopology_id: str = string()
    partition: int = int32()
    offset: int = int64()


@message(key=88, versions=(0, 0), flexible=0)
class StreamsGroupHeartbeatRequest:
    """A streams member's heartbeat: topology, tasks, join, leave."""

    group_id: str = string()
    member_id: str = string()
    member_epoch: int = int32()
    endpoint_information_epoch: int = int32()
    instance_id: str | None = string(default=None, nullable=True)
    rack_id: str | None = string(default=None, nullable=True)
    rebalance_timeout_ms: int = int32(default=-1)
    topology: StreamsGroupHeartbeatRequestTopology | None = nested(StreamsGroupHeartbeatRequestTopology, nullable=True)
    active_tasks: tuple[StreamsGroupHeartbeatRequestTaskIds, ...] | None = array(
        StreamsGroupHeartbeatRequestTaskIds, default=None, nullable=True
    )
    standby_tasks: tuple[StreamsGroupHeartbeatRequestTaskIds, ...] | None = array(
        StreamsGroupHeartbeatRequestTaskIds, default=None, nullable=True
    )
    warmup_tasks: tuple[StreamsGroupHeartbeatRequestTaskIds, ...] | None = array(
        StreamsGroupHeartbeatRequestTaskIds, default=None, nullable=True
    )
    process_id: str | None = string(default=None, nullable=True)
    user_endpoint: StreamsGroupHeartbeatRequestEndpoint | None = nested(
        StreamsGroupHeartbeatRequestEndpoint, nullable=True
    )
    client_tags: tuple[StreamsGroupHeartbeatRequestKeyValue, ...] | None = array(
        StreamsGroupHeartbeatRequestKeyValue, default=None, nullable=True
    )
    task_offsets: tuple[StreamsGroupHeartbeatRequestTaskOffset, ...] | None = array(
        StreamsGroupHeartbeatRequestTaskOffset, default=None, nullable=True
    )
    task_end_offsets: tuple[StreamsGroupHeartbeatRequestTaskOffset, ...] | None = array(
        StreamsGroupHeartbeatRequestTaskOffset, default=None, nullable=True
    )
    shutdown_application: bool = boolean()


@struct
class Status:
    status_code: int = int8()
    status_detail: str = string()


@struct
class StreamsGroupHeartbeatResponseTaskIds:
    subtopology_id: str = string()
    partitions: tuple[int, ...] = array(int32)


@struct
class StreamsGroupHeartbeatResponseEndpoint:
    host: str = string()
    port: int = uint16()


@struct
class TopicPartition:
    topic: str = string()
    partitions: tuple[int, ...] = array(int32)


@struct
class EndpointToPartitions:
    user_endpoint: StreamsGroupHeartbeatResponseEndpoint = nested(StreamsGroupHeartbeatResponseEndpoint)
    active_partitions: tuple[TopicPartition, ...] = array(TopicPartition)
    standby_partitions: tuple[TopicPartition, ...] = array(TopicPartition)


@message(key=88, versions=(0, 0), flexible=0)
class StreamsGroupHeartbeatResponse:
    """The member's epoch, and its tasks when they changed."""

    throttle_time_ms: int = int32()
    error_code: int = int16()
    error_message: str | None = string(default=None, nullable=True)
    member_id: str = string()
    member_epoch: int = int32()
    heartbeat_interval_ms: int = int32()
    acceptable_recovery_lag: int = int32()
    task_offset_interval_ms: int = int32()
    status: tuple[Status, ...] | None = array(Status, default=None, nullable=True)
    active_tasks: tuple[StreamsGroupHeartbeatResponseTaskIds, ...] | None = array(
        StreamsGroupHeartbeatResponseTaskIds, default=None, nullable=True
    )
    standby_tasks: tuple[StreamsGroupHeartbeatResponseTaskIds, ...] | None = array(
        StreamsGroupHeartbeatResponseTaskIds, default=None, nullable=True
    )
    warmup_tasks: tuple[StreamsGroupHeartbeatResponseTaskIds, ...] | None = array(
        StreamsGroupHeartbeatResponseTaskIds, default=None, nullable=True
    )
    endpoint_information_epoch: int = int32()
    partitions_by_user_endpoint: tuple[EndpointToPartitions, ...] | None = array(
        EndpointToPartitions, default=None, nullable=True
    )


@message(key=89, versions=(0, 0), flexible=0)
class StreamsGroupDescribeRequest:
    """Ask for the state of streams groups."""

    group_ids: tuple[str, ...] = array(string)
    include_authorized_operations: bool = boolean()


@struct
class StreamsGroupDescribeResponseKeyValue:
    key: str = string()
    value: str = string()


@struct
class StreamsGroupDescribeResponseTopicInfo:
    name: str = string()
    partitions: int = int32()
    replication_factor: int = int16()
    topic_configs: tuple[StreamsGroupDescribeResponseKeyValue, ...] = array(StreamsGroupDescribeResponseKeyValue)


@struct
class StreamsGroupDescribeResponseSubtopology:
    subtopology_id: str = string()
    source_topics: tuple[str, ...] = array(string)
    repartition_sink_topics: tuple[str, ...] = array(string)
    state_changelog_topics: tuple[StreamsGroupDescribeResponseTopicInfo, ...] = array(
        StreamsGroupDescribeResponseTopicInfo
    )
    repartition_source_topics: tuple[StreamsGroupDescribeResponseTopicInfo, ...] = array(
        StreamsGroupDescribeResponseTopicInfo
    )


@struct
class StreamsGroupDescribeResponseTopology:
    epoch: int = int32()
    subtopologies: tuple[StreamsGroupDescribeResponseSubtopology, ...] | None = array(
        StreamsGroupDescribeResponseSubtopology, default=None, nullable=True
    )


@struct
class StreamsGroupDescribeResponseEndpoint:
    host: str = string()
    port: int = uint16()


@struct
class StreamsGroupDescribeResponseTaskOffset:
    subtopology_id: str = string()
    partition: int = int32()
    offset: int = int64()


@struct
class StreamsGroupDescribeResponseTaskIds:
    subtopology_id: str = string()
    partitions: tuple[int, ...] = array(int32)


@struct
class Assignment:
    active_tasks: tuple[StreamsGroupDescribeResponseTaskIds, ...] = array(StreamsGroupDescribeResponseTaskIds)
    standby_tasks: tuple[StreamsGroupDescribeResponseTaskIds, ...] = array(StreamsGroupDescribeResponseTaskIds)
    warmup_tasks: tuple[StreamsGroupDescribeResponseTaskIds, ...] = array(StreamsGroupDescribeResponseTaskIds)


@struct
class Member:
    member_id: str = string()
    member_epoch: int = int32()
    instance_id: str | None = string(default=None, nullable=True)
    rack_id: str | None = string(default=None, nullable=True)
    client_id: str = string()
    client_host: str = string()
    topology_epoch: int = int32()
    process_id: str = string()
    user_endpoint: StreamsGroupDescribeResponseEndpoint | None = nested(
        StreamsGroupDescribeResponseEndpoint, nullable=True
    )
    client_tags: tuple[StreamsGroupDescribeResponseKeyValue, ...] = array(StreamsGroupDescribeResponseKeyValue)
    task_offsets: tuple[StreamsGroupDescribeResponseTaskOffset, ...] = array(StreamsGroupDescribeResponseTaskOffset)
    task_end_offsets: tuple[StreamsGroupDescribeResponseTaskOffset, ...] = array(StreamsGroupDescribeResponseTaskOffset)
    assignment: Assignment = nested(Assignment)
    target_assignment: Assignment = nested(Assignment)
    is_classic: bool = boolean()


@struct
class DescribedGroup:
    error_code: int = int16()
    error_message: str | None = string(default=None, nullable=True)
    group_id: str = string()
    group_state: str = string()
    group_epoch: int = int32()
    assignment_epoch: int = int32()
    topology: StreamsGroupDescribeResponseTopology | None = nested(StreamsGroupDescribeResponseTopology, nullable=True)
    members: tuple[Member, ...] = array(Member)
    authorized_operations: int = int32(default=-2147483648)


@message(key=89, versions=(0, 0), flexible=0)
class StreamsGroupDescribeResponse:
    """State, topology and members of each group."""

    throttle_time_ms: int = int32()
    groups: tuple[DescribedGroup, ...] = array(DescribedGroup)
