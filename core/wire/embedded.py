"""What clients put into the bytes of JoinGroup and SyncGroup: the consumer protocol's subscription and assignment.

Both begin with their version as an int16 (`structs.encode_versioned` and `decode_versioned`).
"""

from __future__ import annotations

from odradek.core.wire.schema import array, bytes_, int32, record, string, struct


@struct
class ConsumerProtocolTopicPartition:
    topic: str = string()
    partitions: tuple[int, ...] = array(int32)


@record(versions=(0, 3))
class ConsumerProtocolSubscription:
    """What a consumer wants, and from version 1 what it still holds."""

    topics: tuple[str, ...] = array(string)
    user_data: bytes | None = bytes_(default=None, nullable=True)
    owned_partitions: tuple[ConsumerProtocolTopicPartition, ...] = array(
        ConsumerProtocolTopicPartition, since=1, ignorable=True
    )
    generation_id: int = int32(since=2, default=-1, ignorable=True)
    rack_id: str | None = string(since=3, default=None, nullable=True, ignorable=True)


@record(versions=(0, 3))
class ConsumerProtocolAssignment:
    """What a consumer is to read."""

    assigned_partitions: tuple[ConsumerProtocolTopicPartition, ...] = array(ConsumerProtocolTopicPartition)
    user_data: bytes | None = bytes_(default=None, nullable=True)
