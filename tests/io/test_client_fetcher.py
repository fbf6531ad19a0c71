"""Fetching: which records of a batch are handed out, and where reading goes on."""

import struct

import pytest

from odradek.core.records.build import build
from odradek.core.records.read import Record
from odradek.core.wire.fetch import AbortedTransaction, FetchableTopicResponse, FetchResponse, PartitionData
from odradek.core.wire.offsets import ListOffsetsPartitionResponse, ListOffsetsResponse, ListOffsetsTopicResponse
from odradek.io.client import Place
from odradek.io.client_errors import ClientError
from odradek.io.client_fetcher import Fetcher
from odradek.io.client_offsets import EARLIEST, LATEST

HERE = Place("t", 0)
TOPIC_ID = b"i" * 16


class OneLeader:
    """A client with one broker, whose answers to Fetch are given; logs reach from 10 to 20."""

    patience_s = 0.0

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def by_leader(self, places):
        return {1: list(places)}

    def node(self, number):
        return self

    def id_of(self, topic):
        return TOPIC_ID

    def forget(self):
        pass

    def persist(self, act):
        return act()

    def version(self, key):
        return 11

    def send(self, request, highest, timeout_s):
        self.asked.append(request)

    def receive(self, ticket):
        return self.answers.pop(0)

    def ask(self, request):
        row = request.topics[0].partitions[0]
        offset = {EARLIEST: 10, LATEST: 20}[row.timestamp]
        found = ListOffsetsPartitionResponse(partition_index=0, offset=offset)
        return ListOffsetsResponse(topics=(ListOffsetsTopicResponse(name="t", partitions=(found,)),))


def fetched(*batches, end=100, **more):
    row = PartitionData(high_watermark=end, last_stable_offset=end, records=b"".join(batches), **more)
    return FetchResponse(responses=(FetchableTopicResponse(topic_id=TOPIC_ID, partitions=(row,)),))


def batch(base, *values, **more):
    return build([Record(base + i, 1, None, value) for i, value in enumerate(values)], base_offset=base, **more)


def marker(base, producer, kind):
    key = struct.pack(">hh", 0, kind)
    record = Record(base, 1, key, b"\0\0\0\0\0\0")
    return build([record], base_offset=base, producer_id=producer, producer_epoch=0, transactional=True, control=True)


def values(chunks):
    return [record.value for chunk in chunks for record in chunk.records]


def test_records_below_the_position_are_not_handed_out_again():
    fetcher = Fetcher(OneLeader(fetched(batch(10, b"a", b"b", b"c"))), {HERE: 11})

    assert values(fetcher.poll()) == [b"b", b"c"]
    assert fetcher.positions == {HERE: 13}


def test_a_batch_that_is_cut_short_at_the_end_is_left_for_the_next_fetch():
    whole = batch(1, b"b")
    fetcher = Fetcher(OneLeader(fetched(batch(0, b"a"), whole[:-3]), fetched(whole)), {HERE: 0})

    assert values(fetcher.poll()) == [b"a"]
    assert values(fetcher.poll()) == [b"b"]


def test_the_position_passes_what_compaction_took():
    fetcher = Fetcher(OneLeader(fetched(batch(0, b"a", last_offset=9), end=10)), {HERE: 0})

    fetcher.poll()

    assert fetcher.positions == {HERE: 10}
    assert fetcher.at_end()


def test_the_end_is_known_only_when_it_was_asked_for():
    fetcher = Fetcher(OneLeader(fetched(end=0)), {HERE: 0})

    assert not fetcher.at_end()
    fetcher.poll()
    assert fetcher.at_end()


@pytest.mark.parametrize(
    ("committed", "found"), [(True, [b"other", b"kept"]), (False, [b"x", b"other", b"y", b"kept"])]
)
def test_records_of_an_aborted_transaction_are_left_out_when_asked_for_committed_ones(committed, found):
    mine = {"producer_id": 7, "producer_epoch": 0, "base_sequence": 0, "transactional": True}
    data = (
        batch(0, b"x", **mine),
        batch(1, b"other"),
        batch(2, b"y", **mine),
        marker(3, 7, 0),
        batch(4, b"kept", **mine),
    )
    aborted = (AbortedTransaction(producer_id=7, first_offset=0),)
    client = OneLeader(fetched(*data, aborted_transactions=aborted))
    fetcher = Fetcher(client, {HERE: 0}, committed=committed)

    assert values(fetcher.poll()) == found
    assert fetcher.positions == {HERE: 5}
    assert client.asked[0].isolation_level == int(committed)


def test_markers_are_never_handed_out():
    fetcher = Fetcher(OneLeader(fetched(marker(0, 7, 1))), {HERE: 0})

    assert values(fetcher.poll()) == []
    assert fetcher.positions == {HERE: 1}


def test_a_damaged_batch_is_an_error_with_its_offset():
    damaged = batch(5, b"abc")
    damaged[-2] ^= 1

    with pytest.raises(ClientError, match="batch at offset 5 of t-0 is damaged"):
        Fetcher(OneLeader(fetched(damaged)), {HERE: 5}).poll()


@pytest.mark.parametrize(("asked", "restart", "goes_on"), [(3, LATEST, 10), (99, LATEST, 20), (99, EARLIEST, 10)])
def test_a_position_out_of_range_is_moved_into_it_and_that_is_told(asked, restart, goes_on):
    fetcher = Fetcher(OneLeader(fetched(error_code=1)), {HERE: asked}, restart=restart)

    fetcher.poll()

    assert fetcher.positions == {HERE: goes_on}
    assert fetcher.skipped == [f"t-0 has offsets 10 to 20: {asked} was asked, {goes_on} is taken"]


def test_an_error_that_does_not_pass_in_time_is_raised():
    with pytest.raises(ClientError, match="NOT_LEADER_OR_FOLLOWER"):
        Fetcher(OneLeader(fetched(error_code=6)), {HERE: 0}).poll()
