"""Produce: what each `acks` waits for, and which error each fault becomes."""

import pytest
from lab import Client, Lab
from talk import (
    LATEST,
    TOPIC,
    TS,
    alter,
    batch,
    booted,
    create,
    deletion,
    fetch,
    find,
    init_producer,
    listed,
    produce,
    produced,
    production,
    read_all,
    told,
    values,
)

from odradek.core import effects as ef
from odradek.core.errors import ErrorCode
from odradek.core.records.batch import GZIP, LOG_APPEND_TIME, LZ4, NONE, ZSTD, parse
from odradek.core.types import NO_TOPIC_ID
from odradek.core.wire.produce import PartitionProduceData, ProduceRequest, TopicProduceData

VERSIONS = range(3, 14)
OUT_OF_ORDER = ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER


def bench(**settings: str) -> tuple[Lab, Client]:
    lab, client = booted()
    create(client, "t", 2, **settings)
    return lab, client


def data_sync(effect: ef.Effect) -> bool:
    return isinstance(effect, ef.Sync)


def sequenced(producer: int, sequence: int, *payload: bytes, epoch: int = 0) -> bytes:
    return batch(*(payload or (b"v",)), producer_id=producer, producer_epoch=epoch, base_sequence=sequence)


# Versions ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("acks", [-1, 1])
def test_records_are_appended_and_answered_in_every_version(version: int, acks: int) -> None:
    lab, client = booted()
    topic_id = create(client, "t")
    first = produce(client, "t", batch(b"a", b"b"), version=version, acks=acks, topic_id=topic_id)
    second = produce(client, "t", batch(b"c"), version=version, acks=acks, topic_id=topic_id)
    assert [(p.error_code, p.base_offset) for p in (first, second)] == [(0, 0), (0, 2)]
    assert read_all(client, "t") == [b"a", b"b", b"c"]


@pytest.mark.parametrize("version", VERSIONS)
def test_no_acks_get_no_answer_in_every_version(version: int) -> None:
    lab, client = booted()
    topic_id = create(client, "t")
    client.send(production("t", batch(b"a"), acks=0, topic_id=topic_id), version)
    client.asked.pop()
    assert client.answers() == 0
    assert read_all(client, "t") == [b"a"]


@pytest.mark.parametrize("version", VERSIONS)
def test_an_unknown_topic_is_told_in_every_version(version: int) -> None:
    _, client = booted()
    code = produce(client, "none", batch(b"a"), version=version, topic_id=b"x" * 16).error_code
    assert code == (ErrorCode.UNKNOWN_TOPIC_ID if version >= 13 else ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)


def test_version_13_names_topics_by_id_and_answers_with_it() -> None:
    _, client = booted()
    topic_id = create(client, "t")
    answer = client.ask(production("", batch(b"a"), topic_id=topic_id), 13)
    assert answer.responses[0].topic_id == topic_id
    assert produced(answer).error_code == 0


# Acks ----------------------------------------------------------------------------------------------------------------


def test_under_sync_nothing_is_acked_before_the_sync_is_done() -> None:
    lab, client = bench()
    lab.hold = data_sync
    client.send(production("t", batch(b"a")), 12)
    assert client.answers() == 0
    lab.release()
    assert produced(client.take()).base_offset == 0


def test_before_the_sync_is_done_nobody_sees_the_record() -> None:
    lab, client = bench()
    other = lab.connect()
    lab.hold = data_sync
    client.send(production("t", batch(b"a")), 12)
    seen = fetch(other, "t", 0)
    assert (bytes(seen.records), seen.high_watermark, listed(other, "t", LATEST).offset) == (b"", 0, 0)
    lab.release()
    seen = fetch(other, "t", 0)
    assert (values(seen), seen.high_watermark, listed(other, "t", LATEST).offset) == ([b"a"], 1, 1)


def test_records_of_a_group_commit_are_all_acked_after_its_sync() -> None:
    lab, client = bench()
    other = lab.connect()
    lab.hold = data_sync
    for one, index in ((client, 0), (other, 1), (client, 1)):
        one.send(production("t", batch(b"a"), index), 12)
    assert client.answers() + other.answers() == 0
    while lab.held:
        lab.release()
    assert [produced(client.take()).error_code for _ in range(2)] == [0, 0]
    assert produced(other.take()).error_code == 0


@pytest.mark.parametrize("durability", ["replicated", "interval"])
def test_otherwise_a_record_is_acked_once_it_is_written(durability: str) -> None:
    lab, client = bench(durability=durability)
    lab.hold = data_sync
    assert produce(client, "t", batch(b"a")).error_code == 0


def test_one_ack_does_not_wait_for_the_sync() -> None:
    lab, client = bench()
    lab.hold = data_sync
    assert produce(client, "t", batch(b"a"), acks=1).error_code == 0


def test_one_ack_waits_for_the_write() -> None:
    lab, client = bench()
    lab.hold = lambda effect: isinstance(effect, ef.Append)
    client.send(production("t", batch(b"a"), acks=1), 12)
    assert client.answers() == 0
    lab.release()
    assert produced(client.take()).error_code == 0


@pytest.mark.parametrize("acks", [2, -2, 5])
def test_other_acks_are_refused(acks: int) -> None:
    _, client = bench()
    assert produce(client, "t", batch(b"a"), acks=acks).error_code == ErrorCode.INVALID_REQUIRED_ACKS


def test_a_failure_without_acks_closes_the_connection() -> None:
    lab, client = bench()
    client.send(production("none", batch(b"a"), acks=0), 12)
    assert (client.answers(), client.is_closed) == (0, True)


def test_a_produce_that_takes_longer_than_its_timeout_says_so_and_its_records_stay() -> None:
    lab, client = bench()
    lab.hold = data_sync
    client.send(production("t", batch(b"a"), timeout_ms=500), 12)
    lab.sleep(499)
    assert client.answers() == 0
    lab.sleep(1)
    answer = produced(client.take())
    assert (answer.error_code, answer.base_offset) == (ErrorCode.REQUEST_TIMED_OUT, -1)
    lab.release()
    assert read_all(client, "t") == [b"a"]


def test_completions_after_the_timeout_answer_nothing_more() -> None:
    lab, client = bench()
    lab.hold = data_sync
    client.send(production("t", batch(b"a"), timeout_ms=5), 12)
    lab.sleep(5)
    lab.release()
    assert client.answers() == 1


def test_a_client_that_goes_away_does_not_hold_its_records_back() -> None:
    lab, client = bench()
    other = lab.connect()
    lab.hold = data_sync
    client.send(production("t", batch(b"a")), 12)
    client.close()
    lab.release()
    assert lab.node.broker.parked == {}
    assert read_all(other, "t") == [b"a"]


def test_too_few_replicas_refuse_all_acks_and_no_others() -> None:
    _, client = bench(min_insync_replicas="2")
    codes = [produce(client, "t", batch(b"a"), acks=acks).error_code for acks in (-1, 1)]
    assert codes == [ErrorCode.NOT_ENOUGH_REPLICAS, 0]
    assert read_all(client, "t") == [b"a"]


# Several partitions --------------------------------------------------------------------------------------------------


def several(*parts: tuple[str, int, bytes | None]) -> ProduceRequest:
    topics = tuple(
        TopicProduceData(
            name=name, topic_id=NO_TOPIC_ID, partition_data=(PartitionProduceData(index=index, records=data),)
        )
        for name, index, data in parts
    )
    return ProduceRequest(acks=-1, timeout_ms=1000, topic_data=topics)


def test_each_partition_has_an_outcome_of_its_own() -> None:
    _, client = bench()
    answer = client.ask(several(("t", 0, batch(b"a")), ("none", 0, batch(b"b")), ("t", 9, batch(b"c"))), 12)
    assert [topic.partition_responses[0].error_code for topic in answer.responses] == [
        0,
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    ]


def test_a_request_is_answered_when_its_last_partition_is_safe() -> None:
    lab, client = bench()
    create(client, "fast", durability="replicated")
    lab.hold = data_sync
    client.send(several(("fast", 0, batch(b"a")), ("t", 0, batch(b"b"))), 12)
    assert client.answers() == 0
    lab.release()
    assert [topic.partition_responses[0].error_code for topic in client.take().responses] == [0, 0]


def test_a_request_for_nothing_is_answered_at_once() -> None:
    _, client = bench()
    assert client.ask(ProduceRequest(acks=-1, timeout_ms=1), 12).responses == ()


def test_a_topic_deleted_while_a_produce_waits_ends_the_wait() -> None:
    lab, client = booted()
    directory = create(client, "t").hex()
    other = lab.connect()
    lab.hold = lambda effect: isinstance(effect, ef.Append) and effect.file.startswith(directory)
    client.send(production("t", batch(b"a")), 12)
    assert client.answers() == 0
    assert other.ask(deletion("t")).responses[0].error_code == 0
    assert produced(client.take()).error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    lab.release()
    assert client.answers() == 0


# Records -------------------------------------------------------------------------------------------------------------


def test_a_broken_crc_is_told_so_that_the_client_sends_again() -> None:
    _, client = bench()
    data = bytearray(batch(b"abc"))
    data[-1] ^= 1
    assert produce(client, "t", bytes(data)).error_code == ErrorCode.CORRUPT_MESSAGE


@pytest.mark.parametrize("data", [None, b"", batch(b"a") + batch(b"b")])
def test_anything_but_one_batch_is_refused(data: bytes | None) -> None:
    _, client = bench()
    assert produce(client, "t", data).error_code == ErrorCode.INVALID_RECORD


def test_a_batch_that_is_cut_short_is_refused() -> None:
    _, client = bench()
    assert produce(client, "t", batch(b"abc")[:-1]).error_code == ErrorCode.CORRUPT_MESSAGE


def test_a_refused_batch_changes_nothing() -> None:
    _, client = bench()
    produce(client, "t", batch(b"abc")[:-1])
    assert produce(client, "t", batch(b"a")).base_offset == 0


def test_zstd_needs_version_7() -> None:
    _, client = bench()
    data = batch(b"a", compression=ZSTD)
    codes = [produce(client, "t", data, version=version).error_code for version in (6, 7)]
    assert codes == [ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, 0]


def test_transactional_batches_are_refused() -> None:
    _, client = bench()
    data = batch(b"a", transactional=True, producer_id=1, producer_epoch=0, base_sequence=0)
    assert produce(client, "t", data).error_code == ErrorCode.INVALID_TXN_STATE


def test_clients_do_not_write_the_offsets_topic() -> None:
    _, client = bench()
    find(client, "g")
    assert produce(client, "__consumer_offsets", batch(b"a")).error_code == ErrorCode.INVALID_TOPIC_EXCEPTION


def test_log_append_time_labels_records_with_the_time_of_the_broker() -> None:
    lab, client = bench(message_timestamp_type="LogAppendTime")
    lab.sleep(5000)
    answer = produce(client, "t", batch(b"a", b"b", ts=5))
    assert answer.log_append_time_ms == lab.wall
    data = fetch(client, "t", 0)
    assert [record.timestamp for record in told(data)] == [lab.wall] * 2
    assert parse(data.records).timestamp_type == LOG_APPEND_TIME


def test_create_time_keeps_the_times_of_the_client() -> None:
    _, client = bench()
    answer = produce(client, "t", batch(b"a", b"b", ts=[TS - 5, TS]))
    assert answer.log_append_time_ms == -1
    assert [record.timestamp for record in told(fetch(client, "t", 0))] == [TS - 5, TS]


@pytest.mark.parametrize(("name", "codec"), [("gzip", GZIP), ("lz4", LZ4), ("zstd", ZSTD), ("uncompressed", NONE)])
@pytest.mark.parametrize("sent", [NONE, GZIP])
def test_a_topic_with_a_codec_of_its_own_stores_every_batch_in_it(name: str, codec: int, sent: int) -> None:
    _, client = bench(compression_type=name)
    produce(client, "t", batch(b"a" * 500, b"b", compression=sent))
    data = fetch(client, "t", 0)
    assert parse(data.records).compression == codec
    assert values(data) == [b"a" * 500, b"b"]


@pytest.mark.parametrize("codec", [NONE, GZIP, LZ4, ZSTD])
def test_the_producers_codec_is_kept_and_its_bytes_with_it(codec: int) -> None:
    _, client = bench()
    data = batch(b"a" * 500, compression=codec)
    produce(client, "t", data)
    # All but the offset, the epoch and what lies between: the CRC begins behind them.
    assert bytes(fetch(client, "t", 0).records)[16:] == data[16:]


def test_a_batch_that_packs_too_large_for_the_topic_is_refused() -> None:
    _, client = bench(max_message_bytes="200", compression_type="uncompressed")
    data = batch(b"a" * 500, compression=GZIP)
    assert len(data) < 200
    assert produce(client, "t", data).error_code == ErrorCode.MESSAGE_TOO_LARGE


def test_an_offset_of_the_log_start_comes_with_every_success() -> None:
    _, client = bench()
    assert produce(client, "t", batch(b"a")).log_start_offset == 0


# Idempotence ---------------------------------------------------------------------------------------------------------


def test_a_retry_gets_the_answer_of_the_first_attempt_and_is_not_written_again() -> None:
    _, client = bench()
    producer = init_producer(client)
    first = produce(client, "t", sequenced(producer, 0, b"a", b"b"))
    again = produce(client, "t", sequenced(producer, 0, b"a", b"b"))
    assert (again.error_code, again.base_offset) == (0, first.base_offset)
    assert read_all(client, "t") == [b"a", b"b"]


def test_the_last_five_batches_are_remembered_and_no_sixth() -> None:
    _, client = bench()
    producer = init_producer(client)
    for sequence in range(6):
        produce(client, "t", sequenced(producer, sequence))
    answers = [produce(client, "t", sequenced(producer, sequence)) for sequence in range(6)]
    assert answers[0].error_code == OUT_OF_ORDER
    assert [answer.base_offset for answer in answers[1:]] == [1, 2, 3, 4, 5]


def test_a_gap_in_the_sequence_is_refused() -> None:
    _, client = bench()
    producer = init_producer(client)
    produce(client, "t", sequenced(producer, 0))
    assert produce(client, "t", sequenced(producer, 2)).error_code == OUT_OF_ORDER


def test_the_sequence_wraps_to_zero() -> None:
    _, client = bench()
    producer = init_producer(client)
    last = 2**31 - 1
    codes = [produce(client, "t", sequenced(producer, s)).error_code for s in (last - 1, last, 0, 1, 0)]
    assert codes == [0, 0, 0, 0, 0]
    assert len(read_all(client, "t")) == 4


def test_one_batch_may_wrap_in_its_middle() -> None:
    _, client = bench()
    producer = init_producer(client)
    produce(client, "t", sequenced(producer, 2**31 - 2, b"a", b"b", b"c"))
    assert produce(client, "t", sequenced(producer, 1)).base_offset == 3


def test_an_older_epoch_is_fenced() -> None:
    _, client = bench()
    producer = init_producer(client)
    produce(client, "t", sequenced(producer, 0, epoch=3))
    assert produce(client, "t", sequenced(producer, 1, epoch=2)).error_code == ErrorCode.INVALID_PRODUCER_EPOCH


def test_a_newer_epoch_begins_at_zero() -> None:
    _, client = bench()
    producer = init_producer(client)
    produce(client, "t", sequenced(producer, 0))
    codes = [produce(client, "t", sequenced(producer, s, epoch=1)).error_code for s in (1, 0)]
    assert codes == [OUT_OF_ORDER, 0]


def test_partitions_count_their_sequences_apart() -> None:
    _, client = bench()
    producer = init_producer(client)
    assert [produce(client, "t", sequenced(producer, 0), index).error_code for index in (0, 1)] == [0, 0]


def test_a_retry_waits_for_the_sync_of_the_first_attempt() -> None:
    lab, client = bench()
    producer = init_producer(client)
    other = lab.connect()
    lab.hold = data_sync
    client.send(production("t", sequenced(producer, 0)), 12)
    other.send(production("t", sequenced(producer, 0)), 12)
    assert client.answers() + other.answers() == 0
    lab.release()
    assert [produced(one.take()).base_offset for one in (client, other)] == [0, 0]


@pytest.mark.parametrize("clean", [True, False])
def test_retries_are_recognised_after_a_restart(clean: bool) -> None:
    lab, client = bench()
    producer = init_producer(client)
    for sequence in range(7):
        produce(client, "t", sequenced(producer, sequence))
    client = Lab(files=lab.stop() if clean else lab.files).boot().connect()
    codes = [produce(client, "t", sequenced(producer, s)).error_code for s in (1, 2, 6, 8, 7)]
    assert codes == [OUT_OF_ORDER, 0, 0, OUT_OF_ORDER, 0]
    assert len(read_all(client, "t")) == 8


def test_a_retry_under_log_append_time_gets_the_time_of_the_first_attempt() -> None:
    lab, client = bench(message_timestamp_type="LogAppendTime")
    producer = init_producer(client)
    first = produce(client, "t", sequenced(producer, 0))
    lab.sleep(1000)
    again = produce(client, "t", sequenced(producer, 0))
    assert again.log_append_time_ms == first.log_append_time_ms


# Disks ---------------------------------------------------------------------------------------------------------------


def is_data(effect: ef.Effect) -> bool:
    return isinstance(effect, ef.Append) and effect.file.endswith(".log")


def test_a_full_disk_refuses_the_produce_and_recovers_when_space_is_back() -> None:
    lab, client = bench()
    produce(client, "t", batch(b"a"))
    lab.fail = lambda effect: "ENOSPC" if isinstance(effect, ef.Append) else None
    answer = produce(client, "t", batch(b"b"))
    assert (answer.error_code, answer.base_offset) == (ErrorCode.KAFKA_STORAGE_ERROR, -1)
    assert values(fetch(client, "t", 0)) == [b"a"]
    lab.fail = lambda effect: None
    assert produce(client, "t", batch(b"c")).error_code == ErrorCode.KAFKA_STORAGE_ERROR
    lab.sleep(10_000)
    assert produce(client, "t", batch(b"d")).base_offset == 1
    assert read_all(client, "t") == [b"a", b"d"]


def test_a_producer_refused_by_a_full_disk_may_send_the_same_batch_again() -> None:
    lab, client = bench()
    producer = init_producer(client)
    produce(client, "t", sequenced(producer, 0, b"a"))
    lab.fail = lambda effect: "ENOSPC" if isinstance(effect, ef.Append) else None
    assert produce(client, "t", sequenced(producer, 1, b"b")).error_code == ErrorCode.KAFKA_STORAGE_ERROR
    lab.fail = lambda effect: None
    lab.sleep(10_000)
    assert produce(client, "t", sequenced(producer, 1, b"b")).error_code == 0
    assert read_all(client, "t") == [b"a", b"b"]


def test_after_a_failed_sync_nothing_is_acked_and_the_node_halts() -> None:
    lab, client = bench()
    lab.fail = lambda effect: "EIO" if isinstance(effect, ef.Sync) else None
    client.send(production("t", batch(b"a")), 12)
    assert client.answers() == 0
    assert lab.halted is not None and "EIO" in lab.halted


def test_a_failed_write_halts_the_node_before_any_ack() -> None:
    lab, client = bench()
    lab.fail = lambda effect: "EIO" if is_data(effect) else None
    client.send(production("t", batch(b"a"), acks=1), 12)
    assert client.answers() == 0
    assert lab.halted


def test_a_change_of_the_topics_largest_batch_holds_for_the_next_one() -> None:
    _, client = bench()
    data = batch(b"a" * 300)
    assert produce(client, "t", data).error_code == 0
    alter(client, TOPIC, "t", max_message_bytes="100")
    assert produce(client, "t", data).error_code == ErrorCode.MESSAGE_TOO_LARGE
