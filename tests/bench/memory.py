"""Resident memory at rest, under load, with 1,000 partitions and with 1,000 connections; processor time at rest.

Invariant: what something adds is measured within one process, before and after.
"""

import contextlib
import resource
import socket
import time
from collections.abc import Iterator

from tests.bench import clients, gauge, sides, wire
from tests.bench.plan import Plan, progress
from tests.bench.table import Tally

TOPIC = "bench"
MANY = 1000
SETTLE_S = 1.0
LARGE_RECORD_BYTES = 16 * 1024


def measure(plan: Plan, tally: Tally) -> None:
    for trial in range(plan.trials):
        for side in plan.one_of_each():
            at_rest(plan, tally, side)
            with_connections(plan, tally, side)
            under_load(plan, tally, side)
            if side.kind == "odradek":
                with_partitions(plan, tally, side)
        progress(f"memory: trial {trial + 1}/{plan.trials}")


def at_rest(plan: Plan, tally: Tally, side: sides.Side) -> None:
    with sides.running(side, plan.place, {}, warmed=False) as broker:
        time.sleep(SETTLE_S)
        tally.add("RSS idle", "MB", side, gauge.memory_mb(broker.pid))
        before, began = gauge.cpu_fine_s(broker.pid), time.perf_counter()
        time.sleep(plan.idle_s)
        used = gauge.cpu_fine_s(broker.pid) - before
        tally.add("CPU idle", "% of a core", side, 100 * used / (time.perf_counter() - began))


def with_connections(plan: Plan, tally: Tally, side: sides.Side) -> None:
    """Each connection asks ApiVersions; then each sends one record of 16 KiB, which must not leave a buffer behind."""
    with sides.running(side, plan.place, {TOPIC: 1}, warmed=False) as broker:
        time.sleep(SETTLE_S)
        idle = gauge.memory_mb(broker.pid)
        with connections(broker.address, MANY) as socks:
            for sock in socks:
                wire.ask(sock, wire.api_versions_frame())
            tally.add("RSS added by 1,000 connections", "MB", side, gauge.memory_mb(broker.pid) - idle)
            frame = wire.produce_frame(TOPIC, 0, wire.batch(bytes(LARGE_RECORD_BYTES)))
            for sock in socks:
                wire.ask(sock, frame)
            added = gauge.memory_mb(broker.pid) - idle
            tally.add("RSS added by 1,000 connections that produced 16 KiB", "MB", side, added)


@contextlib.contextmanager
def connections(address: tuple[str, int], count: int) -> Iterator[list[socket.socket]]:
    """So many connections, with this process's own limit of open files raised for the while."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + 200
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), max(hard, wanted)))
    with contextlib.ExitStack() as opened:
        yield [opened.enter_context(wire.connect(address)) for _ in range(count)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def under_load(plan: Plan, tally: Tally, side: sides.Side) -> None:
    with sides.running(side, plan.place, {TOPIC: 12, "small": 1}) as broker:
        words = ["--topic", TOPIC, "--partitions", 12, "--megabytes", plan.megabytes, "--shape", "large"]
        made = clients.run("produce", broker, *words)
        clients.run("consume", broker, "--topic", TOPIC, "--partitions", 12, "--records", int(made["records"]))
        clients.run(
            "load", broker, "--topic", "small", "--connections", 64, "--in-flight", 16, "--seconds", plan.load_s
        )
        tally.add("RSS under load, highest", "MB", side, gauge.memory_mb(broker.pid, "VmHWM"))


def with_partitions(plan: Plan, tally: Tally, side: sides.Side) -> None:
    """A topic of 1,000 partitions: as created, and once each of them holds a record."""
    with sides.running(side, plan.place, {}, warmed=False) as broker:
        time.sleep(SETTLE_S)
        idle = gauge.memory_mb(broker.pid)
        began = time.perf_counter()
        sides.create_topics(broker.address, {TOPIC: MANY})
        tally.add("creating 1,000 partitions", "s", side, time.perf_counter() - began)
        time.sleep(SETTLE_S)
        tally.add("RSS added by 1,000 partitions", "MB", side, gauge.memory_mb(broker.pid) - idle)
        record = wire.batch(bytes(plan.small_bytes))
        with wire.connect(broker.address) as sock:
            for partition in range(MANY):
                code = wire.produce_error(wire.ask(sock, wire.produce_frame(TOPIC, partition, record)))
                if code:
                    raise SystemExit(f"partition {partition} of {MANY} refused a record with error {code}")
        added = gauge.memory_mb(broker.pid) - idle
        tally.add("RSS added by 1,000 partitions with a record each", "MB", side, added)
