"""`sync`, 64 producers one record at a time: the rate over 100 partitions beside the rate over one.

With one fsync target for all partitions the two are alike; with one for each partition the second collapses.
"""

from tests.bench import clients, sides
from tests.bench.plan import Plan, progress
from tests.bench.table import Tally

TOPIC = "bench"
PRODUCERS = 64


def measure(plan: Plan, tally: Tally) -> None:
    subjects = [side for side in plan.sides if side.durability == "sync"]
    for trial in range(plan.trials):
        for side in subjects if trial % 2 == 0 else subjects[::-1]:
            one, hundred = (rate(plan, side, partitions) for partitions in (1, 100))
            tally.add("64 producers, 1 partition: requests", "/s", side, one)
            tally.add("64 producers, 100 partitions: requests", "/s", side, hundred)
            tally.add("64 producers, rate over 100 partitions / over 1", "", side, hundred / one)
        progress(f"many partitions: trial {trial + 1}/{plan.trials}")


def rate(plan: Plan, side: sides.Side, partitions: int) -> float:
    with sides.running(side, plan.place, {TOPIC: partitions}) as broker:
        words = ["--topic", TOPIC, "--partitions", partitions, "--connections", PRODUCERS, "--seconds", plan.load_s]
        return clients.run("load", broker, *words, "--record-bytes", plan.small_bytes)["per_s"]
