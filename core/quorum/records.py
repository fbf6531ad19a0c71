"""The records of the metadata log, in Kafka's own KRaft schemas and type numbers (KIP-631).

Knows: the records this controller writes and the frame around each.  Does not know: what they mean together (`image`).
Invariant: `decode(encode(x)) == x`.  A frame is three unsigned varints (frame version 1, record type, record version)
and the record; it is the value of an ordinary record, and the topic `__cluster_metadata` has one partition.
"""

from typing import Any, Final

from odradek.core.types import Buffer
from odradek.core.wire.primitives import WireError, read_uvarint, uvarint
from odradek.core.wire.schema import (
    array,
    boolean,
    int8,
    int16,
    int32,
    int64,
    record,
    string,
    struct,
    uint16,
)
from odradek.core.wire.schema import uuid as uuid_
from odradek.core.wire.structs import decode_struct, encode_struct

LEADER_UNCHANGED: Final = -2
"""In a `PartitionChangeRecord`: no election took place."""


@struct
class BrokerEndpoint:
    name: str = string()
    host: str = string()
    port: int = uint16()
    security_protocol: int = int16()


@struct
class BrokerFeature:
    name: str = string()
    min_supported_version: int = int16()
    max_supported_version: int = int16()


@record(versions=(0, 3), flexible=0)
class RegisterBrokerRecord:
    """A broker process is there.  It replaces an earlier registration of the same id."""

    broker_id: int = int32()
    is_migrating_zk_broker: bool = boolean(since=2)
    incarnation_id: bytes = uuid_()
    broker_epoch: int = int64()
    end_points: tuple[BrokerEndpoint, ...] = array(BrokerEndpoint)
    features: tuple[BrokerFeature, ...] = array(BrokerFeature)
    rack: str | None = string(nullable=True, default=None)
    fenced: bool = boolean(default=True)
    in_controlled_shutdown: bool = boolean(since=1)
    log_dirs: tuple[bytes, ...] = array(uuid_, since=3, tag=0)


@record(versions=(0, 0), flexible=0)
class UnregisterBrokerRecord:
    """A broker is gone for good."""

    broker_id: int = int32()
    broker_epoch: int = int64()


@record(versions=(0, 0), flexible=0)
class TopicRecord:
    """A topic begins; its partitions follow."""

    name: str = string()
    topic_id: bytes = uuid_()


@record(versions=(0, 2), flexible=0)
class PartitionRecord:
    """A partition begins.  `directories` (KIP-858) and the eligible leaders (KIP-966) are carried and not used yet."""

    partition_id: int = int32(default=-1)
    topic_id: bytes = uuid_()
    replicas: tuple[int, ...] = array(int32)
    isr: tuple[int, ...] = array(int32)
    removing_replicas: tuple[int, ...] = array(int32)
    adding_replicas: tuple[int, ...] = array(int32)
    leader: int = int32(default=-1)
    leader_recovery_state: int = int8(tag=0)
    leader_epoch: int = int32(default=-1)
    partition_epoch: int = int32(default=-1)
    directories: tuple[bytes, ...] = array(uuid_, since=1)
    eligible_leader_replicas: tuple[int, ...] | None = array(int32, since=2, nullable=True, default=None, tag=1)
    last_known_elr: tuple[int, ...] | None = array(int32, since=2, nullable=True, default=None, tag=2)


@record(versions=(0, 0), flexible=0)
class ConfigRecord:
    """A setting of a resource is set, or with None goes back to its default."""

    resource_type: int = int8()
    resource_name: str = string()
    name: str = string()
    value: str | None = string(nullable=True)


@record(versions=(0, 2), flexible=0)
class PartitionChangeRecord:
    """Something about a partition changes; what is None, or the leader -2, stays."""

    partition_id: int = int32(default=-1)
    topic_id: bytes = uuid_()
    isr: tuple[int, ...] | None = array(int32, nullable=True, default=None, tag=0)
    leader: int = int32(default=LEADER_UNCHANGED, tag=1)
    replicas: tuple[int, ...] | None = array(int32, nullable=True, default=None, tag=2)
    removing_replicas: tuple[int, ...] | None = array(int32, nullable=True, default=None, tag=3)
    adding_replicas: tuple[int, ...] | None = array(int32, nullable=True, default=None, tag=4)
    leader_recovery_state: int = int8(default=-1, tag=5)
    eligible_leader_replicas: tuple[int, ...] | None = array(int32, since=2, nullable=True, default=None, tag=6)
    last_known_elr: tuple[int, ...] | None = array(int32, since=2, nullable=True, default=None, tag=7)
    directories: tuple[bytes, ...] | None = array(uuid_, since=1, nullable=True, default=None, tag=8)


@record(versions=(0, 0), flexible=0)
class RemoveTopicRecord:
    """A topic ends, with its partitions and settings."""

    topic_id: bytes = uuid_()


@record(versions=(0, 0), flexible=0)
class FeatureLevelRecord:
    """A feature of the cluster has this level from now on; 0 is off."""

    name: str = string()
    feature_level: int = int16()


@record(versions=(0, 0), flexible=0)
class ProducerIdsRecord:
    """Producer ids below `next_producer_id` have been handed out."""

    broker_id: int = int32()
    broker_epoch: int = int64(default=-1)
    next_producer_id: int = int64()


@record(versions=(0, 2), flexible=0)
class BrokerRegistrationChangeRecord:
    """A registered broker is fenced (1) or no longer (-1), or is shutting down (1); 0 changes nothing."""

    broker_id: int = int32()
    broker_epoch: int = int64()
    fenced: int = int8(tag=0)
    in_controlled_shutdown: int = int8(since=1, tag=1)
    log_dirs: tuple[bytes, ...] = array(uuid_, since=2, tag=2)


@record(versions=(0, 0), flexible=0)
class NoOpRecord:
    """Nothing changes; the log advances."""


Metadata = (
    RegisterBrokerRecord
    | UnregisterBrokerRecord
    | TopicRecord
    | PartitionRecord
    | ConfigRecord
    | PartitionChangeRecord
    | RemoveTopicRecord
    | FeatureLevelRecord
    | ProducerIdsRecord
    | BrokerRegistrationChangeRecord
    | NoOpRecord
)

_FRAME_VERSION: Final = 1

_TYPES: Final[dict[int, tuple[Any, int]]] = {
    0: (RegisterBrokerRecord, 3),
    1: (UnregisterBrokerRecord, 0),
    2: (TopicRecord, 0),
    3: (PartitionRecord, 0),
    4: (ConfigRecord, 0),
    5: (PartitionChangeRecord, 0),
    9: (RemoveTopicRecord, 0),
    12: (FeatureLevelRecord, 0),
    15: (ProducerIdsRecord, 0),
    17: (BrokerRegistrationChangeRecord, 1),
    20: (NoOpRecord, 0),
}
"""The records by their type numbers, each with the version written: the lowest that can say what this broker says."""

_NUMBERS: Final = {cls: (number, version) for number, (cls, version) in _TYPES.items()}


def encode(one: Metadata) -> bytes:
    """A record as the value of a log record."""
    number, version = _NUMBERS[type(one)]
    return uvarint(_FRAME_VERSION) + uvarint(number) + uvarint(version) + encode_struct(one, version)


def decode(value: Buffer) -> Metadata:
    """A record from the value of a log record.

    Raises `WireError` if it is none, or of a type or version that a newer release wrote: then this release must not go
    on.
    """
    buf = memoryview(value)
    try:
        frame, at = read_uvarint(buf, 0)
        number, at = read_uvarint(buf, at)
        version, at = read_uvarint(buf, at)
    except IndexError:
        raise WireError("a metadata record ends within its frame") from None
    if frame != _FRAME_VERSION:
        raise WireError(f"metadata record frame version {frame} is not {_FRAME_VERSION}")
    if number not in _TYPES:
        raise WireError(f"metadata record type {number} is unknown to this release")
    found: Metadata = decode_struct(_TYPES[number][0], version, buf[at:])
    return found
