"""Snapshots of the metadata log: FetchSnapshot.

Structs that Kafka names alike in several messages carry the message's name in front here: `PartitionSnapshot`,
`SnapshotId`, `TopicSnapshot`.
"""

from __future__ import annotations

from odradek.core.wire.schema import (
    INT32_MAX,
    Records,
    array,
    int16,
    int32,
    int64,
    message,
    nested,
    records,
    string,
    struct,
    uint16,
    uuid,
)


@struct
class FetchSnapshotRequestSnapshotId:
    end_offset: int = int64()
    epoch: int = int32()


@struct
class FetchSnapshotRequestPartitionSnapshot:
    partition: int = int32()
    current_leader_epoch: int = int32()
    snapshot_id: FetchSnapshotRequestSnapshotId = nested(FetchSnapshotRequestSnapshotId)
    position: int = int64()
    replica_directory_id: bytes = uuid(since=1, tag=0, ignorable=True)


@struct
class FetchSnapshotRequestTopicSnapshot:
    name: str = string()
    partitions: tuple[FetchSnapshotRequestPartitionSnapshot, ...] = array(FetchSnapshotRequestPartitionSnapshot)


@message(key=59, versions=(0, 1), flexible=0)
class FetchSnapshotRequest:
    """Ask for a piece of a metadata snapshot."""

    cluster_id: str | None = string(default=None, nullable=True, tag=0)
    replica_id: int = int32(default=-1)
    max_bytes: int = int32(default=INT32_MAX)
    topics: tuple[FetchSnapshotRequestTopicSnapshot, ...] = array(FetchSnapshotRequestTopicSnapshot)


@struct
class FetchSnapshotResponseSnapshotId:
    end_offset: int = int64()
    epoch: int = int32()


@struct
class LeaderIdAndEpoch:
    leader_id: int = int32()
    leader_epoch: int = int32()


@struct
class FetchSnapshotResponsePartitionSnapshot:
    index: int = int32()
    error_code: int = int16()
    snapshot_id: FetchSnapshotResponseSnapshotId = nested(FetchSnapshotResponseSnapshotId)
    current_leader: LeaderIdAndEpoch | None = nested(LeaderIdAndEpoch, tag=0)
    size: int = int64()
    position: int = int64()
    unaligned_records: Records = records()


@struct
class FetchSnapshotResponseTopicSnapshot:
    name: str = string()
    partitions: tuple[FetchSnapshotResponsePartitionSnapshot, ...] = array(FetchSnapshotResponsePartitionSnapshot)


@struct
class NodeEndpoint:
    node_id: int = int32()
    host: str = string()
    port: int = uint16()


@message(key=59, versions=(0, 1), flexible=0)
class FetchSnapshotResponse:
    """Bytes of the snapshot, and its size."""

    throttle_time_ms: int = int32()
    error_code: int = int16()
    topics: tuple[FetchSnapshotResponseTopicSnapshot, ...] = array(FetchSnapshotResponseTopicSnapshot)
    node_endpoints: tuple[NodeEndpoint, ...] = array(NodeEndpoint, since=1, tag=0)
