"""What becomes of OffsetCommit, OffsetFetch and OffsetDelete.

Knows: who may commit, what is committed, what may be deleted.  Does not know: topics: their names are resolved before.
Invariant: no commit is accepted from a member of a past generation, nor from one that was fenced.

A group of plain consumers, without members, is committed to with generation -1.  Here no offset is ever undecided: what
`fetch` finds is stable, whether or not the request insists (`require_stable`, KIP-447).
"""

from odradek.core.errors import ErrorCode, Refused
from odradek.core.groups.group import Group
from odradek.core.groups.joining import check_member
from odradek.core.groups.ledger import Ledger, TopicAndPartition
from odradek.core.groups.out import Ticket
from odradek.core.groups.rebalance import rearm
from odradek.core.groups.schema import Change, OffsetCommitValue, OffsetKey, offset_change
from odradek.core.groups.states import State
from odradek.core.groups.subscription import CONSUMER
from odradek.core.groups.turn import Turn
from odradek.core.types import NO_EPOCH, NO_OFFSET, NO_TIMESTAMP
from odradek.core.wire.commits import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitResponse,
    OffsetCommitResponsePartition,
    OffsetCommitResponseTopic,
    OffsetDeleteRequest,
    OffsetDeleteResponse,
    OffsetDeleteResponsePartition,
    OffsetDeleteResponseTopic,
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopics,
    OffsetFetchResponse,
    OffsetFetchResponseGroup,
    OffsetFetchResponsePartition,
    OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic,
    OffsetFetchResponseTopics,
)
from odradek.core.wire.schema import INT64_MAX

GROUPS_SINCE = 8
"""From this version on OffsetFetch asks for several groups (KIP-709)."""

GROUP_ERROR_SINCE = 2


def check_commit(t: Turn, group: Group, request: OffsetCommitRequest) -> None:
    """Refuse a commit by someone who is not, or no longer, what it says; else count it as a sign of life."""
    generation = request.generation_id_or_member_epoch
    if generation < 0 and group.state is State.EMPTY:
        return
    if generation < 0 and not request.member_id and request.group_instance_id is None:
        raise Refused(ErrorCode.UNKNOWN_MEMBER_ID)
    member = check_member(group, request.member_id, request.group_instance_id)
    if generation != group.generation:
        raise Refused(ErrorCode.ILLEGAL_GENERATION)
    if group.state is State.COMPLETING:
        raise Refused(ErrorCode.REBALANCE_IN_PROGRESS)

    if not member.is_new:
        rearm(t, group, member)


def commit(t: Turn, group: Group, request: OffsetCommitRequest, ticket: Ticket) -> None:
    """Remember offsets.  Each partition has an outcome of its own; the good ones are one batch.  Raises `Refused`."""
    check_commit(t, group, request)

    changes: list[Change] = []
    fresh: dict[TopicAndPartition, None] = {}
    topics = []
    for topic in request.topics:
        parts = []
        for part in topic.partitions:
            code = _commit_one(t, request, topic.name, part, changes, fresh)
            parts.append(OffsetCommitResponsePartition(partition_index=part.partition_index, error_code=code))
        topics.append(OffsetCommitResponseTopic(name=topic.name, topic_id=topic.topic_id, partitions=tuple(parts)))
    body = OffsetCommitResponse(topics=tuple(topics))
    if not changes:
        t.out.reply(ticket, body)
    elif t.fits(changes):
        t.write(changes, [(ticket, body)])
    else:
        t.tell(group, "offset commit too large", partitions=len(changes))
        raise Refused(ErrorCode.INVALID_COMMIT_OFFSET_SIZE)


def _commit_one(
    t: Turn,
    request: OffsetCommitRequest,
    topic: str,
    part: OffsetCommitRequestPartition,
    changes: list[Change],
    fresh: dict[TopicAndPartition, None],
) -> ErrorCode:
    """Add one partition's change, or say why not.  `fresh` collects those the group had no offset for."""
    metadata = part.committed_metadata or ""
    if len(metadata.encode()) > t.config.offset_metadata_max_bytes:
        return ErrorCode.OFFSET_METADATA_TOO_LARGE
    held = t.ledger.offsets_of(request.group_id)
    where = (topic, part.partition_index)
    if where not in held:
        fresh[where] = None
        if len(held) + len(fresh) > t.limits.offsets_per_group:
            del fresh[where]
            return ErrorCode.POLICY_VIOLATION
    expires = NO_TIMESTAMP
    if request.retention_time_ms >= 0:
        expires = min(t.now.wall + request.retention_time_ms, INT64_MAX)  # 2^63 - 1 is a client's "never"
    value = OffsetCommitValue(
        offset=part.committed_offset,
        leader_epoch=NO_EPOCH if expires != NO_TIMESTAMP else part.committed_leader_epoch,
        metadata=metadata,
        commit_timestamp=t.now.wall,
        expire_timestamp=expires,
    )
    changes.append(offset_change(OffsetKey(request.group_id, *where), value))
    return ErrorCode.NONE


def commit_refused(request: OffsetCommitRequest, code: ErrorCode) -> OffsetCommitResponse:
    """The same outcome for every partition."""
    return OffsetCommitResponse(
        topics=tuple(
            [
                OffsetCommitResponseTopic(
                    name=topic.name,
                    topic_id=topic.topic_id,
                    partitions=tuple(
                        [
                            OffsetCommitResponsePartition(partition_index=part.partition_index, error_code=code)
                            for part in topic.partitions
                        ]
                    ),
                )
                for topic in request.topics
            ]
        )
    )


# Reading -------------------------------------------------------------------------------------------------------------


def fetch(ledger: Ledger, request: OffsetFetchRequestGroup) -> OffsetFetchResponseGroup:
    """Committed offsets: of the partitions asked for, or all that there are.

    Where there is none, or no such group, the offset is -1 and that is no error.
    """
    held = ledger.offsets_of(request.group_id)
    topics = []
    if request.topics is None:
        found: dict[str, list[int]] = {}
        for topic, partition in sorted(held):
            found.setdefault(topic, []).append(partition)
        for topic, partitions in found.items():
            parts = tuple([_fetched(held.get((topic, partition)), partition) for partition in partitions])
            topics.append(OffsetFetchResponseTopics(name=topic, partitions=parts))
    else:
        for asked in request.topics:
            parts = tuple([_fetched(held.get((asked.name, index)), index) for index in asked.partition_indexes])
            topics.append(OffsetFetchResponseTopics(name=asked.name, topic_id=asked.topic_id, partitions=parts))
    return OffsetFetchResponseGroup(group_id=request.group_id, topics=tuple(topics))


def _fetched(value: OffsetCommitValue | None, partition: int) -> OffsetFetchResponsePartitions:
    if value is None:
        return OffsetFetchResponsePartitions(
            partition_index=partition, committed_offset=NO_OFFSET, committed_leader_epoch=NO_EPOCH, metadata=""
        )
    return OffsetFetchResponsePartitions(
        partition_index=partition,
        committed_offset=value.offset,
        committed_leader_epoch=value.leader_epoch,
        metadata=value.metadata,
    )


def asked_groups(request: OffsetFetchRequest, version: int) -> tuple[OffsetFetchRequestGroup, ...]:
    """What the request asks for, in the shape of version 8 and later whatever its version."""
    if version >= GROUPS_SINCE:
        return request.groups
    topics = request.topics
    if topics is None:
        return (OffsetFetchRequestGroup(group_id=request.group_id, topics=None),)
    asked = [OffsetFetchRequestTopics(name=topic.name, partition_indexes=topic.partition_indexes) for topic in topics]
    return (OffsetFetchRequestGroup(group_id=request.group_id, topics=tuple(asked)),)


def fetch_response(
    request: OffsetFetchRequest, version: int, groups: tuple[OffsetFetchResponseGroup, ...]
) -> OffsetFetchResponse:
    """The response in the shape of its version, from one answer for each of `asked_groups`.

    Version 1 has no room for the error of a group: every partition carries it.
    """
    if version >= GROUPS_SINCE:
        return OffsetFetchResponse(groups=groups)
    assert len(groups) == 1
    code = groups[0].error_code
    topics = [_flat(topic.name, topic.partitions) for topic in groups[0].topics]
    if code != ErrorCode.NONE and version < GROUP_ERROR_SINCE:
        for asked in request.topics or ():
            parts = tuple([_failed_part(index, code) for index in asked.partition_indexes])
            topics.append(OffsetFetchResponseTopic(name=asked.name, partitions=parts))
    return OffsetFetchResponse(topics=tuple(topics), error_code=code)


def _flat(name: str, parts: tuple[OffsetFetchResponsePartitions, ...]) -> OffsetFetchResponseTopic:
    return OffsetFetchResponseTopic(
        name=name,
        partitions=tuple(
            [
                OffsetFetchResponsePartition(
                    partition_index=part.partition_index,
                    committed_offset=part.committed_offset,
                    committed_leader_epoch=part.committed_leader_epoch,
                    metadata=part.metadata,
                    error_code=part.error_code,
                )
                for part in parts
            ]
        ),
    )


def _failed_part(partition: int, code: int) -> OffsetFetchResponsePartition:
    return OffsetFetchResponsePartition(
        partition_index=partition, committed_offset=NO_OFFSET, metadata="", error_code=code
    )


# Deleting ------------------------------------------------------------------------------------------------------------


def delete(t: Turn, group: Group, request: OffsetDeleteRequest, ticket: Ticket) -> None:
    """Forget offsets of topics that no member subscribes to (KIP-496).  Raises `Refused(NON_EMPTY_GROUP)`.

    Only the subscriptions of consumers can be read: another kind of group must be empty.
    """
    if group.state is not State.EMPTY and group.protocol_type != CONSUMER:
        raise Refused(ErrorCode.NON_EMPTY_GROUP)

    subscribed = group.topics()
    held = t.ledger.offsets_of(group.id)
    changes: list[Change] = []
    topics = []
    for topic in request.topics:
        wanted = topic.name in subscribed if subscribed is not None else group.protocol_type == CONSUMER
        code = ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC if wanted else ErrorCode.NONE
        parts = []
        for part in topic.partitions:
            where = (topic.name, part.partition_index)
            if not wanted and where in held:
                changes.append(offset_change(OffsetKey(group.id, *where), None))
            parts.append(OffsetDeleteResponsePartition(partition_index=part.partition_index, error_code=code))
        topics.append(OffsetDeleteResponseTopic(name=topic.name, partitions=tuple(parts)))
    t.write_split(changes, [(ticket, OffsetDeleteResponse(topics=tuple(topics)))])
