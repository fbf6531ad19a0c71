"""Requests/s with one small record each, from 1, 8 and 64 connections, and from 64 with 16 requests in flight.

The generator is a raw one (load.py).  Its own share of a core is shown: near 1 it is the generator that was measured.
"""

from tests.bench import clients, sides
from tests.bench.plan import Plan, progress, unasked
from tests.bench.table import Tally

TOPIC = "bench"
LOADS = ((1, 1), (8, 1), (64, 1), (64, 16))


def measure(plan: Plan, tally: Tally) -> None:
    for trial in range(plan.trials):
        for connections, in_flight in LOADS:
            cell = f"small {connections} conn" + (f" × {in_flight}" if in_flight > 1 else "")
            load = ["--connections", connections, "--in-flight", in_flight, "--seconds", plan.load_s]
            for side in plan.rotated(trial):
                with sides.running(side, plan.place, {TOPIC: 1}) as broker:
                    words = ["--topic", TOPIC, "--record-bytes", plan.small_bytes, *load, *unasked(side)]
                    figures = clients.run("load", broker, *words)
                tally.add(f"{cell}: requests", "/s", side, figures["per_s"])
                tally.add(f"{cell}: broker CPU", "µs each", side, figures["broker_us"])
                tally.add(f"{cell}: generator busy", "of a core", side, figures["client_busy"])
            progress(f"small: trial {trial + 1}/{plan.trials}, {cell}")
