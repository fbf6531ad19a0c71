"""CreateTopics, DeleteTopics, CreatePartitions: answered when what they decided can be used."""

from typing import Any

import pytest
from lab import Client, Lab
from talk import ask_metadata, batch, booted, create, creation, deletion, fetch, find, produce, read_all

from odradek.core import effects as ef
from odradek.core.errors import ErrorCode
from odradek.core.wire.topics import (
    CreatePartitionsRequest,
    CreatePartitionsTopic,
    CreateTopicsRequest,
    DeleteTopicsRequest,
    DeleteTopicState,
)


def names(client: Client) -> list[str]:
    return [topic.name for topic in ask_metadata(client).topics]


def grown(client: Client, name: str, count: int, version: int = 3, validate_only: bool = False) -> Any:
    topic = CreatePartitionsTopic(name=name, count=count, assignments=None)
    request = CreatePartitionsRequest(topics=(topic,), timeout_ms=1000, validate_only=validate_only)
    return client.ask(request, version).results[0]


# Creating ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", range(2, 8))
def test_a_topic_can_be_written_as_soon_as_its_creation_is_answered(version: int) -> None:
    _, client = booted()
    (result,) = client.ask(creation("t", 3), version).topics
    assert (result.name, result.error_code) == ("t", 0)
    assert produce(client, "t", batch(b"a"), 2).error_code == 0
    if version >= 5:
        assert (result.num_partitions, result.replication_factor) == (3, 1)
    if version >= 7:
        assert result.topic_id == ask_metadata(client, "t").topics[0].topic_id


@pytest.mark.parametrize("version", range(2, 8))
def test_a_topic_that_exists_is_not_created_again(version: int) -> None:
    _, client = booted()
    create(client, "t")
    assert client.ask(creation("t"), version).topics[0].error_code == ErrorCode.TOPIC_ALREADY_EXISTS


def test_a_creation_is_answered_only_when_its_record_is_durable() -> None:
    lab, client = booted()
    lab.hold = lambda effect: isinstance(effect, ef.Sync)
    client.send(creation("t"))
    assert client.answers() == 0
    lab.release()
    assert client.take().topics[0].error_code == 0


def test_a_creation_that_was_answered_survives_a_kill() -> None:
    lab, client = booted()
    topic_id = create(client, "t", 3)
    again = Lab(files=lab.files).boot()
    assert again.node.broker.topics["t"].id == topic_id
    assert len(again.node.broker.topics["t"].leaders) == 3


def test_good_and_bad_topics_of_one_request_each_have_their_outcome() -> None:
    _, client = booted()
    request = CreateTopicsRequest(topics=(*creation("a/b").topics, *creation("t").topics, *creation("u", 0).topics))
    codes = [result.error_code for result in client.ask(request).topics]
    assert codes == [ErrorCode.INVALID_TOPIC_EXCEPTION, 0, ErrorCode.INVALID_PARTITIONS]
    assert names(client) == ["t"]


def test_a_trial_creates_nothing() -> None:
    lab, client = booted()
    request = creation("t")
    request.validate_only = True
    assert client.ask(request).topics[0].error_code == 0
    assert names(client) == []


def test_minus_one_asks_for_the_brokers_defaults() -> None:
    _, client = booted(config={"num.partitions": "5"})
    request = creation("t", -1)
    request.topics[0].replication_factor = -1
    assert client.ask(request).topics[0].num_partitions == 5


def test_more_replicas_than_brokers_are_refused() -> None:
    _, client = booted()
    request = creation("t")
    request.topics[0].replication_factor = 3
    assert client.ask(request).topics[0].error_code == ErrorCode.INVALID_REPLICATION_FACTOR


def test_compaction_is_refused_by_name_until_there_is_one() -> None:
    _, client = booted()
    (result,) = client.ask(creation("t", cleanup_policy="compact")).topics
    assert result.error_code == ErrorCode.INVALID_CONFIG
    assert "cleanup.policy" in result.error_message


def test_a_creation_refused_by_a_full_disk_leaves_no_topic() -> None:
    lab, client = booted()
    lab.fail = lambda effect: "ENOSPC" if isinstance(effect, ef.Append) else None
    assert client.ask(creation("t")).topics[0].error_code == ErrorCode.KAFKA_STORAGE_ERROR
    lab.fail = lambda effect: None
    assert names(client) == []
    assert client.ask(creation("t")).topics[0].error_code == 0
    assert Lab(files=lab.files).boot().node.broker.topics.keys() == {"t"}


# Deleting ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", range(1, 7))
def test_a_topic_is_deleted_in_every_version(version: int) -> None:
    _, client = booted()
    create(client, "t")
    wanted = (
        DeleteTopicsRequest(topics=(DeleteTopicState(name="t"),))
        if version >= 6
        else DeleteTopicsRequest(topic_names=("t",))
    )
    (result,) = client.ask(wanted, version).responses
    assert (result.name, result.error_code) == ("t", 0)
    assert names(client) == []
    assert produce(client, "t", batch(b"a")).error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


def test_a_topic_is_deleted_by_its_id() -> None:
    _, client = booted()
    topic_id = create(client, "t")
    (result,) = client.ask(DeleteTopicsRequest(topics=(DeleteTopicState(name=None, topic_id=topic_id),))).responses
    assert (result.name, result.error_code) == ("t", 0)


def test_what_is_not_there_cannot_be_deleted() -> None:
    _, client = booted()
    request = DeleteTopicsRequest(
        topics=(DeleteTopicState(name="none"), DeleteTopicState(name=None, topic_id=b"x" * 16))
    )
    codes = [result.error_code for result in client.ask(request).responses]
    assert codes == [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.UNKNOWN_TOPIC_ID]


def test_the_files_of_a_deleted_topic_go() -> None:
    lab, client = booted()
    directory = create(client, "t").hex()
    produce(client, "t", batch(b"a"))
    client.ask(deletion("t"))
    lab.sleep(120_000)
    assert [name for name in lab.files if name.startswith(directory)] == []


def test_a_topic_deleted_right_before_a_kill_is_gone_with_its_files() -> None:
    lab, client = booted()
    directory = create(client, "t").hex()
    produce(client, "t", batch(b"a"))
    client.ask(deletion("t"))
    again = Lab(files=lab.files).boot()
    again.sleep(120_000)
    assert "t" not in again.node.broker.topics
    assert [name for name in again.files if name.startswith(directory)] == []


def test_a_topic_of_the_same_name_begins_empty() -> None:
    lab, client = booted()
    create(client, "t")
    produce(client, "t", batch(b"old"))
    client.ask(deletion("t"))
    create(client, "t")
    assert produce(client, "t", batch(b"new")).base_offset == 0
    again = Lab(files=lab.files).boot().connect()
    assert read_all(again, "t") == [b"new"]


def test_the_offsets_topic_cannot_be_deleted() -> None:
    lab, client = booted()
    find(client, "g")
    assert client.ask(deletion("__consumer_offsets")).responses[0].error_code != 0
    assert "__consumer_offsets" in lab.node.broker.topics


# Growing -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", range(4))
def test_a_topic_grows_in_every_version_and_keeps_its_records(version: int) -> None:
    lab, client = booted()
    create(client, "t", 1)
    produce(client, "t", batch(b"a"))
    assert (grown(client, "t", 3, version).name, grown(client, "t", 4, version).error_code) == ("t", 0)
    assert produce(client, "t", batch(b"b"), 3).error_code == 0
    again = Lab(files=lab.files).boot().connect()
    assert (read_all(again, "t"), read_all(again, "t", 3)) == ([b"a"], [b"b"])


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_topic_does_not_shrink(count: int) -> None:
    _, client = booted()
    create(client, "t", 2)
    assert grown(client, "t", count).error_code == ErrorCode.INVALID_PARTITIONS


def test_a_trial_does_not_grow_a_topic() -> None:
    _, client = booted()
    create(client, "t", 2)
    assert grown(client, "t", 5, validate_only=True).error_code == 0
    assert fetch(client, "t", 0, 2).error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


def test_what_is_not_there_does_not_grow() -> None:
    _, client = booted()
    assert grown(client, "none", 5).error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


def test_the_offsets_topic_does_not_grow() -> None:
    lab, client = booted()
    find(client, "g")
    before = len(lab.node.broker.coordinator.hosts)
    assert grown(client, "__consumer_offsets", before + 1).error_code != 0
    assert len(lab.node.broker.coordinator.hosts) == before
