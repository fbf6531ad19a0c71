"""Consumer groups of KIP-848: ConsumerGroupHeartbeat and ConsumerGroupDescribe.

Structs that Kafka names alike in several messages carry the message's name in front here: `Assignment`,
`TopicPartitions`.
"""

from __future__ import annotations

from odradek.core.wire.schema import array, boolean, int8, int16, int32, message, nested, string, struct, uuid


@struct
class ConsumerGroupHeartbeatRequestTopicPartitions:
    topic_id: bytes = uuid()
    partitions: tuple[int, ...] = array(int32)


@message(key=68, versions=(0, 1), flexible=0)
class ConsumerGroupHeartbeatRequest:
    """A member's heartbeat: join, acknowledge, leave."""

    group_id: str = string()
    member_id: str = string()
    member_epoch: int = int32()
    instance_id: str | None = string(default=None, nullable=True)
    rack_id: str | None = string(default=None, nullable=True)
    rebalance_timeout_ms: int = int32(default=-1)
    subscribed_topic_names: tuple[str, ...] | None = array(string, default=None, nullable=True)
    subscribed_topic_regex: str | None = string(since=1, default=None, nullable=True)
    server_assignor: str | None = string(default=None, nullable=True)
    topic_partitions: tuple[ConsumerGroupHeartbeatRequestTopicPartitions, ...] | None = array(
        ConsumerGroupHeartbeatRequestTopicPartitions, default=None, nullable=True
    )


@struct
class ConsumerGroupHeartbeatResponseTopicPartitions:
    topic_id: bytes = uuid()
    partitions: tuple[int, ...] = array(int32)


@struct
class ConsumerGroupHeartbeatResponseAssignment:
    topic_partitions: tuple[ConsumerGroupHeartbeatResponseTopicPartitions, ...] = array(
        ConsumerGroupHeartbeatResponseTopicPartitions
    )


@message(key=68, versions=(0, 1), flexible=0)
class ConsumerGroupHeartbeatResponse:
    """The member's epoch, and its assignment when it changed."""

    throttle_time_ms: int = int32()
    error_code: int = int16()
    error_message: str | None = string(default=None, nullable=True)
    member_id: str | None = string(default=None, nullable=True)
    member_epoch: int = int32()
    heartbeat_interval_ms: int = int32()
    assignment: ConsumerGroupHeartbeatResponseAssignment | None = nested(
        ConsumerGroupHeartbeatResponseAssignment, nullable=True
    )


@message(key=69, versions=(0, 1), flexible=0)
class ConsumerGroupDescribeRequest:
    """Ask for the state of consumer groups."""

    group_ids: tuple[str, ...] = array(string)
    include_authorized_operations: bool = boolean()


@struct
class ConsumerGroupDescribeResponseTopicPartitions:
    topic_id: bytes = uuid()
    topic_name: str = string()
    partitions: tuple[int, ...] = array(int32)


@struct
class ConsumerGroupDescribeResponseAssignment:
    topic_partitions: tuple[ConsumerGroupDescribeResponseTopicPartitions, ...] = array(
        ConsumerGroupDescribeResponseTopicPartitions
    )


@struct
class Member:
    member_id: str = string()
    instance_id: str | None = string(default=None, nullable=True)
    rack_id: str | None = string(default=None, nullable=True)
    member_epoch: int = int32()
    client_id: str = string()
    client_host: str = string()
    subscribed_topic_names: tuple[str, ...] = array(string)
    subscribed_topic_regex: str | None = string(default=None, nullable=True)
    assignment: ConsumerGroupDescribeResponseAssignment = nested(ConsumerGroupDescribeResponseAssignment)
    target_assignment: ConsumerGroupDescribeResponseAssignment = nested(ConsumerGroupDescribeResponseAssignment)
    member_type: int = int8(since=1, default=-1, ignorable=True)


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


@message(key=69, versions=(0, 1), flexible=0)
class ConsumerGroupDescribeResponse:
    """State and members of each group."""

    throttle_time_ms: int = int32()
    groups: tuple[DescribedGroup, ...] = array(DescribedGroup)
