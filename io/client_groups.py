"""Consumer groups seen from outside: list, describe, committed offsets, delete.

Knows: the requests about groups that a non-member may send.  Does not know: how to be a member (`client_member`).
Invariant: a group that is not there is an error or empty, never invented.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from odradek.core.errors import ErrorCode
from odradek.core.wire.commits import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopic,
    OffsetFetchRequestTopics,
)
from odradek.core.wire.embedded import ConsumerProtocolAssignment
from odradek.core.wire.groups import DeleteGroupsRequest, DescribeGroupsRequest, ListGroupsRequest
from odradek.core.wire.primitives import WireError
from odradek.core.wire.structs import decode_versioned
from odradek.io.client import Client, Place
from odradek.io.client_errors import ServerError, Unsupported, check
from odradek.io.client_link import Link

OFFSET_FETCH = 9
BY_NAME = 9
"""The last version of OffsetCommit and OffsetFetch with topics' names: offsets may be kept for topics that are gone."""

CONSUMER_GROUP_DESCRIBE = 69
DEAD = "Dead"
EMPTY = "Empty"


class Listed(NamedTuple):
    """A group in a list.  State and type are "" from brokers that do not tell them."""

    name: str
    state: str
    type: str
    protocol: str


class Member(NamedTuple):
    """A member and what it reads.  `assigned` is None when the assignment is not in the consumer protocol."""

    id: str
    instance: str | None
    client_id: str
    host: str
    assigned: tuple[Place, ...] | None


class Group(NamedTuple):
    """A group.  `strategy` is the assignment strategy that its members agreed on."""

    name: str
    state: str
    strategy: str
    coordinator: str
    members: tuple[Member, ...]


def list_groups(client: Client) -> list[Listed]:
    """The groups of all brokers, by name."""
    found = {}
    for node in client.nodes():
        answer = client.persist(lambda node=node: _listed_by(client, node))  # type: ignore[misc]
        for row in answer:
            found[row.group_id] = Listed(row.group_id, row.group_state, row.group_type, row.protocol_type)
    return [found[name] for name in sorted(found)]


def _listed_by(client: Client, node: int) -> tuple[Any, ...]:
    answer = client.node(node).ask(ListGroupsRequest())
    check(answer.error_code, f"groups of broker {node}")
    groups: tuple[Any, ...] = answer.groups
    return groups


def describe_group(client: Client, name: str) -> Group:
    """A group with its members, classic or newer (KIP-848).  Raises `ServerError` where there is none."""

    def act() -> Group:
        link = client.coordinator(name)
        newer = _describe_newer(link, name) if link.has(CONSUMER_GROUP_DESCRIBE) else None
        return newer or _describe_classic(link, name)

    return client.persist(act)


def _describe_classic(link: Link, name: str) -> Group:
    row = link.ask(DescribeGroupsRequest(groups=(name,))).groups[0]
    check(row.error_code, f"group {name}", row.error_message)
    if row.group_state == DEAD:
        raise ServerError(ErrorCode.GROUP_ID_NOT_FOUND, f"group {name}")
    members = [
        Member(m.member_id, m.group_instance_id, m.client_id, m.client_host, _assigned(m.member_assignment))
        for m in row.members
    ]
    members.sort(key=lambda member: member.id)
    return Group(name, row.group_state, row.protocol_data, str(link.address), tuple(members))


def _describe_newer(link: Link, name: str) -> Group | None:
    from odradek.core.wire.consumer_groups import ConsumerGroupDescribeRequest  # noqa: PLC0415 - seldom there

    try:
        row = link.ask(ConsumerGroupDescribeRequest(group_ids=(name,))).groups[0]
    except Unsupported:
        return None
    if row.error_code in (ErrorCode.GROUP_ID_NOT_FOUND, ErrorCode.UNSUPPORTED_VERSION):
        return None
    check(row.error_code, f"group {name}", row.error_message)
    members = []
    for m in row.members:
        places = [Place(t.topic_name, index) for t in m.assignment.topic_partitions for index in t.partitions]
        members.append(Member(m.member_id, m.instance_id, m.client_id, m.client_host, tuple(sorted(places))))
    members.sort(key=lambda member: member.id)
    return Group(name, row.group_state, row.assignor_name, str(link.address), tuple(members))


def _assigned(data: bytes) -> tuple[Place, ...] | None:
    if not data:
        return ()
    try:
        assignment, _ = decode_versioned(ConsumerProtocolAssignment, bytes(data))
    except WireError:
        return None
    places = [Place(topic.topic, index) for topic in assignment.assigned_partitions for index in topic.partitions]
    return tuple(sorted(places))


def committed_offsets(client: Client, group: str, places: Iterable[Place] | None = None) -> dict[Place, int]:
    """The committed offsets of the named places (None: of all it has any for).  Places without one are left out."""
    rows = None if places is None else by_topic(places)

    def act() -> dict[Place, int]:
        link = client.coordinator(group)
        if link.version(OFFSET_FETCH, BY_NAME) >= 8:
            newer = None if rows is None else [OffsetFetchRequestTopics(name=t, partition_indexes=p) for t, p in rows]
            asked = OffsetFetchRequestGroup(group_id=group, topics=None if newer is None else tuple(newer))
            answer = link.ask(OffsetFetchRequest(groups=(asked,)), highest=BY_NAME).groups[0]
        else:
            older = None if rows is None else [OffsetFetchRequestTopic(name=t, partition_indexes=p) for t, p in rows]
            asked_old = OffsetFetchRequest(group_id=group, topics=None if older is None else tuple(older))
            answer = link.ask(asked_old, highest=BY_NAME)
        check(answer.error_code, f"group {group}")
        found = {}
        for topic in answer.topics:
            for row in topic.partitions:
                place = Place(topic.name, row.partition_index)
                check(row.error_code, f"group {group}, {place}")
                if row.committed_offset >= 0:
                    found[place] = row.committed_offset
        return found

    return client.persist(act)


def by_topic(places: Iterable[Place]) -> list[tuple[str, tuple[int, ...]]]:
    """(topic, its partitions in order), by topic."""
    found: dict[str, list[int]] = {}
    for place in sorted(places):
        found.setdefault(place.topic, []).append(place.partition)
    return [(topic, tuple(indexes)) for topic, indexes in found.items()]


def commit_request(
    group: str, offsets: Mapping[Place, int], *, generation: int = -1, member: str = ""
) -> OffsetCommitRequest:
    """The commit of a member, or of nobody: that one is taken while the group has no members."""
    topics: dict[str, list[OffsetCommitRequestPartition]] = {}
    for place, offset in sorted(offsets.items()):
        row = OffsetCommitRequestPartition(
            partition_index=place.partition, committed_offset=offset, committed_metadata=""
        )
        topics.setdefault(place.topic, []).append(row)
    return OffsetCommitRequest(
        group_id=group,
        generation_id_or_member_epoch=generation,
        member_id=member,
        topics=tuple([OffsetCommitRequestTopic(name=t, partitions=tuple(rows)) for t, rows in topics.items()]),
    )


def commit(client: Client, group: str, offsets: Mapping[Place, int], *, generation: int = -1, member: str = "") -> None:
    """Commit offsets.  Raises `ServerError`; UNKNOWN_MEMBER_ID when a non-member commits for a group with members."""
    if not offsets:
        return
    request = commit_request(group, offsets, generation=generation, member=member)

    def act() -> None:
        answer = client.coordinator(group).ask(request, highest=BY_NAME)
        for topic in answer.topics:
            for row in topic.partitions:
                check(row.error_code, f"group {group}, {Place(topic.name, row.partition_index)}")

    client.persist(act)


def delete_groups(client: Client, names: Iterable[str]) -> dict[str, ServerError | None]:
    """Delete groups that have no members; the outcome of each, None where all went well."""
    found: dict[str, ServerError | None] = {}
    for name in names:
        try:
            client.persist(lambda name=name: _delete_group(client, name))  # type: ignore[misc]
            found[name] = None
        except ServerError as error:
            found[name] = error
    return found


def _delete_group(client: Client, name: str) -> None:
    answer = client.coordinator(name).ask(DeleteGroupsRequest(groups_names=(name,)))
    for row in answer.results:
        check(row.error_code, f"group {name}")
