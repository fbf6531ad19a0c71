"""Produce and consume in MB/s, and the broker's processor seconds for a GB, with librdkafka at both ends.

Invariant: a consumer reads what the trial's own producer wrote, out of the same broker process.
"""

from tests.bench import clients, sides
from tests.bench.plan import Plan, progress, unasked
from tests.bench.table import Tally

TOPIC = "bench"


def measure(plan: Plan, tally: Tally, produce: bool, consume: bool) -> None:
    for trial in range(plan.trials):
        for shape in plan.shapes:
            for partitions in plan.partitions:
                cell = f"{shape} {partitions}p"
                for side in plan.rotated(trial):
                    if side.kind != "mock" or produce:
                        one(plan, tally, cell, side, (produce, consume))
                progress(f"throughput: trial {trial + 1}/{plan.trials}, {cell}")


def one(plan: Plan, tally: Tally, cell: str, side: sides.Side, wanted: tuple[bool, bool]) -> None:
    produce, consume = wanted
    shape, _, count = cell.rstrip("p").partition(" ")
    common = ["--topic", TOPIC, "--partitions", count, "--record-bytes", plan.record_bytes]
    with sides.running(side, plan.place, {TOPIC: int(count)}) as broker:
        volume = ["--megabytes", plan.megabytes, "--shape", shape]
        made = clients.run("produce", broker, *common, *volume, *unasked(side))
        if produce:
            tally.add(f"produce {cell}: MB/s", "MB/s", side, made["mb_s"])
            tally.add(f"produce {cell}: broker CPU", "s/GB", side, made["cpu_s_gb"])
        if consume and side.kind != "mock":
            read = clients.run("consume", broker, *common, "--records", int(made["records"]))
            tally.add(f"consume {cell}: MB/s", "MB/s", side, read["mb_s"])
            tally.add(f"consume {cell}: broker CPU", "s/GB", side, read["cpu_s_gb"])
