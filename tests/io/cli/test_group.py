"""`odradek group`, and consuming as a member, against our broker."""

import itertools
import signal

import pytest

pytestmark = pytest.mark.usefixtures("at_broker")
numbers = itertools.count()


@pytest.fixture
def names(odradek):
    """A topic of two partitions with five records in each, and the name of a group nobody has used."""
    number = next(numbers)
    topic, group = f"gt{number}", f"gg{number}"
    odradek.ok("topic", "create", topic, "-p", 2)
    for partition in range(2):
        odradek.ok("produce", topic, "-p", partition, stdin=b"".join(b"%d-%d\n" % (partition, n) for n in range(5)))
    return topic, group


def offsets(odradek, group):
    rows = odradek.ok("group", "describe", group, "-o", "json").objects
    return {row["partition"]: (row["current_offset"], row["log_end_offset"], row["lag"]) for row in rows}


def test_a_member_commits_exactly_what_it_printed(odradek, names):
    topic, group = names

    first = odradek.ok("consume", topic, "-g", group, "-n", 7).lines
    assert sum(current for current, _, _ in offsets(odradek, group).values()) == 7
    rest = odradek.ok("consume", topic, "-g", group, "-e").lines

    assert sorted(first + rest) == sorted(f"{p}-{n}" for p in range(2) for n in range(5))
    assert offsets(odradek, group) == {0: (5, 5, 0), 1: (5, 5, 0)}


def test_describe_has_kafkas_columns(odradek, names):
    topic, group = names
    odradek.ok("consume", topic, "-g", group, "-e")

    found = odradek.ok("group", "describe", group)

    head, *rows = [line.split() for line in found.lines]
    assert " ".join(head) == "GROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG CONSUMER-ID HOST CLIENT-ID"
    assert rows == [[group, topic, str(p), "5", "5", "0", "-", "-", "-"] for p in range(2)]
    assert found.err == f"Consumer group '{group}' has no active members.\n"


def test_a_running_member_is_shown_with_its_partitions(odradek, spawned, names):
    topic, group = names
    process = spawned("consume", topic, "-g", group)
    assert process.stdout.readline()

    rows = odradek.ok("group", "describe", group, "-o", "json").objects
    assert {row["client_id"] for row in rows} == {"odradek-cli"}
    (member,) = odradek.ok("group", "describe", group, "--members", "-v", "-o", "json").objects
    assert (member["partitions"], member["assignment"]) == (2, f"{topic}(0,1)")
    (state,) = odradek.ok("group", "describe", group, "--state", "-o", "json").objects
    assert (state["state"], state["members"], state["assignment_strategy"]) == ("Stable", 1, "range")

    refused = odradek("group", "reset-offsets", group, "--to", "earliest", "--topic", topic, "--execute")
    assert refused.code == 1
    assert "Assignments can only be reset if the group" in refused.err
    kept = odradek("group", "delete", group)
    assert kept.code == 1
    assert "NON_EMPTY_GROUP" in kept.err


def test_two_members_share_the_partitions_and_one_takes_over_when_the_other_leaves(odradek, spawned, names):
    topic, group = names
    one = spawned("consume", topic, "-g", group, "-f", "%p\n")
    assert one.stdout.readline()
    two = spawned("consume", topic, "-g", group, "-o", "end", "-f", "%p\n")

    def shares():
        rows = odradek.ok("group", "describe", group, "--members", "-o", "json").objects
        return sorted(row["partitions"] for row in rows)

    while shares() != [1, 1]:
        assert two.poll() is None
    two.terminate()
    assert two.wait(20) == 143
    while shares() != [2]:
        assert one.poll() is None
    one.send_signal(signal.SIGINT)
    assert one.wait(20) == 130
    rows = odradek.ok("group", "describe", group, "-o", "json").objects
    assert sum(row["current_offset"] for row in rows if row["current_offset"] is not None) == 10


def test_groups_are_listed(odradek, names):
    topic, group = names
    odradek.ok("consume", topic, "-g", group, "-e")

    assert group in odradek.ok("group", "list").lines
    assert [group, "classic", "consumer", "Empty"] in [
        line.split() for line in odradek.ok("group", "list", "--state").lines
    ]
    assert {"group": group, "type": "classic", "protocol": "consumer", "state": "Empty"} in odradek.ok(
        "group", "list", "-o", "json"
    ).objects


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (("--to", "earliest", "--all-topics"), (0, 0)),
        (("--to", "latest", "--all-topics"), (5, 5)),
        (("--to", "3", "--all-topics"), (3, 3)),
        (("--to", "99", "--all-topics"), (5, 5)),
        (("--to", "current", "--all-topics"), (5, 5)),
        (("--to", "@0", "--all-topics"), (0, 0)),
        (("--to", "@now", "--all-topics"), (5, 5)),
        (("--shift-by", "-2", "--all-topics"), (3, 3)),
        (("--shift-by", "-20", "--all-topics"), (0, 0)),
        (("--by-duration", "PT1H", "--all-topics"), (0, 0)),
        (("--to-earliest", "--all-topics"), (0, 0)),
        (("--to-offset", "1", "--topic", "TOPIC:1"), (5, 1)),
    ],
)
def test_offsets_are_reset(odradek, names, options, found):
    topic, group = names
    odradek.ok("consume", topic, "-g", group, "-e")

    odradek.ok("group", "reset-offsets", group, *[text.replace("TOPIC", topic) for text in options], "--execute")

    now = offsets(odradek, group)
    assert (now[0][0], now[1][0]) == found


def test_without_execute_nothing_is_reset(odradek, names):
    topic, group = names
    odradek.ok("consume", topic, "-g", group, "-e")

    shown = odradek.ok("group", "reset-offsets", group, "--to", "earliest", "--topic", f"{topic}:0")

    assert [line.split() for line in shown.lines[1:]] == [[group, topic, "0", "0", "5"]]
    assert "Nothing was changed" in shown.err
    assert offsets(odradek, group)[0][0] == 5


def test_resetting_makes_offsets_for_a_group_that_is_new(odradek, names):
    topic, group = names

    odradek.ok("group", "reset-offsets", group, "--to", "2", "--topic", topic, "--execute")

    assert sorted(odradek.ok("consume", topic, "-g", group, "-e").lines) == ["0-2", "0-3", "0-4", "1-2", "1-3", "1-4"]


def test_a_group_is_deleted(odradek, names):
    topic, group = names
    odradek.ok("consume", topic, "-g", group, "-e")

    assert odradek.ok("group", "delete", group).out == (
        f"Deletion of requested consumer groups ('{group}') was successful.\n"
    )
    assert odradek("group", "delete", group).code == 1


def test_a_group_that_is_not_there_is_one_line(odradek):
    found = odradek("group", "describe", "nobody")

    assert found.code == 1
    assert "GROUP_ID_NOT_FOUND" in found.err
    assert found.err.count("\n") == 1
