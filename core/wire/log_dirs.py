"""Log directories: AlterReplicaLogDirs, DescribeLogDirs and AssignReplicasToDirs.

Structs that Kafka names alike in several messages carry the message's name in front here: `DirectoryData`,
`PartitionData`, `TopicData`.
"""

from __future__ import annotations

from odradek.core.wire.schema import array, boolean, int16, int32, int64, message, string, struct, uuid


@struct
class AlterReplicaLogDirTopic:
    name: str = string()
    partitions: tuple[int, ...] = array(int32)


@struct
class AlterReplicaLogDir:
    path: str = string()
    topics: tuple[AlterReplicaLogDirTopic, ...] = array(AlterReplicaLogDirTopic)


@message(key=34, versions=(1, 2), flexible=2)
class AlterReplicaLogDirsRequest:
    """Move replicas to other log directories of the same broker."""

    dirs: tuple[AlterReplicaLogDir, ...] = array(AlterReplicaLogDir)


@struct
class AlterReplicaLogDirPartitionResult:
    partition_index: int = int32()
    error_code: int = int16()


@struct
class AlterReplicaLogDirTopicResult:
    topic_name: str = string()
    partitions: tuple[AlterReplicaLogDirPartitionResult, ...] = array(AlterReplicaLogDirPartitionResult)


@message(key=34, versions=(1, 2), flexible=2)
class AlterReplicaLogDirsResponse:
    """The outcome for each partition."""

    throttle_time_ms: int = int32()
    results: tuple[AlterReplicaLogDirTopicResult, ...] = array(AlterReplicaLogDirTopicResult)


@struct
class DescribableLogDirTopic:
    topic: str = string()
    partitions: tuple[int, ...] = array(int32)


@message(key=35, versions=(1, 5), flexible=2)
class DescribeLogDirsRequest:
    """Ask for the log directories and what is in them."""

    topics: tuple[DescribableLogDirTopic, ...] | None = array(DescribableLogDirTopic, nullable=True)


@struct
class DescribeLogDirsPartition:
    partition_index: int = int32()
    partition_size: int = int64()
    offset_lag: int = int64()
    is_future_key: bool = boolean()


@struct
class DescribeLogDirsTopic:
    name: str = string()
    partitions: tuple[DescribeLogDirsPartition, ...] = array(DescribeLogDirsPartition)


@struct
class DescribeLogDirsResult:
    error_code: int = int16()
    log_dir: str = string()
    topics: tuple[DescribeLogDirsTopic, ...] = array(DescribeLogDirsTopic)
    total_bytes: int = int64(since=4, default=-1, ignorable=True)
    usable_bytes: int = int64(since=4, default=-1, ignorable=True)
    is_cordoned: bool = boolean(since=5, ignorable=True)


@message(key=35, versions=(1, 5), flexible=2)
class DescribeLogDirsResponse:
    """Directories, replicas and their sizes in bytes."""

    throttle_time_ms: int = int32()
    error_code: int = int16(since=3, ignorable=True)
    results: tuple[DescribeLogDirsResult, ...] = array(DescribeLogDirsResult)


@struct
class AssignReplicasToDirsRequestPartitionData:
    partition_index: int = int32()


@struct
class AssignReplicasToDirsRequestTopicData:
    topic_id: bytes = uuid()
    partitions: tuple[AssignReplicasToDirsRequestPartitionData, ...] = array(AssignReplicasToDirsRequestPartitionData)


@struct
class AssignReplicasToDirsRequestDirectoryData:
    id: bytes = uuid()
    topics: tuple[AssignReplicasToDirsRequestTopicData, ...] = array(AssignReplicasToDirsRequestTopicData)


@message(key=73, versions=(0, 0), flexible=0)
class AssignReplicasToDirsRequest:
    """A broker tells in which directories its replicas live (KIP-858)."""

    broker_id: int = int32()
    broker_epoch: int = int64(default=-1)
    directories: tuple[AssignReplicasToDirsRequestDirectoryData, ...] = array(AssignReplicasToDirsRequestDirectoryData)


@struct
class AssignReplicasToDirsResponsePartitionData:
    partition_index: int = int32()
    error_code: int = int16()


@struct
class AssignReplicasToDirsResponseTopicData:
    topic_id: bytes = uuid()
    partitions: tuple[AssignReplicasToDirsResponsePartitionData, ...] = array(AssignReplicasToDirsResponsePartitionData)


@struct
class AssignReplicasToDirsResponseDirectoryData:
    id: bytes = uuid()
    topics: tuple[AssignReplicasToDirsResponseTopicData, ...] = array(AssignReplicasToDirsResponseTopicData)


@message(key=73, versions=(0, 0), flexible=0)
class AssignReplicasToDirsResponse:
    """The outcome for each partition."""

    throttle_time_ms: int = int32()
    error_code: int = int16()
    directories: tuple[AssignReplicasToDirsResponseDirectoryData, ...] = array(
        AssignReplicasToDirsResponseDirectoryData
    )
