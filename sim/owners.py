"""Who owns what in groups, and what was committed, as clients saw it.

Knows: generations, their members and partitions; commits asked for and acknowledged.  Does not know: the coordinator.
Invariant: no partition has two owners in one generation; an offset that is fetched is not older than the last that was
acknowledged before it was asked for, unless a commit of another generation went back on purpose.
"""

from odradek.sim.model import Place
from odradek.sim.world import Violation, World


class Owners:
    """All groups."""

    def __init__(self, world: World, beyond: bool) -> None:
        self.world = world
        self.beyond = beyond
        self.given_to: dict[tuple[str, int, Place], str] = {}
        self.generations: dict[str, int] = {}
        self.acked: dict[tuple[str, Place], tuple[int, int]] = {}
        """By group and partition: (generation, offset) of the newest acknowledged commit."""
        self.floating: dict[tuple[str, Place], dict[int, None]] = {}
        """Offsets that some commit asked for and that may be in force."""

    def given(self, group: str, generation: int, member: str, places: list[Place]) -> None:
        """A member was told what is its own."""
        for place in places:
            owner = self.given_to.setdefault((group, generation, place), member)
            if owner != member:
                raise Violation(
                    "NoDoubleOwnership", f"{place} belongs to {owner} and to {member} in generation {generation} of {group}"
                )
        newest = self.generations.get(group, -1)
        self.generations[group] = max(newest, generation)

    def commit_asked(self, group: str, generation: int, offsets: dict[Place, int]) -> int:
        """A commit is about to be asked for.  The newest generation known of then."""
        for place, offset in offsets.items():
            self.floating.setdefault((group, place), {})[offset] = None
        return self.generations.get(group, -1)

    def commit_acked(self, group: str, generation: int, offsets: dict[Place, int], newest: int) -> None:
        """It was acknowledged.  `newest` is what `commit_asked` returned."""
        if generation < newest:
            raise Violation(
                "CommitFencedByGen", f"a commit of generation {generation} of {group} was taken after {newest} had begun"
            )
        for place, offset in offsets.items():
            self.acked[group, place] = (generation, offset)

    def fetched(self, group: str, place: Place, offset: int) -> None:
        """A client was told what is committed."""
        known = self.acked.get((group, place))
        self.world.count("committed offsets fetched")
        if offset >= 0 and offset not in self.floating.get((group, place), {}):
            raise Violation("OffsetWasCommitted", f"{offset} of {place} in {group}, nobody ever committed that")
        if known is not None and offset < known[1] and not self.beyond:
            raise Violation(
                "OffsetReadNotOlderThanAcked", f"{offset} of {place} in {group}, {known[1]} had been acknowledged"
            )
