"""What the controller decides about topics: create, delete, give more partitions.

Knows: the image, the broker's settings and the bounds.  Does not know: connections, logs, who asked, or whether they
may.
Invariant: nothing here changes the image; each function gives the records that would, and the outcome for each topic.
"""

from collections.abc import Iterable, Sequence

from odradek.core.config_setting import ConfigError, shown
from odradek.core.configs import BrokerConfig, check_topic_settings
from odradek.core.errors import ErrorCode, Refused
from odradek.core.quorum import records as r
from odradek.core.quorum.describe import effective_topic
from odradek.core.quorum.identity import new_topic_id
from odradek.core.quorum.image import TOPIC_RESOURCE, Image, Partition, Topic, partition_record
from odradek.core.quorum.names import INTERNAL_TOPICS, METADATA_TOPIC, OFFSETS_TOPIC, collides, unified, why_invalid
from odradek.core.quorum.placement import assigned, place
from odradek.core.quorum.view import Decision, View
from odradek.core.types import NO_TOPIC_ID, TopicId
from odradek.core.wire.topics import (
    CreatableTopic,
    CreatableTopicConfigs,
    CreatableTopicResult,
    CreatePartitionsTopic,
    CreatePartitionsTopicResult,
    DeletableTopicResult,
    DeleteTopicState,
)

FACTOR_MAX = 32_767


class _Batch:
    """One CreateTopics or CreatePartitions request on its way: the records so far and what they add up to."""

    __slots__ = ("names", "partitions", "records")

    def __init__(self) -> None:
        self.records: list[r.Metadata] = []
        self.names: dict[str, str] = {}
        self.partitions = 0


def create(
    view: View, topics: Sequence[CreatableTopic], validate_only: bool
) -> Decision[tuple[CreatableTopicResult, ...]]:
    """Decide CreateTopics v2-7.  Each topic succeeds or is refused for itself; a name that is there twice is "
    "refused."""
    counts: dict[str, int] = {}
    for topic in topics:
        counts[topic.name] = counts.get(topic.name, 0) + 1
    wanted = {topic.name: topic for topic in topics}

    batch = _Batch()
    results = []
    for name, topic in wanted.items():
        try:
            if counts[name] > 1:
                raise Refused(ErrorCode.INVALID_REQUEST, "Duplicate topic name.")
            results.append(_create_one(view, topic, batch, validate_only))
        except Refused as refused:
            results.append(
                CreatableTopicResult(name=name, error_code=refused.code, error_message=refused.message, configs=())
            )
    return Decision(() if validate_only else tuple(batch.records), tuple(results))


def _create_one(view: View, topic: CreatableTopic, batch: _Batch, validate_only: bool) -> CreatableTopicResult:
    _check_name(view.image, topic.name, batch)
    overrides = _overrides(view, topic)
    partitions = _partitions_of_new(view, topic)
    _check_room(view, len(partitions), batch)

    batch.partitions += len(partitions)
    if collides(topic.name):
        batch.names[unified(topic.name)] = topic.name
    topic_id = new_topic_id(view.rng, view.image.topics_by_id)
    batch.records.append(r.TopicRecord(name=topic.name, topic_id=topic_id))
    batch.records.extend(partition_record(topic_id, number, one) for number, one in enumerate(partitions))
    for name, value in overrides.items():
        batch.records.append(
            r.ConfigRecord(resource_type=TOPIC_RESOURCE, resource_name=topic.name, name=name, value=value)
        )
    return CreatableTopicResult(
        name=topic.name,
        topic_id=NO_TOPIC_ID if validate_only else topic_id,
        error_code=ErrorCode.NONE,
        error_message=None,
        num_partitions=len(partitions),
        replication_factor=len(partitions[0].replicas),
        configs=_shown(view, overrides),
    )


def _check_name(image: Image, name: str, batch: _Batch) -> None:
    if name == METADATA_TOPIC:
        raise Refused(ErrorCode.INVALID_REQUEST, f"Creation of internal topic {name} is prohibited.")
    if name in image.topics:
        raise Refused(ErrorCode.TOPIC_ALREADY_EXISTS, f"Topic '{name}' already exists.")
    why = why_invalid(name)
    if why is not None:
        raise Refused(ErrorCode.INVALID_TOPIC_EXCEPTION, why)
    if collides(name):
        key = unified(name)
        other = image.colliding.get(key) or batch.names.get(key)
        if other is not None:
            raise Refused(ErrorCode.INVALID_TOPIC_EXCEPTION, f"Topic '{name}' collides with existing topic: {other}")


def _overrides(view: View, topic: CreatableTopic) -> dict[str, str]:
    """The settings the new topic gets; an internal topic has some of its own beneath them."""
    missing = [one.name for one in topic.configs if one.value is None]
    if missing:
        raise Refused(
            ErrorCode.INVALID_CONFIG, f"Null value not supported for topic configs: {shown(','.join(missing), 1000)}"
        )
    overrides = internal_settings(topic.name, view.config)
    for one in topic.configs:
        assert one.value is not None
        overrides[one.name] = one.value
    check_overrides(view, topic.name, overrides)
    return overrides


def check_overrides(view: View, name: str, overrides: dict[str, str]) -> None:
    """Raise INVALID_CONFIG, with the name of the setting, if a topic may not have these settings."""
    if len(overrides) > view.limits.configs_per_resource:
        raise Refused(
            ErrorCode.INVALID_CONFIG, f"{len(overrides)} settings are more than {view.limits.configs_per_resource}"
        )
    kept = internal_settings(name, view.config)
    for setting in ("cleanup.policy", "durability"):
        if setting in kept and overrides.get(setting) != kept[setting]:
            raise Refused(
                ErrorCode.INVALID_CONFIG,
                f"Invalid value {shown(overrides.get(setting, ''))} for configuration {setting}: of topic {name} "
                f"it stays "
                f"'{kept[setting]}', or committed offsets could be lost",
            )
    try:
        check_topic_settings(overrides, view.config, internal=name in INTERNAL_TOPICS)
    except ConfigError as error:
        raise Refused(ErrorCode.INVALID_CONFIG, error.message) from None


def internal_settings(name: str, config: BrokerConfig) -> dict[str, str]:
    """What an internal topic is created with: group offsets are compacted, and never less durable than promised."""
    if name != OFFSETS_TOPIC:
        return {}
    return {
        "cleanup.policy": "compact",
        "compression.type": "producer",
        "durability": "sync",
        "segment.bytes": str(config.offsets_topic_segment_bytes),
    }


def _partitions_of_new(view: View, topic: CreatableTopic) -> list[Partition]:
    if topic.assignments:
        return _assigned_partitions(view, topic)
    internal = topic.name == OFFSETS_TOPIC
    count, factor = topic.num_partitions, topic.replication_factor
    if factor < -1 or factor == 0:
        raise Refused(
            ErrorCode.INVALID_REPLICATION_FACTOR,
            "Replication factor must be larger than 0, or -1 to use the default value.",
        )
    if count < -1 or count == 0:
        raise Refused(ErrorCode.INVALID_PARTITIONS, "Number of partitions was set to an invalid non-positive value.")
    if count == -1:
        count = view.config.offsets_topic_num_partitions if internal else view.config.num_partitions
    if factor == -1:
        factor = view.config.offsets_topic_replication_factor if internal else view.config.default_replication_factor
    assert factor <= FACTOR_MAX
    if count > view.limits.partitions_per_request:
        raise _too_many(view.limits.partitions_per_request)
    return place(view.image.brokers, count, factor, view.rng)


def _assigned_partitions(view: View, topic: CreatableTopic) -> list[Partition]:
    if topic.replication_factor != -1:
        raise Refused(
            ErrorCode.INVALID_REQUEST,
            "A manual partition assignment was specified, but replication factor was not set to -1.",
        )
    if topic.num_partitions != -1:
        raise Refused(
            ErrorCode.INVALID_REQUEST,
            "A manual partition assignment was specified, but numPartitions was not set to -1.",
        )
    chosen: dict[int, Sequence[int]] = {}
    for one in topic.assignments:
        if one.partition_index in chosen:
            raise Refused(
                ErrorCode.INVALID_REPLICA_ASSIGNMENT,
                f"Found multiple manual partition assignments for partition {one.partition_index}",
            )
        chosen[one.partition_index] = one.broker_ids
    if sorted(chosen) != list(range(len(chosen))):
        raise Refused(
            ErrorCode.INVALID_REPLICA_ASSIGNMENT, "partitions should be a consecutive 0-based integer sequence"
        )
    return assigned(view.image.brokers, [chosen[number] for number in range(len(chosen))], None, 0)


def _check_room(view: View, count: int, batch: _Batch) -> None:
    if batch.partitions + count > view.limits.partitions_per_request:
        raise _too_many(view.limits.partitions_per_request)
    if view.image.partition_count + batch.partitions + count > view.limits.partitions_max:
        raise Refused(
            ErrorCode.POLICY_VIOLATION,
            f"The cluster has {view.image.partition_count} partitions and may have {view.limits.partitions_max}; "
            f"{count} more "
            "are too many. Delete topics, or use fewer partitions.",
        )


def _too_many(bound: int) -> Refused:
    return Refused(
        ErrorCode.POLICY_VIOLATION, f"Excessively large number of partitions per request: at most {bound} are allowed."
    )


def _shown(view: View, overrides: dict[str, str]) -> tuple[CreatableTopicConfigs, ...]:
    return tuple(
        CreatableTopicConfigs(
            name=one.name,
            value=one.value,
            read_only=one.read_only,
            config_source=one.source,
            is_sensitive=one.is_sensitive,
        )
        for one in effective_topic(view.image, view.config, overrides)
    )


def delete(view: View, wanted: Iterable[DeleteTopicState]) -> Decision[tuple[DeletableTopicResult, ...]]:
    """Decide DeleteTopics v1-6; versions before 6 name topics only by name.  Internal topics are kept (see README)."""
    counts: dict[tuple[str | None, TopicId], int] = {}
    unique: dict[tuple[str | None, TopicId], DeleteTopicState] = {}
    for state in wanted:
        key = (state.name, bytes(state.topic_id))
        counts[key] = counts.get(key, 0) + 1
        unique[key] = state

    gone: dict[TopicId, None] = {}
    results = []
    for key, state in unique.items():
        try:
            if counts[key] > 1:
                raise Refused(ErrorCode.INVALID_REQUEST, f"Duplicate topic {'id' if state.name is None else 'name'}.")
            topic = _deletable(view, state)
            if topic.topic_id in gone:
                raise Refused(ErrorCode.INVALID_REQUEST, "The topic is in the request by its name and by its id.")
            gone[topic.topic_id] = None
            results.append(_outcome(topic.name, topic.topic_id, ErrorCode.NONE, None))
        except Refused as refused:
            results.append(_outcome(state.name, key[1], refused.code, refused.message))
    return Decision(tuple(r.RemoveTopicRecord(topic_id=topic_id) for topic_id in gone), tuple(results))


def _deletable(view: View, wanted: DeleteTopicState) -> Topic:
    topic_id = bytes(wanted.topic_id)
    if not view.config.delete_topic_enable:
        raise Refused(ErrorCode.TOPIC_DELETION_DISABLED, "Topic deletion is disabled: delete.topic.enable is false.")
    if wanted.name is not None and topic_id != NO_TOPIC_ID:
        raise Refused(ErrorCode.INVALID_REQUEST, "You may not specify both topic name and topic id.")
    if wanted.name is None and topic_id == NO_TOPIC_ID:
        raise Refused(ErrorCode.INVALID_REQUEST, "Neither topic name nor id were specified.")
    if wanted.name is None:
        topic = view.image.topics_by_id.get(topic_id)
        if topic is None:
            raise Refused(ErrorCode.UNKNOWN_TOPIC_ID)
    else:
        topic = view.image.topics.get(wanted.name)
        if topic is None:
            raise Refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    if topic.name in INTERNAL_TOPICS:
        raise Refused(
            ErrorCode.INVALID_REQUEST, f"Topic {topic.name} is internal; deleting it would lose what groups committed."
        )
    return topic


def _outcome(name: str | None, topic_id: TopicId, code: ErrorCode, message: str | None) -> DeletableTopicResult:
    return DeletableTopicResult(name=name, topic_id=topic_id, error_code=code, error_message=message)


def add_partitions(
    view: View, topics: Sequence[CreatePartitionsTopic], validate_only: bool
) -> Decision[tuple[CreatePartitionsTopicResult, ...]]:
    """Decide CreatePartitions v0-3: `count` is the new total."""
    counts: dict[str, int] = {}
    for topic in topics:
        counts[topic.name] = counts.get(topic.name, 0) + 1
    wanted = {topic.name: topic for topic in topics}

    batch = _Batch()
    results = []
    for name, topic in wanted.items():
        try:
            if counts[name] > 1:
                raise Refused(ErrorCode.INVALID_REQUEST, "Duplicate topic name.")
            _add_to_one(view, topic, batch)
            results.append(CreatePartitionsTopicResult(name=name, error_code=ErrorCode.NONE, error_message=None))
        except Refused as refused:
            results.append(
                CreatePartitionsTopicResult(name=name, error_code=refused.code, error_message=refused.message)
            )
    return Decision(() if validate_only else tuple(batch.records), tuple(results))


def _add_to_one(view: View, wanted: CreatePartitionsTopic, batch: _Batch) -> None:
    topic = view.image.topics.get(wanted.name)
    if topic is None:
        raise Refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    if topic.name in INTERNAL_TOPICS:
        raise Refused(
            ErrorCode.INVALID_REQUEST,
            f"Topic {topic.name} is internal; with another number of partitions, groups would not find their offsets.",
        )
    have = len(topic.partitions)
    if wanted.count == have:
        raise Refused(ErrorCode.INVALID_PARTITIONS, f"Topic already has {have} partition(s).")
    if wanted.count < have:
        raise Refused(
            ErrorCode.INVALID_PARTITIONS,
            f"The topic {topic.name} currently has {have} partition(s); {wanted.count} would not be an increase.",
        )
    added = wanted.count - have
    if wanted.assignments is not None and len(wanted.assignments) != added:
        raise Refused(
            ErrorCode.INVALID_REPLICA_ASSIGNMENT,
            f"Attempted to add {added} additional partition(s), but only {len(wanted.assignments)} assignment(s) "
            f"were specified.",
        )
    _check_room(view, added, batch)
    factor = len(topic.partitions[0].replicas)
    if wanted.assignments is None:
        partitions = place(view.image.brokers, added, factor, view.rng)
    else:
        partitions = assigned(view.image.brokers, [one.broker_ids for one in wanted.assignments], factor, have)

    batch.partitions += added
    batch.records.extend(partition_record(topic.topic_id, number, one) for number, one in enumerate(partitions, have))
