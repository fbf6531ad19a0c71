"""InitProducerId and DescribeProducers."""

from typing import Any

import pytest
from lab import Client, Lab
from talk import TS, batch, booted, create, init_producer, produce

from odradek.core import effects as ef
from odradek.core.errors import ErrorCode
from odradek.core.wire.producers import DescribeProducersRequest, InitProducerIdRequest, TopicRequest


def described(client: Client, name: str, *indexes: int) -> Any:
    topics = (TopicRequest(name=name, partition_indexes=indexes or (0,)),)
    return client.ask(DescribeProducersRequest(topics=topics)).topics[0].partitions


@pytest.mark.parametrize("version", range(6))
def test_a_producer_gets_an_id_and_epoch_0_in_every_version(version: int) -> None:
    _, client = booted()
    answer = client.ask(InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=0), version)
    assert (answer.error_code, answer.producer_epoch) == (0, 0)
    assert answer.producer_id >= 0


@pytest.mark.parametrize("version", range(6))
def test_a_transactional_producer_is_refused_for_good_in_every_version(version: int) -> None:
    _, client = booted()
    answer = client.ask(InitProducerIdRequest(transactional_id="x", transaction_timeout_ms=1000), version)
    assert (answer.error_code, answer.producer_id, answer.producer_epoch) == (ErrorCode.INVALID_REQUEST, -1, -1)


@pytest.mark.parametrize(("producer", "epoch"), [(0, 0), (5, 3), (-1, -1)])
def test_an_idempotent_producer_that_names_an_id_gets_a_new_one(producer: int, epoch: int) -> None:
    _, client = booted()
    init_producer(client)
    request = InitProducerIdRequest(
        transactional_id=None, transaction_timeout_ms=0, producer_id=producer, producer_epoch=epoch
    )
    answer = client.ask(request, 4)
    assert (answer.error_code, answer.producer_epoch) == (0, 0)
    assert answer.producer_id > 0


def test_no_id_is_given_before_its_block_is_durable() -> None:
    lab, client = booted()
    lab.hold = lambda effect: isinstance(effect, ef.Sync)
    client.send(InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=0), 5)
    assert client.answers() == 0
    lab.release()
    assert client.take().error_code == 0


def test_a_full_disk_denies_new_blocks_with_an_error_that_is_tried_again() -> None:
    lab, client = booted()
    lab.fail = lambda effect: "ENOSPC" if isinstance(effect, ef.Append) else None
    answer = client.ask(InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=0), 5)
    assert answer.error_code == ErrorCode.COORDINATOR_NOT_AVAILABLE
    lab.fail = lambda effect: None
    assert init_producer(client) >= 0


def test_who_writes_to_a_partition_is_described() -> None:
    _, client = booted()
    create(client, "t")
    producer = init_producer(client)
    produce(client, "t", batch(b"a", b"b", producer_id=producer, producer_epoch=0, base_sequence=0))
    (part,) = described(client, "t")
    (state,) = part.active_producers
    assert (state.producer_id, state.producer_epoch, state.last_sequence, state.last_timestamp) == (producer, 0, 1, TS)
    assert state.current_txn_start_offset == -1


def test_a_partition_without_producers_has_none() -> None:
    _, client = booted()
    create(client, "t")
    produce(client, "t", batch(b"a"))
    assert described(client, "t")[0].active_producers == ()


def test_producers_of_what_is_not_there_are_unknown() -> None:
    _, client = booted()
    create(client, "t")
    codes = [described(client, "none")[0].error_code, described(client, "t", 7)[0].error_code]
    assert codes == [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION] * 2


def test_producers_are_described_alike_after_a_kill() -> None:
    lab, client = booted()
    create(client, "t")
    producer = init_producer(client)
    produce(client, "t", batch(b"a", producer_id=producer, producer_epoch=0, base_sequence=0))
    before = described(client, "t")
    assert described(Lab(files=lab.files).boot().connect(), "t") == before
