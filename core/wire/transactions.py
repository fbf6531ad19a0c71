"""Transactions: adding to them, ending them, marking logs, describing and listing.

Structs that Kafka names alike in several messages carry the message's name in front here: `TransactionState`.
"""

from __future__ import annotations

from odradek.core.wire.schema import array, boolean, int8, int16, int32, int64, message, string, struct


@struct
class AddPartitionsToTxnTopic:
    name: str = string()
    partitions: tuple[int, ...] = array(int32)


@struct
class AddPartitionsToTxnTransaction:
    transactional_id: str = string()
    producer_id: int = int64()
    producer_epoch: int = int16()
    verify_only: bool = boolean()
    topics: tuple[AddPartitionsToTxnTopic, ...] = array(AddPartitionsToTxnTopic)


@message(key=24, versions=(0, 5), flexible=3)
class AddPartitionsToTxnRequest:
    """Add partitions to a transaction; many transactions at once between brokers from version 4."""

    transactions: tuple[AddPartitionsToTxnTransaction, ...] = array(AddPartitionsToTxnTransaction, since=4)
    v3_and_below_transactional_id: str = string(until=3)
    v3_and_below_producer_id: int = int64(until=3)
    v3_and_below_producer_epoch: int = int16(until=3)
    v3_and_below_topics: tuple[AddPartitionsToTxnTopic, ...] = array(AddPartitionsToTxnTopic, until=3)


@struct
class AddPartitionsToTxnPartitionResult:
    partition_index: int = int32()
    partition_error_code: int = int16()


@struct
class AddPartitionsToTxnTopicResult:
    name: str = string()
    results_by_partition: tuple[AddPartitionsToTxnPartitionResult, ...] = array(AddPartitionsToTxnPartitionResult)


@struct
class AddPartitionsToTxnResult:
    transactional_id: str = string()
    topic_results: tuple[AddPartitionsToTxnTopicResult, ...] = array(AddPartitionsToTxnTopicResult)


@message(key=24, versions=(0, 5), flexible=3)
class AddPartitionsToTxnResponse:
    """The outcome for each partition."""

    throttle_time_ms: int = int32()
    error_code: int = int16(since=4, ignorable=True)
    results_by_transaction: tuple[AddPartitionsToTxnResult, ...] = array(AddPartitionsToTxnResult, since=4)
    results_by_topic_v3_and_below: tuple[AddPartitionsToTxnTopicResult, ...] = array(
        AddPartitionsToTxnTopicResult, until=3
    )


@message(key=25, versions=(0, 4), flexible=3)
class AddOffsetsToTxnRequest:
    """Add a group's offsets to a transaction."""

    transactional_id: str = string()
    producer_id: int = int64()
    producer_epoch: int = int16()
    group_id: str = string()


@message(key=25, versions=(0, 4), flexible=3)
class AddOffsetsToTxnResponse:
    """The outcome."""

    throttle_time_ms: int = int32()
    error_code: int = int16()


@message(key=26, versions=(0, 5), flexible=3)
class EndTxnRequest:
    """Commit or abort a transaction."""

    transactional_id: str = string()
    producer_id: int = int64()
    producer_epoch: int = int16()
    committed: bool = boolean()


@message(key=26, versions=(0, 5), flexible=3)
class EndTxnResponse:
    """The outcome; from version 5 with the producer id and epoch to go on with."""

    throttle_time_ms: int = int32()
    error_code: int = int16()
    producer_id: int = int64(since=5, default=-1, ignorable=True)
    producer_epoch: int = int16(since=5, default=-1, ignorable=True)


@struct
class WritableTxnMarkerTopic:
    name: str = string()
    partition_indexes: tuple[int, ...] = array(int32)


@struct
class WritableTxnMarker:
    producer_id: int = int64()
    producer_epoch: int = int16()
    transaction_result: bool = boolean()
    topics: tuple[WritableTxnMarkerTopic, ...] = array(WritableTxnMarkerTopic)
    coordinator_epoch: int = int32()
    transaction_version: int = int8(since=2, ignorable=True)


@message(key=27, versions=(1, 2), flexible=1)
class WriteTxnMarkersRequest:
    """Write the end of transactions into the logs they touched."""

    markers: tuple[WritableTxnMarker, ...] = array(WritableTxnMarker)


@struct
class WritableTxnMarkerPartitionResult:
    partition_index: int = int32()
    error_code: int = int16()


@struct
class WritableTxnMarkerTopicResult:
    name: str = string()
    partitions: tuple[WritableTxnMarkerPartitionResult, ...] = array(WritableTxnMarkerPartitionResult)


@struct
class WritableTxnMarkerResult:
    producer_id: int = int64()
    topics: tuple[WritableTxnMarkerTopicResult, ...] = array(WritableTxnMarkerTopicResult)


@message(key=27, versions=(1, 2), flexible=1)
class WriteTxnMarkersResponse:
    """The outcome for each partition."""

    markers: tuple[WritableTxnMarkerResult, ...] = array(WritableTxnMarkerResult)


@struct
class TxnOffsetCommitRequestPartition:
    partition_index: int = int32()
    committed_offset: int = int64()
    committed_leader_epoch: int = int32(since=2, default=-1, ignorable=True)
    committed_metadata: str | None = string(nullable=True)


@struct
class TxnOffsetCommitRequestTopic:
    name: str = string()
    partitions: tuple[TxnOffsetCommitRequestPartition, ...] = array(TxnOffsetCommitRequestPartition)


@message(key=28, versions=(0, 5), flexible=3)
class TxnOffsetCommitRequest:
    """Commit a group's offsets as part of a transaction."""

    transactional_id: str = string()
    group_id: str = string()
    producer_id: int = int64()
    producer_epoch: int = int16()
    generation_id: int = int32(since=3, default=-1)
    member_id: str = string(since=3)
    group_instance_id: str | None = string(since=3, default=None, nullable=True)
    topics: tuple[TxnOffsetCommitRequestTopic, ...] = array(TxnOffsetCommitRequestTopic)


@struct
class TxnOffsetCommitResponsePartition:
    partition_index: int = int32()
    error_code: int = int16()


@struct
class TxnOffsetCommitResponseTopic:
    name: str = string()
    partitions: tuple[TxnOffsetCommitResponsePartition, ...] = array(TxnOffsetCommitResponsePartition)


@message(key=28, versions=(0, 5), flexible=3)
class TxnOffsetCommitResponse:
    """The outcome for each partition."""

    throttle_time_ms: int = int32()
    topics: tuple[TxnOffsetCommitResponseTopic, ...] = array(TxnOffsetCommitResponseTopic)


@message(key=65, versions=(0, 0), flexible=0)
class DescribeTransactionsRequest:
    """Ask for the state of transactions."""

    transactional_ids: tuple[str, ...] = array(string)


@struct
class TopicData:
    topic: str = string()
    partitions: tuple[int, ...] = array(int32)


@struct
class DescribeTransactionsResponseTransactionState:
    error_code: int = int16()
    transactional_id: str = string()
    transaction_state: str = string()
    transaction_timeout_ms: int = int32()
    transaction_start_time_ms: int = int64()
    producer_id: int = int64()
    producer_epoch: int = int16()
    topics: tuple[TopicData, ...] = array(TopicData)


@message(key=65, versions=(0, 0), flexible=0)
class DescribeTransactionsResponse:
    """State and partitions of each transaction."""

    throttle_time_ms: int = int32()
    transaction_states: tuple[DescribeTransactionsResponseTransactionState, ...] = array(
        DescribeTransactionsResponseTransactionState
    )


@message(key=66, versions=(0, 2), flexible=0)
class ListTransactionsRequest:
    """Ask for the transactions this broker coordinates."""

    state_filters: tuple[str, ...] = array(string)
    producer_id_filters: tuple[int, ...] = array(int64)
    duration_filter: int = int64(since=1, default=-1)
    transactional_id_pattern: str | None = string(since=2, default=None, nullable=True)


@struct
class ListTransactionsResponseTransactionState:
    transactional_id: str = string()
    producer_id: int = int64()
    transaction_state: str = string()


@message(key=66, versions=(0, 2), flexible=0)
class ListTransactionsResponse:
    """The transactions that pass the filters."""

    throttle_time_ms: int = int32()
    error_code: int = int16()
    unknown_state_filters: tuple[str, ...] = array(string)
    transaction_states: tuple[ListTransactionsResponseTransactionState, ...] = array(
        ListTransactionsResponseTransactionState
    )
