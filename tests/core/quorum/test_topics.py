"""What the controller decides about topics."""

from collections.abc import Callable
from typing import Any

import pytest

from odradek.core.configs import TOPIC, parse_broker
from odradek.core.errors import ErrorCode
from odradek.core.limits import Limits
from odradek.core.types import NO_TOPIC_ID
from odradek.core.wire.topics import (
    CreatableReplicaAssignment,
    CreatableTopic,
    CreatableTopicConfig,
    CreatePartitionsAssignment,
    CreatePartitionsTopic,
    DeleteTopicState,
)


def topic(name: str = "t", partitions: int = -1, factor: int = -1, **configs: str | None) -> CreatableTopic:
    return CreatableTopic(
        name=name,
        num_partitions=partitions,
        replication_factor=factor,
        configs=tuple(CreatableTopicConfig(name=key.replace("_", "."), value=value) for key, value in configs.items()),
    )


def assignment(*replicas: tuple[int, ...], name: str = "t") -> CreatableTopic:
    made = topic(name)
    made.assignments = tuple(
        CreatableReplicaAssignment(partition_index=number, broker_ids=one) for number, one in enumerate(replicas)
    )
    return made


def outcome(cluster: Any, *wanted: CreatableTopic) -> tuple[ErrorCode, str | None]:
    """The one result of a request that must leave no record behind."""
    decision = cluster.controller.create_topics(wanted)
    assert decision.records == ()
    (result,) = decision.reply
    return ErrorCode(result.error_code), result.error_message


# Create --------------------------------------------------------------------------------------------------------------


def test_a_created_topic_is_in_the_image_with_a_leader_for_each_partition(cluster: Any) -> None:
    (result,) = cluster.commit(cluster.controller.create_topics([topic(partitions=3, factor=1)]))
    assert (result.error_code, result.error_message) == (0, None)
    assert (result.num_partitions, result.replication_factor) == (3, 1)
    made = cluster.image.topics["t"]
    assert made.topic_id == result.topic_id
    assert [(one.leader, one.isr, one.leader_epoch) for one in made.partitions] == [(0, (0,), 0)] * 3


def test_minus_one_means_the_brokers_default(cluster_of: Callable[..., Any]) -> None:
    cluster = cluster_of(2, parse_broker({"num.partitions": "4", "default.replication.factor": "2"}))
    (result,) = cluster.commit(cluster.controller.create_topics([topic()]))
    assert (result.num_partitions, result.replication_factor) == (4, 2)


def test_validating_only_decides_and_writes_nothing(cluster: Any) -> None:
    decision = cluster.controller.create_topics([topic(partitions=3), topic("bad name")], validate_only=True)
    assert decision.records == ()
    good, bad = decision.reply
    assert (good.error_code, good.num_partitions, good.topic_id) == (0, 3, NO_TOPIC_ID)
    assert bad.error_code == ErrorCode.INVALID_TOPIC_EXCEPTION


def test_the_answer_shows_all_settings_and_where_they_come_from(cluster: Any) -> None:
    (result,) = cluster.commit(cluster.controller.create_topics([topic(retention_ms="7")]))
    shown = {one.name: (one.value, one.config_source, one.read_only, one.is_sensitive) for one in result.configs}
    assert sorted(shown) == sorted(TOPIC)
    assert shown["retention.ms"] == ("7", 1, False, False)
    assert shown["segment.bytes"] == ("1073741824", 5, False, False)


def test_overrides_are_kept_with_the_topic(cluster: Any) -> None:
    cluster.commit(cluster.controller.create_topics([topic(retention_ms="7", cleanup_policy="delete")]))
    assert cluster.image.settings(2, "t") == {"retention.ms": "7", "cleanup.policy": "delete"}
    assert cluster.controller.topic_config("t").retention_ms == 7


def test_a_topic_that_exists_is_refused(cluster: Any) -> None:
    cluster.commit(cluster.controller.create_topics([topic()]))
    assert outcome(cluster, topic()) == (ErrorCode.TOPIC_ALREADY_EXISTS, "Topic 't' already exists.")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "x" * 250, "ä"])
def test_a_name_kafka_refuses_is_refused(cluster: Any, name: str) -> None:
    assert outcome(cluster, topic(name))[0] is ErrorCode.INVALID_TOPIC_EXCEPTION


def test_names_that_metrics_cannot_tell_apart_collide(cluster: Any) -> None:
    cluster.commit(cluster.controller.create_topics([topic("a.b")]))
    assert outcome(cluster, topic("a_b")) == (
        ErrorCode.INVALID_TOPIC_EXCEPTION,
        "Topic 'a_b' collides with existing topic: a.b",
    )
    cluster.commit(cluster.controller.delete_topics([DeleteTopicState(name="a.b")]))
    assert cluster.commit(cluster.controller.create_topics([topic("a_b")]))[0].error_code == 0


def test_names_collide_within_one_request_too(cluster: Any) -> None:
    first, second = cluster.commit(cluster.controller.create_topics([topic("a.b"), topic("a_b")]))
    assert (first.error_code, second.error_code) == (0, ErrorCode.INVALID_TOPIC_EXCEPTION)


def test_a_name_that_is_in_the_request_twice_is_refused_once_and_created_never(cluster: Any) -> None:
    decision = cluster.controller.create_topics([topic("t"), topic("u"), topic("t", partitions=9)])
    assert [(one.name, ErrorCode(one.error_code)) for one in decision.reply] == [
        ("t", ErrorCode.INVALID_REQUEST),
        ("u", ErrorCode.NONE),
    ]
    cluster.commit(decision)
    assert list(cluster.image.topics) == ["u"]


@pytest.mark.parametrize("partitions", [0, -2, -(2**31)])
def test_a_number_of_partitions_below_one_is_refused(cluster: Any, partitions: int) -> None:
    assert outcome(cluster, topic(partitions=partitions)) == (
        ErrorCode.INVALID_PARTITIONS,
        "Number of partitions was set to an invalid non-positive value.",
    )


@pytest.mark.parametrize("factor", [0, -2])
def test_a_replication_factor_below_one_is_refused(cluster: Any, factor: int) -> None:
    assert outcome(cluster, topic(factor=factor)) == (
        ErrorCode.INVALID_REPLICATION_FACTOR,
        "Replication factor must be larger than 0, or -1 to use the default value.",
    )


def test_more_replicas_than_brokers_are_refused(cluster: Any) -> None:
    code, message = outcome(cluster, topic(factor=3))
    assert code is ErrorCode.INVALID_REPLICATION_FACTOR
    assert message is not None and message.startswith("Unable to replicate the partition 3 time(s): ")


def test_an_assignment_is_taken_as_it_is(cluster_of: Callable[..., Any]) -> None:
    cluster = cluster_of(3)
    (result,) = cluster.commit(cluster.controller.create_topics([assignment((2, 1), (0, 2))]))
    assert (result.num_partitions, result.replication_factor) == (2, 2)
    assert [(one.replicas, one.leader) for one in cluster.image.topics["t"].partitions] == [((2, 1), 2), ((0, 2), 0)]


def test_an_assignment_with_a_number_of_partitions_or_replicas_is_refused(cluster: Any) -> None:
    counted, replicated = assignment((0,)), assignment((0,))
    counted.num_partitions = 1
    replicated.replication_factor = 1
    assert outcome(cluster, counted)[0] is ErrorCode.INVALID_REQUEST
    assert outcome(cluster, replicated)[0] is ErrorCode.INVALID_REQUEST


@pytest.mark.parametrize("numbers", [(1,), (0, 2), (0, 0), (-1, 0)])
def test_assigned_partitions_must_be_counted_from_zero(cluster: Any, numbers: tuple[int, ...]) -> None:
    wanted = topic()
    wanted.assignments = tuple(CreatableReplicaAssignment(partition_index=one, broker_ids=(0,)) for one in numbers)
    assert outcome(cluster, wanted)[0] is ErrorCode.INVALID_REPLICA_ASSIGNMENT


def test_an_assignment_to_an_unknown_broker_is_refused(cluster: Any) -> None:
    assert outcome(cluster, assignment((7,)))[0] is ErrorCode.INVALID_REPLICA_ASSIGNMENT


@pytest.mark.parametrize(
    ("configs", "words"),
    [
        ({"retention_ms": "soon"}, "retention.ms"),
        ({"no_such": "1"}, "Unknown topic config name: no.such"),
        ({"retention_ms": None}, "Null value not supported for topic configs: retention.ms"),
        ({"cleanup_policy": "compact"}, "compaction is not supported yet"),
        ({"remote_storage_enable": "true"}, "tiered storage"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(cluster: Any, configs: dict[str, Any], words: str) -> None:
    code, message = outcome(cluster, topic(**configs))
    assert code is ErrorCode.INVALID_CONFIG
    assert message is not None and words in message


def test_one_topic_refused_does_not_hinder_another(cluster: Any) -> None:
    bad, good = cluster.commit(cluster.controller.create_topics([topic("bad", partitions=0), topic("good")]))
    assert (bad.error_code, good.error_code) == (ErrorCode.INVALID_PARTITIONS, 0)
    assert list(cluster.image.topics) == ["good"]


def test_a_request_and_the_cluster_hold_a_bounded_number_of_partitions(cluster_of: Callable[..., Any]) -> None:
    cluster = cluster_of(1, None, Limits(partitions_max=5, partitions_per_request=3))
    assert outcome(cluster, topic(partitions=4))[0] is ErrorCode.POLICY_VIOLATION
    assert outcome(cluster, topic(partitions=2**31 - 1))[0] is ErrorCode.POLICY_VIOLATION
    results = cluster.commit(cluster.controller.create_topics([topic("a", 2), topic("b", 2), topic("c", 1)]))
    assert [one.error_code for one in results] == [0, ErrorCode.POLICY_VIOLATION, 0]
    assert outcome(cluster, topic("d", 3))[0] is ErrorCode.POLICY_VIOLATION
    assert cluster.commit(cluster.controller.create_topics([topic("d", 2)]))[0].error_code == 0
    assert cluster.image.partition_count == 5


def test_a_topic_has_a_bounded_number_of_settings(cluster_of: Callable[..., Any]) -> None:
    cluster = cluster_of(1, None, Limits(configs_per_resource=1))
    assert outcome(cluster, topic(retention_ms="1", segment_ms="1"))[0] is ErrorCode.INVALID_CONFIG


def test_the_metadata_topic_cannot_be_created(cluster: Any) -> None:
    assert outcome(cluster, topic("__cluster_metadata"))[0] is ErrorCode.INVALID_REQUEST


def test_asking_creates_with_the_defaults_of_the_broker(cluster_of: Callable[..., Any]) -> None:
    cluster = cluster_of(1, parse_broker({"num.partitions": "4"}))
    results = cluster.commit(cluster.controller.auto_create(["t", "a b", "t"]))
    assert [(one.name, one.error_code) for one in results] == [("t", 0), ("a b", ErrorCode.INVALID_TOPIC_EXCEPTION)]
    assert len(cluster.image.topics["t"].partitions) == 4


def test_the_offsets_topic_is_compacted_durable_and_has_settings_of_its_own(cluster_of: Callable[..., Any]) -> None:
    broker = {"offsets.topic.num.partitions": "7", "offsets.topic.segment.bytes": "2048", "durability": "replicated"}
    cluster = cluster_of(1, parse_broker(broker))
    cluster.commit(cluster.controller.auto_create(["__consumer_offsets"]))
    config = cluster.controller.topic_config("__consumer_offsets")
    assert len(cluster.image.topics["__consumer_offsets"].partitions) == 7
    assert (config.cleanup_policy, config.durability, config.segment_bytes) == (("compact",), "sync", 2048)
    assert (config.compression_type, config.retention_ms) == ("producer", 604_800_000)


def test_the_offsets_topic_cannot_be_created_in_a_way_that_loses_offsets(cluster: Any) -> None:
    assert outcome(cluster, topic("__consumer_offsets", cleanup_policy="delete"))[0] is ErrorCode.INVALID_CONFIG
    assert outcome(cluster, topic("__consumer_offsets", durability="interval"))[0] is ErrorCode.INVALID_CONFIG


# Delete --------------------------------------------------------------------------------------------------------------


def deleted(cluster: Any, *wanted: DeleteTopicState) -> list[ErrorCode]:
    return [ErrorCode(one.error_code) for one in cluster.commit(cluster.controller.delete_topics(wanted))]


def test_a_topic_is_deleted_by_name_or_by_id(cluster: Any) -> None:
    _, second = cluster.commit(cluster.controller.create_topics([topic("a", retention_ms="1"), topic("b")]))
    results = cluster.commit(
        cluster.controller.delete_topics([DeleteTopicState(name="a"), DeleteTopicState(topic_id=second.topic_id)])
    )
    assert [(one.name, one.error_code) for one in results] == [("a", 0), ("b", 0)]
    assert cluster.image.topics == {}
    assert cluster.image.configs == {}
    assert cluster.image.partition_count == 0


def test_deleting_what_is_not_there_is_refused(cluster: Any) -> None:
    assert deleted(cluster, DeleteTopicState(name="a")) == [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]
    assert deleted(cluster, DeleteTopicState(topic_id=bytes([9] * 16))) == [ErrorCode.UNKNOWN_TOPIC_ID]


def test_a_topic_must_be_named_in_exactly_one_way(cluster: Any) -> None:
    (made,) = cluster.commit(cluster.controller.create_topics([topic("a")]))
    assert deleted(cluster, DeleteTopicState()) == [ErrorCode.INVALID_REQUEST]
    assert deleted(cluster, DeleteTopicState(name="a", topic_id=made.topic_id)) == [ErrorCode.INVALID_REQUEST]
    assert "a" in cluster.image.topics


def test_a_topic_that_is_to_be_deleted_twice_is_not_deleted(cluster: Any) -> None:
    cluster.commit(cluster.controller.create_topics([topic("a")]))
    assert deleted(cluster, DeleteTopicState(name="a"), DeleteTopicState(name="a")) == [ErrorCode.INVALID_REQUEST]
    assert "a" in cluster.image.topics


def test_a_topic_that_is_named_by_name_and_by_id_is_deleted_once(cluster: Any) -> None:
    (made,) = cluster.commit(cluster.controller.create_topics([topic("a")]))
    results = deleted(cluster, DeleteTopicState(name="a"), DeleteTopicState(topic_id=made.topic_id))
    assert results == [ErrorCode.NONE, ErrorCode.INVALID_REQUEST]


def test_deletion_can_be_disabled(cluster_of: Callable[..., Any]) -> None:
    cluster = cluster_of(1, parse_broker({"delete.topic.enable": "false"}))
    cluster.commit(cluster.controller.create_topics([topic("a")]))
    assert deleted(cluster, DeleteTopicState(name="a")) == [ErrorCode.TOPIC_DELETION_DISABLED]
    assert "a" in cluster.image.topics


def test_internal_topics_are_kept_as_they_are(cluster: Any) -> None:
    cluster.commit(cluster.controller.auto_create(["__consumer_offsets"]))
    assert deleted(cluster, DeleteTopicState(name="__consumer_offsets")) == [ErrorCode.INVALID_REQUEST]
    assert more(cluster, CreatePartitionsTopic(name="__consumer_offsets", count=60, assignments=None)) == [
        ErrorCode.INVALID_REQUEST
    ]


def test_a_name_that_was_deleted_comes_back_with_another_id(cluster: Any) -> None:
    (first,) = cluster.commit(cluster.controller.create_topics([topic("a")]))
    deleted(cluster, DeleteTopicState(name="a"))
    (second,) = cluster.commit(cluster.controller.create_topics([topic("a")]))
    assert first.topic_id != second.topic_id


# More partitions -----------------------------------------------------------------------------------------------------


def more(cluster: Any, *wanted: CreatePartitionsTopic, validate_only: bool = False) -> list[ErrorCode]:
    return [
        ErrorCode(one.error_code) for one in cluster.commit(cluster.controller.create_partitions(wanted, validate_only))
    ]


def test_a_topic_grows_to_the_new_number_of_partitions(cluster: Any) -> None:
    cluster.commit(cluster.controller.create_topics([topic(partitions=2)]))
    assert more(cluster, CreatePartitionsTopic(name="t", count=5, assignments=None)) == [ErrorCode.NONE]
    assert [one.leader for one in cluster.image.topics["t"].partitions] == [0] * 5


def test_validating_growth_changes_nothing(cluster: Any) -> None:
    cluster.commit(cluster.controller.create_topics([topic(partitions=2)]))
    wanted = CreatePartitionsTopic(name="t", count=5, assignments=None)
    assert more(cluster, wanted, validate_only=True) == [ErrorCode.NONE]
    assert cluster.image.partition_count == 2


@pytest.mark.parametrize(
    ("count", "sentence"),
    [
        (1, "The topic t currently has 2 partition(s); 1 would not be an increase."),
        (-1, "The topic t currently has 2 partition(s); -1 would not be an increase."),
        (2, "Topic already has 2 partition(s)."),
    ],
)
def test_a_topic_does_not_shrink(cluster: Any, count: int, sentence: str) -> None:
    cluster.commit(cluster.controller.create_topics([topic(partitions=2)]))
    decision = cluster.controller.create_partitions([CreatePartitionsTopic(name="t", count=count, assignments=None)])
    assert decision.records == ()
    (result,) = decision.reply
    assert (result.error_code, result.error_message) == (ErrorCode.INVALID_PARTITIONS, sentence)


def test_new_partitions_can_be_assigned(cluster_of: Callable[..., Any]) -> None:
    cluster = cluster_of(2)
    cluster.commit(cluster.controller.create_topics([topic(partitions=1)]))

    def wanted(*replicas: tuple[int, ...]) -> CreatePartitionsTopic:
        given = tuple(CreatePartitionsAssignment(broker_ids=one) for one in replicas)
        return CreatePartitionsTopic(name="t", count=3, assignments=given)

    assert more(cluster, wanted((1,))) == [ErrorCode.INVALID_REPLICA_ASSIGNMENT]
    assert more(cluster, wanted((1,), (0, 1))) == [ErrorCode.INVALID_REPLICA_ASSIGNMENT]
    assert more(cluster, wanted((1,), (9,))) == [ErrorCode.INVALID_REPLICA_ASSIGNMENT]
    assert more(cluster, wanted((1,), (0,))) == [ErrorCode.NONE]
    assert [one.leader for one in cluster.image.topics["t"].partitions[1:]] == [1, 0]


def test_growth_of_unknown_or_doubly_named_topics_is_refused(cluster: Any) -> None:
    cluster.commit(cluster.controller.create_topics([topic()]))
    known = CreatePartitionsTopic(name="t", count=5, assignments=None)
    unknown = CreatePartitionsTopic(name="u", count=5, assignments=None)
    assert more(cluster, known, known, unknown) == [ErrorCode.INVALID_REQUEST, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]


def test_growth_is_bounded(cluster_of: Callable[..., Any]) -> None:
    cluster = cluster_of(1, None, Limits(partitions_max=100, partitions_per_request=3))
    cluster.commit(cluster.controller.create_topics([topic()]))
    assert more(cluster, CreatePartitionsTopic(name="t", count=2**31 - 1, assignments=None)) == [
        ErrorCode.POLICY_VIOLATION
    ]
