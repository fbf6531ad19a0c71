from random import Random

import pytest

from odradek.core.groups.config import GroupConfig
from odradek.core.groups.ledger import Ledger
from odradek.core.groups.out import Appended, Reply, ShardOut
from odradek.core.groups.schema import Change, OffsetCommitValue, OffsetKey, offset_change
from odradek.core.groups.turn import BATCH_OVERHEAD, SESSION, Timer, Turn, record_bytes
from odradek.core.limits import Limits
from odradek.core.records.build import Record, build
from odradek.core.timers import Timers
from odradek.core.types import MS, Now


def turn(batch_bytes_max: int = 10_000) -> Turn:
    config = GroupConfig(batch_bytes_max=batch_bytes_max)
    return Turn(config, Limits(), Random(1), Ledger(10), Timers(), Now(7 * MS, 1_000), ShardOut())


def change(partition: int, offset: int | None = 1) -> Change:
    value = None if offset is None else OffsetCommitValue(offset=offset)
    return offset_change(OffsetKey("g", "t", partition), value)


def test_what_is_written_is_true_at_once_and_appended_with_its_replies() -> None:
    t = turn()
    t.write([change(0), change(1)], [("ticket", "body")])
    assert sorted(t.ledger.offsets_of("g")) == [("t", 0), ("t", 1)]
    (act,) = t.out.acts
    assert isinstance(act, Appended)
    assert (act.records, act.timestamp) == ((change(0).record, change(1).record), 1_000)
    assert act.replies == (("ticket", "body"),)


def test_undoing_newest_first_gives_back_what_was() -> None:
    t = turn()
    t.write([change(0, 1)])
    before = t.ledger.snapshot()
    t.write([change(0, 2), change(0, 3), change(1, 4)])
    act = t.out.acts[-1]
    assert isinstance(act, Appended)
    for name, value in reversed(act.undo):
        t.ledger.put(name, value)
    assert t.ledger.snapshot() == before


def test_what_does_not_fit_one_batch_is_split_and_the_last_one_carries_the_replies() -> None:
    size = record_bytes(change(0).record)
    t = turn(batch_bytes_max=BATCH_OVERHEAD + 2 * size)
    t.write_split([change(partition) for partition in range(5)], [("ticket", "body")])
    acts = [act for act in t.out.acts if isinstance(act, Appended)]
    assert [len(act.records) for act in acts] == [2, 2, 1]
    assert [len(act.replies) for act in acts] == [0, 0, 1]


def test_replies_to_no_change_at_all_wait_for_earlier_ones() -> None:
    t = turn()
    t.write_split([], [("ticket", "body")])
    assert t.out.acts == [Reply("ticket", "body", True)]


def test_a_batch_that_does_not_fit_is_a_bug() -> None:
    t = turn(batch_bytes_max=BATCH_OVERHEAD)
    with pytest.raises(AssertionError):
        t.write([change(0)])
    assert t.ledger.snapshot() == []


def test_no_timer_is_set_for_the_present_instant() -> None:
    t = turn()
    for wish in (0, -5):
        t.arm(Timer(SESSION, "g", "m"), wish)
        assert t.timers.first == t.now.mono + MS
    t.disarm(Timer(SESSION, "g", "m"))
    assert t.timers.first is None


def test_no_batch_is_larger_than_the_bound_says() -> None:
    changes = [change(partition, None if partition % 3 else 1) for partition in range(300)]
    records = [Record(number, 1_000, *change.record) for number, change in enumerate(changes)]
    assert len(build(records)) <= BATCH_OVERHEAD + sum(record_bytes(change.record) for change in changes)
