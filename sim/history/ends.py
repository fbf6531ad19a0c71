"""Rules about end offsets as ListOffsets gives them.

Knows: which offsets were acked, which ends were told, and when.  Does not know: values, readers.
Invariant: two facts are compared only if the first was complete before the second began.
"""

from odradek.sim.history.book import OK, Book, EndSeen
from odradek.sim.history.findings import Findings


def check_ends(book: Book, findings: Findings) -> None:
    """end-offset-below-ack: what was acked lies below the high watermark.  end-offset-regressed: within one leader
    epoch neither the high watermark nor the last stable offset goes back; answers without an epoch are of one."""
    if not book.ends:
        return
    events: list[tuple[int, int, EndSeen | None, int, int]] = []
    for number, seen in enumerate(book.ends):
        events += [(seen.invoked, 1, seen, number, 0), (seen.completed, 0, seen, number, 0)]
    wanted = {seen.key for seen in book.ends}
    for op, type_ in enumerate(book.types):
        if type_ == OK:
            for vid, offset in zip(book.writes(op), book.write_offsets(op), strict=True):
                if offset >= 0 and book.value_key[vid] in wanted:
                    events.append((book.completed[op], 0, None, book.value_key[vid], offset))
    events.sort(key=lambda event: (event[0], event[1], event[3], event[4]))
    acked: dict[int, tuple[int, int]] = {}  # key → (end, line)
    told: dict[tuple[int, int | None, bool], tuple[int, int]] = {}
    for line, began, maybe, subject, offset in events:
        if maybe is None:
            acked[subject] = max(acked.get(subject, (0, 0)), (offset + 1, -line))
            continue
        seen = maybe
        place = (seen.key, seen.epoch, seen.stable)
        if not began:
            told[place] = max(told.get(place, (0, 0)), (seen.end, -line))
            continue
        if not seen.stable:
            _compare(book, seen, "end-offset-below-ack", acked.get(seen.key, (0, 0)), findings)
        _compare(book, seen, "end-offset-regressed", told.get(place, (0, 0)), findings)


def _compare(book: Book, seen: EndSeen, error: str, least: tuple[int, int], findings: Findings) -> None:
    end, line = least[0], -least[1]
    if seen.end >= end:
        return
    key = book.key_names[seen.key]
    what = "last stable offset" if seen.stable else "end offset"
    why = f"offset {end - 1} was acked" if error == "end-offset-below-ack" else f"it was {end} in the same leader epoch"
    text = f"key {key}: {what} {seen.end} at lines {seen.invoked}-{seen.completed}, though {why} by line {line}"
    lines = (line, seen.invoked, seen.completed)
    findings.add(error, text, key=key, lines=lines, end=seen.end, least=end, epoch=seen.epoch)
