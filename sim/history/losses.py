"""Rules about what should have been read and was not.

Knows: rule 3 (lost-write), unseen, and the stricter vanished and torn-txn.  Does not know: the order of reads.
Invariant: only values of operations that must have committed are missed.
"""

from odradek.sim.history.book import INFO, OK, UNKNOWN
from odradek.sim.history.findings import Findings
from odradek.sim.history.leg import Leg, Witnesses


def check_lost(leg: Leg, findings: Findings) -> None:
    """lost-write: some later value was read, this one never.  Later means behind the greatest of earliest places, so
    that a value that turned up twice cannot make others look lost."""
    book = leg.book
    displaced: list[list[int]] = [[] for _ in leg.order]  # values that are not in the order: another has their offset
    for kid, _, vids in leg.conflicts:
        displaced[kid] += [vid for vid in vids if leg.index[vid] < 0]
    for kid, order in enumerate(leg.order):
        bound, farthest = UNKNOWN, UNKNOWN
        for vid in order:
            if leg.ok_read[vid] and leg.first(vid) > bound:
                bound, farthest = leg.first(vid), vid
        told = None
        for vid in order[: bound + 1] + displaced[kid]:
            writer = book.value_writer[vid]
            if leg.ok_read[vid] or writer < 0 or leg.last(vid) > bound or not leg.committed(writer):
                continue
            told = told or Witnesses(leg, [farthest])
            reader = told.readers(farthest, OK)[0]
            key, value, place = book.key_names[kid], book.values[vid], leg.first(vid)
            findings.add(
                "lost-write",
                f"key {key} value {value!r} (offset {leg.at[vid]}, index {place}): sent by {book.op_text(writer)}, "
                f"never read, though {book.values[farthest]!r} (index {bound}) was, by {book.op_text(reader)}",
                key=key,
                lines=book.op_lines(writer, reader),
                value=value,
                index=place,
                max_read_index=bound,
                max_read=book.values[farthest],
            )


def check_unseen(leg: Leg, findings: Findings) -> None:
    """unseen: acked, and never read by the end of a history that is said to be complete."""
    book = leg.book
    for vid, op in enumerate(book.value_writer):
        if op >= 0 and book.types[op] == OK and not leg.ok_read[vid]:
            key, value = book.key_names[book.value_key[vid]], book.values[vid]
            text = f"key {key} value {value!r}: sent by {book.op_text(op)}, never read by any ok operation"
            findings.add("unseen", text, key=key, lines=book.op_lines(op), value=value)


def check_vanished(leg: Leg, findings: Findings) -> None:
    """vanished: read once, and not again by the final reading from the beginning.  Only a final phase can show it: a
    lost tail leaves no later value behind that would make lost-write speak."""
    book = leg.book
    if not book.final_keys:
        return
    again = bytearray(len(book.values))
    for op, type_ in enumerate(book.types):
        if type_ == OK and leg.judged[op] and book.invoked[op] > book.final_line:
            for vid in book.reads(op):
                again[vid] = 1
    gone = [
        vid
        for vid, kid in enumerate(book.value_key)
        if leg.ok_read[vid] and not again[vid] and kid in book.final_keys and book.value_line[vid]
    ]
    told = Witnesses(leg, gone)
    for vid in gone:
        key, value, reader = book.key_names[book.value_key[vid]], book.values[vid], told.readers(vid, OK)[0]
        seen = f"read by {book.op_text(reader)}"
        text = f"key {key} value {value!r} (offset {leg.at[vid]}): {seen}, missing from the final reading"
        findings.add("vanished", text, key=key, lines=told.lines([vid]), value=value, offset=leg.at[vid])


def check_torn(leg: Leg, findings: Findings) -> None:
    """torn-txn: a transaction is seen whole or not at all (KAFKA-17754).  Where the outcome was unknown, one value seen
    means that it committed."""
    if leg.uncommitted:
        return
    book = leg.book
    for op, type_ in enumerate(book.types):
        if type_ not in {OK, INFO} or not book.transactional[op]:
            continue
        vids = book.writes(op)
        seen = [vid for vid in vids if leg.ok_read[vid]]
        if not seen or len(seen) == len(vids):
            continue
        missing = [(book.key_names[book.value_key[vid]], book.values[vid]) for vid in vids if not leg.ok_read[vid]]
        there = [(book.key_names[book.value_key[vid]], book.values[vid]) for vid in seen]
        findings.add(
            "torn-txn",
            f"{book.op_text(op)}: read {_named(there)}, never {_named(missing)}",
            key=missing[0][0],
            lines=book.op_lines(op),
            seen=there,
            missing=missing,
        )


def _named(pairs: list[tuple[str, int | str]]) -> str:
    return ", ".join(f"{value!r} of key {key}" for key, value in pairs)
