"""Everyday requests in few words, and what of their answers matters to a client.

Knows: the shape of messages.  Does not know: what the answers ought to be.
Invariant: a record batch that is handed on was whole, its CRC held and each of its records was read.
"""

from collections.abc import Iterable
from struct import Struct
from typing import Any, NamedTuple

from odradek.core.errors import Refused
from odradek.core.records.batch import check_crc, scan
from odradek.core.records.build import Record, build, records
from odradek.core.types import Buffer
from odradek.core.wire.commits import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopics,
)
from odradek.core.wire.fetch import FetchPartition, FetchRequest, FetchTopic
from odradek.core.wire.offsets import ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic
from odradek.core.wire.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from odradek.sim.model import Payload, Place

LATEST, EARLIEST = -1, -2
BY_NAME = 12
"""The highest version of Produce and Fetch that names topics by their names."""


def batch(payloads: Iterable[Payload], time_ms: int, key: bytes, **more: Any) -> bytes:
    """One record batch."""
    made = [Record(n, time_ms, key, payload.bytes, ((b"n", payload.text.encode()),)) for n, payload in enumerate(payloads)]
    return bytes(build(made, **more))


def produce(place: Place, data: bytes, acks: int, timeout_ms: int = 5000) -> ProduceRequest:
    part = PartitionProduceData(index=place[1], records=data)
    return ProduceRequest(
        acks=acks, timeout_ms=timeout_ms, topic_data=(TopicProduceData(name=place[0], partition_data=(part,)),)
    )


def produced(answer: Any) -> Any:
    """The only partition of a Produce answer."""
    return answer.responses[0].partition_responses[0]


def fetch(
    positions: Iterable[tuple[Place, int]],
    max_wait_ms: int,
    min_bytes: int,
    part_bytes: int,
    session: tuple[int, int] = (0, -1),
) -> FetchRequest:
    """A fetch of some partitions, within a session or without."""
    by_topic: dict[str, list[FetchPartition]] = {}
    for (topic, index), offset in positions:
        part = FetchPartition(partition=index, fetch_offset=offset, partition_max_bytes=part_bytes)
        by_topic.setdefault(topic, []).append(part)
    return FetchRequest(
        max_wait_ms=max_wait_ms,
        min_bytes=min_bytes,
        max_bytes=1 << 20,
        session_id=session[0],
        session_epoch=session[1],
        topics=tuple(FetchTopic(topic=topic, partitions=tuple(parts)) for topic, parts in by_topic.items()),
    )


class Torn(Exception):
    """A fetched batch is not whole or its CRC does not hold: a client refuses it."""


def fetched(data: Buffer | None, offset: int) -> list[Record]:
    """The records from `offset` on in what a fetch brought.  Raises Torn.  A batch cut off at the end is passed over."""
    if not data:
        return []
    view = memoryview(bytes(data))
    found: list[Record] = []
    for at, header in scan(view):
        one = view[at : at + header.size]
        if not check_crc(one):
            raise Torn(f"CRC of the batch at offset {header.base_offset}")
        try:
            found += [record for record in records(one) if record.offset >= offset]
        except Refused as refused:
            raise Torn(f"batch at offset {header.base_offset}: {refused}") from None
    return found


def list_offsets(places: Iterable[Place], timestamp: int) -> ListOffsetsRequest:
    topics = tuple(
        ListOffsetsTopic(name=topic, partitions=(ListOffsetsPartition(partition_index=index, timestamp=timestamp),))
        for topic, index in places
    )
    return ListOffsetsRequest(replica_id=-1, topics=topics)


def listed(answer: Any) -> list[tuple[Place, int, int]]:
    """(partition, error, offset) for each in a ListOffsets answer."""
    return [
        ((topic.name, part.partition_index), part.error_code, part.offset)
        for topic in answer.topics
        for part in topic.partitions
    ]


class Membership(NamedTuple):
    """Who a member is in its group."""

    group: str
    member: str
    generation: int
    instance: str | None = None


def commit(who: Membership, offsets: dict[Place, int]) -> OffsetCommitRequest:
    topics = tuple(
        OffsetCommitRequestTopic(
            name=topic,
            partitions=(
                OffsetCommitRequestPartition(partition_index=index, committed_offset=offset, committed_metadata=""),
            ),
        )
        for (topic, index), offset in offsets.items()
    )
    return OffsetCommitRequest(
        group_id=who.group,
        generation_id_or_member_epoch=who.generation,
        member_id=who.member,
        group_instance_id=who.instance,
        topics=topics,
    )


def fetch_offsets(group: str, places: Iterable[Place]) -> OffsetFetchRequest:
    topics = tuple(OffsetFetchRequestTopics(name=topic, partition_indexes=(index,)) for topic, index in places)
    return OffsetFetchRequest(groups=(OffsetFetchRequestGroup(group_id=group, topics=topics),))


def offsets_fetched(answer: Any) -> tuple[int, dict[Place, tuple[int, int]]]:
    """(error of the group, (error, offset) by partition) of an OffsetFetch answer for one group."""
    group = answer.groups[0]
    found = {
        (topic.name, part.partition_index): (part.error_code, part.committed_offset)
        for topic in group.topics
        for part in topic.partitions
    }
    return group.error_code, found


_INT16 = Struct(">h")
_INT32 = Struct(">i")


def _text(value: str) -> bytes:
    return _INT16.pack(len(value)) + value.encode()


def subscription(topics: Iterable[str]) -> bytes:
    """ConsumerProtocolSubscription, version 0."""
    names = list(topics)
    return _INT16.pack(0) + _INT32.pack(len(names)) + b"".join(map(_text, names)) + _INT32.pack(-1)


def assignment(places: Iterable[Place]) -> bytes:
    """ConsumerProtocolAssignment, version 0: one topic entry for each partition."""
    held = list(places)
    parts = [_text(topic) + _INT32.pack(1) + _INT32.pack(index) for topic, index in held]
    return _INT16.pack(0) + _INT32.pack(len(held)) + b"".join(parts) + _INT32.pack(-1)


def assigned(data: Buffer) -> list[Place]:
    """The partitions of an assignment that `assignment` wrote; none for an empty one."""
    if len(data) == 0:
        return []
    count = _INT32.unpack_from(data, 2)[0]
    at = 6
    places: list[Place] = []
    for _ in range(count):
        size = _INT16.unpack_from(data, at)[0]
        topic = bytes(data[at + 2 : at + 2 + size]).decode()
        at += 2 + size
        indexes = _INT32.unpack_from(data, at)[0]
        at += 4
        for _ in range(indexes):
            places.append((topic, _INT32.unpack_from(data, at)[0]))
            at += 4
    return places
