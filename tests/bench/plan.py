"""What a run does: which sides, how much, how often.

Knows: the bounds of every measure.  Invariant: a bound holds for all sides alike.
"""

import sys
from typing import NamedTuple

from tests.bench.sides import Place, Side


class Plan(NamedTuple):
    place: Place
    sides: tuple[Side, ...]
    trials: int
    megabytes: int
    load_s: float
    requests: int
    idle_s: float
    shapes: tuple[str, ...]
    partitions: tuple[int, ...]
    record_bytes: int
    small_bytes: int

    def rotated(self, trial: int, kinds: tuple[str, ...] = ("odradek", "floor", "mock")) -> list[Side]:
        """The sides in turn; each trial begins with another one, so that none is always first."""
        sides = [side for side in self.sides if side.kind in kinds]
        at = trial % len(sides) if sides else 0
        return sides[at:] + sides[:at]

    def one_of_each(self) -> list[Side]:
        """One Odradek and one floor, where durability does not matter."""
        found: dict[str, Side] = {}
        for side in self.sides:
            if side.kind != "mock" and (side.kind not in found or found[side.kind].durability == "sync"):
                found[side.kind] = side
        return list(found.values())


def progress(*words: object) -> None:
    print(*words, file=sys.stderr, flush=True)


def unasked(side: Side) -> list[str]:
    """The mock forgets old records: its log's end proves nothing."""
    return ["--no-check"] if side.kind == "mock" else []
