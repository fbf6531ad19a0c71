"""The leader's side of a partition: when records count, and who is told."""

from random import Random

import attrs
import pytest
from lab import Lab
from talk import batch

from odradek.core.errors import ErrorCode, Refused
from odradek.core.facts import HighMoved
from odradek.core.limits import Limits
from odradek.core.log.config import Durability, LogConfig
from odradek.core.log.store import Store
from odradek.core.machine import Out
from odradek.core.records.batch import parse
from odradek.core.replica.leader import Leader, Wait
from odradek.core.types import Now, TopicPartition

NOW = Now(0, 0)
HERE = TopicPartition(bytes(16), 3)


class Bench:
    """A leader over a log whose completions are given by hand."""

    def __init__(self, durability: Durability = Durability.SYNC, epoch: int = 0) -> None:
        self.store = Store(Limits(), Random(1))
        self.store.committer.refusal = ""
        self.log = self.store.create("x-3", LogConfig(durability=durability), NOW)
        self.out = Out()
        self.leader = Leader(HERE, "t", self.log, epoch, (0,), (0,))
        self.leader.start(self.out)
        self.told: list[tuple[str, int]] = []

    def append(self, count: int = 1) -> int:
        data = memoryview(bytearray(batch(*[b"v"] * count)))
        return self.log.append(data, (parse(data),), self.leader.epoch, NOW, self.out).last + 1

    def wrote(self) -> None:
        self.log.written = self.log.end
        self.leader.moved(self.out)

    def synced(self) -> None:
        self.log.durable = self.log.written
        self.leader.moved(self.out)

    # A waiter ----------------------------------------------------------------------------------------------------

    def reached(self, index: int, out: Out) -> None:
        self.told.append(("reached", index))

    def lost(self, index: int, code: ErrorCode, out: Out) -> None:
        self.told.append((code.name, index))

    def poke(self, partition: TopicPartition, out: Out) -> None:
        self.told.append(("poked", partition.partition))


def test_under_sync_the_high_watermark_waits_for_the_platter() -> None:
    bench = Bench()
    bench.append(3)
    bench.wrote()
    assert bench.leader.high == 0
    bench.synced()
    assert bench.leader.high == 3


@pytest.mark.parametrize("durability", [Durability.REPLICATED, Durability.INTERVAL])
def test_otherwise_it_moves_once_records_are_written(durability: Durability) -> None:
    bench = Bench(durability)
    bench.append(3)
    assert bench.leader.high == 0
    bench.wrote()
    assert bench.leader.high == 3


def test_one_ack_is_enough_as_soon_as_it_is_written() -> None:
    bench = Bench()
    bench.leader.wait(1, Wait(bench.append(), bench, 7), bench.out)
    assert bench.told == []
    bench.wrote()
    assert bench.told == [("reached", 7)]


def test_all_acks_wait_for_the_high_watermark() -> None:
    bench = Bench()
    bench.leader.wait(-1, Wait(bench.append(), bench, 7), bench.out)
    bench.wrote()
    assert bench.told == []
    bench.synced()
    assert bench.told == [("reached", 7)]


def test_who_waits_for_what_has_happened_is_told_at_once() -> None:
    bench = Bench()
    upto = bench.append()
    bench.wrote()
    bench.synced()
    bench.leader.wait(-1, Wait(upto, bench, 1), bench.out)
    bench.leader.wait(1, Wait(upto, bench, 2), bench.out)
    assert bench.told == [("reached", 1), ("reached", 2)]


def test_waiters_are_told_in_the_order_of_their_offsets() -> None:
    bench = Bench()
    for index in range(4):
        bench.leader.wait(-1, Wait(bench.append(), bench, index), bench.out)
    bench.wrote()
    bench.synced()
    assert bench.told == [("reached", index) for index in range(4)]


def test_the_high_watermark_never_moves_back() -> None:
    bench = Bench(Durability.REPLICATED)
    bench.append(3)
    bench.wrote()
    bench.log.config = attrs.evolve(bench.log.config, durability=Durability.SYNC)
    bench.leader.moved(bench.out)
    assert bench.leader.high == 3


def test_listeners_are_poked_when_there_is_more_to_read() -> None:
    bench = Bench()
    bench.leader.listeners[bench] = None
    bench.append()
    bench.wrote()
    assert bench.told == []
    bench.synced()
    assert bench.told == [("poked", 3)]


def test_only_a_leader_that_tells_says_that_its_high_watermark_moved() -> None:
    quiet, loud = Bench(), Bench()
    loud.leader.tells = True
    for bench in (quiet, loud):
        bench.append()
        bench.wrote()
        bench.synced()
    assert [fact for fact in quiet.out.facts if isinstance(fact, HighMoved)] == []
    assert HighMoved(HERE, 1) in loud.out.facts


def test_who_waited_for_records_that_were_cut_away_is_told_of_the_disk() -> None:
    bench = Bench()
    first, second = bench.append(), bench.append()
    bench.leader.wait(-1, Wait(first, bench, 1), bench.out)
    bench.leader.wait(-1, Wait(second, bench, 2), bench.out)
    bench.leader.cut(1, bench.out)
    assert bench.told == [("KAFKA_STORAGE_ERROR", 2)]


def test_a_leader_that_fails_tells_everyone_and_serves_nothing_more() -> None:
    bench = Bench()
    bench.leader.wait(-1, Wait(bench.append(), bench, 1), bench.out)
    bench.leader.listeners[bench] = None
    bench.leader.fail(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, bench.out)
    assert bench.told == [("UNKNOWN_TOPIC_OR_PARTITION", 1), ("poked", 3)]
    with pytest.raises(Refused):
        bench.leader.check(-1)


@pytest.mark.parametrize(
    ("client", "code"),
    [(-1, None), (4, None), (3, ErrorCode.FENCED_LEADER_EPOCH), (5, ErrorCode.UNKNOWN_LEADER_EPOCH)],
)
def test_a_client_with_another_epoch_is_fenced(client: int, code: ErrorCode | None) -> None:
    leader = Bench(epoch=4).leader
    if code is None:
        leader.check(client)
        return
    with pytest.raises(Refused) as caught:
        leader.check(client)
    assert caught.value.code is code


def test_the_present_epoch_ends_at_the_end_of_the_log() -> None:
    bench = Bench(epoch=2)
    bench.append(5)
    assert bench.leader.end_of_epoch(2) == (2, 5)


def test_an_older_epoch_ends_where_the_next_began() -> None:
    bench = Bench(epoch=1)
    bench.append(2)
    bench.leader.epoch = 4
    bench.log.begin_epoch(4)
    bench.append(2)
    assert [bench.leader.end_of_epoch(epoch) for epoch in (1, 2, 3, 4, 5)] == [(1, 2), (1, 2), (1, 2), (4, 4), (-1, -1)]


def test_what_the_broker_writes_is_one_batch() -> None:
    lab = Lab(config={"durability": "sync"}).boot()
    leader = lab.node.broker.metadata.leader
    out, end = Out(), leader.log.end
    assert leader.write([(None, b"a"), (b"k", b"b")], Now(lab.mono, lab.wall), out) == end + 2
    assert len([effect for effect in out.effects if type(effect).__name__ == "Append"]) == 1
