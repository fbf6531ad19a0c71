"""What must be true of the records, from what clients were told and nothing else.

Knows: every record that was sent, which were acknowledged where, which were read where, and what a crash may take away.
Does not know: the broker's state.
Invariant: an offset that was acknowledged or read holds the same record for ever, until what may be lost was lost.
"""

from typing import NamedTuple

import attrs
from odradek.sim.world import Violation, World

Place = tuple[str, int]
"""A topic's name and a partition."""


class Payload(NamedTuple):
    """What one record says: the text names it, once in the whole run."""

    text: str
    size: int

    @property
    def bytes(self) -> bytes:
        """The value on the wire: the text, and padding that follows from it."""
        text = self.text.encode()
        pad = (text + b".") * (self.size // (len(text) + 1) + 1)
        return text + b"|" + pad[: self.size]


def read_payload(value: bytes | None) -> Payload | None:
    """The payload a value holds; None when no payload of ours looks like that."""
    if value is None:
        return None
    text, bar, pad = value.partition(b"|")
    try:
        payload = Payload(text.decode(), len(pad))
    except UnicodeDecodeError:
        return None
    return payload if bar and payload.bytes == value else None


@attrs.define
class Kept:
    """What is known of one partition.  `judged`: nothing may be lost, so its operations go into the history."""

    judged: bool
    survives_power: bool
    shrinks: bool
    acked: dict[int, str] = attrs.field(factory=dict)
    seen: dict[int, str] = attrs.field(factory=dict)
    where: dict[str, int] = attrs.field(factory=dict)
    high: int = 0
    start_asked: int = 0
    forgiven: int = 0
    """Times that a power cut may have taken records away."""


class Model:
    """All partitions, by place."""

    def __init__(self, world: World, beyond: bool) -> None:
        self.world = world
        self.beyond = beyond
        self.sent: dict[str, Place] = {}
        self.places: dict[Place, Kept] = {}
        self.commits: dict[tuple[str, Place], int] = {}
        """By group and partition, the largest offset whose commit was acknowledged."""

    def expect(self, place: Place, survives_power: bool, shrinks: bool, judged: bool) -> None:
        """A partition that clients will use."""
        self.places[place] = Kept(judged, survives_power, shrinks)

    def send(self, place: Place, texts: list[str]) -> None:
        """These are about to be sent."""
        for text in texts:
            assert text not in self.sent, text
            self.sent[text] = place

    def ack(self, place: Place, base: int, texts: list[str], committed: bool, once: bool) -> None:
        """A client was told where its records are.  `committed`: under acks=all; `once`: by an idempotent producer."""
        kept = self.places[place]
        for offset, text in enumerate(texts, base):
            self._agree(kept, place, offset, text, "acknowledged")
            if once and kept.where.setdefault(text, offset) != offset:
                raise Violation("NoDuplicate", f"{text} is at {kept.where[text]} and at {offset} of {place}")
            if committed:
                kept.acked[offset] = text
        self.world.count("records acknowledged", len(texts))

    def read(self, place: Place, offset: int, text: str) -> None:
        """A consumer was given a record."""
        kept = self.places[place]
        sent_to = self.sent.get(text)
        if sent_to != place:
            raise Violation("Phantom", f"{text} was read from {place} at {offset}, it was sent to {sent_to}")
        self._agree(kept, place, offset, text, "read")
        kept.seen[offset] = text
        self.world.count("records read")

    def _agree(self, kept: Kept, place: Place, offset: int, text: str, how: str) -> None:
        for known in (kept.acked.get(offset), kept.seen.get(offset)):
            if known is not None and known != text:
                raise Violation("LogEqualsModel", f"{place} at {offset}: {known} was there, {text} was {how}")

    def highs(self, place: Place, high: int) -> None:
        """A client was told a high watermark."""
        kept = self.places[place]
        if high < kept.high and not self.beyond:
            raise Violation("HwMonotone", f"high watermark of {place} went from {kept.high} back to {high}")
        kept.high = max(kept.high, high)

    def power_cut(self) -> None:
        """Every node lost its page cache: what no sync covered may be gone, where that was not promised."""
        for kept in self.places.values():
            if not kept.survives_power:
                kept.acked.clear()
                kept.seen.clear()
                kept.where.clear()
                kept.high = 0
                kept.forgiven += 1

    def commit(self, group: str, place: Place, offset: int) -> None:
        """A group's commit was acknowledged."""
        self.commits[group, place] = max(offset, self.commits.get((group, place), 0))

    def whole(self, place: Place, start: int, records: dict[int, str]) -> None:
        """At the end a partition was read from its start to its high watermark: nothing acknowledged is missing."""
        kept = self.places[place]
        if self.beyond:
            return
        if start > 0 and not kept.shrinks:
            raise Violation("LogEqualsModel", f"{place} begins at {start}, nobody asked for that")
        for offset, text in sorted(kept.acked.items()):
            if offset >= start and records.get(offset) != text:
                raise Violation(
                    "AckedSurvives", f"{text} was acknowledged at {offset} of {place}, there is {records.get(offset)}"
                )
        for text, offset in sorted(kept.where.items(), key=lambda pair: pair[1]):
            if offset >= start and records.get(offset) != text:
                raise Violation("AckedSurvives", f"{text} of {place} was at {offset}, there is {records.get(offset)}")
