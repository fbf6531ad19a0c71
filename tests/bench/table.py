"""The figures and how they are shown: one line for each measure of each Odradek, its floor and the mock beside it.

Knows: which figures belong together, and the reach lines.  Does not know: how a figure came about.
Invariant: a ratio is the median of the trials' own ratios, never a ratio of figures from different minutes.
"""

from fnmatch import fnmatch
from statistics import median
from typing import NamedTuple

from tests.bench.sides import MOCK, Side

COLUMNS = ("measure", "unit", "odradek", "floor", "mock", "/floor", "/mock", "spread", "reach")


class Reach(NamedTuple):
    """A line to reach: of the figure itself (`odradek`), or of its ratio to the `floor` or the `mock`."""

    pattern: str
    of: str
    sign: str
    limit: float

    def verdict(self, value: float) -> str:
        good = value >= self.limit if self.sign == "≥" else value <= self.limit
        return f"{'pass' if good else 'MISS'} ({self.of} {self.sign} {self.limit:g})"


REACHES = (
    Reach("produce large *: MB/s", "floor", "≥", 0.70),
    Reach("produce large *: MB/s", "mock", "≥", 0.65),
    Reach("consume large *: MB/s", "floor", "≥", 0.80),
    Reach("small *: requests", "floor", "≥", 0.50),
    Reach("64 producers, rate over 100 partitions / over 1", "odradek", "≥", 0.50),
    Reach("start-up", "odradek", "≤", 0.4),
    Reach("RSS idle", "odradek", "≤", 50),
    Reach("CPU idle", "odradek", "≤", 0.5),
    Reach("RSS added by 1,000 partitions", "odradek", "≤", 60),
    Reach("RSS added by 1,000 connections", "odradek", "≤", 50),
)


class Tally:
    """All figures of a run, in the order of their measures: measure -> side -> one figure for each trial."""

    def __init__(self) -> None:
        self.units: dict[str, str] = {}
        self.figures: dict[str, dict[Side, list[float]]] = {}

    def add(self, measure: str, unit: str, side: Side, value: float) -> None:
        assert self.units.setdefault(measure, unit) == unit
        self.figures.setdefault(measure, {}).setdefault(side, []).append(value)

    def lines(self, measure: str) -> list[tuple[str, ...]]:
        """A line for each Odradek measured; without one, a line for each floor."""
        sides = self.figures[measure]
        subjects = [side for side in sides if side.kind == "odradek"]
        if subjects:
            return [self.line(measure, side) for side in subjects]
        return [self.line(measure, side) for side in sides if side.kind == "floor"] or [self.line(measure, MOCK)]

    def line(self, measure: str, side: Side) -> tuple[str, ...]:
        sides = self.figures[measure]
        own = sides[side] if side.kind == "odradek" else []
        floor = sides.get(side.peer if own else side, []) if side.kind != "mock" else []
        mock = sides.get(MOCK, [])
        ratios = {"odradek": median(own) if own else None, "floor": ratio(own, floor), "mock": ratio(own, mock)}
        verdicts = []
        for reach in REACHES:
            value = ratios[reach.of]
            judged = not (reach.of == "mock" and side.durability == "sync")  # the mock keeps nothing on a disk
            if fnmatch(measure, reach.pattern) and value is not None and judged:
                verdicts.append(reach.verdict(value))
        name = f"{measure} [{side.durability}]" if side.durability else measure
        shown = [figure(median(each)) if each else "–" for each in (own, floor, mock)]
        return (name, self.units[measure], *shown, *map(share, (ratios["floor"], ratios["mock"])), spread(own or floor),
                " ".join(verdicts))  # fmt: skip

    def show(self, measures: list[str] | None = None) -> str:
        wanted = list(self.figures) if measures is None else measures
        rows = [COLUMNS, *(line for measure in wanted for line in self.lines(measure))]
        widths = [max(len(row[at]) for row in rows) for at in range(len(COLUMNS))]
        rows.insert(1, tuple("-" * width for width in widths))
        return "\n".join(
            " | ".join(cell.ljust(width) if at in (0, 1, 8) else cell.rjust(width)
                       for at, (cell, width) in enumerate(zip(row, widths, strict=True))).rstrip()
            for row in rows
        )  # fmt: skip


def ratio(own: list[float], other: list[float]) -> float | None:
    """The median over trials; trial with trial, both of the same minute."""
    pairs = [mine / theirs for mine, theirs in zip(own, other, strict=False) if theirs]
    return median(pairs) if pairs else None


def figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}" if value < 100 else f"{value:.0f}"


def share(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def spread(values: list[float]) -> str:
    """Lowest and highest trial of the first side shown."""
    return f"{figure(min(values))}…{figure(max(values))}" if len(values) > 1 else ""
