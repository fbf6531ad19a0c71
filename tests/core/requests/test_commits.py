"""OffsetCommit, OffsetFetch, OffsetDelete over the wire."""

from typing import Any

import pytest
from lab import Client, Lab
from talk import booted, commit, committed, committing, create, deletion, fetch, find, join_alone, offset_fetching, told

from odradek.core import effects as ef
from odradek.core.errors import ErrorCode
from odradek.core.groups.routing import shard_of
from odradek.core.wire.commits import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
    OffsetDeleteRequest,
    OffsetDeleteRequestPartition,
    OffsetDeleteRequestTopic,
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopic,
    OffsetFetchRequestTopics,
)

UNKNOWN = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


def bench() -> tuple[Lab, Client, bytes]:
    lab, client = booted()
    topic_id = create(client, "t", 3)
    find(client, "g")
    return lab, client, topic_id


def commit_in(client: Client, version: int, name: str, topic_id: bytes, offset: int) -> Any:
    part = OffsetCommitRequestPartition(partition_index=0, committed_offset=offset, committed_metadata="note")
    topic = OffsetCommitRequestTopic(name=name, topic_id=topic_id, partitions=(part,))
    return client.ask(OffsetCommitRequest(group_id="g", topics=(topic,)), version).topics[0]


def asked(version: int, name: str = "t", topic_id: bytes = bytes(16), every: bool = False) -> OffsetFetchRequest:
    if version < 8:
        topics = None if every else (OffsetFetchRequestTopic(name=name, partition_indexes=(0,)),)
        return OffsetFetchRequest(group_id="g", topics=topics)
    wanted = None if every else (OffsetFetchRequestTopics(name=name, topic_id=topic_id, partition_indexes=(0,)),)
    return OffsetFetchRequest(groups=(OffsetFetchRequestGroup(group_id="g", topics=wanted),))


def part_of(answer: Any, version: int) -> Any:
    topics = answer.topics if version < 8 else answer.groups[0].topics
    return topics[0].partitions[0]


@pytest.mark.parametrize("version", range(2, 11))
def test_an_offset_is_committed_in_every_version(version: int) -> None:
    _, client, topic_id = bench()
    answer = commit_in(client, version, "t", topic_id, 42)
    assert answer.partitions[0].error_code == 0
    assert (answer.topic_id == topic_id) if version >= 10 else (answer.name == "t")
    found = committed(client, "g", "t")
    assert (found.committed_offset, found.metadata) == (42, "note")


ASKING = [(version, every) for version in range(1, 11) for every in (False, True) if version >= 2 or not every]
"""Version 1 cannot ask for all offsets of a group."""


@pytest.mark.parametrize(("version", "every"), ASKING)
def test_an_offset_is_fetched_in_every_version(version: int, every: bool) -> None:
    _, client, topic_id = bench()
    commit(client, "g", "t", 42, metadata="note")
    answer = client.ask(asked(version, topic_id=topic_id, every=every), version)
    found = part_of(answer, version)
    assert (found.committed_offset, found.metadata, found.error_code) == (42, "note", 0)
    if version >= 10:
        assert answer.groups[0].topics[0].topic_id == topic_id


@pytest.mark.parametrize("version", range(2, 11))
def test_offsets_of_an_unknown_topic_are_not_committed(version: int) -> None:
    _, client, _ = bench()
    code = commit_in(client, version, "none", b"x" * 16, 1).partitions[0].error_code
    assert code == (ErrorCode.UNKNOWN_TOPIC_ID if version >= 10 else UNKNOWN)


def test_known_and_unknown_topics_of_one_commit_each_have_their_outcome_in_order() -> None:
    _, client, _ = bench()
    create(client, "u")
    part = OffsetCommitRequestPartition(partition_index=0, committed_offset=1, committed_metadata="")
    topics = tuple(OffsetCommitRequestTopic(name=name, partitions=(part,)) for name in ("t", "none", "u"))
    answer = client.ask(OffsetCommitRequest(group_id="g", topics=topics), 9)
    assert [(topic.name, topic.partitions[0].error_code) for topic in answer.topics] == [
        ("t", 0),
        ("none", UNKNOWN),
        ("u", 0),
    ]


def test_an_unknown_topic_id_is_told_beside_the_known_ones() -> None:
    _, client, topic_id = bench()
    commit(client, "g", "t", 42)
    wanted = tuple(OffsetFetchRequestTopics(topic_id=one, partition_indexes=(0,)) for one in (b"x" * 16, topic_id))
    answer = client.ask(OffsetFetchRequest(groups=(OffsetFetchRequestGroup(group_id="g", topics=wanted),)), 10)
    found = {topic.topic_id: topic.partitions[0] for topic in answer.groups[0].topics}
    assert found[topic_id].committed_offset == 42
    assert found[b"x" * 16].error_code == ErrorCode.UNKNOWN_TOPIC_ID


def test_several_groups_are_fetched_at_once() -> None:
    _, client, _ = bench()
    for number in range(5):
        commit(client, f"g{number}", "t", number)
    groups = tuple(offset_fetching(f"g{number}", "t").groups[0] for number in range(5))
    answer = client.ask(OffsetFetchRequest(groups=groups), 9)
    assert [(g.group_id, g.topics[0].partitions[0].committed_offset) for g in answer.groups] == [
        (f"g{number}", number) for number in range(5)
    ]


def test_an_offset_is_answered_as_committed_only_when_it_is_durable() -> None:
    lab, client, _ = bench()
    lab.hold = lambda effect: isinstance(effect, ef.Sync)
    client.send(committing("g", "t", 5), 9)
    assert client.answers() == 0
    lab.release()
    assert client.take().topics[0].partitions[0].error_code == 0


@pytest.mark.parametrize("clean", [True, False])
def test_committed_offsets_survive_a_restart(clean: bool) -> None:
    lab, client, _ = bench()
    for number in range(10):
        commit(client, f"g{number}", "t", number, number % 3, metadata=f"m{number}")
    client = Lab(files=lab.stop() if clean else lab.files).boot().connect()
    found = [committed(client, f"g{number}", "t", number % 3) for number in range(10)]
    assert [(one.committed_offset, one.metadata) for one in found] == [(n, f"m{n}") for n in range(10)]


def test_a_deleted_topic_takes_its_offsets_along() -> None:
    lab, client, _ = bench()
    commit(client, "g", "t", 5)
    client.ask(deletion("t"))
    create(client, "t")
    assert committed(client, "g", "t").committed_offset == -1
    client = Lab(files=lab.files).boot().connect()
    assert committed(client, "g", "t").committed_offset == -1


def test_commits_of_a_past_generation_are_refused() -> None:
    _, client, _ = bench()
    member, generation = join_alone(client, "g")
    code = commit(client, "g", "t", 5, generation=generation - 1, member=member)
    assert code == ErrorCode.ILLEGAL_GENERATION
    assert commit(client, "g", "t", 5, generation=generation, member=member) == 0


def test_commits_of_strangers_are_refused() -> None:
    _, client, _ = bench()
    _, generation = join_alone(client, "g")
    assert commit(client, "g", "t", 5, generation=generation, member="nobody") == ErrorCode.UNKNOWN_MEMBER_ID


def test_without_a_coordinator_every_partition_says_so() -> None:
    _, client = booted()
    create(client, "t")
    assert commit(client, "g", "t", 5) == ErrorCode.COORDINATOR_NOT_AVAILABLE
    for version in range(1, 10):
        answer = client.ask(asked(version), version)
        if version == 1:
            code = answer.topics[0].partitions[0].error_code
        else:
            code = answer.error_code if version < 8 else answer.groups[0].error_code
        assert code == ErrorCode.COORDINATOR_NOT_AVAILABLE


def test_a_commit_of_nothing_is_answered() -> None:
    _, client, _ = bench()
    assert client.ask(OffsetCommitRequest(group_id="g"), 9).topics == ()


def delete_offset(client: Client, name: str, index: int = 0) -> Any:
    part = OffsetDeleteRequestPartition(partition_index=index)
    topic = OffsetDeleteRequestTopic(name=name, partitions=(part,))
    return client.ask(OffsetDeleteRequest(group_id="g", topics=(topic,)))


def test_an_offset_is_deleted_for_good() -> None:
    lab, client, _ = bench()
    commit(client, "g", "t", 5)
    commit(client, "g", "t", 6, 1)
    assert delete_offset(client, "t").topics[0].partitions[0].error_code == 0
    client = Lab(files=lab.files).boot().connect()
    assert [committed(client, "g", "t", index).committed_offset for index in (0, 1)] == [-1, 6]


def test_offsets_of_no_topic_are_not_deleted() -> None:
    _, client, _ = bench()
    commit(client, "g", "t", 5)
    assert delete_offset(client, "none").topics[0].partitions[0].error_code == UNKNOWN


def test_offsets_of_no_group_are_not_deleted() -> None:
    _, client, _ = bench()
    assert delete_offset(client, "t").error_code == ErrorCode.GROUP_ID_NOT_FOUND


def test_a_full_disk_refuses_a_commit_and_keeps_what_was_committed() -> None:
    lab, client, _ = bench()
    commit(client, "g", "t", 5)
    lab.fail = lambda effect: "ENOSPC" if isinstance(effect, ef.Append) else None
    assert commit(client, "g", "t", 6) == ErrorCode.COORDINATOR_NOT_AVAILABLE
    lab.fail = lambda effect: None
    assert committed(client, "g", "t").committed_offset == 5


def test_the_records_of_commits_are_in_kafkas_own_schema() -> None:
    lab, client, _ = bench()
    commit(client, "g", "t", 5, metadata="note")
    shard = shard_of("g", len(lab.node.broker.coordinator.hosts))
    (record,) = told(fetch(client, "__consumer_offsets", 0, shard))
    assert record.key == b"\x00\x01" + b"\x00\x01g" + b"\x00\x01t" + b"\x00\x00\x00\x00"
    assert record.value is not None
    assert record.value[2:10] == (5).to_bytes(8, "big")
