"""Which record a timestamp means.

Knows: how to narrow a search by segment, index entry and batch down to one record.  Does not know: who reads the file.
Invariant: every answer lies in [log start, upto); bytes are believed only under their CRC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from odradek.core.errors import Refused
from odradek.core.log import reader
from odradek.core.log.reader import Probe
from odradek.core.log.segment import Segment
from odradek.core.machine import Out
from odradek.core.records.batch import HEADER_BYTES, LENGTH_MIN, MAGIC, Header, check_crc, parse
from odradek.core.records.read import Record, records
from odradek.core.types import NO_TIMESTAMP, Now, Offset, WallMs

if TYPE_CHECKING:
    from odradek.core.log.log import Log


class Found(NamedTuple):
    """The first record that fits."""

    offset: Offset
    timestamp: WallMs
    leader_epoch: int


class TimeLookup:
    """Call `next`; read what a `Probe` asks for, hand it to `learn`, call `next` again, until it says `Found` or None.

    With `target` None the largest timestamp is looked for: first what it is, then the first record that has it.
    """

    __slots__ = (
        "_answer",
        "_at",
        "_base",
        "_best",
        "_done",
        "_log",
        "_seek_best",
        "_step",
        "_trust",
        "_want",
        "target",
        "upto",
    )

    def __init__(self, log: Log, target: WallMs | None, upto: Offset) -> None:
        self._log = log
        self.target = target
        self.upto = min(upto, log.written)
        self._done = False
        self._answer: Found | None = None
        self._base: Offset = -1
        """Base of the segment being looked through; -1 before the first."""
        self._at = 0
        self._want = 0
        """Bytes that the batch at hand needs, when it did not fit into a probe."""
        self._step = log.config.index_interval_bytes
        self._seek_best = target is None
        self._best: WallMs = NO_TIMESTAMP
        self._trust = True
        """Segments' own largest timestamps may be believed; after a truncation they may be too large."""

    def next(self) -> Probe | Found | None:
        """What to read, or the answer.  None: no such record."""
        while not self._done:
            segment = self._log.segment_at(self._base) if self._base >= 0 else None
            if segment is not None and self._at < segment.written.position:
                return self._probe(segment)
            unindexed = self._next_segment()
            if unindexed is not None:
                return reader.index_probe(self._log, unindexed)
        return self._answer

    def learn(self, probe: Probe, data: bytes, now: Now, out: Out) -> None:
        """Look through the bytes of a probe."""
        if self._done:
            return
        if probe.is_index:
            reader.learn(self._log, probe, data, out)
            return
        if probe.generation != self._log.generation or self._log.quarantined:
            self._end(None)
            return
        at = 0
        while at + HEADER_BYTES <= len(data):
            header = parse(data, at)
            if header.length < LENGTH_MIN or header.magic != MAGIC:
                self._rotten(probe.file, out)
                return
            if header.base_offset >= self.upto:
                self._at = 1 << 62
                return
            if self._seek_best:
                self._best = max(self._best, header.max_timestamp)
            elif self.target is not None and header.max_timestamp >= self.target:
                if at + header.size > len(data):
                    self._want = header.size
                    return
                if self._search(memoryview(data)[at : at + header.size], header, probe, out):
                    return
            at += header.size
            self._at += header.size
            self._want = 0
        if at == 0:
            self._rotten(probe.file, out)

    def _probe(self, segment: Segment) -> Probe:
        log = self._log
        # Twice as much each time: without an index the whole segment must be gone through.
        self._step = min(2 * self._step, log.ledger.limits.recovery_read_bytes)
        size = max(self._step, self._want, HEADER_BYTES)
        size = min(size, segment.written.position - self._at)
        return Probe(segment.file, self._at, size, segment.base, log.generation, -1, -1, None, False)

    def _next_segment(self) -> Segment | None:
        """Go to the next segment that may hold what is looked for, or end.

        Returned: one whose index must be read first.
        """
        self._want = 0
        self._step = self._log.config.index_interval_bytes
        for segment in self._log.segments:
            if segment.base <= self._base or segment.next <= self._log.start:
                continue
            if segment.base >= self.upto:
                break
            before, self._base = self._base, segment.base
            if self._seek_best:
                if self._trust and segment.next <= self.upto:
                    self._best = max(self._best, segment.max_time)
                    continue
                entry = segment.index.floor(max(self.upto - 1, segment.base)) if self._trust else segment.index.entry(0)
                self._best = max(self._best, entry.time)
            else:
                assert self.target is not None
                if segment.max_time < self.target:
                    continue
                if segment.index_stored and not segment.index_loaded:
                    self._base = before
                    return segment
                entry = segment.index.before_time(self.target)
            self._at = entry.position
            return None
        self._exhausted()
        return None

    def _exhausted(self) -> None:
        if self._seek_best:
            if self._best == NO_TIMESTAMP:
                self._end(None)
                return
            self._seek_best = False
            self.target = self._best
            self._base = -1
        elif self._trust and self.target == self._best and self._best != NO_TIMESTAMP:
            self._trust = False
            self._seek_best = True
            self._best = NO_TIMESTAMP
            self._base = -1
        else:
            self._end(None)

    def _search(self, batch: memoryview, header: Header, probe: Probe, out: Out) -> bool:
        """Whether the batch ended the search."""
        if not check_crc(batch):
            self._rotten(probe.file, out)
            return True
        assert self.target is not None
        try:
            for record in records(batch):
                if self._fits(record):
                    self._end(Found(record.offset, record.timestamp, header.leader_epoch))
                    return True
        except Refused:
            out.note("records of a batch cannot be read", log=self._log.name, offset=header.base_offset)
        return False

    def _fits(self, record: Record) -> bool:
        assert self.target is not None
        return record.timestamp >= self.target and self._log.start <= record.offset < self.upto

    def _rotten(self, file: str, out: Out) -> None:
        self._log.quarantine(f"rot in {file} after byte {self._at}", out)
        self._end(None)

    def _end(self, answer: Found | None) -> None:
        self._done = True
        self._answer = answer
