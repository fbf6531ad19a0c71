"""One test for each published storage bug that this room guards against (S1-S5, S8, S9, I1, I2, R10)."""

import attrs
import pytest
from log_world import CONFIG, World, batch

from odradek.core.effects import Append, Read, Replace, Sync
from odradek.core.errors import ErrorCode, Refused
from odradek.core.log.config import Durability
from odradek.core.log.facts import DirectoryFailed
from odradek.core.log.log import AppendInfo, Duplicate
from odradek.core.log.marker import MARKER, OPEN
from odradek.core.machine import Out


def world_with(name: str = "t", **changes: object) -> World:
    world = World(7).boot()
    world.create(name, **changes)
    return world


def filled(count: int = 8, **changes: object) -> World:
    """A log of `count` batches of two records, all durable and certified."""
    world = world_with(**changes)
    for i in range(count):
        world.append("t", batch(2, fill=i))
        world.run()
    world.pass_time(10)
    world.run()
    return world


def test_s1_a_crash_while_loading_is_not_taken_for_a_clean_stop() -> None:
    world = filled()
    world.close()
    performed = world.disk.performed
    performed.clear()

    again = world.reborn()

    marker = next(i for i, e in enumerate(performed) if isinstance(e, Replace) and e.file == MARKER)
    assert performed[marker].data == OPEN  # type: ignore[union-attr]
    loads = [i for i, e in enumerate(performed) if isinstance(e, Read) and e.file != MARKER]
    assert all(marker < i for i in loads)
    writes = [i for i, e in enumerate(performed) if isinstance(e, Append)]
    assert writes
    assert all(marker < i for i in writes)
    assert again.log("t").end == 16


def test_s2_producer_state_survives_a_power_cut_or_is_replayed() -> None:
    world = world_with()
    for i in range(6):
        world.append("t", batch(1, producer=(9, 0, i)))
        world.run()
    before = dict(world.log("t").producers.by_id)
    again = world.power()
    assert again.log("t").producers.by_id == before
    assert isinstance(again.append("t", batch(1, producer=(9, 0, 5))), Duplicate)


def test_s3_recovery_knows_epoch_zero() -> None:
    world = world_with()
    world.append("t", batch(3), epoch=0)
    world.run()
    again = world.kill()
    assert again.log("t").epochs.entries == ((0, 0),)
    assert again.log("t").epochs.end_offset_for(0, 3) == (0, 3)


def test_s4_nothing_is_appended_after_a_failed_sync() -> None:
    world = world_with()
    world.append("t", batch())
    world.disk.sync_fails["t/00000000000000000000.log"] = "EIO"
    world.run()
    assert any(isinstance(fact, DirectoryFailed) for fact in world.facts)
    with pytest.raises(Refused) as refused:
        world.append("t", batch())
    assert refused.value.code is ErrorCode.KAFKA_STORAGE_ERROR
    world.disk.performed.clear()
    world.pass_time(10_000)
    world.run()
    assert not [e for e in world.disk.performed if isinstance(e, Append | Sync | Replace)]


def test_s5_retention_never_passes_the_high_watermark() -> None:
    world = filled(20, retention_bytes=0)
    log = world.log("t")
    assert len(log.segments) > 2
    out = Out()
    log.retain(world.now, log.segments[1].next - 1, out)
    assert log.start == log.segments[0].base == 12


@pytest.mark.parametrize("damage", ["torn", "flipped"])
def test_s8_a_damaged_batch_beyond_the_durable_boundary_is_dropped(damage: str) -> None:
    world = filled(2, durability=Durability.REPLICATED)
    out = Out()
    world.store.committer._flush(world.log("t"), out)
    world.take(out)
    world.run()
    world.pass_time(10)
    world.run()
    size = len(world.disk.read("t/00000000000000000000.log", 0, 9999))
    world.append("t", batch(1, size=40))
    world.run()
    if damage == "torn":
        cache = world.disk.files["t/00000000000000000000.log"].cache
        assert cache is not None
        del cache[-5:]
    else:
        world.disk.flip("t/00000000000000000000.log", size + 80)
    again = world.kill()
    assert not again.log("t").quarantined
    assert again.log("t").end == 4
    assert len(again.disk.read("t/00000000000000000000.log", 0, 9999)) == size


def test_s8_rot_below_the_durable_boundary_quarantines_and_truncates_nothing() -> None:
    world = filled(2)
    file = "t/00000000000000000000.log"
    size = len(world.disk.read(file, 0, 9999))
    world.disk.flip(file, size - 3)
    again = world.kill()
    assert again.log("t").quarantined
    assert len(again.disk.read(file, 0, 9999)) == size
    with pytest.raises(Refused) as refused:
        again.log("t").read(0, 100, 4)
    assert refused.value.code is ErrorCode.KAFKA_STORAGE_ERROR
    later = again.kill()
    assert later.log("t").quarantined, "a quarantine outlives the process"


def test_s9_durable_waits_for_the_sync() -> None:
    world = world_with()
    log = world.log("t")
    world.append("t", batch(2))
    assert (log.written, log.durable) == (0, 0)
    assert world.step("t/")
    assert (log.written, log.durable, log.acked_end) == (2, 0, 0)
    while world.step("t/"):
        pass
    assert log.durable == log.acked_end == 2
    assert world.power().log("t").end == 2


def test_s9_a_journaled_round_is_durable_only_with_the_journal() -> None:
    world = World(3).boot()
    names = ("p", "q", "r")
    for name in names:
        world.create(name)
        world.append(name, batch())
    for _ in names:
        out = Out()
        event = world.disk.step("0.log")
        assert event is not None
        world.store.done(event.then, None, world.now, out)  # type: ignore[union-attr]
        world.take(out)
    world.settle()
    assert not any(world.disk.queues[f"{name}/00000000000000000000.log"] for name in names), "no segment is synced"
    assert world.step("journal")
    assert [world.log(name).durable for name in names] == [0, 0, 0]
    while world.step("journal"):
        pass
    assert [world.log(name).durable for name in names] == [1, 1, 1]
    for name in names:
        world.disk.files[f"{name}/00000000000000000000.log"].cache = None
    world.disk.queues.clear()
    again = world.reborn()
    assert [again.log(name).end for name in names] == [1, 1, 1], "replay brings back whole files"


def test_i1_truncation_takes_producer_state_back() -> None:
    world = world_with()
    for i in range(7):
        world.append("t", batch(1, producer=(9, 0, i)))
    world.run()
    out = Out()
    world.log("t").truncate(5, world.now, out)
    world.take(out)
    world.pass_time(10)
    world.run()
    seen = world.log("t").producers.by_id[9].batches
    assert [item.first_sequence for item in seen] == [0, 1, 2, 3, 4]
    assert isinstance(world.append("t", batch(1, producer=(9, 0, 5))), AppendInfo)


def test_i2_sequences_wrap_and_five_batches_are_remembered() -> None:
    world = world_with()
    last = 2**31 - 1
    world.append("t", batch(2, producer=(9, 0, last - 1)))
    for i in range(5):
        assert isinstance(world.append("t", batch(1, producer=(9, 0, i))), AppendInfo)
    assert world.append("t", batch(1, producer=(9, 0, 0))) == Duplicate(2, 2, 1000)
    with pytest.raises(Refused) as refused:
        world.append("t", batch(2, producer=(9, 0, last - 1)))
    assert refused.value.code is ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
    with pytest.raises(Refused):
        world.append("t", batch(1, producer=(9, 0, 6)))


def test_a_batch_that_wraps_inside_is_followed_by_the_right_sequence() -> None:
    world = world_with()
    world.append("t", batch(4, producer=(9, 0, 2**31 - 2)))
    assert isinstance(world.append("t", batch(1, producer=(9, 0, 2))), AppendInfo)


def test_a_new_producer_epoch_begins_at_zero_and_fences_the_old_one() -> None:
    world = world_with()
    world.append("t", batch(1, producer=(9, 0, 5)))
    with pytest.raises(Refused) as refused:
        world.append("t", batch(1, producer=(9, 1, 6)))
    assert refused.value.code is ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
    world.append("t", batch(1, producer=(9, 1, 0)))
    with pytest.raises(Refused) as refused:
        world.append("t", batch(1, producer=(9, 0, 6)))
    assert refused.value.code is ErrorCode.INVALID_PRODUCER_EPOCH


def test_r10_an_epoch_without_records_is_cut_when_truncating_at_the_end() -> None:
    world = world_with()
    world.append("t", batch(3), epoch=1)
    world.run()
    log = world.log("t")
    log.begin_epoch(4)
    assert log.epochs.latest == 4
    log.truncate(3, world.now, Out())
    assert log.epochs.entries == ((1, 0),)


def test_epochs_answer_with_the_largest_that_is_not_newer() -> None:
    world = world_with()
    for epoch in (0, 2, 5):
        world.append("t", batch(2), epoch=epoch)
    ends = {epoch: world.log("t").epochs.end_offset_for(epoch, 6) for epoch in range(-1, 7)}
    assert ends == {-1: (-1, -1), 0: (0, 2), 1: (0, 2), 2: (2, 4), 3: (2, 4), 4: (2, 4), 5: (5, 6), 6: (-1, -1)}


def test_an_empty_log_costs_no_file() -> None:
    world = World(1).boot()
    before = world.disk.names()
    for i in range(50):
        world.create(f"p{i}")
    world.pass_time(1000)
    world.run()
    assert world.disk.names() == before


def test_a_full_disk_refuses_until_space_is_back_but_not_the_system() -> None:
    world = world_with()
    world.create("metadata", attrs.evolve(CONFIG, system=True))
    world.append("t", batch())
    world.run()
    world.disk.capacity = world.disk.used
    world.append("t", batch())
    world.run()
    assert world.log("t").end == 1
    with pytest.raises(Refused) as refused:
        world.append("t", batch())
    assert refused.value.code is ErrorCode.KAFKA_STORAGE_ERROR
    world.disk.capacity = world.disk.used + 90
    world.append("metadata", batch())
    world.run()
    assert world.log("metadata").durable == 1
    world.disk.capacity = 1 << 40
    world.pass_time(200)
    world.run()
    world.append("t", batch())
    world.run()
    assert world.log("t").durable == 2


def test_a_read_never_ends_inside_a_batch_and_returns_one_at_least() -> None:
    world = filled(6)
    data, after = world.read("t", 3, max_bytes=1)
    assert (data[7], after) == (2, 4)
    assert world.log("t").read(2, 1, 12, at_least_one=False).size == 0
    assert world.read("t", 2, upto=4)[1] == 4
    with pytest.raises(Refused) as refused:
        world.log("t").read(13, 100, 12)
    assert refused.value.code is ErrorCode.OFFSET_OUT_OF_RANGE
