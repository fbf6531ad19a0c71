"""One isolation level's view of a history: which reads count, and the order of values they give.

Knows: rule 1, the version order.  Does not know: the other rules.
Invariant: every offset of a key in `offsets` holds one value in `order`, chosen the same way every time (the least).

A history may hold polls at both levels.  The read_committed leg is built from committed sends and read_committed
polls.  The read_uncommitted leg judges read_uncommitted polls, against everything that anybody saw: aborted data is in
its order.
"""

from array import array
from bisect import bisect_left

from odradek.sim.history.book import INFO, OK, UNKNOWN, Book
from odradek.sim.history.findings import Findings


class Leg:
    """A view.  `judged[op]` is 1 where the reads of an operation are checked; others only add to the order, if that."""

    def __init__(self, book: Book, *, uncommitted: bool, mixed: bool) -> None:
        self.book = book
        self.uncommitted = uncommitted
        self.primary = not (mixed and uncommitted)  # rules about sends run once, on this leg
        self.judged = bytes(1 if bool(flag) == uncommitted or not mixed else 0 for flag in book.uncommitted)
        self.counted = b"\x01" * book.ops if uncommitted else self.judged
        self.at = array("q", [UNKNOWN]) * len(book.values)  # value → the first offset it was seen at
        self.more: dict[int, list[int]] = {}  # value → all its offsets, where it has several
        self.ok_read = bytearray(len(book.values))
        self._note_reads()
        self._note_sends()
        self.offsets: list[list[int]] = [[] for _ in book.key_names]
        self.order: list[list[int]] = [[] for _ in book.key_names]
        self.conflicts: list[tuple[int, int, list[int]]] = []  # key, offset, values
        self._sort()
        self.index = array("q", [UNKNOWN]) * len(book.values)  # value → place in order; UNKNOWN: none
        for vids in self.order:
            for place in range(len(vids) - 1, -1, -1):
                self.index[vids[place]] = place

    def committed(self, op: int) -> bool:
        """Whether the operation must have committed: it says so, or somebody saw one of its values."""
        if self.book.types[op] == OK:
            return True
        if self.book.types[op] != INFO or (self.uncommitted and self.book.transactional[op]):
            return False
        return any(self.ok_read[vid] for vid in self.book.writes(op))

    def seen_at(self, vid: int) -> list[int]:
        """Every offset at which the value is known to be."""
        if vid in self.more:
            return self.more[vid]
        return [] if self.at[vid] < 0 else [self.at[vid]]

    def first(self, vid: int) -> int:
        """The first place of the value in the order of offsets; UNKNOWN: its offset is not known."""
        seen = self.seen_at(vid)
        return bisect_left(self.offsets[self.book.value_key[vid]], min(seen)) if seen else UNKNOWN

    def last(self, vid: int) -> int:
        """The last place of the value in the order of offsets; UNKNOWN: its offset is not known."""
        seen = self.seen_at(vid)
        return bisect_left(self.offsets[self.book.value_key[vid]], max(seen)) if seen else UNKNOWN

    # -- building ----------------------------------------------------------------------------------------------------

    def _note_reads(self) -> None:
        book = self.book
        at, ok_read, vids, offsets = self.at, self.ok_read, book.read_vid, book.read_offset
        run_of_op, run_end, types = book.run_of_op, book.run_end, book.types
        for op, counted in enumerate(self.counted):
            start, end = run_end[run_of_op[op]], run_end[run_of_op[op + 1]]
            if start == end or not counted:
                continue
            seen_ok = types[op] == OK
            for vid, offset in zip(vids[start:end], offsets[start:end], strict=True):
                if seen_ok:
                    ok_read[vid] = 1
                if at[vid] != offset:
                    self._note(vid, offset)

    def _note_sends(self) -> None:
        book = self.book
        for op, type_ in enumerate(book.types):
            start, end = book.write_of_op[op], book.write_of_op[op + 1]
            if start == end or not (type_ == OK or (type_ == INFO and self.committed(op))):
                continue
            for at in range(start, end):
                vid, offset = book.write_vid[at], book.write_offset[at]
                if offset >= 0 and self.at[vid] != offset:
                    self._note(vid, offset)

    def _note(self, vid: int, offset: int) -> None:
        if self.at[vid] < 0:
            self.at[vid] = offset
        elif offset not in (several := self.more.setdefault(vid, [self.at[vid]])):
            several.append(offset)

    def _sort(self) -> None:
        pairs: list[list[tuple[int, int]]] = [[] for _ in self.offsets]
        for vid, kid in enumerate(self.book.value_key):
            if self.at[vid] >= 0:
                pairs[kid].append((self.at[vid], vid))
        for vid, several in self.more.items():
            pairs[self.book.value_key[vid]].extend((offset, vid) for offset in several if offset != self.at[vid])
        for kid, found in enumerate(pairs):
            found.sort()
            offsets, order = self.offsets[kid], self.order[kid]
            for offset, vid in found:
                if offsets and offsets[-1] == offset:
                    self._conflict(kid, offset, order[-1], vid)
                else:
                    offsets.append(offset)
                    order.append(vid)

    def _conflict(self, kid: int, offset: int, chosen: int, vid: int) -> None:
        if self.conflicts and self.conflicts[-1][:2] == (kid, offset):
            self.conflicts[-1][2].append(vid)
        else:
            self.conflicts.append((kid, offset, [chosen, vid]))


def check_order(leg: Leg, findings: Findings) -> None:
    """Rule 1 itself: one value at an offset, one offset for a value."""
    book = leg.book
    told = Witnesses(leg, [vid for _, _, vids in leg.conflicts for vid in vids] + list(leg.more))
    for kid, offset, vids in leg.conflicts:
        key = book.key_names[kid]
        stories = [f"\n  {book.values[vid]!r}: {told.story(vid, offset)}" for vid in vids]
        findings.add(
            "inconsistent-offsets",
            f"key {key} offset {offset} held {len(vids)} values:{''.join(stories)}",
            key=key,
            lines=told.lines(vids),
            offset=offset,
            index=bisect_left(leg.offsets[kid], offset),
            values=[book.values[vid] for vid in vids],
        )
    for vid, offsets in sorted(leg.more.items()):
        key, value = book.key_names[book.value_key[vid]], book.values[vid]
        stories = [f"\n  offset {offset}: {told.story(vid, offset)}" for offset in sorted(offsets)]
        findings.add(
            "duplicate",
            f"key {key} value {value!r} held {len(offsets)} offsets:{''.join(stories)}",
            key=key,
            lines=told.lines([vid]),
            value=value,
            offsets=sorted(offsets),
            nonzero=min(offsets) > 0,
        )


class Witnesses:
    """Which operations saw some values, and where; asked only once something is wrong, for one pass over all reads."""

    examples_max = 4

    def __init__(self, leg: Leg, wanted: list[int]) -> None:
        self.book = leg.book
        self.seen: dict[int, list[tuple[int, int]]] = {vid: [] for vid in wanted}  # value → (operation, offset)
        if not wanted:
            return
        for op, counted in enumerate(leg.counted):
            if counted:
                for vid, offset in zip(self.book.reads(op), self.book.read_offsets(op), strict=True):
                    if vid in self.seen:
                        self.seen[vid].append((op, offset))

    def readers(self, vid: int, type_: int | None = None) -> list[int]:
        return [op for op, _ in self.seen[vid] if type_ is None or self.book.types[op] == type_]

    def writer_story(self, vid: int) -> str:
        op = self.book.value_writer[vid]
        return f"sent by {self.book.op_text(op)}" if op >= 0 else "sent by nobody"

    def story(self, vid: int, offset: int) -> str:
        """Who says that the value is at the offset."""
        told = [self.book.op_text(op) for op, at in self.seen[vid] if at == offset]
        parts = [f"read by {text}" for text in told[: self.examples_max]]
        if len(told) > self.examples_max:
            parts.append(f"and {len(told) - self.examples_max} more")
        op = self.book.value_writer[vid]
        if op >= 0 and (vid, offset) in zip(self.book.writes(op), self.book.write_offsets(op), strict=True):
            parts.insert(0, f"acked to {self.book.op_text(op)}")
        return ", ".join(parts)

    def lines(self, vids: list[int]) -> tuple[int, ...]:
        ops = [op for vid in vids for op, _ in self.seen[vid][: self.examples_max]]
        ops += [self.book.value_writer[vid] for vid in vids if self.book.value_writer[vid] >= 0]
        return self.book.op_lines(*ops)
