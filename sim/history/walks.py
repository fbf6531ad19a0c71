"""Rules about how clients move along a key: within one operation, and one process from operation to operation.

Knows: rules 4 and 5, offset gaps.  Does not know: who sent what.
Invariant: a step whose two places are not both known is taken as right; an error is never guessed.
"""

from bisect import bisect_left
from itertools import pairwise

from odradek.sim.history.book import FAIL, INFO, OK, POLL, SEND, UNKNOWN, Move
from odradek.sim.history.findings import Findings
from odradek.sim.history.leg import Leg
from odradek.sim.history.terms import Terms

REBALANCES = "the process subscribed: rebalances move positions"
NOWHERE = -2
"""A position that is not known.  (-1 is before the first value.)"""


class Walks:
    """One pass over the operations of a leg, with every process's last places."""

    def __init__(self, leg: Leg, terms: Terms, findings: Findings) -> None:
        self.leg, self.book, self.findings = leg, leg.book, findings
        names = self.book.key_names if terms.gapless is True else terms.gapless or ()
        self.gapless = {self.book.key_ids[name] for name in names if name in self.book.key_ids}
        self.gapless -= self.book.transactional_keys
        processes = len(self.book.process_names)
        self.subscribed = bytearray(processes)
        self.read_place: list[dict[int, int]] = [{} for _ in range(processes)]  # key → place last read
        self.read_end: list[dict[int, int]] = [{} for _ in range(processes)]  # key → offset behind the last read
        self.sent: list[dict[int, int]] = [{} for _ in range(processes)]  # key → value last sent

    def run(self) -> None:
        moves = iter(self.book.moves)
        move = next(moves, None)
        for op, kind in enumerate(self.book.kinds):
            while move is not None and move.before_op <= op:
                self._move(move)
                move = next(moves, None)
            if kind != SEND and self.leg.judged[op]:
                self._reads(op)
            if kind != POLL and self.leg.primary:
                self._sends(op)

    # -- positions ---------------------------------------------------------------------------------------------------

    def _move(self, move: Move) -> None:
        places, ends = self.read_place[move.process], self.read_end[move.process]
        if move.name != "seek" and move.type != FAIL:
            self.subscribed[move.process] = move.name == "subscribe"
            for held in (places, ends):
                for kid in [kid for kid in held if kid not in move.positions]:
                    del held[kid]
        for kid, offset in move.positions.items():
            if offset is None:
                continue
            places.pop(kid, None)
            ends.pop(kid, None)
            if move.type == OK:
                places[kid] = bisect_left(self.leg.offsets[kid], offset) - 1
                ends[kid] = offset

    # -- reads -------------------------------------------------------------------------------------------------------

    def _reads(self, op: int) -> None:
        book, index = self.book, self.leg.index
        process, moved = book.processes[op], book.rebalanced.get(op, frozenset())
        places, ends = self.read_place[process], self.read_end[process]
        for kid, start, end in book.runs(op):
            vids = book.read_vid[start:end]
            run = [index[vid] for vid in vids]
            if run != list(range(run[0], run[0] + len(run))) and kid not in moved:
                self._steps_within(op, kid, vids.tolist())
            last = places.get(kid, NOWHERE)
            if last != NOWHERE and run[0] != UNKNOWN and run[0] - last != 1:
                self._step_across(op, kid, last, run[0])
            if kid in self.gapless:
                offsets = book.read_offset[start:end].tolist()
                if kid not in moved:
                    self._gaps(op, kid, offsets)
                    if kid in ends and not self.subscribed[process] and ends[kid] < offsets[0]:
                        self._gap(op, kid, ends[kid], offsets[0])
                if book.types[op] == OK:
                    ends[kid] = offsets[-1] + 1
            if book.types[op] == OK:
                places[kid] = run[-1] if run[-1] != UNKNOWN else NOWHERE

    def _steps_within(self, op: int, kid: int, vids: list[int]) -> None:
        for a, b in pairwise(vids):
            before, after = self.leg.index[a], self.leg.index[b]
            if UNKNOWN in (before, after) or after - before == 1:
                continue
            error = "int-poll-skip" if after > before else "int-nonmonotonic-poll"
            self._report(error, op, kid, f"read {self._placed(a)} and then {self._placed(b)}", before, after)

    def _step_across(self, op: int, kid: int, last: int, first: int) -> None:
        order = self.leg.order[kid]
        was = f"after {self._placed(order[last])}" if last >= 0 else "from the beginning"
        error = "poll-skip" if first > last else "nonmonotonic-poll"
        allowed = REBALANCES if self.subscribed[self.book.processes[op]] else ""
        self._report(error, op, kid, f"reading on {was} it read {self._placed(order[first])}", last, first, allowed)

    def _gaps(self, op: int, kid: int, offsets: list[int]) -> None:
        if offsets == list(range(offsets[0], offsets[0] + len(offsets))):
            return
        for a, b in pairwise(offsets):
            if b > a + 1:
                self._gap(op, kid, a + 1, b)

    def _gap(self, op: int, kid: int, start: int, end: int) -> None:
        """Offsets [start, end) were read past; those that nobody ever saw a value at are missing."""
        known = self.leg.offsets[kid]
        if bisect_left(known, end) - bisect_left(known, start) == end - start:
            return
        book, key = self.book, self.book.key_names[kid]
        text = f"key {key}: nothing at some of the offsets {start} to {end - 1}, read past by {book.op_text(op)}"
        self.findings.add("offset-gap", text, key=key, lines=book.op_lines(op), start=start, end=end)

    # -- sends -------------------------------------------------------------------------------------------------------

    def _sends(self, op: int) -> None:
        book, index, sent = self.book, self.leg.index, self.sent[self.book.processes[op]]
        by_key: dict[int, list[int]] = {}
        for vid in book.writes(op):
            by_key.setdefault(book.value_key[vid], []).append(vid)
        for kid, vids in by_key.items():
            for a, b in pairwise(vids):
                before, after = index[a], index[b]
                if UNKNOWN not in (before, after) and after - before != 1:
                    error = "int-send-skip" if after > before else "int-nonmonotonic-send"
                    self._report(error, op, kid, f"sent {self._placed(a)} and then {self._placed(b)}", before, after)
            if book.types[op] not in {OK, INFO}:
                continue
            last = sent.get(kid)
            if last is not None and index[vids[0]] != UNKNOWN and index[vids[0]] <= index[last]:
                story = f"sent {self._placed(vids[0])} after {self._placed(last)} of an earlier operation"
                self._report("nonmonotonic-send", op, kid, story, index[last], index[vids[0]])
            known = [vid for vid in vids if index[vid] != UNKNOWN]
            if known:
                sent[kid] = known[-1]

    # -- reports -----------------------------------------------------------------------------------------------------

    def _placed(self, vid: int) -> str:
        return f"{self.book.values[vid]!r} (offset {self.leg.at[vid]}, index {self.leg.index[vid]})"

    def _report(self, error: str, op: int, kid: int, story: str, before: int, after: int, allowed: str = "") -> None:
        book, key = self.book, self.book.key_names[kid]
        skipped = [book.values[vid] for vid in self.leg.order[kid][before + 1 : min(after, before + 9)]]
        past = f", past {', '.join(map(repr, skipped))}" if after - before > 1 else ""
        more = f" and {after - before - 9} more" if after - before > 9 else ""
        self.findings.add(
            error,
            f"key {key}: {book.op_text(op)}: {story}{past}{more}",
            key=key,
            lines=book.op_lines(op),
            allowed=allowed,
            index=[before, after],
            skipped=skipped,
        )
