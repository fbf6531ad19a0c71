"""The judgement of one history: every rule, on every isolation level that it holds.

Knows: which rules there are.  Does not know: files, exit codes.
Invariant: the verdict is a function of the entries and the terms alone.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from odradek.sim.history.book import FAIL, INFO, OK, Book
from odradek.sim.history.cycles import check_cycles
from odradek.sim.history.ends import check_ends
from odradek.sim.history.findings import Findings, Verdict
from odradek.sim.history.groups import check_committed, check_exclusive, check_zombies
from odradek.sim.history.hints import consumed_twice, lag_max_ns
from odradek.sim.history.leg import Leg, check_order
from odradek.sim.history.losses import check_lost, check_torn, check_unseen, check_vanished
from odradek.sim.history.points import check_aborted_reads, check_acks, check_fields, check_own_reads, check_strangers
from odradek.sim.history.reader import Reader
from odradek.sim.history.terms import Terms
from odradek.sim.history.walks import Walks


def judge(entries: Iterable[Mapping[str, Any]], terms: Terms | None = None) -> Verdict:
    """Judge a history (see reader.py for the entries).  Raises Malformed if it is not one.  A config entry in the
    history changes the terms given here."""
    reader = Reader(terms or Terms())
    for entry in entries:
        reader.add(entry)
    return judge_book(reader.finish(), reader.terms)


def judge_book(book: Book, terms: Terms) -> Verdict:
    """Judge what a Reader has read."""
    findings = Findings(terms.examples_max)
    information = _information(book)
    for leg in legs(book):
        _judge_leg(leg, terms, findings)
        if leg.primary:
            information["lag_max_ns"] = lag_max_ns(leg)
            information["consumed_twice"] = consumed_twice(book)
    check_committed(book, findings)
    check_zombies(book, findings)
    check_exclusive(book, findings)
    check_ends(book, findings)
    return findings.verdict(information)


def legs(book: Book) -> Iterable[Leg]:
    """One leg for each isolation level at which anything was polled, read_committed first and by default."""
    polled = {bool(book.uncommitted[op]) for op in range(book.ops) if book.run_of_op[op] < book.run_of_op[op + 1]}
    for uncommitted in sorted(polled or {False}):
        yield Leg(book, uncommitted=uncommitted, mixed=len(polled) > 1)


def _judge_leg(leg: Leg, terms: Terms, findings: Findings) -> None:
    check_order(leg, findings)
    check_strangers(leg, findings)
    check_aborted_reads(leg, findings)
    check_own_reads(leg, findings)
    check_lost(leg, findings)
    check_torn(leg, findings)
    if leg.primary:
        check_acks(leg, findings)
        check_fields(leg, findings)
        check_vanished(leg, findings)
        if terms.complete:
            check_unseen(leg, findings)
    Walks(leg, terms, findings).run()
    check_cycles(leg, findings, ww_deps=terms.ww_deps)


def _information(book: Book) -> dict[str, Any]:
    return {
        "entries": book.entries,
        "operations": book.ops,
        "ok": book.types.count(OK),
        "fail": book.types.count(FAIL),
        "info": book.types.count(INFO),
        "sent": len(book.write_vid),
        "reads": len(book.read_vid),
        "keys": len(book.key_names),
        "processes": len(book.process_names),
        "causes": dict(sorted(book.causes.items())),
    }
