"""Replay: every record once, in order, or a clear end."""

import pytest
from lab import Lab
from talk import batch, booted, create, delete_records, produce

from odradek.core import effects as ef
from odradek.core.limits import Limits
from odradek.core.machine import Out
from odradek.core.records.build import Record
from odradek.core.replay import Replay
from odradek.core.types import Now


class Sink:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.values: list[bytes | None] = []
        self.ends: list[str] = []

    def replayed(self, record: Record, now: Now) -> None:
        self.values.append(record.value)

    def finished(self, now: Now, out: Out) -> None:
        self.ends.append("finished")

    def broke(self, why: str, now: Now, out: Out) -> None:
        self.ends.append("broke")


def bench(read_bytes: int = 1 << 20, count: int = 10, **settings: str) -> tuple[Lab, Replay, Sink]:
    lab, client = booted(limits=Limits(recovery_read_bytes=read_bytes, recent_batches=2))
    create(client, "t", **settings)
    for number in range(count):
        produce(client, "t", batch(b"%d" % number, b"x" * 100))
    if settings.get("durability") == "interval":
        delete_records(client, "t", 5)
    sink = Sink()
    return lab, Replay(lab.node.broker, lab.node.broker.topics["t"].leaders[0], sink), sink


def run(lab: Lab, replay: Replay) -> None:
    out = Out()
    replay.go_on(Now(lab.mono, lab.wall), out)
    for effect in out.effects:
        lab.perform(effect)
    lab.feed()


@pytest.mark.parametrize("read_bytes", [61, 200, 700, 1 << 20])
@pytest.mark.parametrize("segment", ["1024", "1000000"])
def test_every_record_is_handed_over_once_and_in_order(read_bytes: int, segment: str) -> None:
    lab, replay, sink = bench(read_bytes, segment_bytes=segment)
    run(lab, replay)
    assert sink.ends == ["finished"]
    assert sink.values[::2] == [b"%d" % number for number in range(10)]


def test_an_empty_log_is_finished_at_once() -> None:
    lab, replay, sink = bench(count=0)
    run(lab, replay)
    assert (sink.values, sink.ends) == ([], ["finished"])


def test_records_before_the_start_are_not_handed_over() -> None:
    lab, replay, sink = bench(durability="interval")
    run(lab, replay)
    assert sink.values[0] == b"x" * 100
    assert len(sink.values) == 15


def test_a_replay_that_was_stopped_says_nothing_more() -> None:
    lab, replay, sink = bench()
    lab.hold = lambda effect: isinstance(effect, ef.Read)
    run(lab, replay)
    replay.stop()
    lab.release()
    assert (sink.values, sink.ends) == ([], [])


def test_a_read_that_fails_breaks_the_replay() -> None:
    lab, replay, sink = bench()
    lab.fail = lambda effect: "EIO" if isinstance(effect, ef.Read) else None
    run(lab, replay)
    assert sink.ends == ["broke"]


@pytest.mark.parametrize("at", [8, 16, 20, 65])
def test_rot_breaks_the_replay(at: int) -> None:
    lab, replay, sink = bench()
    name = lab.node.broker.topics["t"].leaders[0].log.name
    lab.files[f"{name}/{0:020d}.log"][at] ^= 0xFF
    run(lab, replay)
    assert (sink.values, sink.ends) == ([], ["broke"])


def test_a_log_that_was_set_aside_breaks_the_replay() -> None:
    lab, replay, sink = bench()
    out = Out()
    lab.node.broker.topics["t"].leaders[0].log.quarantine("a test", out)
    run(lab, replay)
    assert sink.ends == ["broke"]
