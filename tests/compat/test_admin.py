"""Admin calls through every client that offers them."""

import pytest
from harness import FEATURES, ClientFailed, eventually, made_records

SEEN_S = 10


def needs(*verbs):
    """Marks a test for the clients that offer all these calls."""

    def mark(test):
        test.needs_verbs = verbs
        return test

    return mark


def write(helper, topic, count, partitions):
    helper.produce(topic=topic, records=made_records(count, partitions), compression="none")


@needs("create_topic", "delete_topic")
def test_a_created_topic_is_listed_with_its_partitions_and_a_deleted_one_is_not(client, worker):
    admin = worker(client)

    admin.create_topic(topic="made", partitions=5, configs={})

    assert "made" in admin.list_topics()
    assert admin.partitions_of(topic="made") == 5
    admin.delete_topic(topic="made")
    eventually(admin.list_topics, lambda names: "made" not in names, SEEN_S, "topics")


@needs("create_topic")
def test_creating_a_topic_twice_fails(client, worker):
    admin = worker(client)
    admin.create_topic(topic="made", partitions=1, configs={})

    with pytest.raises(ClientFailed, match=r"(?i)exists"):
        admin.create_topic(topic="made", partitions=1, configs={})


def test_topics_and_their_partitions_are_listed(client, worker, helper):
    helper.create_topic(topic="one", partitions=2, configs={})
    helper.create_topic(topic="two", partitions=3, configs={})
    admin = worker(client)

    assert set(admin.list_topics()) >= {"one", "two"}
    assert [admin.partitions_of(topic=name) for name in ("one", "two")] == [2, 3]


@needs("configs_of", "alter_config")
def test_a_topic_config_is_described_set_at_creation_and_altered(client, worker):
    admin = worker(client)
    admin.create_topic(topic="t", partitions=1, configs={"retention.ms": "123456789"})
    before = admin.configs_of(topic="t")

    admin.alter_config(topic="t", name="max.message.bytes", value="4321")

    after = admin.configs_of(topic="t")
    assert before["retention.ms"] == "123456789"
    assert before["cleanup.policy"] == "delete"
    assert after["max.message.bytes"] == "4321"
    assert len(before) > 20, "all configs are described, defaults too"


@needs("alter_config")
def test_an_impossible_config_is_refused(client, worker):
    admin = worker(client)
    admin.create_topic(topic="t", partitions=1, configs={})

    with pytest.raises(ClientFailed):
        admin.alter_config(topic="t", name="retention.ms", value="soon")


@needs("add_partitions")
def test_added_partitions_can_be_written_and_read(client, worker):
    admin = worker(client)
    admin.create_topic(topic="t", partitions=1, configs={"retention.ms": "-1"})

    admin.add_partitions(topic="t", total=4)

    eventually(lambda: admin.partitions_of(topic="t"), lambda count: count == 4, SEEN_S, "partitions")
    records = made_records(40, 4, FEATURES - client.cannot_write)
    where = admin.produce(topic="t", records=records, compression="none")
    assert sorted(map(tuple, where)) == [(p, o) for p in range(4) for o in range(10)]
    assert len(admin.consume("t")) == 40


@needs("delete_records")
def test_deleted_records_move_the_start_of_the_log(client, worker, helper):
    helper.create_topic(topic="t", partitions=2, configs={"retention.ms": "-1"})
    write(helper, "t", 100, 2)
    admin = worker(client)

    assert admin.delete_records(topic="t", partition=1, before=30) == 30

    assert admin.ends(topic="t") == {"0": [0, 50], "1": [30, 50]}
    assert [r.offset for r in admin.consume("t") if r.partition == 1] == list(range(30, 50))


def test_the_ends_of_a_topic(client, worker, helper):
    helper.create_topic(topic="t", partitions=2, configs={"retention.ms": "-1"})
    write(helper, "t", 41, 2)

    assert worker(client).ends(topic="t") == {"0": [0, 21], "1": [0, 20]}


@needs("list_groups", "group", "committed")
def test_a_group_is_listed_described_and_its_offsets_shown(client, worker, helper):
    helper.create_topic(topic="t", partitions=3, configs={})
    helper.commit_for(group="g", topic="t", partition=2, offset=0)
    admin = worker(client)

    assert admin.list_groups() == ["g"]
    found = admin.group(group="g")
    assert (found["state"].upper(), found["members"]) == ("EMPTY", 0)
    assert admin.committed(group="g", topic="t") == {"2": 0}


@needs("commit_for", "committed", "delete_group", "list_groups")
def test_offsets_are_committed_for_a_group_and_deleted_with_it(client, worker, helper):
    helper.create_topic(topic="t", partitions=3, configs={})
    write(helper, "t", 30, 3)
    admin = worker(client)

    admin.commit_for(group="g", topic="t", partition=1, offset=7)

    assert admin.committed(group="g", topic="t") == {"1": 7}
    admin.delete_group(group="g")
    assert admin.list_groups() == []
    assert helper.committed(group="g", topic="t") == {}
