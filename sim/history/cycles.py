"""Cycles of operations (rule 6): an operation that must have happened before itself.

Knows: the edges wr, ww, process and realtime.  Does not know: graphs' inner workings, the other rules.
Invariant: every cycle lies inside one window of lines; outside windows no edge points back.

Each operation is given one line: where it began if it only sends, where it ended if it reads.  Process and realtime
edges then always point forward, and of the others nearly all do.  Only the windows that the few backward edges span,
merged where they overlap, can hold a cycle; a good history of sends and polls has none, and costs one pass.
"""

from collections.abc import Iterator

from odradek.sim.history.book import INFO, Book
from odradek.sim.history.findings import Findings
from odradek.sim.history.graph import components, shortest_cycle
from odradek.sim.history.leg import Leg

WW_ALLOWED = "write-write edges were asked for, and Kafka does not isolate writes"
Edges = dict[int, list[int]]

LEVELS = (
    ("G0", ("ww",)),
    ("G1c", ("ww", "wr")),
    ("G0-process", ("ww", "process")),
    ("G1c-process", ("ww", "wr", "process")),
    ("G0-realtime", ("ww", "process", "realtime")),
    ("G1c-realtime", ("ww", "wr", "process", "realtime")),
)
"""Class → the edges that are enough for it, the gravest class first."""

REASONS = {"ww": "which wrote behind it", "process": "the next of that process", "realtime": "which began later"}


def check_cycles(leg: Leg, findings: Findings, *, ww_deps: bool) -> None:
    """Report one shortest cycle of each component, under the gravest class that its edges allow."""
    for window in _windows(leg, ww_deps):
        graph = _Graph(leg, window, ww_deps)
        for component in components(window, graph.merged(graph.kinds, set(window))):
            _report(leg, graph, component, findings, ww_deps)


def _report(leg: Leg, graph: "_Graph", component: list[int], findings: Findings, ww_deps: bool) -> None:
    inside = set(component)
    for error, kinds in LEVELS:
        edges = graph.merged(kinds, inside)
        smaller = components(component, edges)
        for one in smaller:
            if not findings.wants(error):
                findings.add(error, f"cycle among operations {one[0]} ...", lines=leg.book.op_lines(*one[:16]))
                continue
            cycle = shortest_cycle(one, lambda vertex, edges=edges: edges.get(vertex, []))  # type: ignore[misc]
            steps = [graph.step_text(a, b, kinds) for a, b in zip(cycle, [*cycle[1:], cycle[0]], strict=True)]
            allowed = WW_ALLOWED if ww_deps and error.startswith("G1c") else ""
            text = "".join([f"{len(cycle)} operations, each before the next", *(f"\n  {step}" for step in steps)])
            findings.add(error, text, lines=leg.book.op_lines(*cycle), allowed=allowed, steps=steps)
        if smaller:
            return


def _line(book: Book, op: int) -> int:
    return book.invoked[op] if book.run_of_op[op] == book.run_of_op[op + 1] else book.completed[op]


def _dependencies(leg: Leg, op: int) -> Iterator[int]:
    """Operations whose values this one read; at read_uncommitted a transaction's values prove nothing about its end."""
    book, writer = leg.book, leg.book.value_writer
    if leg.judged[op]:
        for vid in book.reads(op):
            other = writer[vid]
            if other >= 0 and other != op and not (leg.uncommitted and book.transactional[other]):
                yield other


def _overwrites(leg: Leg) -> Iterator[tuple[int, int]]:
    writer = leg.book.value_writer
    for order in leg.order:
        before = -1
        for vid in order:
            op = writer[vid]
            if op >= 0:
                if before >= 0 and before != op:
                    yield before, op
                before = op


def _windows(leg: Leg, ww_deps: bool) -> list[list[int]]:
    """The operations of each stretch of lines that backward edges span."""
    book = leg.book
    spans: list[tuple[int, int]] = []
    lines = [_line(book, op) for op in range(book.ops)]
    for op, line in enumerate(lines):
        if book.run_of_op[op] < book.run_of_op[op + 1]:
            latest = max((lines[other] for other in _dependencies(leg, op)), default=0)
            if latest > line:
                spans.append((line, latest))
    if ww_deps:
        spans += [(lines[b], lines[a]) for a, b in _overwrites(leg) if lines[b] < lines[a]]
    if not spans:
        return []
    spans.sort()
    merged = [spans[0]]
    for start, end in spans[1:]:
        if start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    windows: list[list[int]] = [[] for _ in merged]
    at = 0
    for line, op in sorted(zip(lines, range(book.ops), strict=True)):
        while at < len(merged) and line > merged[at][1]:
            at += 1
        if at < len(merged) and line >= merged[at][0]:
            windows[at].append(op)
    return windows


class _Graph:
    """The edges among the operations of one window, by kind."""

    def __init__(self, leg: Leg, window: list[int], ww_deps: bool) -> None:
        self.leg, self.book = leg, leg.book
        self.kinds: dict[str, Edges] = {"wr": {}, "process": {}, "realtime": {}}
        inside = set(window)
        for op in window:
            for other in sorted(set(_dependencies(leg, op)) & inside):
                self._edge("wr", other, op)
        if ww_deps:
            self.kinds["ww"] = {}
            for a, b in _overwrites(leg):
                if a in inside and b in inside:
                    self._edge("ww", a, b)
        self._time(window)

    def _edge(self, kind: str, before: int, after: int) -> None:
        self.kinds[kind].setdefault(before, []).append(after)

    def _time(self, window: list[int]) -> None:
        """Process edges, and realtime edges without those that others imply.  What an info operation does may happen
        after its completion, so no realtime edge leaves one."""
        book = self.book
        last: dict[int, int] = {}
        ended: list[int] = []
        events = sorted([(book.invoked[op], 0, op) for op in window] + [(book.completed[op], 1, op) for op in window])
        for _, completion, op in events:
            if not completion:
                if book.processes[op] in last:
                    self._edge("process", last[book.processes[op]], op)
                last[book.processes[op]] = op
                for other in ended:
                    self._edge("realtime", other, op)
            elif book.types[op] != INFO:
                ended = [other for other in ended if book.completed[other] > book.invoked[op]]
                ended.append(op)

    def merged(self, kinds: "tuple[str, ...] | dict[str, Edges]", inside: set[int]) -> Edges:
        """The edges of some kinds as one graph, among some operations."""
        chosen = [self.kinds[kind] for kind in kinds if kind in self.kinds]
        edges: Edges = {}
        for some in chosen:
            for op, following in some.items():
                if op in inside:
                    edges.setdefault(op, []).extend(other for other in following if other in inside)
        return edges

    def step_text(self, before: int, after: int, kinds: tuple[str, ...]) -> str:
        """Why one operation comes before another, by the first kind of edge that says so."""
        book = self.book
        kind = next(kind for kind in kinds if after in self.kinds.get(kind, {}).get(before, ()))
        told = f"{book.op_text(before)} --{kind}--> {book.op_text(after)}"
        if kind == "wr":
            vid = next(vid for vid in book.reads(after) if book.value_writer[vid] == before)
            return f"{told}: which read its {book.values[vid]!r} of key {book.key_names[book.value_key[vid]]}"
        return f"{told}: {REASONS[kind]}"
