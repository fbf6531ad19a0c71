"""Where the bytes of an offset lie: slices of files, or what must be read first to know.

Knows: the boundaries a log remembers (tail, probed stretches, sparse index).  Does not know: the bytes, nor who asks.
Invariant: a slice begins with the batch that holds the offset, ends at a batch boundary, and holds nothing at or above
`upto` and nothing that is not yet written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from odradek.core.effects import FileSlice
from odradek.core.errors import ErrorCode, Refused
from odradek.core.log import index as index_rules
from odradek.core.log.segment import Segment, index_file
from odradek.core.log.window import Window
from odradek.core.machine import Out
from odradek.core.records.batch import HEADER_BYTES, LENGTH_MIN, MAGIC, parse
from odradek.core.types import FileName, Offset, WallMs

if TYPE_CHECKING:
    from odradek.core.log.log import Log

WINDOWS_KEPT: Final = 4
"""Probed stretches remembered for each log."""

INDEX_FILE_BYTES_MAX: Final = 1 << 30


class Slice(NamedTuple):
    """Whole batches: `size` bytes in `slices`, from the batch that holds `first`; read on at `next`.  Empty: size 0."""

    slices: tuple[FileSlice, ...]
    size: int
    first: Offset
    next: Offset


class Probe(NamedTuple):
    """Read `size` bytes of `file` from `at`, hand them to `Log.learn`, ask again.  The rest is the log's business."""

    file: FileName
    at: int
    size: int
    base: Offset
    generation: int
    goal: Offset
    offset: Offset
    time: WallMs | None
    is_index: bool


def read(log: Log, offset: Offset, max_bytes: int, upto: Offset, at_least_one: bool) -> Slice | Probe:
    """Whole batches of one segment from the one that holds `offset`, at most `max_bytes`, all below `upto`.

    `at_least_one`: when the first batch alone is larger than `max_bytes` it is returned all the same (KIP-74).
    Refuses OFFSET_OUT_OF_RANGE outside of start..end and KAFKA_STORAGE_ERROR when the log is quarantined.
    """
    if log.quarantined:
        raise Refused(ErrorCode.KAFKA_STORAGE_ERROR, log.quarantined)
    if offset < log.start or offset > log.end:
        raise Refused(ErrorCode.OFFSET_OUT_OF_RANGE, f"offset {offset} is not in {log.start}..{log.end}")
    upto = min(upto, log.written)
    nothing = Slice((), 0, offset, offset)
    if offset >= upto:
        return nothing
    segment = log.active
    if segment is None or offset < segment.base:
        segment = log.segment_of(offset)
    if segment is None or segment.base >= upto:
        return nothing

    start = _locate(log, segment, offset)
    if isinstance(start, Probe):
        return start
    stop = segment.written
    cap = start + max_bytes
    if cap >= stop.position and upto >= stop.end:
        end, after = stop.position, stop.end
    else:
        end, after = _floor(log, segment, min(cap, stop.position), upto)
    if end <= start:
        batch = _batch_at(log, segment, start)
        if batch is None:
            size = max(HEADER_BYTES, min(max_bytes, log.ledger.limits.recovery_read_bytes))
            return _probe(log, segment, start, min(size, stop.position - start), upto)
        end, after = batch
        if after > upto or (end > cap and not at_least_one):
            return nothing
    return Slice((FileSlice(segment.file, start, end - start),), end - start, offset, after)


def locate(log: Log, offset: Offset) -> Probe | None:
    """What must be read before `truncate` can know where `offset` lies; None when nothing."""
    segment = log.segment_of(offset)
    if segment is None or offset >= log.end or boundary_of(log, segment, offset) is not None:
        return None
    found = _locate(log, segment, offset)
    return found if isinstance(found, Probe) else None


def boundary_of(log: Log, segment: Segment, offset: Offset) -> tuple[int, Offset] | None:
    """(Position, offset) of the boundary before the batch that holds `offset`, or None when it is not known."""
    if offset >= segment.next:
        return segment.size, segment.next
    if offset == segment.written.end:
        return segment.written.position, offset
    if offset <= segment.base:
        return 0, segment.base
    for window in _windows(log, segment):
        position = window.find(offset)
        if position is not None:
            return window.floor(position, offset)
    entry = segment.index.floor(offset)
    return (entry.position, offset) if entry.offset == offset else None


def _locate(log: Log, segment: Segment, offset: Offset) -> int | Probe:
    """The position of the first batch that ends after `offset`."""
    position = segment.recent.find(offset)
    if position is not None:
        return position
    for base, window in log.windows:
        if base == segment.base:
            position = window.find(offset)
            if position is not None:
                return position
    entry = segment.index.floor(offset)
    if entry.offset == offset or offset < segment.base:
        return entry.position
    stop = segment.index.after(entry.position)
    if stop is None:
        stop = segment.written.position
    if not segment.index_loaded and segment.index_stored and stop - entry.position > log.config.index_interval_bytes:
        return index_probe(log, segment)
    size = min(stop - entry.position, log.ledger.limits.recovery_read_bytes)
    return _probe(log, segment, entry.position, size, offset)


def _floor(log: Log, segment: Segment, position: int, upto: Offset) -> tuple[int, Offset]:
    """The last known boundary at or before `position` with nothing at or above `upto` before it."""
    best = segment.index.floor_position(position, upto)
    for window in _windows(log, segment):
        found = window.floor(position, upto)
        if found is not None and found[0] > best[0]:
            best = found
    return best


def _batch_at(log: Log, segment: Segment, position: int) -> tuple[int, Offset] | None:
    for window in _windows(log, segment):
        found = window.batch_at(position)
        if found is not None:
            return found
    return None


def _windows(log: Log, segment: Segment) -> list[Window]:
    return [segment.recent, *(window for base, window in log.windows if base == segment.base)]


def _probe(log: Log, segment: Segment, at: int, size: int, goal: Offset) -> Probe:
    """From a boundary; when it is an index entry, what is met on the way is worth entries of its own."""
    offset, position, time = segment.index.at_position(at)
    if position == at:
        return Probe(segment.file, at, size, segment.base, log.generation, goal, offset, time, False)
    known = _floor(log, segment, at, log.end)
    assert known[0] == at, (known, at)
    return Probe(segment.file, at, size, segment.base, log.generation, goal, known[1], None, False)


def index_probe(log: Log, segment: Segment) -> Probe:
    file = index_file(log.name, segment.base)
    return Probe(file, 0, INDEX_FILE_BYTES_MAX, segment.base, log.generation, -1, -1, None, True)


def learn(log: Log, probe: Probe, data: bytes, out: Out) -> None:
    """Remember the boundaries in `data`.  Stale probes are dropped; what cannot be a batch quarantines the log."""
    segment = log.segment_at(probe.base)
    if segment is None or probe.generation != log.generation:
        return
    if probe.is_index:
        _learn_index(segment, data, out, log)
        return
    window = Window(probe.offset, probe.at)
    time = probe.time
    interval = log.config.index_interval_bytes
    most = log.recent_batches
    beyond = 0
    at = 0
    offset = probe.offset
    while at + HEADER_BYTES <= len(data) and beyond < most and window.close < segment.written.position:
        header = parse(data, at)
        wrong = (
            header.length < LENGTH_MIN
            or header.magic != MAGIC
            or header.base_offset < offset
            or header.last_offset_delta < 0
            or window.close + header.size > segment.written.position
        )
        if wrong:
            log.quarantine(f"no batch at byte {window.close} of {segment.file}", out)
            return
        if time is not None and window.close > probe.at:
            segment.index.learn(offset, window.close, time, interval)
        offset = header.base_offset + header.last_offset_delta + 1
        window.add(offset, header.size, most)
        at += header.size
        beyond += offset > probe.goal
        if time is not None:
            time = max(time, header.max_timestamp)
    if not window.ends:
        log.quarantine(f"{len(data)} bytes at byte {probe.at} of {segment.file}, no batch", out)
        return
    if time is not None and window.close < segment.written.position and beyond == 0:
        segment.index.learn(offset, window.close, time, 1)
    log.windows.append((segment.base, window))
    del log.windows[:-WINDOWS_KEPT]


def _learn_index(segment: Segment, data: bytes, out: Out, log: Log) -> None:
    segment.index_loaded = True
    found = index_rules.decode(data)
    if found is None or found[0] != segment.summary:
        segment.index_stored = False
        out.note("index file unusable, it is rebuilt as it is needed", log=log.name, base=segment.base)
        return
    segment.index.take(found[1])
    if segment is not log.active:
        log.ledger.index_taken(log, segment)


def unreadable(log: Log, probe: Probe, why: str, out: Out) -> None:
    """A read failed: an index is rebuilt, a log file means quarantine."""
    segment = log.segment_at(probe.base)
    if segment is None or probe.generation != log.generation:
        return
    if probe.is_index:
        segment.index_loaded, segment.index_stored = True, False
        out.note("index file unreadable, it is rebuilt as it is needed", log=log.name, base=probe.base, why=why)
        return
    log.quarantine(f"reading {probe.file} at byte {probe.at} failed: {why}", out)
