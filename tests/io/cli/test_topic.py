"""`odradek topic` against our broker."""

import pytest

pytestmark = pytest.mark.usefixtures("at_broker")


def test_a_topic_is_created_listed_described_and_deleted(odradek):
    assert odradek.ok("topic", "create", "life", "-p", 3, "-c", "retention.ms=86400000").out == "Created topic life.\n"
    assert "life" in odradek.ok("topic", "list").lines

    head, *partitions = odradek.ok("topic", "describe", "life").lines
    cells = dict(cell.split(": ", 1) for cell in head.split("\t"))
    assert cells["Topic"] == "life"
    assert len(cells["TopicId"]) == 22
    assert cells["PartitionCount"] == "3"
    assert cells["ReplicationFactor"] == "1"
    assert "retention.ms=86400000" in cells["Configs"].split(",")
    assert [line.split("\t")[2] for line in partitions] == ["Partition: 0", "Partition: 1", "Partition: 2"]
    assert all(line.startswith("\tTopic: life\t") for line in partitions)

    assert odradek.ok("topic", "delete", "life").out == "Deleted topic life.\n"
    assert "life" not in odradek.ok("topic", "list").lines


def test_json_has_one_object_per_topic(odradek):
    odradek.ok("topic", "create", "j1", "j2", "-p", 2)

    listed = {row["topic"]: row for row in odradek.ok("topic", "list", "-o", "json").objects}
    assert listed["j1"] == {"topic": "j1", "partitions": 2, "replicas": 1, "internal": False}
    described = odradek.ok("topic", "describe", "j1", "j2", "-o", "json").objects
    assert [row["topic"] for row in described] == ["j1", "j2"]
    assert [row["partition"] for row in described[0]["partitions"]] == [0, 1]


def test_a_topic_that_exists_is_an_error_unless_that_is_fine(odradek):
    odradek.ok("topic", "create", "twice")

    again = odradek("topic", "create", "twice")
    assert again.code == 1
    assert "TOPIC_ALREADY_EXISTS" in again.err
    assert odradek.ok("topic", "create", "twice", "--if-not-exists").out == "Topic twice exists already.\n"


def test_one_bad_name_does_not_keep_the_good_ones_from_being_made(odradek):
    found = odradek("topic", "create", "good", "b@d")

    assert found.code == 1
    assert found.out == "Created topic good.\n"
    assert "b@d" in found.err


def test_a_dry_run_creates_nothing(odradek):
    assert odradek.ok("topic", "create", "dry", "--dry-run").out == "Topic dry can be created.\n"
    assert "dry" not in odradek.ok("topic", "list").lines


def test_an_unknown_setting_is_refused_by_name(odradek):
    found = odradek("topic", "create", "t", "-c", "retention.mss=1")

    assert found.code == 1
    assert "retention.mss" in found.err


def test_settings_are_changed_and_taken_back(odradek):
    odradek.ok("topic", "create", "alt", "-c", "retention.ms=1000000")
    odradek.ok("topic", "alter", "alt", "-c", "segment.bytes=2000000", "--delete-config", "retention.ms", "-p", 4)

    (row,) = odradek.ok("topic", "describe", "alt", "-o", "json").objects
    assert row["configs"]["segment.bytes"] == "2000000"
    assert "retention.ms" not in row["configs"]
    assert len(row["partitions"]) == 4


@pytest.mark.parametrize("verb", [("describe",), ("delete",), ("alter", "-p", 3), ("alter", "-c", "retention.ms=1")])
def test_a_topic_that_is_not_there_is_one_line(odradek, verb):
    found = odradek("topic", verb[0], "nowhere", *verb[1:])

    assert found.code == 1
    assert "nowhere" in found.err
    assert "UNKNOWN_TOPIC_OR_PARTITION" in found.err
    assert found.err.count("\n") == 1


def test_deleting_what_is_not_there_can_be_fine(odradek):
    assert odradek.ok("topic", "delete", "nowhere", "--if-exists").out == "Topic nowhere does not exist.\n"


def test_partitions_cannot_become_fewer(odradek):
    odradek.ok("topic", "create", "wide", "-p", 3)

    found = odradek("topic", "alter", "wide", "-p", 2)
    assert found.code == 1
    assert "INVALID_PARTITIONS" in found.err


@pytest.mark.parametrize("name", ["\udcff", "a" * 70_000])
def test_a_name_that_cannot_be_sent_is_one_line(odradek, name):
    found = odradek("topic", "create", name)

    assert found.code == 1
    assert "CreateTopics cannot be sent" in found.err
    assert found.err.count("\n") == 1
