"""Rules about single values: who sent it, who may see it, what was it acked at.

Knows: rule 2 and the stricter rules on acks and content.  Does not know: positions of readers, cycles.
Invariant: nothing here depends on the order in which operations ran, except that a value must have had a sender.
"""

from odradek.sim.history.book import FAIL, OK, UNKNOWN, Book
from odradek.sim.history.findings import Findings
from odradek.sim.history.leg import Leg, Witnesses
from odradek.sim.history.values import DAMAGED, PLAIN, judged


def check_aborted_reads(leg: Leg, findings: Findings) -> None:
    """G1a: an ok operation read what a failed one sent.  At read_uncommitted an aborted transaction may be seen."""
    book = leg.book
    wrong = [
        vid
        for vid, op in enumerate(book.value_writer)
        if leg.ok_read[vid] and op >= 0 and book.types[op] == FAIL and not (leg.uncommitted and book.transactional[op])
    ]
    told = Witnesses(leg, wrong)
    for vid in wrong:
        key, value, readers = book.key_names[book.value_key[vid]], book.values[vid], told.readers(vid, OK)
        findings.add(
            "G1a",
            f"key {key} value {value!r}: {told.writer_story(vid)}, yet read by {book.op_text(readers[0])}",
            key=key,
            lines=told.lines([vid]),
            value=value,
            readers=len(readers),
        )


def check_own_reads(leg: Leg, findings: Findings) -> None:
    """precommitted-read: legal in most databases, impossible for a read_committed consumer."""
    if leg.uncommitted:
        return
    book = leg.book
    for op in range(book.ops):
        if not leg.judged[op] or book.write_of_op[op] == book.write_of_op[op + 1]:
            continue
        for vid in sorted(set(book.writes(op)) & set(book.reads(op))):
            key, value = book.key_names[book.value_key[vid]], book.values[vid]
            text = f"key {key} value {value!r}: read by the very {book.op_text(op)} that sent it"
            findings.add("precommitted-read", text, key=key, lines=book.op_lines(op), value=value)


def check_strangers(leg: Leg, findings: Findings) -> None:
    """phantom and corrupt-value: somebody read what nobody sent to that key."""
    book = leg.book
    strangers = [vid for vid, line in enumerate(book.value_line) if not line and leg.at[vid] >= 0]
    if not strangers:
        return
    told = Witnesses(leg, strangers)
    checksums = any(
        line and judged(book.key_names[book.value_key[vid]], book.values[vid]) != PLAIN
        for vid, line in enumerate(book.value_line)
    )
    for vid in strangers:
        key, value = book.key_names[book.value_key[vid]], book.values[vid]
        content = judged(key, value)
        error = "corrupt-value" if content == DAMAGED or (content == PLAIN and checksums) else "phantom"
        homes = _homes(book, vid)
        sent = f"it was sent to key {', '.join(homes)}" if homes else "nobody sent it"
        offset = leg.at[vid]
        text = f"key {key} offset {offset} value {value!r}: {told.story(vid, offset)}, but {sent}"
        findings.add(error, text, key=key, lines=told.lines([vid]), value=value, offset=offset, sent_to=homes)


def _homes(book: Book, stranger: int) -> list[str]:
    """The keys to which the value was sent."""
    value, homes = book.values[stranger], []
    for kid, known in enumerate(book.value_ids):
        vid = known.get(value, UNKNOWN)
        if vid >= 0 and book.value_line[vid]:
            homes.append(book.key_names[kid])
    return homes


def check_acks(leg: Leg, findings: Findings) -> None:
    """zero-offset and offset-reuse: no two acked sends share an offset, read or not.  ack-offset-mismatch: nor may a
    value be read anywhere but where it was acked."""
    book = leg.book
    owner: list[dict[int, int]] = [{} for _ in book.key_names]
    mismatched: list[tuple[int, int, int]] = []
    for op, type_ in enumerate(book.types):
        if type_ == FAIL:
            continue
        for at in range(book.write_of_op[op], book.write_of_op[op + 1]):
            vid, offset = book.write_vid[at], book.write_offset[at]
            if offset < 0:
                continue
            kid = book.value_key[vid]
            other = owner[kid].setdefault(offset, vid)
            if other != vid and type_ == OK and book.types[book.value_writer[other]] == OK:
                _reused(leg, findings, offset, other, vid)
            if vid in leg.more or leg.at[vid] != offset:
                mismatched += [(vid, offset, seen) for seen in leg.seen_at(vid) if seen != offset]
    told = Witnesses(leg, [vid for vid, _, _ in mismatched])
    for vid, acked, seen in mismatched:
        key, value = book.key_names[book.value_key[vid]], book.values[vid]
        sent = f"{told.writer_story(vid)} was acked at offset {acked}"
        text = f"key {key} value {value!r}: {sent}, but {told.story(vid, seen)} at {seen}"
        findings.add("ack-offset-mismatch", text, key=key, lines=told.lines([vid]), value=value, acked=acked, read=seen)


def _reused(leg: Leg, findings: Findings, offset: int, first: int, second: int) -> None:
    book = leg.book
    key, values = book.key_names[book.value_key[first]], [book.values[first], book.values[second]]
    writers = [book.value_writer[first], book.value_writer[second]]
    acks = [f"{value!r} to {book.op_text(op)}" for value, op in zip(values, writers, strict=True)]
    text = f"key {key} offset {offset} acked twice: {acks[0]}, {acks[1]}"
    error = "offset-reuse" if offset else "zero-offset"
    findings.add(error, text, key=key, lines=book.op_lines(*writers), offset=offset, values=values)


def check_fields(leg: Leg, findings: Findings) -> None:
    """corrupt-fields: a record came back with the right value and something else around it."""
    book = leg.book
    for odd in book.odd_fields:
        key, value = book.key_names[book.value_key[odd.vid]], book.values[odd.vid]
        text = f"key {key} value {value!r}: sent with {odd.sent}, read with {odd.read} by {book.op_text(odd.op)}"
        lines = book.op_lines(book.value_writer[odd.vid], odd.op)
        findings.add("corrupt-fields", text, key=key, lines=lines, value=value, sent=odd.sent, read=odd.read)
