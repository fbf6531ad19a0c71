"""p50 and p99 of acks=all sends that are each waited for: over a bare socket, and through librdkafka."""

from tests.bench import clients, sides
from tests.bench.plan import Plan, progress, unasked
from tests.bench.table import Tally

TOPIC = "bench"


def measure(plan: Plan, tally: Tally) -> None:
    for trial in range(plan.trials):
        for side in plan.rotated(trial):
            for client, name in (("load", "socket"), ("latency", "librdkafka")):
                words = ["--topic", TOPIC, "--record-bytes", plan.record_bytes, "--requests", plan.requests]
                with sides.running(side, plan.place, {TOPIC: 1}) as broker:
                    extra = unasked(side) if client == "load" else []
                    figures = clients.run(client, broker, *words, *extra)
                tally.add(f"synchronous send, {name}: p50", "ms", side, figures["p50_ms"])
                tally.add(f"synchronous send, {name}: p99", "ms", side, figures["p99_ms"])
        progress(f"latency: trial {trial + 1}/{plan.trials}")
