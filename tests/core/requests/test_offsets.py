"""ListOffsets, OffsetForLeaderEpoch, DeleteRecords."""

from typing import Any

import pytest
from lab import Client, Lab
from talk import (
    EARLIEST,
    LATEST,
    MAX_TIMESTAMP,
    TS,
    batch,
    booted,
    create,
    delete_records,
    deletion,
    find,
    listed,
    listing,
    produce,
    read_all,
)

from odradek.core import effects as ef
from odradek.core.errors import ErrorCode
from odradek.core.limits import Limits
from odradek.core.records.batch import GZIP, NONE, ZSTD
from odradek.core.wire.offsets import (
    DeleteRecordsPartition,
    DeleteRecordsRequest,
    DeleteRecordsTopic,
    ListOffsetsPartition,
    ListOffsetsRequest,
    ListOffsetsTopic,
    OffsetForLeaderEpochRequest,
    OffsetForLeaderPartition,
    OffsetForLeaderTopic,
)

VERSIONS = range(12)


def bench(*batches: bytes, **settings: str) -> tuple[Lab, Client]:
    lab, client = booted(limits=Limits(recent_batches=2))
    create(client, "t", 2, **settings)
    for data in batches:
        produce(client, "t", data)
    return lab, client


def three() -> tuple[Lab, Client]:
    return bench(*(batch(b"x", ts=TS + number) for number in range(3)))


def offset_in(answer: Any, version: int) -> int:
    """The one offset of an answer, wherever the version has it."""
    if version == 0:
        (only,) = answer.old_style_offsets
        return only  # type: ignore[no-any-return]
    return answer.offset  # type: ignore[no-any-return]


# ListOffsets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_the_ends_of_the_log_are_told_in_every_version(version: int) -> None:
    _, client = three()
    delete_records(client, "t", 1)
    found = [offset_in(listed(client, "t", end, version=version), version) for end in (LATEST, EARLIEST)]
    assert found == [3, 1]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_timestamp_is_found_in_every_version(version: int) -> None:
    _, client = three()
    answer = listed(client, "t", TS + 1, version=version)
    assert offset_in(answer, version) == 1
    assert answer.timestamp == (TS + 1 if version else -1)
    assert answer.leader_epoch == (0 if version >= 4 else -1)


@pytest.mark.parametrize("version", VERSIONS)
def test_an_unknown_topic_is_told_in_every_version(version: int) -> None:
    _, client = three()
    assert listed(client, "none", LATEST, version=version).error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


@pytest.mark.parametrize(("special", "since"), [(-3, 7), (-4, 8), (-5, 9), (-6, 11)])
def test_special_timestamps_are_known_from_their_version_on(special: int, since: int) -> None:
    _, client = three()
    codes = [listed(client, "t", special, version=version).error_code for version in range(1, 12)]
    assert codes == [ErrorCode.UNSUPPORTED_VERSION if version < since else 0 for version in range(1, 12)]


@pytest.mark.parametrize(("special", "offset"), [(-4, 0), (-5, -1), (-6, -1)])
def test_without_tiers_the_local_log_is_all_there_is(special: int, offset: int) -> None:
    _, client = three()
    assert listed(client, "t", special).offset == offset


def test_no_record_so_late_is_told_as_minus_one() -> None:
    _, client = three()
    answer = listed(client, "t", TS + 9)
    assert (answer.error_code, answer.offset, answer.timestamp) == (0, -1, -1)


def test_version_0_tells_as_many_ends_as_it_may() -> None:
    _, client = three()
    answers = [listed(client, "t", LATEST, version=0, max_num_offsets=most).old_style_offsets for most in (0, 1, 5)]
    assert answers == [(), (3,), (3, 0)]


@pytest.mark.parametrize("codec", [NONE, GZIP, ZSTD])
@pytest.mark.parametrize(("target", "offset"), [(0, 0), (10, 0), (11, 1), (20, 1), (25, 2), (30, 2)])
def test_a_timestamp_is_found_inside_a_batch(codec: int, target: int, offset: int) -> None:
    _, client = bench(batch(b"a", b"b", b"c", ts=[TS + 10, TS + 20, TS + 30], compression=codec))
    assert listed(client, "t", TS + target).offset == offset


def test_the_first_record_late_enough_is_meant_even_where_times_go_back() -> None:
    _, client = bench(batch(b"a", ts=TS + 50), batch(b"b", ts=TS + 10), batch(b"c", ts=TS + 60))
    assert [listed(client, "t", TS + t).offset for t in (5, 50, 55)] == [0, 0, 2]


def test_the_largest_timestamp_is_found_with_its_first_record() -> None:
    _, client = bench(batch(b"a", b"b", ts=[TS, TS + 9]), batch(b"c", b"d", ts=[TS + 9, TS + 1]))
    answer = listed(client, "t", MAX_TIMESTAMP)
    assert (answer.offset, answer.timestamp) == (1, TS + 9)


def test_the_largest_timestamp_of_nothing_is_none() -> None:
    _, client = bench()
    answer = listed(client, "t", MAX_TIMESTAMP)
    assert (answer.error_code, answer.offset, answer.timestamp) == (0, -1, -1)


def test_a_timestamp_does_not_find_what_was_deleted() -> None:
    _, client = three()
    delete_records(client, "t", 2)
    assert listed(client, "t", TS).offset == 2


@pytest.mark.parametrize("number", [0, 7, 19])
def test_a_timestamp_is_found_across_segments_and_restarts(number: int) -> None:
    lab, client = bench(*(batch(b"x" * 300, ts=TS + n) for n in range(20)), segment_bytes="1024")
    assert listed(client, "t", TS + number).offset == number
    client = Lab(files=lab.stop()).boot().connect()
    assert listed(client, "t", TS + number).offset == number


def test_several_lookups_of_one_request_are_answered_together() -> None:
    _, client = three()
    produce(client, "t", batch(b"y", ts=TS + 5), 1)
    parts = tuple(ListOffsetsPartition(partition_index=i, timestamp=t) for i, t in ((0, TS + 2), (1, TS + 5), (7, -1)))
    answer = client.ask(ListOffsetsRequest(replica_id=-1, topics=(ListOffsetsTopic(name="t", partitions=parts),)))
    assert [(part.offset, part.error_code) for part in answer.topics[0].partitions] == [(2, 0), (0, 0), (-1, 3)]


def test_a_partition_named_twice_is_refused_and_the_others_are_not() -> None:
    _, client = three()
    parts = tuple(ListOffsetsPartition(partition_index=i, timestamp=LATEST) for i in (0, 1, 0))
    answer = client.ask(ListOffsetsRequest(replica_id=-1, topics=(ListOffsetsTopic(name="t", partitions=parts),)))
    bad = ErrorCode.INVALID_REQUEST
    assert [part.error_code for part in answer.topics[0].partitions] == [bad, 0, bad]


@pytest.mark.parametrize(
    ("epoch", "code"), [(-1, 0), (0, ErrorCode.FENCED_LEADER_EPOCH), (1, 0), (2, ErrorCode.UNKNOWN_LEADER_EPOCH)]
)
def test_a_client_with_another_epoch_is_fenced(epoch: int, code: int) -> None:
    lab, _ = three()
    client = Lab(files=lab.files).boot().connect()
    assert listed(client, "t", LATEST, current_leader_epoch=epoch).error_code == code


def test_a_lookup_whose_file_cannot_be_read_fails_alone() -> None:
    lab, client = three()
    name = lab.node.broker.topics["t"].leaders[0].log.name
    lab.fail = lambda effect: "EIO" if isinstance(effect, ef.Read) and effect.file.startswith(name) else None
    assert listed(client, "t", TS).error_code == ErrorCode.KAFKA_STORAGE_ERROR
    assert listed(client, "t", LATEST, 1).error_code == 0
    assert lab.halted is None


def test_a_topic_deleted_during_a_lookup_is_told() -> None:
    lab, client = three()
    lab.hold = lambda effect: isinstance(effect, ef.Read)
    client.send(listing("t", TS), 11)
    lab.hold = lambda effect: False
    lab.connect().ask(deletion("t"))
    lab.release()
    assert client.take().topics[0].partitions[0].error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


def test_a_client_that_goes_away_during_a_lookup_leaves_nothing_behind() -> None:
    lab, client = three()
    lab.hold = lambda effect: isinstance(effect, ef.Read)
    client.send(listing("t", TS), 11)
    client.close()
    assert (lab.node.broker.parked, lab.node.broker._readers) == ({}, {})
    lab.release()
    assert client.answers() == 0


# OffsetForLeaderEpoch ------------------------------------------------------------------------------------------------


def epoch_end(client: Client, epoch: int, version: int = 4, name: str = "t", current: int = -1) -> Any:
    part = OffsetForLeaderPartition(partition=0, current_leader_epoch=current, leader_epoch=epoch)
    request = OffsetForLeaderEpochRequest(topics=(OffsetForLeaderTopic(topic=name, partitions=(part,)),))
    return client.ask(request, version).topics[0].partitions[0]


@pytest.mark.parametrize("version", [2, 3, 4])
def test_the_end_of_an_epoch_is_told_in_every_version(version: int) -> None:
    lab, _ = three()
    client = Lab(files=lab.files).boot().connect()
    produce(client, "t", batch(b"y"))
    answers = [epoch_end(client, epoch, version) for epoch in (0, 1, 2)]
    assert [(a.leader_epoch, a.end_offset) for a in answers] == [(0, 3), (1, 4), (-1, -1)]


@pytest.mark.parametrize("version", [2, 3, 4])
def test_the_end_of_an_epoch_of_no_topic_is_unknown(version: int) -> None:
    _, client = three()
    assert epoch_end(client, 0, version, "none").error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


def test_who_asks_for_epochs_is_fenced_too() -> None:
    _, client = three()
    assert epoch_end(client, 0, current=5).error_code == ErrorCode.UNKNOWN_LEADER_EPOCH


# DeleteRecords -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [0, 1, 2])
def test_records_are_deleted_in_every_version(version: int) -> None:
    _, client = three()
    topics = (DeleteRecordsTopic(name="t", partitions=(DeleteRecordsPartition(partition_index=0, offset=2),)),)
    answer = client.ask(DeleteRecordsRequest(topics=topics), version).topics[0].partitions[0]
    assert (answer.error_code, answer.low_watermark) == (0, 2)
    assert listed(client, "t", EARLIEST).offset == 2


def test_minus_one_deletes_everything_committed() -> None:
    _, client = three()
    assert delete_records(client, "t", -1).low_watermark == 3
    assert read_all(client, "t", start=3) == []


def test_deleting_less_than_what_is_gone_changes_nothing() -> None:
    _, client = three()
    delete_records(client, "t", 2)
    assert delete_records(client, "t", 1).low_watermark == 2


@pytest.mark.parametrize("offset", [4, -2])
def test_deleting_outside_of_the_log_is_out_of_range(offset: int) -> None:
    _, client = three()
    answer = delete_records(client, "t", offset)
    assert (answer.error_code, answer.low_watermark) == (ErrorCode.OFFSET_OUT_OF_RANGE, -1)


@pytest.mark.parametrize(("name", "index"), [("none", 0), ("t", 7)])
def test_deleting_from_what_is_not_there_is_unknown(name: str, index: int) -> None:
    _, client = three()
    assert delete_records(client, name, 0, index).error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


def test_nobody_deletes_from_the_offsets_topic() -> None:
    _, client = three()
    find(client, "g")
    assert delete_records(client, "__consumer_offsets", -1).error_code == ErrorCode.INVALID_TOPIC_EXCEPTION


@pytest.mark.parametrize("clean", [True, False])
def test_what_was_deleted_stays_deleted(clean: bool) -> None:
    lab, client = three()
    delete_records(client, "t", 2)
    lab.sleep(1000)
    client = Lab(files=lab.stop() if clean else lab.files).boot().connect()
    assert listed(client, "t", EARLIEST).offset == 2
