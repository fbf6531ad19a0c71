"""Seconds from starting the process to its first answered ApiVersions; the first start of all is not counted.

The mock is left out: its start is the start of the Python around it.
"""

from tests.bench import sides
from tests.bench.plan import Plan, progress
from tests.bench.table import Tally


def measure(plan: Plan, tally: Tally) -> None:
    for trial in range(-1, 2 * plan.trials):
        for side in plan.one_of_each():
            with sides.running(side, plan.place, {}, warmed=False) as broker:
                if trial >= 0:
                    tally.add("start-up", "s", side, broker.started_s)
    progress("start-up: done")
