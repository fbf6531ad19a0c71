"""OffsetCommit, OffsetFetch, OffsetDelete: what groups remember of where they are.

Knows: topics by id and by name, so that shards need only names.  Does not know: who may commit (`groups`).
Invariant: an offset is answered as committed only after its record is.
"""

from typing import Any

from odradek.core.broker import Broker
from odradek.core.errors import ErrorCode, Refused
from odradek.core.groups.commits import asked_groups, commit_refused, fetch_response
from odradek.core.groups.out import ShardOut
from odradek.core.machine import Out
from odradek.core.requests.groups import Gathering
from odradek.core.session import Call
from odradek.core.types import NO_EPOCH, NO_OFFSET, NO_TOPIC_ID, Now
from odradek.core.wire.commits import (
    OffsetCommitRequest,
    OffsetCommitRequestTopic,
    OffsetCommitResponse,
    OffsetCommitResponsePartition,
    OffsetCommitResponseTopic,
    OffsetDeleteRequest,
    OffsetDeleteRequestTopic,
    OffsetDeleteResponse,
    OffsetDeleteResponsePartition,
    OffsetDeleteResponseTopic,
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopics,
    OffsetFetchResponse,
    OffsetFetchResponseGroup,
    OffsetFetchResponsePartitions,
    OffsetFetchResponseTopics,
)

TOPIC_IDS_SINCE = 10
"""OffsetCommit and OffsetFetch speak of topics by id from this version on (KIP-848)."""


class Committing:
    """The ticket of an OffsetCommit: puts the topics that do not exist back among the shard's answers."""

    __slots__ = ("answers", "broker", "call", "places")

    def __init__(
        self, broker: Broker, call: Call, answers: list[OffsetCommitResponseTopic | None], places: list[int]
    ) -> None:
        self.broker = broker
        self.call = call
        self.answers = answers
        self.places = places

    def told(self, body: OffsetCommitResponse, out: Out) -> None:
        """The shard's answer, one topic for each of `places`."""
        for place, topic in zip(self.places, body.topics, strict=True):
            self.answers[place] = topic
        assert None not in self.answers, "every topic is answered"
        self.broker.reply(self.call, OffsetCommitResponse(topics=tuple(self.answers)), out)  # type: ignore[arg-type]


def commit(broker: Broker, call: Call, now: Now, out: Out) -> None:
    """Answer an OffsetCommit request (key 8)."""
    body: OffsetCommitRequest = call.body
    by_id = call.version >= TOPIC_IDS_SINCE
    answers: list[OffsetCommitResponseTopic | None] = []
    known: list[OffsetCommitRequestTopic] = []
    places: list[int] = []
    for place, asked in enumerate(body.topics):
        topic = broker.topic_of(asked.name, asked.topic_id, by_id)
        if topic is None:
            answers.append(_no_such_topic(asked, by_id))
        else:
            answers.append(None)
            places.append(place)
            known.append(
                OffsetCommitRequestTopic(name=topic.name, topic_id=asked.topic_id, partitions=asked.partitions)
            )
    ticket = Committing(broker, call, answers, places)
    body.topics = tuple(known)
    try:
        host = broker.coordinator.host_of(body.group_id)
    except Refused as refused:
        ticket.told(commit_refused(body, refused.code), out)
        return
    step = ShardOut()
    host.shard.commit(body, call.version, ticket, now, step)
    host.perform(step, now, out)


def _no_such_topic(asked: OffsetCommitRequestTopic, by_id: bool) -> OffsetCommitResponseTopic:
    code = ErrorCode.UNKNOWN_TOPIC_ID if by_id else ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    return OffsetCommitResponseTopic(
        name=asked.name,
        topic_id=asked.topic_id,
        partitions=tuple(
            OffsetCommitResponsePartition(partition_index=partition.partition_index, error_code=code)
            for partition in asked.partitions
        ),
    )


def fetch(broker: Broker, call: Call, now: Now, out: Out) -> None:
    """Answer an OffsetFetch request (key 9); an unknown group is no error, its offsets are -1."""
    body: OffsetFetchRequest = call.body
    groups = list({asked.group_id: asked for asked in asked_groups(body, call.version)}.values())
    by_id = call.version >= TOPIC_IDS_SINCE
    gathering = Gathering(broker, call, len(groups), _fetched)
    for index, asked in enumerate(groups):
        unknown: tuple[OffsetFetchResponseTopics, ...] = ()
        if by_id and asked.topics is not None:
            unknown = tuple(_unknown_id(topic) for topic in asked.topics if topic.topic_id not in broker.topics_by_id)
            asked.topics = tuple(
                OffsetFetchRequestTopics(
                    name=broker.topics_by_id[topic.topic_id].name,
                    topic_id=topic.topic_id,
                    partition_indexes=topic.partition_indexes,
                )
                for topic in asked.topics
                if topic.topic_id in broker.topics_by_id
            )
        ticket = Fetching(broker, gathering, index, unknown, by_id)
        _ask(broker, asked, ticket, now, out)
    if not groups:
        gathering.nothing_to_ask(out)


class Fetching:
    """The ticket of one group of an OffsetFetch: gives topics their ids back."""

    __slots__ = ("broker", "by_id", "gathering", "index", "unknown")

    def __init__(
        self,
        broker: Broker,
        gathering: Gathering,
        index: int,
        unknown: tuple[OffsetFetchResponseTopics, ...],
        by_id: bool,
    ) -> None:
        self.broker = broker
        self.gathering = gathering
        self.index = index
        self.unknown = unknown
        self.by_id = by_id

    def told(self, body: OffsetFetchResponseGroup, out: Out) -> None:
        """The shard's answer.  Offsets of topics that are gone have no id to be told under."""
        if self.by_id:
            for topic in body.topics:
                if topic.topic_id == NO_TOPIC_ID and topic.name in self.broker.topics:
                    topic.topic_id = self.broker.topics[topic.name].id
            kept = tuple(topic for topic in body.topics if topic.topic_id != NO_TOPIC_ID)
            body.topics = kept + (self.unknown if not body.error_code else ())
        self.gathering.put(self.index, body, out)


def _ask(broker: Broker, asked: OffsetFetchRequestGroup, ticket: Fetching, now: Now, out: Out) -> None:
    try:
        host = broker.coordinator.host_of(asked.group_id)
    except Refused as refused:
        ticket.told(OffsetFetchResponseGroup(group_id=asked.group_id, error_code=refused.code), out)
        return
    step = ShardOut()
    host.shard.fetch(asked, ticket, step)
    host.perform(step, now, out)


def _unknown_id(asked: OffsetFetchRequestTopics) -> OffsetFetchResponseTopics:
    return OffsetFetchResponseTopics(
        topic_id=asked.topic_id,
        partitions=tuple(
            OffsetFetchResponsePartitions(
                partition_index=index,
                committed_offset=NO_OFFSET,
                committed_leader_epoch=NO_EPOCH,
                metadata="",
                error_code=ErrorCode.UNKNOWN_TOPIC_ID,
            )
            for index in asked.partition_indexes
        ),
    )


def _fetched(call: Call, parts: list[Any]) -> OffsetFetchResponse:
    return fetch_response(call.body, call.version, tuple(parts))


class Deleting:
    """The ticket of an OffsetDelete: adds the topics that do not exist."""

    __slots__ = ("broker", "call", "unknown")

    def __init__(self, broker: Broker, call: Call, unknown: tuple[OffsetDeleteResponseTopic, ...]) -> None:
        self.broker = broker
        self.call = call
        self.unknown = unknown

    def told(self, body: OffsetDeleteResponse, out: Out) -> None:
        """The shard's answer."""
        if not body.error_code:
            body.topics = (*body.topics, *self.unknown)
        self.broker.reply(self.call, body, out)


def delete(broker: Broker, call: Call, now: Now, out: Out) -> None:
    """Answer an OffsetDelete request (key 47, KIP-496)."""
    body: OffsetDeleteRequest = call.body
    unknown = tuple(_not_there(topic) for topic in body.topics if topic.name not in broker.topics)
    body.topics = tuple(topic for topic in body.topics if topic.name in broker.topics)
    ticket = Deleting(broker, call, unknown)
    try:
        host = broker.coordinator.host_of(body.group_id)
    except Refused as refused:
        ticket.told(OffsetDeleteResponse(error_code=refused.code), out)
        return
    step = ShardOut()
    host.shard.delete_offsets(body, ticket, now, step)
    host.perform(step, now, out)


def _not_there(topic: OffsetDeleteRequestTopic) -> OffsetDeleteResponseTopic:
    return OffsetDeleteResponseTopic(
        name=topic.name,
        partitions=tuple(
            OffsetDeleteResponsePartition(
                partition_index=partition.partition_index, error_code=ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
            )
            for partition in topic.partitions
        ),
    )
