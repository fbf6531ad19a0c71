"""The world: one heap of what is going to happen, one clock, one rolling hash of what did.

Knows: the order of happenings.  Does not know: what they do.
Invariant: of two happenings the earlier goes first, of two at the same instant the one that was planned first; nothing
but `pop` moves the clock.
"""

import heapq
from collections.abc import Callable
from hashlib import blake2b

from odradek.sim.chance import stream
from odradek.core.types import MS, Instant
from random import Random


class Violation(Exception):
    """A rule does not hold.  `rule` is its name in the specification or the table of known bugs."""

    def __init__(self, rule: str, what: str) -> None:
        super().__init__(f"{rule}: {what}")
        self.rule = rule
        self.what = what


class World:
    """`seed` names every stream of chance.  Times are true nanoseconds since the run began."""

    def __init__(self, seed: str) -> None:
        self.seed = seed
        self.now: Instant = 0
        self.steps = 0
        self.happenings = 0
        self._heap: list[tuple[Instant, int, str, Callable[[], None]]] = []
        self._planned = 0
        self._hash = blake2b(digest_size=8)
        self.listener: Callable[[str], None] | None = None
        self.tallies: dict[str, int] = {}
        """Whatever anyone counts, by name."""

    def stream(self, *names: str) -> Random:
        """The chance of one part of the world."""
        return stream(self.seed, *names)

    def at(self, time: Instant, what: str, act: Callable[[], None]) -> None:
        """Let something happen at an instant; never before now."""
        self._planned += 1
        heapq.heappush(self._heap, (max(time, self.now), self._planned, what, act))

    def after(self, ns: int, what: str, act: Callable[[], None]) -> None:
        """Let something happen when `ns` have passed."""
        self.at(self.now + ns, what, act)

    @property
    def next(self) -> Instant | None:
        """When something happens next."""
        return self._heap[0][0] if self._heap else None

    def pop(self) -> None:
        """Let the next thing happen."""
        self.now, _, _, act = heapq.heappop(self._heap)
        self.happenings += 1
        act()

    def count(self, what: str, by: int = 1) -> None:
        """One more of something."""
        self.tallies[what] = self.tallies.get(what, 0) + by

    def step(self, line: str) -> None:
        """A node took a step, or something as important happened: it is part of the hash from now on."""
        self.steps += 1
        line = f"{self.steps} {self.now} {line}"
        self._hash.update(line.encode())
        if self.listener is not None:
            self.listener(line)

    @property
    def digest(self) -> str:
        """The rolling hash."""
        return self._hash.hexdigest()

    @property
    def clock(self) -> str:
        """The time for a person."""
        return f"{self.now / 1000 / MS:.3f} s"
