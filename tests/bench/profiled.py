"""Odradek under cProfile for one load, and where its time went.

cProfile slows Python down and not the kernel: read it for the order of the costs, not for their size.
"""

import pstats
import sys
import tempfile
from pathlib import Path

from tests.bench import clients, sides
from tests.bench.plan import Plan

TOPIC = "bench"
SHOWN = 35


def run(plan: Plan, load: str) -> None:
    """`load` is produce, consume or small.  Consume is profiled together with the produce that fills the topic."""
    side = next(side for side in plan.sides if side.kind == "odradek")
    with tempfile.TemporaryDirectory(dir=plan.place.directory) as kept:
        file = Path(kept) / "profile"
        called = (sys.executable, "-m", "cProfile", "-o", str(file), *plan.place.odradek)
        with sides.running(side, plan.place._replace(odradek=called), {TOPIC: 1}) as broker:
            if load == "small":
                words = ["--connections", 64, "--in-flight", 16, "--seconds", plan.load_s]
                print(clients.run("load", broker, "--topic", TOPIC, *words))
            else:
                common = ["--topic", TOPIC, "--partitions", 1]
                shape = ["--shape", "large", "--megabytes", plan.megabytes]
                made = clients.run("produce", broker, *common, *shape)
                print(made)
                if load == "consume":
                    print(clients.run("consume", broker, *common, "--records", int(made["records"])))
        if not file.exists():
            raise SystemExit("no profile was written: Odradek must end cleanly on SIGTERM, in its main thread")
        pstats.Stats(str(file)).sort_stats("tottime").print_stats(SHOWN)
