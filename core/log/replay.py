"""What the journals say about each file of a data directory, folded into one picture.

Knows: the meaning of journal entries, in order.  Does not know: what is on the disk (`recovery` compares).
Invariant: folding a journal twice gives the picture of folding it once; a cut or a removal undoes what came before.
"""

from __future__ import annotations

from typing import NamedTuple

from odradek.core.log import journal, state
from odradek.core.log.journal import Entry
from odradek.core.log.segment import Mark
from odradek.core.log.state import LogState
from odradek.core.types import Offset


class Run(NamedTuple):
    """Consecutive bytes of a file, from byte `at`."""

    at: int
    data: bytearray


class Picture:
    """One file.  `synced` is the mark up to which the file itself was durable, `proven` counts journaled bytes too."""

    __slots__ = ("proven", "runs", "synced")

    def __init__(self) -> None:
        self.synced = Mark(0, -1, 0, 0)
        self.proven = 0
        self.runs: list[Run] = []

    def certify(self, mark: Mark) -> None:
        if mark.position > self.synced.position:
            self.synced = mark
        self.proven = max(self.proven, mark.position)

    def extend(self, at: int, data: bytes | memoryview) -> None:
        if self.runs and self.runs[-1].at + len(self.runs[-1].data) == at:
            self.runs[-1].data.extend(data)
        else:
            self.runs.append(Run(at, bytearray(data)))
        self.proven = max(self.proven, at + len(data))

    def cut(self, position: int) -> None:
        kept = []
        for run in self.runs:
            if run.at < position:
                del run.data[position - run.at :]
                kept.append(run)
        self.runs = kept
        self.proven = min(self.proven, position)
        if self.synced.position > position:
            self.synced = Mark(position, -1, position, 0)

    def unsynced_runs(self) -> list[Run]:
        """What the journal holds and no sync of the file covers."""
        found = []
        for run in self.runs:
            skip = max(0, self.synced.position - run.at)
            if skip < len(run.data):
                found.append(Run(run.at + skip, run.data[skip:]))
        return found


class LogPicture:
    """One log: its files by base offset, what it was when journals began (oldest first), and its start."""

    __slots__ = ("files", "gone", "quarantined", "start", "states")

    def __init__(self) -> None:
        self.files: dict[Offset, Picture] = {}
        self.gone: dict[Offset, None] = {}
        self.quarantined = ""
        self.start: Offset = 0
        self.states: list[LogState] = []

    def file(self, base: Offset) -> Picture:
        self.gone.pop(base, None)
        found = self.files.get(base)
        if found is None:
            found = self.files[base] = Picture()
        return found

    def begin(self, found: LogState) -> None:
        """A journal began: the log had exactly these segments."""
        self.states.append(found)
        self.start = found.start
        bases = [summary.base for summary, _ in found.segments]
        for base in [base for base in self.files if base not in bases]:
            del self.files[base]
        for summary, mark in found.segments:
            file = self.file(summary.base)
            file.certify(mark)
            if file.proven < summary.size:
                # Later files may be durable already, yet a hole may be left before them.
                return

    def cut(self, base: Offset, position: int) -> None:
        self.file(base).cut(position)
        self.states = [known for known in self.states if not _reaches(known, base, position)]

    def remove(self, base: Offset) -> None:
        self.files.pop(base, None)
        self.gone[base] = None
        self.states = [known for known in self.states if not known.segments or known.segments[-1][0].base != base]

    @property
    def proven_end(self) -> tuple[Offset, int] | None:
        """(Base, position) of the durable boundary: nothing before it may be dropped.  None when nothing is proven."""
        bases = [base for base, file in self.files.items() if file.proven > 0]
        return (max(bases), self.files[max(bases)].proven) if bases else None


def _reaches(known: LogState, base: Offset, position: int) -> bool:
    """Whether the state counts bytes of a segment at or behind a cut."""
    return any((summary.base, summary.size) > (base, position) for summary, _ in known.segments)


class Pictures:
    """All logs of a data directory as the journals tell."""

    __slots__ = ("dropped", "logs")

    def __init__(self) -> None:
        self.logs: dict[str, LogPicture] = {}
        self.dropped: dict[str, None] = {}

    def log(self, name: str) -> LogPicture:
        self.dropped.pop(name, None)
        found = self.logs.get(name)
        if found is None:
            found = self.logs[name] = LogPicture()
        return found

    def fold(self, entries: list[Entry]) -> None:
        """Take the entries of one journal, oldest journal first."""
        for entry in entries:
            if entry.kind == journal.DROP:
                self.logs.pop(entry.name, None)
                self.dropped[entry.name] = None
                continue
            log = self.log(entry.name)
            if entry.kind == journal.RANGE:
                assert isinstance(entry.data, memoryview)
                log.file(entry.base).extend(entry.position, entry.data)
            elif entry.kind == journal.CERTIFICATE:
                log.file(entry.base).certify(journal.mark_of(entry))
            elif entry.kind == journal.CUT:
                log.cut(entry.base, entry.position)
            elif entry.kind == journal.GONE:
                log.remove(entry.base)
            elif entry.kind == journal.START:
                log.start = entry.position
            elif entry.kind == journal.QUARANTINED:
                log.quarantined = bytes(entry.data).decode()
            else:
                assert entry.kind == journal.STATE, entry.kind
                log.begin(state.decode(entry.data))
