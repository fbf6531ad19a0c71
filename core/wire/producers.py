"""Producer ids: InitProducerId, DescribeProducers and AllocateProducerIds."""

from __future__ import annotations

from odradek.core.wire.schema import array, boolean, int16, int32, int64, message, string, struct


@message(key=22, versions=(0, 6), flexible=2)
class InitProducerIdRequest:
    """Ask for a producer id, or for the next epoch of the one in use."""

    transactional_id: str | None = string(nullable=True)
    transaction_timeout_ms: int = int32()
    producer_id: int = int64(since=3, default=-1)
    producer_epoch: int = int16(since=3, default=-1)
    enable2_pc: bool = boolean(since=6)
    keep_prepared_txn: bool = boolean(since=6)


@message(key=22, versions=(0, 6), flexible=2)
class InitProducerIdResponse:
    """The producer id and epoch to write with."""

    throttle_time_ms: int = int32()
    error_code: int = int16()
    producer_id: int = int64(default=-1)
    producer_epoch: int = int16()
    ongoing_txn_producer_id: int = int64(since=6, default=-1)
    ongoing_txn_producer_epoch: int = int16(since=6, default=-1)


@struct
class TopicRequest:
    name: str = string()
    partition_indexes: tuple[int, ...] = array(int32)


@message(key=61, versions=(0, 0), flexible=0)
class DescribeProducersRequest:
    """Ask which producers are writing to partitions."""

    topics: tuple[TopicRequest, ...] = array(TopicRequest)


@struct
class ProducerState:
    producer_id: int = int64()
    producer_epoch: int = int32()
    last_sequence: int = int32(default=-1)
    last_timestamp: int = int64(default=-1)
    coordinator_epoch: int = int32()
    current_txn_start_offset: int = int64(default=-1)


@struct
class PartitionResponse:
    partition_index: int = int32()
    error_code: int = int16()
    error_message: str | None = string(default=None, nullable=True)
    active_producers: tuple[ProducerState, ...] = array(ProducerState)


@struct
class TopicResponse:
    name: str = string()
    partitions: tuple[PartitionResponse, ...] = array(PartitionResponse)


@message(key=61, versions=(0, 0), flexible=0)
class DescribeProducersResponse:
    """The producers remembered in each partition."""

    throttle_time_ms: int = int32()
    topics: tuple[TopicResponse, ...] = array(TopicResponse)


@message(key=67, versions=(0, 0), flexible=0)
class AllocateProducerIdsRequest:
    """A broker's request for a block of producer ids."""

    broker_id: int = int32()
    broker_epoch: int = int64(default=-1)


@message(key=67, versions=(0, 0), flexible=0)
class AllocateProducerIdsResponse:
    """The block it may hand out."""

    throttle_time_ms: int = int32()
    error_code: int = int16()
    producer_id_start: int = int64()
    producer_id_len: int = int32()
