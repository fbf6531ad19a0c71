"""What a group commit is made of: the tokens of its effects, and what each round and checkpoint still waits for.

Knows: nothing but its fields.  Does not know: when a round begins, or what its end means (`commit`).
"""

from __future__ import annotations

from typing import NamedTuple

from odradek.core.effects import Effect
from odradek.core.log.journal import Entry
from odradek.core.log.log import Log
from odradek.core.log.segment import Mark, Segment
from odradek.core.types import FileName, Instant, Offset


class FileSynced(NamedTuple):
    """Token of a round's direct sync."""

    round: int


class FrameWritten(NamedTuple):
    """Token of a journal append at byte `at`; `round` is 0 for a frame nobody waits for."""

    journal_id: int
    at: int
    sequence: int
    round: int


class FrameSynced(NamedTuple):
    """Token of a journal sync: every frame up to `sequence` is durable."""

    journal_id: int
    sequence: int
    round: int


class FlushedBehind(NamedTuple):
    """Token of a background sync of a segment."""

    name: str
    generation: int
    base: Offset
    mark: Mark
    checkpoint: bool


class ReserveTaken(NamedTuple):
    """Token of the append that fills the reserve file."""


class MarkerWritten(NamedTuple):
    """Token of the clean-shutdown marker."""


class Covered(NamedTuple):
    """A stretch of a segment that a round makes durable, `direct`ly or in the journal."""

    segment: Segment
    mark: Mark
    direct: bool


class Share(NamedTuple):
    """What one log has in a round."""

    log: Log
    generation: int
    covered: list[Covered]
    end: Offset


class Round:
    """One group commit in flight."""

    __slots__ = ("entries", "number", "shares", "waiting")

    def __init__(self, number: int, shares: list[Share]) -> None:
        self.number = number
        self.shares = shares
        self.waiting = 0
        self.entries: list[Entry] = []


class Checkpoint:
    """A journal was begun anew; when all that the old ones cover is durable in its own file they can go."""

    __slots__ = ("old", "proven_by", "waiting")

    def __init__(self, old: list[FileName]) -> None:
        self.old = old
        self.waiting = 0
        self.proven_by = 0
        """Sequence of the frame with the certificates; 0 while files are synced, NEXT_FRAME when it was refused."""


class Doomed(NamedTuple):
    """What happens to files once the journal durably says so, and not before `due`."""

    sequence: int
    due: Instant
    name: str
    effects: tuple[Effect, ...]
    cutting: bool = False
