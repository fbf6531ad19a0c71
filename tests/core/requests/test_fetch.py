"""Fetch: budgets, waiting, sessions, fencing."""

from typing import Any

import pytest
from lab import Client, Lab
from talk import (
    TOPIC,
    alter,
    batch,
    booted,
    create,
    delete_records,
    deletion,
    fetch,
    fetched,
    fetching,
    produce,
    production,
    read_all,
    told,
    values,
)

from odradek.core import effects as ef
from odradek.core.errors import ErrorCode
from odradek.core.limits import Limits
from odradek.core.types import NO_TOPIC_ID
from odradek.core.wire.fetch import FetchPartition, FetchRequest, FetchTopic, ReplicaState

VERSIONS = range(4, 19)


def bench(partitions: int = 2, **settings: str) -> tuple[Lab, Client]:
    lab, client = booted()
    create(client, "t", partitions, **settings)
    return lab, client


def filled(count: int = 3, size: int = 1, **settings: str) -> tuple[Lab, Client]:
    lab, client = bench(**settings)
    for number in range(count):
        produce(client, "t", batch(b"%d" % number * size))
    return lab, client


def killed(lab: Lab) -> tuple[Lab, Client]:
    lab = Lab(files=lab.files).boot()
    return lab, lab.connect()


# Versions ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("isolation", [0, 1])
def test_records_come_in_every_version(version: int, isolation: int) -> None:
    _, client = booted()
    topic_id = create(client, "t")
    produce(client, "t", batch(b"a", b"b"))
    answer = client.ask(fetching("t", (0, 0), topic_id=topic_id, isolation=isolation), version)
    data = fetched(answer)
    assert (values(data), data.high_watermark, data.last_stable_offset) == ([b"a", b"b"], 2, 2)
    assert data.aborted_transactions == (() if isolation else None)
    if version >= 13:
        assert answer.responses[0].topic_id == topic_id


@pytest.mark.parametrize("version", VERSIONS)
def test_an_unknown_topic_is_told_in_every_version(version: int) -> None:
    _, client = booted()
    answer = client.ask(fetching("none", (0, 0), topic_id=b"x" * 16, wait_ms=1000), version)
    expected = ErrorCode.UNKNOWN_TOPIC_ID if version >= 13 else ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    assert fetched(answer).error_code == expected


@pytest.mark.parametrize("version", [12, 18])
def test_an_unknown_partition_of_a_known_topic_is_told(version: int) -> None:
    _, client = booted()
    topic_id = create(client, "t")
    answer = client.ask(fetching("t", (7, 0), topic_id=topic_id), version)
    assert fetched(answer).error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


# Offsets and epochs --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [-1, 4, 1000])
def test_an_offset_outside_the_log_is_out_of_range(offset: int) -> None:
    _, client = filled(3)
    assert fetch(client, "t", offset, wait_ms=1000).error_code == ErrorCode.OFFSET_OUT_OF_RANGE


def test_the_end_of_the_log_is_in_range() -> None:
    _, client = filled(3)
    data = fetch(client, "t", 3)
    assert (data.error_code, bytes(data.records)) == (0, b"")


def test_what_was_deleted_is_out_of_range_and_the_new_start_is_told() -> None:
    _, client = filled(3)
    delete_records(client, "t", 2)
    data = fetch(client, "t", 1)
    assert (data.error_code, data.log_start_offset) == (ErrorCode.OFFSET_OUT_OF_RANGE, 2)
    assert values(fetch(client, "t", 2)) == [b"2"]


@pytest.mark.parametrize(
    ("epoch", "code"), [(-1, 0), (0, ErrorCode.FENCED_LEADER_EPOCH), (1, 0), (2, ErrorCode.UNKNOWN_LEADER_EPOCH)]
)
def test_a_fetch_with_another_leader_epoch_is_fenced(epoch: int, code: int) -> None:
    lab, client = filled(1)
    lab, client = killed(lab)
    assert lab.node.broker.topics["t"].leaders[0].epoch == 1
    assert fetch(client, "t", 0, current_leader_epoch=epoch).error_code == code


def test_a_reader_that_read_what_a_crash_lost_is_told_where_to_go_back_to() -> None:
    lab, client = filled(3)
    lab, client = killed(lab)
    produce(client, "t", batch(b"x", b"y", b"z"))
    data = fetch(client, "t", 5, last_fetched_epoch=0)
    assert (data.diverging_epoch.epoch, data.diverging_epoch.end_offset) == (0, 3)
    assert bytes(data.records) == b""


def test_a_reader_of_the_present_epoch_reads_on() -> None:
    lab, client = filled(3)
    lab, client = killed(lab)
    produce(client, "t", batch(b"x"))
    data = fetch(client, "t", 3, last_fetched_epoch=0)
    assert (data.diverging_epoch, values(data)) == (None, [b"x"])


def test_an_epoch_that_never_was_is_out_of_range() -> None:
    _, client = filled(3)
    assert fetch(client, "t", 1, last_fetched_epoch=9).error_code == ErrorCode.OFFSET_OUT_OF_RANGE


def test_an_offset_before_the_start_is_out_of_range_whatever_its_epoch() -> None:
    _, client = filled(3)
    delete_records(client, "t", 2)
    data = fetch(client, "t", 0, last_fetched_epoch=9)
    assert (data.error_code, data.diverging_epoch) == (ErrorCode.OFFSET_OUT_OF_RANGE, None)


# Budgets -------------------------------------------------------------------------------------------------------------


def test_a_batch_larger_than_the_budget_comes_all_the_same_when_it_is_the_first() -> None:
    _, client = filled(3, size=1000)
    assert values(fetch(client, "t", 0, part_bytes=10, max_bytes=10)) == [b"0" * 1000]


def test_only_whole_batches_within_the_partitions_budget_come() -> None:
    _, client = filled(5, size=1000)
    assert len(told(fetch(client, "t", 0, part_bytes=3500))) == 3


def test_what_one_partition_took_the_next_does_not_get() -> None:
    _, client = bench()
    for index in (0, 1):
        produce(client, "t", batch(b"x" * 1000), index)
    answer = client.ask(fetching("t", (0, 0), (1, 0), max_bytes=1100), 12)
    assert [len(told(part)) for part in answer.responses[0].partitions] == [1, 0]


def test_an_empty_partition_leaves_the_exception_for_the_next() -> None:
    _, client = bench()
    produce(client, "t", batch(b"x" * 1000), 1)
    answer = client.ask(fetching("t", (0, 0), (1, 0), max_bytes=5), 12)
    assert [len(told(part)) for part in answer.responses[0].partitions] == [0, 1]


def test_the_broker_has_a_budget_of_its_own() -> None:
    lab, client = booted(limits=Limits(fetch_bytes_max=1500))
    create(client, "t")
    for _ in range(3):
        produce(client, "t", batch(b"x" * 1000))
    assert len(told(fetch(client, "t", 0))) == 1


@pytest.mark.parametrize("start", range(0, 40, 3))
def test_old_offsets_are_found_by_reading_the_index_range(start: int) -> None:
    lab, client = booted(limits=Limits(recent_batches=2))
    create(client, "t", index_interval_bytes="2000")
    for number in range(40):
        produce(client, "t", batch(b"%d" % number * 100))
    assert read_all(client, "t", start=start) == [b"%d" % number * 100 for number in range(start, 40)]


def test_a_fetch_crosses_segments_one_at_a_time() -> None:
    _, client = bench(segment_bytes="1024")
    for number in range(10):
        produce(client, "t", batch(b"%d" % number * 300))
    assert read_all(client, "t") == [b"%d" % number * 300 for number in range(10)]


# Waiting -------------------------------------------------------------------------------------------------------------


def test_a_fetch_at_the_end_waits_and_is_answered_when_a_record_comes() -> None:
    lab, client = bench()
    other = lab.connect()
    client.send(fetching("t", (0, 0), wait_ms=500), 12)
    assert client.answers() == 0
    produce(other, "t", batch(b"a"))
    assert values(fetched(client.take())) == [b"a"]
    assert lab.node.broker.parked == {}


def test_a_fetch_that_waited_long_enough_is_answered_with_nothing() -> None:
    lab, client = bench()
    client.send(fetching("t", (0, 0), wait_ms=500), 12)
    lab.sleep(499)
    assert client.answers() == 0
    lab.sleep(1)
    data = fetched(client.take())
    assert (bytes(data.records), data.error_code) == (b"", 0)


def test_a_fetch_waits_until_there_are_enough_bytes() -> None:
    lab, client = bench()
    other = lab.connect()
    client.send(fetching("t", (0, 0), wait_ms=500, min_bytes=2000), 12)
    produce(other, "t", batch(b"x" * 1000))
    assert client.answers() == 0
    produce(other, "t", batch(b"x" * 1000))
    assert len(told(fetched(client.take()))) == 2


def test_bytes_of_several_partitions_count_together() -> None:
    lab, client = bench()
    other = lab.connect()
    client.send(fetching("t", (0, 0), (1, 0), wait_ms=500, min_bytes=2000), 12)
    produce(other, "t", batch(b"x" * 1000), 0)
    assert client.answers() == 0
    produce(other, "t", batch(b"x" * 1000), 1)
    assert client.answers() == 1


def test_with_too_few_bytes_at_the_deadline_what_is_there_comes() -> None:
    lab, client = filled(1)
    client.send(fetching("t", (0, 0), wait_ms=500, min_bytes=100_000), 12)
    assert client.answers() == 0
    lab.sleep(500)
    assert values(fetched(client.take())) == [b"0"]


@pytest.mark.parametrize(("wait_ms", "min_bytes"), [(0, 1000), (-1, 1000), (500, 0)])
def test_who_does_not_want_to_wait_is_answered_at_once(wait_ms: int, min_bytes: int) -> None:
    _, client = bench()
    assert fetch(client, "t", 0, wait_ms=wait_ms, min_bytes=min_bytes).error_code == 0


def test_an_error_in_one_partition_ends_the_wait_for_all() -> None:
    _, client = bench()
    client.send(fetching("t", (0, 0), (9, 0), wait_ms=500), 12)
    assert client.answers() == 1


def test_a_fetch_of_nothing_is_answered_at_once() -> None:
    _, client = bench()
    assert client.ask(fetching("t", wait_ms=500), 12).responses == ()


def test_a_topic_deleted_while_a_fetch_waits_ends_the_wait() -> None:
    lab, client = bench()
    other = lab.connect()
    client.send(fetching("t", (0, 0), wait_ms=500), 12)
    other.ask(deletion("t"))
    assert fetched(client.take()).error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


def test_records_deleted_while_a_fetch_waits_below_them_end_the_wait() -> None:
    lab, client = filled(3)
    other = lab.connect()
    client.send(fetching("t", (0, 1), wait_ms=500, min_bytes=100_000), 12)
    delete_records(other, "t", 3)
    assert fetched(client.take()).error_code == ErrorCode.OFFSET_OUT_OF_RANGE


def test_a_client_that_goes_away_while_it_waits_leaves_nothing_behind() -> None:
    lab, client = bench()
    client.send(fetching("t", (0, 0), wait_ms=500), 12)
    client.close()
    assert lab.node.broker.parked == {}
    assert all(not leader.listeners for leader in lab.node.broker.leaders.values())
    assert len(lab.node.broker.timers) == 0


def test_an_answered_fetch_listens_no_more() -> None:
    lab, client = bench()
    client.send(fetching("t", (0, 0), (1, 0), wait_ms=500), 12)
    lab.sleep(500)
    assert all(not leader.listeners for leader in lab.node.broker.leaders.values())


def test_with_too_many_waiting_a_fetch_is_answered_at_once() -> None:
    lab, client = booted(limits=Limits(parked_requests=1))
    create(client, "t")
    other = lab.connect()
    other.send(fetching("t", (0, 0), wait_ms=500), 12)
    client.send(fetching("t", (0, 0), wait_ms=500), 12)
    assert (other.answers(), client.answers()) == (0, 1)


def test_a_waiting_fetch_does_not_see_what_is_not_yet_durable() -> None:
    lab, client = bench()
    other = lab.connect()
    client.send(fetching("t", (0, 0), wait_ms=500), 12)
    lab.hold = lambda effect: isinstance(effect, ef.Sync)
    other.send(production("t", batch(b"a")), 12)
    assert client.answers() == 0
    lab.release()
    assert values(fetched(client.take())) == [b"a"]


# Sessions ------------------------------------------------------------------------------------------------------------


def begun(client: Client, *wanted: tuple[int, int], **more: Any) -> Any:
    return client.ask(fetching("t", *wanted, session=(0, 0), **more), 12)


def told_of(answer: Any) -> list[int]:
    return [part.partition_index for topic in answer.responses for part in topic.partitions]


def test_a_new_session_tells_of_every_partition() -> None:
    _, client = bench()
    answer = begun(client, (0, 0), (1, 0))
    assert answer.session_id > 0
    assert told_of(answer) == [0, 1]


def test_an_incremental_fetch_leaves_out_what_did_not_change() -> None:
    _, client = bench()
    session = begun(client, (0, 0), (1, 0)).session_id
    produce(client, "t", batch(b"a"), 1)
    answer = client.ask(fetching("t", session=(session, 1)), 12)
    assert told_of(answer) == [1]
    assert answer.session_id == session


def test_a_moved_high_watermark_is_told_without_records() -> None:
    _, client = bench()
    session = begun(client, (0, 0)).session_id
    produce(client, "t", batch(b"a"), 0)
    answer = client.ask(fetching("t", (0, 1), session=(session, 1)), 12)
    assert (fetched(answer).high_watermark, bytes(fetched(answer).records)) == (1, b"")
    assert client.ask(fetching("t", session=(session, 2)), 12).responses == ()


def test_a_moved_log_start_is_told_and_ends_the_wait() -> None:
    lab, client = filled(3)
    session = begun(client, (0, 3)).session_id
    delete_records(lab.connect(), "t", 2)
    answer = client.ask(fetching("t", session=(session, 1), wait_ms=500), 12)
    assert fetched(answer).log_start_offset == 2


def test_an_error_is_told_every_time_and_its_end_too() -> None:
    lab, client = bench()
    session = begun(client, (0, 5)).session_id
    assert fetched(client.ask(fetching("t", session=(session, 1)), 12)).error_code == ErrorCode.OFFSET_OUT_OF_RANGE
    assert fetched(client.ask(fetching("t", (0, 0), session=(session, 2)), 12)).error_code == 0
    assert client.ask(fetching("t", session=(session, 3)), 12).responses == ()


def test_a_forgotten_partition_is_told_of_no_more() -> None:
    _, client = bench()
    session = begun(client, (0, 0), (1, 0)).session_id
    for index in (0, 1):
        produce(client, "t", batch(b"a"), index)
    assert told_of(client.ask(fetching("t", session=(session, 1), forget=(0,)), 12)) == [1]


def test_a_partition_with_much_to_read_does_not_starve_the_others() -> None:
    _, client = bench()
    for index in (0, 0, 0, 1):
        produce(client, "t", batch(b"x" * 1000), index)
    session = begun(client, (0, 0), (1, 0), max_bytes=1000).session_id
    answer = client.ask(fetching("t", (0, 1), session=(session, 1), max_bytes=1000), 12)
    assert [part.partition_index for topic in answer.responses for part in topic.partitions if len(part.records)] == [1]


@pytest.mark.parametrize(
    ("number", "epoch", "code"),
    [(0, 5, ErrorCode.INVALID_FETCH_SESSION_EPOCH), (99, 1, ErrorCode.FETCH_SESSION_ID_NOT_FOUND)],
)
def test_a_wrong_session_is_refused_with_no_session(number: int, epoch: int, code: int) -> None:
    _, client = bench()
    session = begun(client, (0, 0)).session_id
    answer = client.ask(fetching("t", session=(number or session, epoch)), 12)
    assert (answer.error_code, answer.session_id, answer.responses) == (code, 0, ())


def test_a_session_by_name_does_not_go_on_by_id() -> None:
    _, client = bench()
    session = begun(client, (0, 0)).session_id
    answer = client.ask(fetching("t", session=(session, 1)), 13)
    assert answer.error_code == ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR


def test_an_unknown_topic_id_is_told_in_a_session_until_it_is_forgotten() -> None:
    _, client = bench()
    answer = client.ask(fetching("", (0, 0), topic_id=b"x" * 16, session=(0, 0)), 18)
    again = client.ask(fetching("", session=(answer.session_id, 1)), 18)
    assert [fetched(one).error_code for one in (answer, again)] == [ErrorCode.UNKNOWN_TOPIC_ID] * 2


def test_a_deleted_topic_of_a_session_turns_into_an_error_by_id() -> None:
    lab, client = booted()
    topic_id = create(client, "t")
    session = client.ask(fetching("", (0, 0), topic_id=topic_id, session=(0, 0)), 18).session_id
    lab.connect().ask(deletion("t"))
    create(client, "t")
    answer = client.ask(fetching("", session=(session, 1)), 18)
    assert fetched(answer).error_code == ErrorCode.UNKNOWN_TOPIC_ID


def test_the_fencing_epoch_of_a_partition_lives_in_the_session() -> None:
    # KAFKA-9338: an incremental fetch must not drop the epoch that the partition was added with.
    lab, client = filled(1)
    session = begun(client, (0, 0), current_leader_epoch=0).session_id
    lab.node.broker.topics["t"].leaders[0].epoch = 1
    answer = client.ask(fetching("t", session=(session, 1)), 12)
    assert fetched(answer).error_code == ErrorCode.FENCED_LEADER_EPOCH


# Faults --------------------------------------------------------------------------------------------------------------


def aged() -> tuple[Lab, Client, str]:
    """A topic whose first records can only be found by reading; the directory of its log."""
    lab, client = booted(limits=Limits(recent_batches=2))
    directory = create(client, "t", 2, index_interval_bytes="4000").hex()
    for number in range(20):
        produce(client, "t", batch(b"%d" % number * 100))
    produce(client, "t", batch(b"other"), 1)
    return lab, client, f"{directory}-0"


def test_a_partition_that_cannot_be_read_is_set_aside_and_the_others_live() -> None:
    lab, client, directory = aged()
    lab.fail = lambda effect: "EIO" if isinstance(effect, ef.Read) and effect.file.startswith(directory) else None
    assert fetch(client, "t", 3, wait_ms=500).error_code == ErrorCode.KAFKA_STORAGE_ERROR
    assert fetch(client, "t", 19).error_code == ErrorCode.KAFKA_STORAGE_ERROR
    assert produce(client, "t", batch(b"a")).error_code == ErrorCode.KAFKA_STORAGE_ERROR
    assert values(fetch(client, "t", 0, 1)) == [b"other"]
    assert lab.halted is None


def test_a_fetch_that_reads_is_answered_once_when_its_deadline_passes_meanwhile() -> None:
    lab, client, _ = aged()
    lab.hold = lambda effect: isinstance(effect, ef.Read)
    client.send(fetching("t", (0, 3), wait_ms=100), 12)
    lab.sleep(200)
    assert client.answers() == 0
    lab.hold = lambda effect: False
    lab.release()
    assert client.answers() == 1
    assert b"3" * 100 in values(fetched(client.take()))


def test_a_client_that_goes_away_while_its_fetch_reads_leaves_nothing_behind() -> None:
    lab, client, _ = aged()
    lab.hold = lambda effect: isinstance(effect, ef.Read)
    client.send(fetching("t", (0, 3), wait_ms=100), 12)
    client.close()
    assert lab.node.broker._readers == {}
    lab.release()
    assert (lab.node.broker.parked, client.answers()) == ({}, 0)


def test_a_topic_deleted_while_its_fetch_reads_is_told() -> None:
    lab, client, _ = aged()
    lab.hold = lambda effect: isinstance(effect, ef.Read)
    client.send(fetching("t", (0, 3), wait_ms=100), 12)
    lab.hold = lambda effect: False
    lab.connect().ask(deletion("t"))
    lab.release()
    assert fetched(client.take()).error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


@pytest.mark.parametrize("version", [11, 17])
def test_a_client_that_claims_to_be_a_replica_is_refused(version: int) -> None:
    # CVE-2018-1288: such a fetch would move the high watermark.
    _, client = booted()
    topic_id = create(client, "t")
    part = FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=100)
    topics = (FetchTopic(topic="t", topic_id=topic_id, partitions=(part,)),)
    request = FetchRequest(topics=topics)
    if version < 15:
        request.replica_id = 1
    else:
        request.replica_state = ReplicaState(replica_id=1, replica_epoch=1)
    answer = client.ask(request, version)
    assert answer.error_code == ErrorCode.CLUSTER_AUTHORIZATION_FAILED


def test_a_fetch_of_too_many_partitions_is_refused() -> None:
    _, client = booted(limits=Limits(fetch_partitions_max=1))
    create(client, "t", 2)
    assert client.ask(fetching("t", (0, 0), (1, 0)), 12).error_code == ErrorCode.INVALID_REQUEST


def test_a_topic_by_no_id_at_all_is_unknown() -> None:
    _, client = bench()
    answer = client.ask(fetching("", (0, 0), topic_id=NO_TOPIC_ID), 18)
    assert fetched(answer).error_code == ErrorCode.UNKNOWN_TOPIC_ID


def test_settings_may_change_while_a_fetch_waits() -> None:
    lab, client = bench()
    other = lab.connect()
    client.send(fetching("t", (0, 0), wait_ms=500), 12)
    assert alter(other, TOPIC, "t", retention_ms="1000").error_code == 0
    produce(other, "t", batch(b"a"))
    assert values(fetched(client.take())) == [b"a"]
