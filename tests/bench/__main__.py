"""Odradek beside its floor and librdkafka's C mock cluster, in one run, as ratios.

    python -m tests.bench                         all measures, from the checkout (about 20 minutes)
    python -m tests.bench --quick                 the same with tiny sizes (about 2 minutes): does it work at all?
    python -m tests.bench --only produce,small    some of them
    python -m tests.bench --sides floor,mock      without Odradek
    python -m tests.bench --profile small         Odradek alone under cProfile, with one load (produce, consume, small)

It starts the `odradek` command that is installed beside the interpreter it runs under.  Run it on a quiet machine:
figures of a busy one mean nothing, not even as ratios.  For native frames too, start a load here and point a sampling
profiler at the broker: `py-spy record --native --pid PID -o flame.svg` (not needed, not installed by us).
"""

import argparse
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.bench import (
    manypartitions,
    memory,
    plan,
    profiled,
    sides,
    small,
    startup,
    synchronous,
    table,
    terms,
    throughput,
)

MEASURES = ("produce", "consume", "small", "latency", "startup", "memory", "manypartitions")
KINDS = ("odradek", "floor", "mock")


def listed(allowed: tuple[str, ...]) -> Callable[[str], list[str]]:
    """An argument type: names with commas between, each one of `allowed`."""

    def parse(given: str) -> list[str]:
        names = given.split(",")
        wrong = [name for name in names if name not in allowed]
        if wrong:
            raise argparse.ArgumentTypeError(f"{', '.join(wrong)}: not one of {', '.join(allowed)}")
        return names

    return parse


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m tests.bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--only", type=listed(MEASURES), default=list(MEASURES), help=",".join(MEASURES))
    made.add_argument("--sides", type=listed(KINDS), default=list(KINDS), help=",".join(KINDS))
    durabilities = list(sides.DURABILITIES)
    made.add_argument(
        "--durability", type=listed(sides.DURABILITIES), default=durabilities, help=",".join(durabilities)
    )
    made.add_argument("--shapes", type=listed(("default", "large", "16k")), default=["default", "large"])
    made.add_argument("--partitions", type=listed(("1", "12")), default=["1", "12"])
    made.add_argument("--trials", type=int, default=0, help="of each measure (3; quick: 1)")
    made.add_argument("--megabytes", type=int, default=0, help="produced in a trial (512; quick: 16)")
    made.add_argument("--warm-mb", type=int, default=-1, help="written and deleted before each start (1536; quick: 32)")
    made.add_argument("--config", default=None, metavar="FILE", help="server.properties for Odradek (busy polling, …)")
    made.add_argument("--dir", default=None, help="where the data goes (default: the temporary directory)")
    made.add_argument("--quick", action="store_true", help="tiny sizes: shows that it works, measures nothing")
    made.add_argument(
        "--profile", choices=("produce", "consume", "small"), help="one load under cProfile, nothing else"
    )
    return made


def chosen_sides(kinds: list[str], durabilities: list[str]) -> tuple[sides.Side, ...]:
    found = []
    if "odradek" in kinds:
        found += [sides.Side("odradek", durability) for durability in durabilities]
    if "floor" in kinds:
        found += [sides.Side("floor", "sync")] if "sync" in durabilities else []
        found += [sides.Side("floor", "")] if set(durabilities) - {"sync"} else []
    if "mock" in kinds:
        found.append(sides.MOCK)
    return tuple(found)


def made_plan(options: argparse.Namespace, directory: str) -> plan.Plan:
    quick = options.quick
    return plan.Plan(
        place=sides.Place(
            directory=directory,
            warm_mb=options.warm_mb if options.warm_mb >= 0 else 32 if quick else 1536,
            odradek=sides.installed_odradek() if "odradek" in options.sides else (),
            serve=("--config", str(Path(options.config).resolve())) if options.config else (),
        ),
        sides=chosen_sides(options.sides, options.durability),
        trials=options.trials or (1 if quick else 3),
        megabytes=options.megabytes or (16 if quick else 512),
        load_s=0.3 if quick else 3.0,
        requests=100 if quick else 3000,
        idle_s=1.0 if quick else 10.0,
        shapes=tuple(options.shapes),
        partitions=tuple(map(int, options.partitions)),
        record_bytes=1024,
        small_bytes=200,
    )


def run(made: plan.Plan, wanted: list[str], tally: table.Tally) -> list[str]:
    """All wanted measures into `tally`; one that fails spares the figures of the others.  Returns the failures."""
    both = "produce" in wanted, "consume" in wanted
    measures: dict[str, Callable[[], None]] = {
        "throughput": lambda: throughput.measure(made, tally, *both),
        "small": lambda: small.measure(made, tally),
        "latency": lambda: synchronous.measure(made, tally),
        "startup": lambda: startup.measure(made, tally),
        "memory": lambda: memory.measure(made, tally),
        "manypartitions": lambda: manypartitions.measure(made, tally),
    }
    failures = []
    for name, measure in measures.items():
        if name not in wanted and not (name == "throughput" and any(both)):
            continue
        before = list(tally.figures)
        try:
            measure()
        except SystemExit as failure:
            failures.append(f"{name}: {failure}")
            plan.progress(f"FAILED {failures[-1]}")
        except KeyboardInterrupt:
            return [*failures, f"{name}: interrupted"]
        plan.progress(tally.show([each for each in tally.figures if each not in before]))
    return failures


def main() -> None:
    options = parser().parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    base = options.dir or tempfile.gettempdir()
    Path(base).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="odradek-bench-", dir=base) as directory:
        made = made_plan(options, directory)
        print("\n".join(terms.lines(made)), flush=True)
        if options.profile:
            profiled.run(made, options.profile)
            return
        tally = table.Tally()
        failures = run(made, options.only, tally)
    print("\n" + tally.show())
    if failures:
        raise SystemExit("not measured: " + "; ".join(failures))


if __name__ == "__main__":
    main()
