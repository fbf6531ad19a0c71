"""State of share groups, between brokers: initialize, read, write, delete and summarize.

Structs that Kafka names alike in several messages carry the message's name in front here: `PartitionData`,
`PartitionResult`, `StateBatch`.
"""

from __future__ import annotations

from odradek.core.wire.schema import array, int8, int16, int32, int64, message, string, struct, uuid


@struct
class InitializeShareGroupStateRequestPartitionData:
    partition: int = int32()
    state_epoch: int = int32()
    start_offset: int = int64()


@struct
class InitializeStateData:
    topic_id: bytes = uuid()
    partitions: tuple[InitializeShareGroupStateRequestPartitionData, ...] = array(
        InitializeShareGroupStateRequestPartitionData
    )


@message(key=83, versions=(0, 0), flexible=0)
class InitializeShareGroupStateRequest:
    """Begin the state of share partitions."""

    group_id: str = string()
    topics: tuple[InitializeStateData, ...] = array(InitializeStateData)


@struct
class InitializeShareGroupStateResponsePartitionResult:
    partition: int = int32()
    error_code: int = int16()
    error_message: str | None = string(default=None, nullable=True)


@struct
class InitializeStateResult:
    topic_id: bytes = uuid()
    partitions: tuple[InitializeShareGroupStateResponsePartitionResult, ...] = array(
        InitializeShareGroupStateResponsePartitionResult
    )


@message(key=83, versions=(0, 0), flexible=0)
class InitializeShareGroupStateResponse:
    """The outcome for each partition."""

    results: tuple[InitializeStateResult, ...] = array(InitializeStateResult)


@struct
class ReadShareGroupStateRequestPartitionData:
    partition: int = int32()
    leader_epoch: int = int32()


@struct
class ReadStateData:
    topic_id: bytes = uuid()
    partitions: tuple[ReadShareGroupStateRequestPartitionData, ...] = array(ReadShareGroupStateRequestPartitionData)


@message(key=84, versions=(0, 0), flexible=0)
class ReadShareGroupStateRequest:
    """Ask for the state of share partitions."""

    group_id: str = string()
    topics: tuple[ReadStateData, ...] = array(ReadStateData)


@struct
class ReadShareGroupStateResponseStateBatch:
    first_offset: int = int64()
    last_offset: int = int64()
    delivery_state: int = int8()
    delivery_count: int = int16()


@struct
class ReadShareGroupStateResponsePartitionResult:
    partition: int = int32()
    error_code: int = int16()
    error_message: str | None = string(default=None, nullable=True)
    state_epoch: int = int32()
    start_offset: int = int64()
    state_batches: tuple[ReadShareGroupStateResponseStateBatch, ...] = array(ReadShareGroupStateResponseStateBatch)


@struct
class ReadStateResult:
    topic_id: bytes = uuid()
    partitions: tuple[ReadShareGroupStateResponsePartitionResult, ...] = array(
        ReadShareGroupStateResponsePartitionResult
    )


@message(key=84, versions=(0, 0), flexible=0)
class ReadShareGroupStateResponse:
    """The state of each partition."""

    results: tuple[ReadStateResult, ...] = array(ReadStateResult)


@struct
class WriteShareGroupStateRequestStateBatch:
    first_offset: int = int64()
    last_offset: int = int64()
    delivery_state: int = int8()
    delivery_count: int = int16()


@struct
class WriteShareGroupStateRequestPartitionData:
    partition: int = int32()
    state_epoch: int = int32()
    leader_epoch: int = int32()
    start_offset: int = int64()
    delivery_complete_count: int = int32(since=1, default=-1)
    state_batches: tuple[WriteShareGroupStateRequestStateBatch, ...] = array(WriteShareGroupStateRequestStateBatch)


@struct
class WriteStateData:
    topic_id: bytes = uuid()
    partitions: tuple[WriteShareGroupStateRequestPartitionData, ...] = array(WriteShareGroupStateRequestPartitionData)


@message(key=85, versions=(0, 1), flexible=0)
class WriteShareGroupStateRequest:
    """Write the state of share partitions."""

    group_id: str = string()
    topics: tuple[WriteStateData, ...] = array(WriteStateData)


@struct
class WriteShareGroupStateResponsePartitionResult:
    partition: int = int32()
    error_code: int = int16()
    error_message: str | None = string(default=None, nullable=True)


@struct
class WriteStateResult:
    topic_id: bytes = uuid()
    partitions: tuple[WriteShareGroupStateResponsePartitionResult, ...] = array(
        WriteShareGroupStateResponsePartitionResult
    )


@message(key=85, versions=(0, 1), flexible=0)
class WriteShareGroupStateResponse:
    """The outcome for each partition."""

    results: tuple[WriteStateResult, ...] = array(WriteStateResult)


@struct
class DeleteShareGroupStateRequestPartitionData:
    partition: int = int32()


@struct
class DeleteStateData:
    topic_id: bytes = uuid()
    partitions: tuple[DeleteShareGroupStateRequestPartitionData, ...] = array(DeleteShareGroupStateRequestPartitionData)


@message(key=86, versions=(0, 0), flexible=0)
class DeleteShareGroupStateRequest:
    """Delete the state of share partitions."""

    group_id: str = string()
    topics: tuple[DeleteStateData, ...] = array(DeleteStateData)


@struct
class DeleteShareGroupStateResponsePartitionResult:
    partition: int = int32()
    error_code: int = int16()
    error_message: str | None = string(default=None, nullable=True)


@struct
class DeleteStateResult:
    topic_id: bytes = uuid()
    partitions: tuple[DeleteShareGroupStateResponsePartitionResult, ...] = array(
        DeleteShareGroupStateResponsePartitionResult
    )


@message(key=86, versions=(0, 0), flexible=0)
class DeleteShareGroupStateResponse:
    """The outcome for each partition."""

    results: tuple[DeleteStateResult, ...] = array(DeleteStateResult)


@struct
class ReadShareGroupStateSummaryRequestPartitionData:
    partition: int = int32()
    leader_epoch: int = int32()


@struct
class ReadStateSummaryData:
    topic_id: bytes = uuid()
    partitions: tuple[ReadShareGroupStateSummaryRequestPartitionData, ...] = array(
        ReadShareGroupStateSummaryRequestPartitionData
    )


@message(key=87, versions=(0, 1), flexible=0)
class ReadShareGroupStateSummaryRequest:
    """Ask for offsets of share partitions only, without batches."""

    group_id: str = string()
    topics: tuple[ReadStateSummaryData, ...] = array(ReadStateSummaryData)


@struct
class ReadShareGroupStateSummaryResponsePartitionResult:
    partition: int = int32()
    error_code: int = int16()
    error_message: str | None = string(default=None, nullable=True)
    state_epoch: int = int32()
    leader_epoch: int = int32()
    start_offset: int = int64()
    delivery_complete_count: int = int32(since=1, default=-1, ignorable=True)


@struct
class ReadStateSummaryResult:
    topic_id: bytes = uuid()
    partitions: tuple[ReadShareGroupStateSummaryResponsePartitionResult, ...] = array(
        ReadShareGroupStateSummaryResponsePartitionResult
    )


@message(key=87, versions=(0, 1), flexible=0)
class ReadShareGroupStateSummaryResponse:
    """The start offset of each partition."""

    results: tuple[ReadStateSummaryResult, ...] = array(ReadStateSummaryResult)
