"""Where logs begin and end, and which offset belongs to a time.

Knows: ListOffsets.  Does not know: committed offsets, records.
Invariant: an answer has every place that was asked for.
"""

from collections.abc import Mapping

from odradek.core.wire.offsets import ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic
from odradek.io.client import Client, Place
from odradek.io.client_errors import check

EARLIEST = -2
LATEST = -1
LIST_OFFSETS = 2


def offsets_at(client: Client, wanted: Mapping[Place, int], *, committed: bool = False) -> dict[Place, int]:
    """The offset of each place at a timestamp in milliseconds, EARLIEST or LATEST; -1 where no record is that late.

    `committed`: the end is where the oldest open transaction begins.
    """
    found: dict[Place, int] = {}

    def act() -> None:
        left = [place for place in wanted if place not in found]
        for node, places in client.by_leader(left).items():
            found.update(_ask(client, node, {place: wanted[place] for place in places}, committed))

    client.persist(act)
    return {place: found[place] for place in wanted}


def _ask(client: Client, node: int, wanted: Mapping[Place, int], committed: bool) -> dict[Place, int]:
    topics: dict[str, list[ListOffsetsPartition]] = {}
    for place, timestamp in wanted.items():
        row = ListOffsetsPartition(partition_index=place.partition, timestamp=timestamp)
        topics.setdefault(place.topic, []).append(row)
    link = client.node(node)
    isolated = committed and link.version(LIST_OFFSETS) >= 2
    request = ListOffsetsRequest(
        replica_id=-1,
        isolation_level=1 if isolated else 0,
        topics=tuple([ListOffsetsTopic(name=name, partitions=tuple(rows)) for name, rows in topics.items()]),
        timeout_ms=30_000,
    )
    answer = link.ask(request)
    found = {}
    for topic in answer.topics:
        for row in topic.partitions:
            place = Place(topic.name, row.partition_index)
            check(row.error_code, f"offsets of {place}")
            found[place] = row.old_style_offsets[0] if row.old_style_offsets else row.offset
    return found
