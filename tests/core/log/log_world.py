"""One store on one modelled disk, for tests: appends, steps, crashes, and reads that follow probes."""

from random import Random

import attrs
from disk_model import Disk

from odradek.core.effects import Effect
from odradek.core.events import Failed
from odradek.core.limits import Limits
from odradek.core.log.config import LogConfig
from odradek.core.log.log import AppendInfo, Duplicate, Log, Probe
from odradek.core.log.lookup import Found, TimeLookup
from odradek.core.log.store import Store
from odradek.core.machine import Out
from odradek.core.records.batch import Header, scan
from odradek.core.records.build import Record, build
from odradek.core.types import MS, Now

TINY = Limits(
    journal_bytes_max=2000,
    direct_sync_files=1,
    recent_batches=3,
    recovery_read_bytes=150,
    producers_per_partition=4,
    producer_undos=16,
    checkpoint_bytes_max=4000,
    journal_range_bytes_max=500,
    certificate_ms=5,
    index_bytes_total=500,
    disk_reserve_bytes=64,
    full_retry_ms=100,
)
CONFIG = LogConfig(segment_bytes=600, index_interval_bytes=100, file_delete_delay_ms=0, retention_ms=-1)


def batch(
    count: int = 1, *, time: int = 1000, size: int = 10, producer: tuple[int, int, int] = (-1, -1, -1), fill: int = 0
) -> bytearray:
    """A client's batch of `count` records; `producer` is (id, epoch, first sequence)."""
    found = (Record(i, time + i, b"k", bytes([65 + (fill + i) % 26]) * size) for i in range(count))
    return build(found, producer_id=producer[0], producer_epoch=producer[1], base_sequence=producer[2])


class World:
    """Steps are explicit: nothing moves but by `settle`, `step` and `run`."""

    def __init__(self, seed: int = 0, limits: Limits = TINY, disk: Disk | None = None) -> None:
        self.rng = Random(seed)
        self.limits = limits
        self.disk = disk if disk is not None else Disk(self.rng)
        self.now = Now(0, 1_000_000)
        self.facts: list[object] = []
        self.configs: dict[str, LogConfig] = {}
        self.store = Store(limits, self.rng)

    # Stepping

    def take(self, out: Out) -> list[Effect]:
        self.disk.submit(out.effects)
        self.facts += out.facts
        return out.effects

    def settle(self) -> None:
        out = Out()
        self.store.settle(self.now, out)
        self.take(out)

    def step(self, only: str | None = None) -> bool:
        """One completion, drawn from those that may come next."""
        event = self.disk.step(only)
        if event is None:
            return False
        out = Out()
        if isinstance(event, Failed):
            self.store.failed(event.then, event.why, self.now, out)
        else:
            self.store.done(event.then, event.value, self.now, out)
        self.store.settle(self.now, out)
        self.take(out)
        return True

    def run(self) -> None:
        """Until nothing is in flight; time stands still."""
        self.settle()
        for _ in range(100_000):
            if not self.step():
                return
        raise AssertionError("the disk never falls silent")

    def pass_time(self, ms: int) -> None:
        self.now = Now(self.now.mono + ms * MS, self.now.wall + ms)
        out = Out()
        deadline = self.store.deadline
        if deadline is not None and deadline <= self.now.mono:
            self.store.wake(self.now, out)
        self.take(out)

    # Life

    def boot(self, **configs: LogConfig) -> "World":
        """Begin, open every log asked for or known before, serve."""
        self.configs.update(configs)
        out = Out()
        self.store.begin(self.now, out)
        for name in self.configs:
            self.store.open(name, self.configs[name], self.now, out)
        self.store.serve(self.now, out)
        self.take(out)
        self.run()
        return self

    def reborn(self) -> "World":
        """The next life on the same disk."""
        again = World(self.rng.randrange(1 << 30), self.limits, self.disk)
        again.configs = self.configs
        again.now = self.now
        return again.boot()

    def kill(self) -> "World":
        self.disk.kill()
        return self.reborn()

    def power(self) -> "World":
        self.disk.power()
        return self.reborn()

    def stop(self) -> "World":
        """A clean shutdown and the next life."""
        self.close()
        self.disk.kill()
        return self.reborn()

    def close(self) -> None:
        out = Out()
        self.store.close(self.now, out)
        self.take(out)
        self.run()

    def log(self, name: str) -> Log:
        return self.store.logs[name]

    def create(self, name: str, config: LogConfig = CONFIG, **changes: object) -> Log:
        self.configs[name] = attrs.evolve(config, **changes)
        return self.store.create(name, self.configs[name], self.now)

    def append(self, name: str, data: bytearray, epoch: int = 0) -> AppendInfo | Duplicate:
        """As a leader would: the headers come out of the validated buffer."""
        headers = tuple(item.header for item in scan(data))
        out = Out()
        try:
            return self.log(name).append(memoryview(data), headers, epoch, self.now, out)
        finally:
            self.take(out)

    # Reading

    def read(self, name: str, offset: int, max_bytes: int = 1 << 20, upto: int | None = None) -> tuple[bytes, int]:
        """(The bytes, the offset to read on at), following probes."""
        log = self.log(name)
        upto = log.written if upto is None else upto
        for _ in range(1000):
            found = log.read(offset, max_bytes, upto)
            if not isinstance(found, Probe):
                data = b"".join(self.disk.read(*part) for part in found.slices)
                assert len(data) == found.size
                return data, found.next
            self.learn(name, found)
        raise AssertionError("a read does not get on")

    def learn(self, name: str, probe: Probe) -> None:
        assert probe.size > 0
        out = Out()
        self.log(name).learn(probe, self.disk.read(probe.file, probe.at, probe.size), self.now, out)
        self.take(out)

    def headers(self, name: str, upto: int | None = None) -> list[Header]:
        """All batches from the log start on."""
        log = self.log(name)
        found: list[Header] = []
        offset = log.start
        end = log.written if upto is None else upto
        while offset < end:
            data, after = self.read(name, offset, upto=end)
            assert after > offset, "a read brings nothing"
            found += (item.header for item in scan(data))
            offset = after
        return found

    def look(self, lookup: TimeLookup) -> Found | None:
        for _ in range(1000):
            found = lookup.next()
            if not isinstance(found, Probe):
                return found
            out = Out()
            lookup.learn(found, self.disk.read(found.file, found.at, found.size), self.now, out)
            self.take(out)
        raise AssertionError("a lookup does not end")
