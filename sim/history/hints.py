"""What is worth knowing about a history and condemns nothing.

Knows: times and repetitions.  Does not know: rules.
Invariant: the lag is a lower bound; a reader was never less behind than it says.
"""

from array import array

from odradek.sim.history.book import OK, SEND, UNKNOWN, Book
from odradek.sim.history.leg import Leg


def lag_max_ns(leg: Leg) -> dict[str, int]:
    """Per key the longest time a value had been acked when a poll began that stopped reading just before it."""
    book = leg.book
    acked = array("q", [UNKNOWN]) * len(book.values)
    for op, type_ in enumerate(book.types):
        if type_ == OK:
            for vid in book.writes(op):
                acked[vid] = book.ended_ns[op]
    longest: dict[str, int] = {}
    for op, kind in enumerate(book.kinds):
        if kind == SEND or book.types[op] != OK or book.began_ns[op] < 0 or not leg.judged[op]:
            continue
        for kid, _, end in book.runs(op):
            following = leg.index[book.read_vid[end - 1]] + 1
            if 0 < following < len(leg.order[kid]) and acked[leg.order[kid][following]] >= 0:
                lag, key = book.began_ns[op] - acked[leg.order[kid][following]], book.key_names[kid]
                if lag > longest.get(key, 0):
                    longest[key] = lag
    return longest


def consumed_twice(book: Book) -> int:
    """How often a subscribed process read a value that it had already read."""
    subscribers = {move.process for move in book.moves if move.name == "subscribe"}
    reads: dict[int, list[int]] = {process: [] for process in sorted(subscribers)}
    for op, process in enumerate(book.processes):
        if process in subscribers and book.types[op] == OK:
            reads[process].append(op)
    reader, again = array("i", [UNKNOWN]) * len(book.values), 0
    for process, ops in reads.items():
        for op in ops:
            for vid in book.reads(op):
                again += reader[vid] == process
                reader[vid] = process
    return again
