"""Share groups (KIP-932): heartbeat, describe, fetch and acknowledge.

Structs that Kafka names alike in several messages carry the message's name in front here: `AcknowledgementBatch`,
`Assignment`, `LeaderIdAndEpoch`, `NodeEndpoint`, `PartitionData`, `TopicPartitions`.
"""

from __future__ import annotations

from odradek.core.wire.schema import (
    INT32_MAX,
    Records,
    array,
    boolean,
    int8,
    int16,
    int32,
    int64,
    message,
    nested,
    records,
    string,
    struct,
    uuid,
)


@message(key=76, versions=(1, 1), flexible=1)
class ShareGroupHeartbeatRequest:
    """A share group member's heartbeat."""

    group_id: str = string()
    member_id: str = string()
    member_epoch: int = int32()
    rack_id: str | None = string(default=None, nullable=True)
    subscribed_topic_names: tuple[str, ...] | None = array(string, default=None, nullable=True)


@struct
class ShareGroupHeartbeatResponseTopicPartitions:
    topic_id: bytes = uuid()
    partitions: tuple[int, ...] = array(int32)


@struct
class ShareGroupHeartbeatResponseAssignment:
    topic_partitions: tuple[ShareGroupHeartbeatResponseTopicPartitions, ...] = array(
        ShareGroupHeartbeatResponseTopicPartitions
    )


@message(key=76, versions=(1, 1), flexible=1)
class ShareGroupHeartbeatResponse:
    """The member's epoch, and its assignment when it changed."""

    throttle_time_ms: int = int32()
    error_code: int = int16()
    error_message: str | None = string(default=None, nullable=True)
    member_id: str | None = string(default=None, nullable=True)
    member_epoch: int = int32()
    heartbeat_interval_ms: int = int32()
    assignment: ShareGroupHeartbeatResponseAssignment | None = nested(
        ShareGroupHeartbeatResponseAssignment, nullable=True
    )


@message(key=77, versions=(1, 1), flexible=1)
class ShareGroupDescribeRequest:
    """Ask for the state of share groups."""

    group_ids: tuple[str, ...] = array(string)
    include_authorized_operations: bool = boolean()


@struct
class ShareGroupDescribeResponseTopicPartitions:
    topic_id: bytes = uuid()
    topic_name: str = string()
    partitions: tuple[int, ...] = array(int32)


@struct
class ShareGroupDescribeResponseAssignment:
    topic_partitions: tuple[ShareGroupDescribeResponseTopicPartitions, ...] = array(
        ShareGroupDescribeResponseTopicPartitions
    )


@struct
class Member:
    member_id: str = string()
    rack_id: str | None = string(default=None, nullable=True)
    member_epoch: int = int32()
    client_id: str = string()
    client_host: str = string()
    subscribed_topic_names: tuple[str, ...] = array(string)
    assignment: ShareGroupDescribeResponseAssignment = nested(ShareGroupDescribeResponseAssignment)


@struct
class DescribedGroup:
    error_code: int = int16()
    error_message: str | None = string(default=None, nullable=True)
    group_id: str = string()
    group_state: str = string()
    group_epoch: int = int32()
    assignment_epoch: int = int32()
    assignor_name: str = string()
    members: tuple[Member, ...] = array(Member)
    authorized_operations: int = int32(default=-2147483648)


@message(key=77, versions=(1, 1), flexible=1)
class ShareGroupDescribeResponse:
    """State and members of each group."""

    throttle_time_ms: int = int32()
    groups: tuple[DescribedGroup, ...] = array(DescribedGroup)


@struct
class ShareFetchRequestAcknowledgementBatch:
    first_offset: int = int64()
    last_offset: int = int64()
    acknowledge_types: tuple[int, ...] = array(int8)


@struct
class FetchPartition:
    partition_index: int = int32()
    acknowledgement_batches: tuple[ShareFetchRequestAcknowledgementBatch, ...] = array(
        ShareFetchRequestAcknowledgementBatch
    )


@struct
class FetchTopic:
    topic_id: bytes = uuid()
    partitions: tuple[FetchPartition, ...] = array(FetchPartition)


@struct
class ForgottenTopic:
    topic_id: bytes = uuid()
    partitions: tuple[int, ...] = array(int32)


@message(key=78, versions=(1, 2), flexible=1)
class ShareFetchRequest:
    """Acquire records, and acknowledge earlier ones."""

    group_id: str | None = string(default=None, nullable=True)
    member_id: str | None = string(default=None, nullable=True)
    share_session_epoch: int = int32()
    max_wait_ms: int = int32()
    min_bytes: int = int32()
    max_bytes: int = int32(default=INT32_MAX)
    max_records: int = int32()
    batch_size: int = int32()
    share_acquire_mode: int = int8(since=2)
    is_renew_ack: bool = boolean(since=2)
    topics: tuple[FetchTopic, ...] = array(FetchTopic)
    forgotten_topics_data: tuple[ForgottenTopic, ...] = array(ForgottenTopic)


@struct
class ShareFetchResponseLeaderIdAndEpoch:
    leader_id: int = int32()
    leader_epoch: int = int32()


@struct
class AcquiredRecords:
    first_offset: int = int64()
    last_offset: int = int64()
    delivery_count: int = int16()


@struct
class ShareFetchResponsePartitionData:
    partition_index: int = int32()
    error_code: int = int16()
    error_message: str | None = string(default=None, nullable=True)
    acknowledge_error_code: int = int16()
    acknowledge_error_message: str | None = string(default=None, nullable=True)
    current_leader: ShareFetchResponseLeaderIdAndEpoch = nested(ShareFetchResponseLeaderIdAndEpoch)
    records: Records = records()
    acquired_records: tuple[AcquiredRecords, ...] = array(AcquiredRecords)


@struct
class ShareFetchableTopicResponse:
    topic_id: bytes = uuid()
    partitions: tuple[ShareFetchResponsePartitionData, ...] = array(ShareFetchResponsePartitionData)


@struct
class ShareFetchResponseNodeEndpoint:
    node_id: int = int32()
    host: str = string()
    port: int = int32()
    rack: str | None = string(default=None, nullable=True)


@message(key=78, versions=(1, 2), flexible=1)
class ShareFetchResponse:
    """Records of each partition, and which of them were acquired."""

    throttle_time_ms: int = int32()
    error_code: int = int16()
    error_message: str | None = string(default=None, nullable=True)
    acquisition_lock_timeout_ms: int = int32()
    responses: tuple[ShareFetchableTopicResponse, ...] = array(ShareFetchableTopicResponse)
    node_endpoints: tuple[ShareFetchResponseNodeEndpoint, ...] = array(ShareFetchResponseNodeEndpoint)


@struct
class ShareAcknowledgeRequestAcknowledgementBatch:
    first_offset: int = int64()
    last_offset: int = int64()
    acknowledge_types: tuple[int, ...] = array(int8)


@struct
class AcknowledgePartition:
    partition_index: int = int32()
    acknowledgement_batches: tuple[ShareAcknowledgeRequestAcknowledgementBatch, ...] = array(
        ShareAcknowledgeRequestAcknowledgementBatch
    )


@struct
class AcknowledgeTopic:
    topic_id: bytes = uuid()
    partitions: tuple[AcknowledgePartition, ...] = array(AcknowledgePartition)


@message(key=79, versions=(1, 2), flexible=1)
class ShareAcknowledgeRequest:
    """Acknowledge records without fetching."""

    group_id: str | None = string(default=None, nullable=True)
    member_id: str | None = string(default=None, nullable=True)
    share_session_epoch: int = int32()
    is_renew_ack: bool = boolean(since=2)
    topics: tuple[AcknowledgeTopic, ...] = array(AcknowledgeTopic)


@struct
class ShareAcknowledgeResponseLeaderIdAndEpoch:
    leader_id: int = int32()
    leader_epoch: int = int32()


@struct
class ShareAcknowledgeResponsePartitionData:
    partition_index: int = int32()
    error_code: int = int16()
    error_message: str | None = string(default=None, nullable=True)
    current_leader: ShareAcknowledgeResponseLeaderIdAndEpoch = nested(ShareAcknowledgeResponseLeaderIdAndEpoch)


@struct
class ShareAcknowledgeTopicResponse:
    topic_id: bytes = uuid()
    partitions: tuple[ShareAcknowledgeResponsePartitionData, ...] = array(ShareAcknowledgeResponsePartitionData)


@struct
class ShareAcknowledgeResponseNodeEndpoint:
    node_id: int = int32()
    host: str = string()
    port: int = int32()
    rack: str | None = string(default=None, nullable=True)


@message(key=79, versions=(1, 2), flexible=1)
class ShareAcknowledgeResponse:
    """The outcome for each partition."""

    throttle_time_ms: int = int32()
    error_code: int = int16()
    error_message: str | None = string(default=None, nullable=True)
    acquisition_lock_timeout_ms: int = int32(since=2, ignorable=True)
    responses: tuple[ShareAcknowledgeTopicResponse, ...] = array(ShareAcknowledgeTopicResponse)
    node_endpoints: tuple[ShareAcknowledgeResponseNodeEndpoint, ...] = array(ShareAcknowledgeResponseNodeEndpoint)
