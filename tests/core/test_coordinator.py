"""The coordinator: replies wait for commits, a shard's log is restated, and rot sets one shard aside."""

from typing import Any

import pytest
from lab import Client, Lab
from talk import booted, commit, committed, committing, create, deletion, find, join_alone, offset_fetching

from odradek.core import coordinator
from odradek.core import effects as ef
from odradek.core.coordinator import Host
from odradek.core.errors import ErrorCode
from odradek.core.groups.routing import shard_of
from odradek.core.limits import Limits

ONE_SHARD = {"offsets.topic.num.partitions": "1"}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restatements after a few commits."""
    monkeypatch.setattr(coordinator, "RESTATE_BYTES_MIN", 1500)


def bench(**more: Any) -> tuple[Lab, Client]:
    lab, client = booted(config=ONE_SHARD, **more)
    create(client, "t", 3)
    find(client, "g")
    return lab, client


def host(lab: Lab) -> Host:
    return lab.node.broker.coordinator.hosts[0]


def ledger(lab: Lab) -> list[tuple[bytes, bytes | None]]:
    return sorted(host(lab).shard.snapshot())


def restart(lab: Lab, clean: bool, **more: Any) -> Lab:
    return Lab(files=lab.stop() if clean else lab.files, config=ONE_SHARD, **more).boot()


def test_a_read_behind_a_commit_waits_for_it() -> None:
    lab, client = bench()
    other = lab.connect()
    lab.hold = lambda effect: isinstance(effect, ef.Sync)
    client.send(committing("g", "t", 5), 9)
    other.send(offset_fetching("g", "t"), 9)
    assert (client.answers(), other.answers()) == (0, 0)
    lab.release()
    assert other.take().groups[0].topics[0].partitions[0].committed_offset == 5


def test_replies_come_in_the_order_of_their_commits() -> None:
    lab, client = bench()
    lab.hold = lambda effect: isinstance(effect, ef.Sync)
    for number in range(5):
        client.send(committing("g", "t", number), 9)
    lab.hold = lambda effect: False
    lab.release()
    assert client.answers() == 5
    assert [client.take().topics[0].partitions[0].error_code for _ in range(5)] == [0] * 5
    assert committed(client, "g", "t").committed_offset == 4


@pytest.mark.parametrize("clean", [True, False])
def test_replaying_the_log_is_the_same_as_having_lived(clean: bool) -> None:
    lab, client = bench()
    for number in range(20):
        commit(client, f"g{number % 4}", "t", number, number % 3, metadata=f"m{number}")
    join_alone(client, "members")
    create(client, "gone")
    commit(client, "g1", "gone", 5)
    client.ask(deletion("gone"))
    before = ledger(lab)
    assert ledger(restart(lab, clean)) == before


def test_the_log_of_a_shard_stays_bounded(small: None) -> None:
    lab, client = bench()
    for number in range(200):
        commit(client, "g", "t", number)
    assert lab.noted("group log restated")
    assert host(lab).leader.log.start > 0
    assert host(lab).leader.log.size < 6000


@pytest.mark.parametrize("count", [11, 12, 13, 14, 15, 16, 30, 61])
@pytest.mark.parametrize("clean", [True, False])
def test_wherever_a_restatement_was_a_restart_finds_the_same(small: None, count: int, clean: bool) -> None:
    lab, client = bench()
    for number in range(count):
        commit(client, f"g{number % 4}", "t", number, number % 3)
    before = ledger(lab)
    assert ledger(restart(lab, clean)) == before


def test_a_kill_in_the_middle_of_a_restatement_loses_nothing(small: None) -> None:
    lab, client = bench()
    for number in range(10):
        assert commit(client, f"g{number}", "t", number) == 0
    acked = {}
    lab.hold = lambda effect: isinstance(effect, ef.Sync)
    for number in range(10, 20):
        client.send(committing("g", "t", number), 9)
    assert lab.noted("group log restated")
    again = restart(lab, False).connect()
    for number in range(10):
        acked[number] = committed(again, f"g{number}", "t").committed_offset
    assert acked == {number: number for number in range(10)}


def test_a_restatement_that_finds_no_room_changes_nothing(small: None) -> None:
    lab, client = bench()
    for number in range(10):
        commit(client, f"g{number}", "t", number)
    before = ledger(lab)
    lab.fail = lambda effect: "ENOSPC" if isinstance(effect, ef.Append) else None
    while not lab.noted("group log restated"):
        if commit(client, "g", "t", 1):
            lab.fail = lambda effect: None
            break
    lab.fail = lambda effect: None
    lab.sleep(10_000)
    assert ledger(lab) == before
    assert commit(client, "g", "t", 7) == 0
    assert ledger(restart(lab, False)) == ledger(lab)


def test_commits_that_were_not_stored_are_not_remembered() -> None:
    lab, client = bench()
    commit(client, "g", "t", 5)
    lab.fail = lambda effect: "ENOSPC" if isinstance(effect, ef.Append) else None
    lab.hold = lambda effect: isinstance(effect, ef.Read)
    assert commit(client, "g", "t", 6) == ErrorCode.COORDINATOR_NOT_AVAILABLE
    lab.fail = lambda effect: None
    answer = client.ask(offset_fetching("g", "t"), 9)
    assert answer.groups[0].error_code == ErrorCode.COORDINATOR_LOAD_IN_PROGRESS
    lab.hold = lambda effect: False
    lab.release()
    assert committed(client, "g", "t").committed_offset == 5


def test_nothing_is_served_while_the_log_is_loaded() -> None:
    # KAFKA-5600, KAFKA-2163
    lab, client = bench()
    commit(client, "g", "t", 5)
    again = Lab(files=lab.stop(), config=ONE_SHARD)
    offsets = host(lab).leader.log.name
    again.hold = lambda effect: isinstance(effect, ef.Read) and effect.file.startswith(offsets)
    again.boot()
    client = again.connect()
    loading = ErrorCode.COORDINATOR_LOAD_IN_PROGRESS
    assert commit(client, "g", "t", 6) == loading
    assert client.ask(offset_fetching("g", "t"), 9).groups[0].error_code == loading
    again.hold = lambda effect: False
    while again.held:
        again.release()
    assert committed(client, "g", "t").committed_offset == 5


@pytest.mark.parametrize("at", [16, 70])
def test_rot_in_one_shard_closes_it_and_no_other(at: int) -> None:
    lab, client = booted(config={"offsets.topic.num.partitions": "2"})
    create(client, "t")
    groups = {shard_of(f"g{number}", 2): f"g{number}" for number in range(10)}
    find(client, "g")
    for group in groups.values():
        commit(client, group, "t", 5)
    name = lab.node.broker.coordinator.hosts[0].leader.log.name
    files = lab.stop()
    files[f"{name}/{0:020d}.log"][at] ^= 0xFF
    again = Lab(files=files, config={"offsets.topic.num.partitions": "2"}).boot()
    client = again.connect()
    answer = client.ask(offset_fetching(groups[0], "t"), 9)
    assert answer.groups[0].error_code == ErrorCode.COORDINATOR_NOT_AVAILABLE
    assert committed(client, groups[1], "t").committed_offset == 5
    assert again.halted is None


def test_a_shard_whose_file_cannot_be_read_is_closed_and_no_crash() -> None:
    lab, client = bench()
    commit(client, "g", "t", 5)
    name = host(lab).leader.log.name
    again = Lab(files=lab.stop(), config=ONE_SHARD)
    again.fail = lambda effect: "EIO" if isinstance(effect, ef.Read) and effect.file.startswith(name) else None
    again.boot()
    answer = again.connect().ask(offset_fetching("g", "t"), 9)
    assert answer.groups[0].error_code == ErrorCode.COORDINATOR_NOT_AVAILABLE


def test_a_log_longer_than_one_read_is_loaded_whole() -> None:
    lab, client = bench()
    for number in range(100):
        commit(client, f"g{number}", "t", number, metadata="x" * 50)
    before = ledger(lab)
    assert ledger(restart(lab, True, limits=Limits(recovery_read_bytes=700))) == before


def test_offsets_expire_by_time_and_for_good() -> None:
    lab, client = booted(config=ONE_SHARD | {"offsets.retention.minutes": "1"})
    create(client, "t")
    find(client, "g")
    commit(client, "g", "t", 5)
    lab.sleep(3_600_000)
    assert committed(lab.connect(), "g", "t").committed_offset == -1
    assert ledger(restart(lab, False)) == []
