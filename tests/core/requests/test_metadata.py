"""Metadata, DescribeCluster, DescribeTopicPartitions, FindCoordinator."""

from typing import Any

import pytest
from lab import Client, Lab
from talk import ask_metadata, batch, booted, coordinating, create, creation, fetch, find, produce

from odradek.core import effects as ef
from odradek.core import events as ev
from odradek.core.errors import ErrorCode
from odradek.core.types import NO_TOPIC_ID, ConnId
from odradek.core.wire.cluster import DescribeClusterRequest
from odradek.core.wire.membership import FindCoordinatorRequest
from odradek.core.wire.metadata import (
    DescribeTopicPartitionsRequest,
    DescribeTopicPartitionsRequestCursor,
    MetadataRequest,
    MetadataRequestTopic,
    TopicRequest,
)

VERSIONS = range(14)


def names(answer: Any) -> list[str]:
    return [topic.name for topic in answer.topics]


# Metadata ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_a_topic_is_told_with_its_partitions_in_every_version(version: int) -> None:
    lab, client = booted()
    topic_id = create(client, "t", 2)
    answer = ask_metadata(client, "t", version=version)
    (broker,) = answer.brokers
    assert (broker.node_id, broker.host, broker.port) == (lab.node.broker.config.node_id, "127.0.0.1", 9092)
    (topic,) = answer.topics
    assert (topic.name, topic.error_code, [p.partition_index for p in topic.partitions]) == ("t", 0, [0, 1])
    assert {(p.leader_id, p.replica_nodes, p.isr_nodes) for p in topic.partitions} == {
        (broker.node_id, (broker.node_id,), (broker.node_id,))
    }
    if version >= 10:
        assert topic.topic_id == topic_id
    if version >= 2:
        assert answer.cluster_id == "lab"


@pytest.mark.parametrize("version", VERSIONS)
def test_all_topics_are_told_in_every_version(version: int) -> None:
    _, client = booted()
    for name in ("b", "a"):
        create(client, name)
    wanted = () if version == 0 else None
    assert names(client.ask(MetadataRequest(topics=wanted), version)) == ["a", "b"]


@pytest.mark.parametrize("version", range(1, 14))
def test_no_topics_are_told_when_none_is_asked_for(version: int) -> None:
    _, client = booted()
    create(client, "t")
    assert client.ask(MetadataRequest(topics=()), version).topics == ()


@pytest.mark.parametrize("version", range(4, 14))
def test_a_missing_topic_is_unknown_to_who_does_not_create_it(version: int) -> None:
    _, client = booted()
    (topic,) = ask_metadata(client, "none", version=version).topics
    assert (topic.name, topic.error_code) == ("none", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    assert names(ask_metadata(client)) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_a_missing_topic_is_created_when_it_is_asked_for(version: int) -> None:
    lab, client = booted()
    (topic,) = ask_metadata(client, "new", version=version, create_missing=True).topics
    assert topic.error_code == 0
    assert len(topic.partitions) == lab.node.broker.config.num_partitions
    assert produce(client, "new", batch(b"a")).error_code == 0


def test_no_topic_is_created_where_that_is_switched_off() -> None:
    _, client = booted(config={"auto.create.topics.enable": "false"})
    (topic,) = ask_metadata(client, "new", create_missing=True).topics
    assert topic.error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


@pytest.mark.parametrize("name", ["a/b", "..", "x" * 250, "a b", ""])
@pytest.mark.parametrize("create_missing", [True, False])
def test_an_impossible_name_is_told_and_never_created(name: str, create_missing: bool) -> None:
    _, client = booted()
    (topic,) = ask_metadata(client, name, create_missing=create_missing).topics
    assert topic.error_code == ErrorCode.INVALID_TOPIC_EXCEPTION
    assert names(ask_metadata(client)) == []


def test_an_impossible_name_does_not_keep_others_from_being_created() -> None:
    _, client = booted()
    topics = ask_metadata(client, "a/b", "good", create_missing=True).topics
    assert [topic.error_code for topic in topics] == [ErrorCode.INVALID_TOPIC_EXCEPTION, 0]


def test_two_clients_that_ask_for_one_missing_topic_both_get_it() -> None:
    lab, client = booted()
    other = lab.connect()
    lab.hold = lambda effect: isinstance(effect, ef.Sync)
    wanted = MetadataRequest(topics=(MetadataRequestTopic(name="new"),))
    client.send(wanted)
    other.send(wanted)
    assert client.answers() + other.answers() == 0
    while lab.held:
        lab.release()
    assert [one.take().topics[0].error_code for one in (client, other)] == [0, 0]


def test_a_topic_being_created_by_another_is_waited_for() -> None:
    lab, client = booted()
    other = lab.connect()
    lab.hold = lambda effect: isinstance(effect, ef.Sync)
    client.send(creation("new"))
    other.send(MetadataRequest(topics=(MetadataRequestTopic(name="new"),)))
    while lab.held:
        lab.release()
    assert other.take().topics[0].error_code == 0


def test_a_topic_is_told_only_when_it_can_be_written() -> None:
    lab, client = booted()
    other = lab.connect()
    lab.hold = lambda effect: isinstance(effect, ef.Sync)
    client.send(creation("new"))
    assert names(ask_metadata(other)) == []
    lab.release()
    assert names(ask_metadata(other)) == ["new"]
    lab.hold = lambda effect: False
    assert produce(other, "new", batch(b"a")).error_code == 0


def test_a_topic_named_twice_is_told_once() -> None:
    _, client = booted()
    create(client, "t")
    assert names(ask_metadata(client, "t", "t")) == ["t"]


@pytest.mark.parametrize("version", [12, 13])
def test_a_topic_is_found_by_its_id(version: int) -> None:
    _, client = booted()
    topic_id = create(client, "t")
    wanted = (MetadataRequestTopic(name=None, topic_id=topic_id),)
    assert names(client.ask(MetadataRequest(topics=wanted), version)) == ["t"]


@pytest.mark.parametrize("version", [10, 11, 12, 13])
def test_an_unknown_id_is_told(version: int) -> None:
    _, client = booted()
    (topic,) = client.ask(
        MetadataRequest(topics=(MetadataRequestTopic(name=None, topic_id=b"x" * 16),)), version
    ).topics
    assert (topic.error_code, topic.topic_id) == (ErrorCode.UNKNOWN_TOPIC_ID, b"x" * 16)


def test_a_topic_of_neither_name_nor_id_is_refused() -> None:
    _, client = booted()
    (topic,) = client.ask(MetadataRequest(topics=(MetadataRequestTopic(name=None, topic_id=NO_TOPIC_ID),))).topics
    assert topic.error_code == ErrorCode.INVALID_REQUEST


def test_clients_are_told_the_address_they_dialled() -> None:
    lab, client = booted()
    lab.conns += 1
    lab.sent[lab.conns] = type(lab.sent[1])()
    lab.feed(ev.Opened(ConnId(lab.conns), ("10.0.0.7", 5), ("10.0.0.1", 19092)))
    (broker,) = ask_metadata(Client(lab, lab.conns)).brokers
    assert (broker.host, broker.port) == ("10.0.0.1", 19092)


def test_clients_are_told_the_advertised_address_where_there_is_one() -> None:
    _, client = booted(config={"advertised.listeners": "PLAINTEXT://broker.example:1234"})
    (broker,) = ask_metadata(client).brokers
    assert (broker.host, broker.port) == ("broker.example", 1234)


def test_a_partition_that_cannot_serve_has_no_leader() -> None:
    lab, client = booted()
    create(client, "t", 2)
    lab.node.broker.topics["t"].leaders[1].failure = ErrorCode.KAFKA_STORAGE_ERROR
    (topic,) = ask_metadata(client, "t").topics
    assert [(p.error_code, p.leader_id) for p in topic.partitions] == [
        (0, topic.partitions[0].replica_nodes[0]),
        (ErrorCode.LEADER_NOT_AVAILABLE, -1),
    ]


def test_operations_are_told_only_to_who_asks() -> None:
    _, client = booted()
    create(client, "t")
    wanted = (MetadataRequestTopic(name="t"),)
    for ask in (False, True):
        answer = client.ask(
            MetadataRequest(
                topics=wanted, include_topic_authorized_operations=ask, include_cluster_authorized_operations=ask
            ),
            9,
        )
        assert (answer.topics[0].topic_authorized_operations > 0) == ask
        assert (answer.cluster_authorized_operations > 0) == ask


# DescribeCluster -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [0, 1, 2])
def test_the_cluster_is_described_in_every_version(version: int) -> None:
    lab, client = booted()
    answer = client.ask(DescribeClusterRequest(include_cluster_authorized_operations=True), version)
    assert (answer.error_code, answer.cluster_id) == (0, "lab")
    assert [(b.broker_id, b.host, b.port) for b in answer.brokers] == [
        (lab.node.broker.config.node_id, "127.0.0.1", 9092)
    ]
    assert answer.cluster_authorized_operations > 0


def test_controllers_are_not_described_here() -> None:
    _, client = booted()
    answer = client.ask(DescribeClusterRequest(endpoint_type=2), 1)
    assert answer.error_code == ErrorCode.MISMATCHED_ENDPOINT_TYPE


# DescribeTopicPartitions ---------------------------------------------------------------------------------------------


def page(client: Client, *wanted: str, limit: int = 2000, cursor: tuple[str, int] | None = None) -> Any:
    at = None
    if cursor is not None:
        at = DescribeTopicPartitionsRequestCursor(topic_name=cursor[0], partition_index=cursor[1])
    topics = tuple(TopicRequest(name=name) for name in wanted)
    return client.ask(DescribeTopicPartitionsRequest(topics=topics, response_partition_limit=limit, cursor=at))


def shown(answer: Any) -> list[tuple[str, list[int]]]:
    return [(topic.name, [p.partition_index for p in topic.partitions]) for topic in answer.topics]


def test_all_topics_are_described_when_none_is_named() -> None:
    _, client = booted()
    create(client, "b", 1)
    create(client, "a", 2)
    answer = page(client)
    assert (shown(answer), answer.next_cursor) == ([("a", [0, 1]), ("b", [0])], None)


def test_pages_follow_their_cursor_to_the_end() -> None:
    _, client = booted()
    for name in ("a", "b"):
        create(client, name, 3)
    cursor, seen = None, []
    for _ in range(10):
        answer = page(client, limit=2, cursor=cursor)
        seen.append(shown(answer))
        if answer.next_cursor is None:
            break
        cursor = (answer.next_cursor.topic_name, answer.next_cursor.partition_index)
    flat = [(name, index) for one in seen for name, indexes in one for index in indexes]
    assert flat == [(name, index) for name in ("a", "b") for index in range(3)]
    assert all(sum(len(indexes) for _, indexes in one) <= 2 for one in seen)


def test_missing_and_impossible_topics_are_told() -> None:
    _, client = booted()
    codes = {topic.name: topic.error_code for topic in page(client, "none", "a/b").topics}
    assert codes == {"none": ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "a/b": ErrorCode.INVALID_TOPIC_EXCEPTION}


def test_a_cursor_before_the_first_partition_is_refused() -> None:
    _, client = booted()
    create(client, "a")
    assert page(client, cursor=("a", -1)).topics[0].error_code == ErrorCode.INVALID_REQUEST


# FindCoordinator -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", range(7))
def test_the_coordinator_is_found_in_every_version(version: int) -> None:
    lab, client = booted()
    answer = client.ask(coordinating("g", version), version)
    found = answer.coordinators[0] if version >= 4 else answer
    assert (found.error_code, found.node_id, found.host, found.port) == (
        0,
        lab.node.broker.config.node_id,
        "127.0.0.1",
        9092,
    )


def test_several_coordinators_are_found_at_once() -> None:
    _, client = booted()
    answer = client.ask(FindCoordinatorRequest(coordinator_keys=("a", "b")), 4)
    assert [(one.key, one.error_code) for one in answer.coordinators] == [("a", 0), ("b", 0)]


@pytest.mark.parametrize("version", range(1, 7))
def test_coordinators_of_transactions_are_refused_for_good(version: int) -> None:
    _, client = booted()
    answer = client.ask(coordinating("x", version, 1), version)
    found = answer.coordinators[0] if version >= 4 else answer
    assert found.error_code == ErrorCode.INVALID_REQUEST


def test_finding_a_coordinator_creates_the_offsets_topic() -> None:
    lab, client = booted()
    find(client, "g")
    (topic,) = ask_metadata(client, "__consumer_offsets").topics
    assert (topic.is_internal, len(topic.partitions)) == (True, lab.node.broker.config.offsets_topic_num_partitions)
    assert fetch(client, "__consumer_offsets", 0).error_code == 0


def test_two_clients_find_a_coordinator_at_once() -> None:
    lab, client = booted()
    other = lab.connect()
    lab.hold = lambda effect: isinstance(effect, ef.Sync)
    for one in (client, other):
        one.send(FindCoordinatorRequest(coordinator_keys=("g",)))
    while lab.held:
        lab.release()
    assert [one.take().coordinators[0].error_code for one in (client, other)] == [0, 0]


def test_the_offsets_topic_survives_a_restart() -> None:
    lab, client = booted()
    find(client, "g")
    again = Lab(files=lab.stop()).boot()
    assert "__consumer_offsets" in again.node.broker.topics
    assert len(again.node.broker.coordinator.hosts) == again.node.broker.config.offsets_topic_num_partitions
