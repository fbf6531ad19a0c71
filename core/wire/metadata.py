"""Who leads what: Metadata and DescribeTopicPartitions.

Structs that Kafka names alike in several messages carry the message's name in front here: `Cursor`.
"""

from __future__ import annotations

from odradek.core.wire.schema import array, boolean, int16, int32, message, nested, string, struct, uuid


@struct
class MetadataRequestTopic:
    topic_id: bytes = uuid(since=10, ignorable=True)
    name: str | None = string(nullable=10)


@message(key=3, versions=(0, 13), flexible=9)
class MetadataRequest:
    """Ask who leads which partitions, and for the addresses of brokers."""

    topics: tuple[MetadataRequestTopic, ...] | None = array(MetadataRequestTopic, nullable=1)
    allow_auto_topic_creation: bool = boolean(since=4, default=True)
    include_cluster_authorized_operations: bool = boolean(since=8, until=10)
    include_topic_authorized_operations: bool = boolean(since=8)


@struct
class MetadataResponseBroker:
    node_id: int = int32()
    host: str = string()
    port: int = int32()
    rack: str | None = string(since=1, default=None, nullable=True, ignorable=True)


@struct
class MetadataResponsePartition:
    error_code: int = int16()
    partition_index: int = int32()
    leader_id: int = int32()
    leader_epoch: int = int32(since=7, default=-1, ignorable=True)
    replica_nodes: tuple[int, ...] = array(int32)
    isr_nodes: tuple[int, ...] = array(int32)
    offline_replicas: tuple[int, ...] = array(int32, since=5, ignorable=True)


@struct
class MetadataResponseTopic:
    error_code: int = int16()
    name: str | None = string(nullable=12)
    topic_id: bytes = uuid(since=10, ignorable=True)
    is_internal: bool = boolean(since=1, ignorable=True)
    partitions: tuple[MetadataResponsePartition, ...] = array(MetadataResponsePartition)
    topic_authorized_operations: int = int32(since=8, default=-2147483648)


@message(key=3, versions=(0, 13), flexible=9)
class MetadataResponse:
    """The brokers, and the topics with their leaders and replicas."""

    throttle_time_ms: int = int32(since=3, ignorable=True)
    brokers: tuple[MetadataResponseBroker, ...] = array(MetadataResponseBroker)
    cluster_id: str | None = string(since=2, default=None, nullable=True, ignorable=True)
    controller_id: int = int32(since=1, default=-1, ignorable=True)
    topics: tuple[MetadataResponseTopic, ...] = array(MetadataResponseTopic)
    cluster_authorized_operations: int = int32(since=8, until=10, default=-2147483648)
    error_code: int = int16(since=13, ignorable=True)


@struct
class TopicRequest:
    name: str = string()


@struct
class DescribeTopicPartitionsRequestCursor:
    topic_name: str = string()
    partition_index: int = int32()


@message(key=75, versions=(0, 0), flexible=0)
class DescribeTopicPartitionsRequest:
    """Ask for topics a page at a time (KIP-966)."""

    topics: tuple[TopicRequest, ...] = array(TopicRequest)
    response_partition_limit: int = int32(default=2000)
    cursor: DescribeTopicPartitionsRequestCursor | None = nested(DescribeTopicPartitionsRequestCursor, nullable=True)


@struct
class DescribeTopicPartitionsResponsePartition:
    error_code: int = int16()
    partition_index: int = int32()
    leader_id: int = int32()
    leader_epoch: int = int32(default=-1)
    replica_nodes: tuple[int, ...] = array(int32)
    isr_nodes: tuple[int, ...] = array(int32)
    eligible_leader_replicas: tuple[int, ...] | None = array(int32, default=None, nullable=True)
    last_known_elr: tuple[int, ...] | None = array(int32, default=None, nullable=True)
    offline_replicas: tuple[int, ...] = array(int32)


@struct
class DescribeTopicPartitionsResponseTopic:
    error_code: int = int16()
    name: str | None = string(nullable=True)
    topic_id: bytes = uuid()
    is_internal: bool = boolean()
    partitions: tuple[DescribeTopicPartitionsResponsePartition, ...] = array(DescribeTopicPartitionsResponsePartition)
    topic_authorized_operations: int = int32(default=-2147483648)


@struct
class DescribeTopicPartitionsResponseCursor:
    topic_name: str = string()
    partition_index: int = int32()


@message(key=75, versions=(0, 0), flexible=0)
class DescribeTopicPartitionsResponse:
    """One page of topics, and where the next one begins."""

    throttle_time_ms: int = int32()
    topics: tuple[DescribeTopicPartitionsResponseTopic, ...] = array(DescribeTopicPartitionsResponseTopic)
    next_cursor: DescribeTopicPartitionsResponseCursor | None = nested(
        DescribeTopicPartitionsResponseCursor, nullable=True
    )
