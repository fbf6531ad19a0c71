"""Any order of appends, completions, crashes and stops against a plain list of batches."""

import attrs
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from log_world import CONFIG, World, batch

from odradek.core.errors import Refused
from odradek.core.log.config import Durability, LogConfig
from odradek.core.log.epochs import Epochs
from odradek.core.log.facts import AppendsUndone
from odradek.core.log.log import AppendInfo
from odradek.core.log.producers import Producers
from odradek.core.machine import Out
from odradek.core.records.batch import parse, scan

LOGS: dict[str, LogConfig] = {
    "a": CONFIG,
    "b": CONFIG,
    "c": attrs.evolve(CONFIG, durability=Durability.REPLICATED),
    "d": attrs.evolve(CONFIG, durability=Durability.INTERVAL, flush_ms=20),
}
NAMES = st.sampled_from(sorted(LOGS))


class Model:
    """What was asked of one log, and what it told."""

    def __init__(self) -> None:
        self.batches: list[bytes] = []
        self.written = 0
        self.durable = 0
        self.start = 0

    @property
    def end(self) -> int:
        return parse(self.batches[-1]).next_offset if self.batches else self.start

    def cut(self, to: int) -> None:
        # A log that lost a batch which DeleteRecords had cut in two ends inside it, at its start.
        while self.batches and parse(self.batches[-1]).next_offset > to:
            self.batches.pop()
        self.written, self.durable = min(self.written, to), min(self.durable, to)


class LogMachine(RuleBasedStateMachine):
    """Crashes lose only what was not promised; everything else equals the model."""

    @initialize(seed=st.integers(0, 1 << 30))
    def begin(self, seed: int) -> None:
        self.world = World(seed).boot()
        self.models = {name: Model() for name in LOGS}
        self.sequences: dict[tuple[str, int], int] = {}
        self.epoch = 0
        self.undone = 0
        for name, config in LOGS.items():
            self.world.create(name, config)

    # Writing

    @rule(name=NAMES, count=st.integers(1, 3), producer=st.integers(0, 3), fill=st.integers(0, 25))
    def append(self, name: str, count: int, producer: int, fill: int) -> None:
        model = self.models[name]
        sequence = self.sequences.get((name, producer), 0)
        data = batch(
            count, time=1000 + 10 * fill, fill=fill, producer=(producer, 0, sequence) if producer else (-1, -1, -1)
        )
        try:
            info = self.world.append(name, data, self.epoch)
        except Refused:
            assert self.world.store.committer.full
            return
        assert isinstance(info, AppendInfo)
        assert info.first == model.end
        self.sequences[(name, producer)] = sequence + count
        model.batches.append(bytes(data))

    @rule()
    def new_epoch(self) -> None:
        self.epoch += 1

    @rule(times=st.integers(1, 12))
    def step(self, times: int) -> None:
        for _ in range(times):
            self.world.step()
            self._note_undone()

    @rule()
    def settle(self) -> None:
        self.world.settle()

    @rule()
    def quiet(self) -> None:
        self.world.run()
        self._note_undone()

    @rule(ms=st.integers(1, 30))
    def time(self, ms: int) -> None:
        self.world.pass_time(ms)

    @rule(name=NAMES)
    def roll(self, name: str) -> None:
        out = Out()
        self.world.log(name).roll(self.world.now, out)
        self.world.take(out)

    # Cutting

    @rule(name=NAMES, back=st.integers(1, 4))
    def truncate(self, name: str, back: int) -> None:
        """Until the journal could take the cut, a crash brings the old end back: here it always can."""
        model = self.models[name]
        self.quiet()
        if not model.batches or self.world.disk.capacity < 1 << 40:
            return
        to = parse(model.batches[-min(back, len(model.batches))]).base_offset
        log = self.world.log(name)
        if to < log.start or to < log.producers.floor:
            return
        self.world.read(name, to)
        out = Out()
        log.truncate(to, self.world.now, out)
        self.world.take(out)
        model.cut(to)
        self._resequence(name)
        self.world.pass_time(10)
        self.quiet()

    @rule(name=NAMES, share=st.floats(0, 1))
    def delete_records(self, name: str, share: float) -> None:
        log = self.world.log(name)
        to = int(log.acked_end * share)
        out = Out()
        log.advance_start(to, log.acked_end, self.world.now, out)
        self.world.take(out)
        self.models[name].start = log.start

    @rule(name=NAMES, keep=st.integers(0, 1500))
    def retain(self, name: str, keep: int) -> None:
        log = self.world.log(name)
        log.configure(attrs.evolve(log.config, retention_bytes=keep), self.world.now)
        out = Out()
        log.retain(self.world.now, log.acked_end, out)
        self.world.take(out)
        assert log.start <= log.acked_end
        self.models[name].start = log.start

    @rule(room=st.integers(0, 300))
    def fill_disk(self, room: int) -> None:
        self.world.disk.capacity = self.world.disk.used + room

    @rule()
    def empty_disk(self) -> None:
        self.world.disk.capacity = 1 << 40
        self.quiet()
        self.time(100)
        self.quiet()

    # Ending

    @rule()
    def kill(self) -> None:
        self._crash(power=False)

    @rule()
    def power(self) -> None:
        self._crash(power=True)

    @precondition(lambda self: self.world.disk.capacity == 1 << 40)
    @rule()
    def stop(self) -> None:
        self.quiet()
        ends = {name: log.end for name, log in self.world.store.logs.items()}
        starts = {name: log.start for name, log in self.world.store.logs.items()}
        self.world = self.world.stop()
        for name, log in self.world.store.logs.items():
            assert (log.start, log.end, log.quarantined) == (starts[name], ends[name], "")
            self._compare(name)

    def _crash(self, power: bool) -> None:
        if self.world.disk.capacity < 1 << 40:
            # What was undone may come back until the file is cut: the client was told a failure, not an absence.
            self.quiet()
        self._remember()
        self.world.disk.capacity = 1 << 40
        self.world = self.world.power() if power else self.world.kill()
        for name, log in self.world.store.logs.items():
            model = self.models[name]
            assert not log.quarantined, log.quarantined
            kept = model.durable if power else model.written
            assert kept <= log.end <= max(model.end, log.start), (name, kept, log.end, model.end)
            assert log.end == log.start or any(parse(data).next_offset == log.end for data in model.batches)
            assert log.start <= model.start
            model.start = log.start
            model.cut(log.end)
            model.written = log.written
            model.durable = log.durable
            self._resequence(name)
            self._compare(name)

    # Comparing

    @invariant()
    def ends_agree(self) -> None:
        if not hasattr(self, "world"):
            return
        self._remember()
        for name, model in self.models.items():
            log = self.world.log(name)
            assert max(log.start, log.durable) <= log.written <= log.end == max(model.end, log.start)
            assert log.config.durability is not Durability.SYNC or log.start <= log.durable

    def _remember(self) -> None:
        for name, model in self.models.items():
            log = self.world.log(name)
            model.written, model.durable = log.written, log.durable

    def _note_undone(self) -> None:
        for fact in self.world.facts[self.undone :]:
            if isinstance(fact, AppendsUndone):
                self.models[fact.name].cut(fact.to)
                self._resequence(fact.name)
        self.undone = len(self.world.facts)

    def _resequence(self, name: str) -> None:
        for producer in (1, 2, 3):
            last = [parse(data) for data in self.models[name].batches if parse(data).producer_id == producer]
            self.sequences[(name, producer)] = last[-1].last_sequence + 1 if last else 0

    def _compare(self, name: str) -> None:
        """Records, epochs, producers and positions, against the plain list."""
        model, log, world = self.models[name], self.world.log(name), self.world
        self.undone = len(world.facts)
        epochs = Epochs()
        producers = Producers(4, 10_000)
        for data in model.batches:
            header = parse(data)
            epochs.assign(header.leader_epoch, header.base_offset)
            if header.producer_id >= 0:
                producers.replay(header)
        epochs.cut_start(log.start)
        if log.end > log.start:
            assert log.epochs.entries == epochs.entries
            if log.producers.by_id != producers.by_id:
                self._compare_forgetful(name)
        expected = b"".join(data for data in model.batches if parse(data).next_offset > log.start)
        found = bytearray()
        offset = log.start
        while offset < log.end:
            data, after = world.read(name, offset, max_bytes=130)
            assert data
            assert next(scan(data)).header.next_offset > offset >= next(scan(data)).header.base_offset
            found += data
            offset = after
        assert bytes(found) == expected
        self._compare_times(name)

    def _compare_forgetful(self, name: str) -> None:
        """Without SYNC a power cut may take what the log knew of deleted records: then it knows the files only."""
        log = self.world.log(name)
        assert log.config.durability is not Durability.SYNC
        left = Producers(4, 10_000)
        kept = [data for data in self.models[name].batches if parse(data).base_offset >= log.bases[0]]
        for data in kept:
            if parse(data).producer_id >= 0:
                left.replay(parse(data))
        assert log.bases[0] > 0
        assert log.producers.by_id == left.by_id
        self.models[name].batches = kept

    def _compare_times(self, name: str) -> None:
        model, log, world = self.models[name], self.world.log(name), self.world
        headers = [parse(data) for data in model.batches]
        records = [
            (header.base_offset + i, header.base_timestamp + i)
            for header in headers
            for i in range(header.count)
            if header.base_offset + i >= log.start
        ]
        for target in (0, 1005, 1100, 1251, 5000):
            wanted = next(((offset, time) for offset, time in records if time >= target), None)
            answer = world.look(log.by_time(target, log.written))
            assert (None if answer is None else answer[:2]) == wanted


LogMachine.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
test_a_log_keeps_what_it_promised = LogMachine.TestCase
