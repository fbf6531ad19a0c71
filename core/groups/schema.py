"""The records of `__consumer_offsets`, in Kafka's own schema.

Knows: bytes of keys and values of committed offsets and classic groups.  Does not know: what they do to a group.
Invariant: what was read is written again with the same meaning, so that the log can be restated from memory.

Values are written as Kafka 4.x writes them: in the highest version that is not flexible, which is also the highest that
lag monitors such as Burrow read.
"""

from typing import NamedTuple, TypeVar

from odradek.core.errors import ErrorCode, Refused
from odradek.core.groups.out import Record
from odradek.core.types import NO_TIMESTAMP
from odradek.core.wire.primitives import WireError
from odradek.core.wire.schema import ZERO_UUID, array, bytes_, int32, int64, record, string, struct, uuid
from odradek.core.wire.structs import decode_struct, encode_struct

T = TypeVar("T")


class OffsetKey(NamedTuple):
    """Names one committed offset."""

    group: str
    topic: str
    partition: int


class GroupKey(NamedTuple):
    """Names one classic group."""

    group: str


class ForeignKey(NamedTuple):
    """A kind of record that this code does not know, such as KIP-848's: kept as it is."""

    key: bytes


Key = OffsetKey | GroupKey | ForeignKey


@record(versions=(0, 1))
class OffsetCommitKey:
    """Kinds 0 and 1: both name a committed offset."""

    group: str = string()
    topic: str = string()
    partition: int = int32()


@record(versions=(2, 2))
class GroupMetadataKey:
    """Kind 2."""

    group: str = string()


@record(versions=(0, 4), flexible=4)
class OffsetCommitValue:
    """One committed offset.  Timestamps in wall milliseconds."""

    offset: int = int64()
    leader_epoch: int = int32(since=3, default=-1, ignorable=True)
    metadata: str = string()
    commit_timestamp: int = int64()
    expire_timestamp: int = int64(since=1, until=1, default=NO_TIMESTAMP, ignorable=True)
    topic_id: bytes = uuid(since=4, tag=0, tagged=4, ignorable=True)


@struct
class MemberMetadata:
    """A member as its generation was stored."""

    member_id: str = string()
    group_instance_id: str | None = string(since=3, nullable=3, default=None, ignorable=True)
    client_id: str = string()
    client_host: str = string()
    rebalance_timeout: int = int32(since=1, ignorable=True)
    session_timeout: int = int32()
    subscription: bytes = bytes_()
    assignment: bytes = bytes_()


@record(versions=(0, 4), flexible=4)
class GroupMetadataValue:
    """A generation of a group: what fail-over needs to let its members go on undisturbed."""

    protocol_type: str = string()
    generation: int = int32()
    protocol: str | None = string(nullable=True)
    leader: str | None = string(nullable=True)
    current_state_timestamp: int = int64(since=2, default=NO_TIMESTAMP, ignorable=True)
    members: tuple[MemberMetadata, ...] = array(MemberMetadata)


GROUP_VALUE_VERSION = 3
OFFSET_VALUE_VERSION = 3
OFFSET_VALUE_VERSION_EXPIRING = 1
"""Only this version can say when an offset expires (OffsetCommit 2 to 4 with a retention time)."""

OFFSET_VALUE_VERSION_WITH_ID = 4
"""Never written for a commit of our own; a record that came with a topic id keeps it."""


class Change(NamedTuple):
    """What one record says, together with the record."""

    name: OffsetKey | GroupKey
    value: OffsetCommitValue | GroupMetadataValue | None
    record: Record


def offset_change(name: OffsetKey, value: OffsetCommitValue | None) -> Change:
    """Commit an offset, or with None forget it."""
    return Change(name, value, offset_record(name, value))


def group_change(name: GroupKey, value: GroupMetadataValue | None) -> Change:
    """Store a generation, or with None forget the group."""
    return Change(name, value, group_record(name.group, value))


def offset_record(key: OffsetKey, value: OffsetCommitValue | None) -> Record:
    """Key and value of one committed offset; None makes a tombstone."""
    struct_ = OffsetCommitKey(group=key.group, topic=key.topic, partition=key.partition)
    head = b"\x00\x01" + encode_struct(struct_, 1)
    if value is None:
        return head, None
    version = OFFSET_VALUE_VERSION
    if value.expire_timestamp != NO_TIMESTAMP:
        version = OFFSET_VALUE_VERSION_EXPIRING
    elif value.topic_id != ZERO_UUID:
        version = OFFSET_VALUE_VERSION_WITH_ID
    return head, version.to_bytes(2, "big") + encode_struct(value, version)


def group_record(group: str, value: GroupMetadataValue | None) -> Record:
    """Key and value of one group; None makes a tombstone."""
    head = b"\x00\x02" + encode_struct(GroupMetadataKey(group=group), 2)
    if value is None:
        return head, None
    return head, GROUP_VALUE_VERSION.to_bytes(2, "big") + encode_struct(value, GROUP_VALUE_VERSION)


def read_key(key: bytes) -> Key:
    """What a record is about.  Raises `Refused(CORRUPT_MESSAGE)` when a known kind cannot be read."""
    if len(key) < 2:
        raise Refused(ErrorCode.CORRUPT_MESSAGE, f"a key of {len(key)} bytes in __consumer_offsets names no kind")
    kind = int.from_bytes(key[:2], "big", signed=True)
    if kind not in (0, 1, 2):
        return ForeignKey(bytes(key))
    try:
        if kind == 2:
            return GroupKey(decode_struct(GroupMetadataKey, 2, key[2:]).group)
        named = decode_struct(OffsetCommitKey, kind, key[2:])
    except WireError as why:
        raise Refused(ErrorCode.CORRUPT_MESSAGE, f"a key of kind {kind} in __consumer_offsets: {why}") from why
    return OffsetKey(named.group, named.topic, named.partition)


def read_offset(value: bytes) -> OffsetCommitValue:
    """A committed offset.  Raises `Refused(CORRUPT_MESSAGE)`, also for a version this code does not know."""
    return _read(OffsetCommitValue, value, 4)


def read_group(value: bytes) -> GroupMetadataValue:
    """A stored generation.  Version 0 knew no rebalance timeout: the session timeout takes its place, as in Kafka."""
    found = _read(GroupMetadataValue, value, 4)
    if int.from_bytes(value[:2], "big") == 0:
        for member in found.members:
            member.rebalance_timeout = member.session_timeout
    return found


def _read(cls: type[T], value: bytes, newest: int) -> T:
    version = int.from_bytes(value[:2], "big", signed=True)
    if len(value) < 2 or not 0 <= version <= newest:
        raise Refused(ErrorCode.CORRUPT_MESSAGE, f"version {version} of {cls.__name__}, 0 to {newest} are known")
    try:
        return decode_struct(cls, version, value[2:])
    except WireError as why:
        raise Refused(ErrorCode.CORRUPT_MESSAGE, f"version {version} of {cls.__name__}: {why}") from why
