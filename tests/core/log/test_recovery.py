"""What a log is after a crash, where the last life's notes about it are older than its files."""

from log_world import World, batch

from odradek.core.machine import Out


def after_an_empty_state(count: int) -> World:
    """A journal that knows the log as empty, then `count` batches of two records."""
    world = World(7).boot()
    world.create("t")
    world = world.kill()
    for i in range(count):
        world.append("t", batch(2, fill=i))
        world.run()
    return world


def cut(world: World, to: int) -> None:
    out = Out()
    world.log("t").advance_start(to, world.log("t").end, world.now, out)
    world.take(out)
    world.run()
    world.pass_time(1000)
    world.run()


def test_a_batch_that_delete_records_cut_in_two_survives_a_kill() -> None:
    world = after_an_empty_state(1)
    cut(world, 1)
    again = world.kill()
    assert (again.log("t").start, again.log("t").end) == (1, 2)
    assert not again.log("t").quarantined


def test_a_batch_that_delete_records_cut_in_two_survives_a_power_cut_in_the_first_life() -> None:
    world = World(7).boot()
    world.create("t")
    world.append("t", batch(2))
    world.run()
    cut(world, 1)
    again = world.power()
    assert (again.log("t").start, again.log("t").end) == (1, 2)
    assert again.log("t").size > 0


def test_a_log_whose_records_were_all_deleted_comes_up_empty_at_its_end() -> None:
    world = after_an_empty_state(2)
    cut(world, 4)
    again = world.power()
    assert (again.log("t").start, again.log("t").end) == (4, 4)
    assert not again.log("t").quarantined
