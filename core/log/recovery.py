"""What is done before a data directory serves: the journal is replayed, every log is opened up to its last whole batch.

Knows: how to tell a torn tail from rot.  Does not know: who performs its effects.
Invariant: a recovered log is a prefix, at a batch boundary, of what was asked to be appended, and holds everything
below the durable boundary that certificates and journal prove; where it cannot, it is quarantined and left as it is.

Boot scripts: generators that yield a list of effects, whose `then` is filled in by the caller, and are sent the list of
their values, a `Fault` in place of what failed.  Nothing is served while they run.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import Any, Final, NamedTuple

from odradek.core.effects import Append, Effect, List, Read, Remove, Replace, Truncate
from odradek.core.limits import Limits
from odradek.core.log import journal
from odradek.core.log.commit import RESERVE
from odradek.core.log.config import LogConfig
from odradek.core.log.log import Ledger, Log
from odradek.core.log.marker import MARKER, OPEN, read_marker
from odradek.core.log.producers import decode as decode_producers
from odradek.core.log.replay import LogPicture, Picture, Pictures
from odradek.core.log.segment import Mark, Segment, index_file, log_file
from odradek.core.log.state import LogState
from odradek.core.log.state import decode as decode_state
from odradek.core.machine import Out
from odradek.core.records.batch import HEADER_BYTES, LENGTH_MIN, MAGIC, Header, check_crc, parse
from odradek.core.types import FileName, Now, Offset

FILE_NAME: Final = re.compile(r"([^/]+)/(\d{20})\.(log|index)")


class Fault(NamedTuple):
    """An effect of a boot script failed."""

    why: str


class Unrecoverable(Exception):
    """The directory as a whole cannot be recovered; the reason is for the operator."""


Values = list[Any]
Opening = Generator[list[Effect], Values, "Directory"]
LogOpening = Generator[list[Effect], Values, Log]


class Directory:
    """What was found on the disk, and what the last life said about it."""

    __slots__ = ("clean", "files", "journal_id", "journals", "lost", "pictures", "rotten")

    def __init__(self, files: dict[FileName, int]) -> None:
        self.files = files
        """Name to size, kept up to date while recovery writes."""
        self.clean: dict[str, LogState] | None = None
        """Every log at the clean shutdown; None when there was none."""
        self.pictures = Pictures()
        self.journals: list[FileName] = []
        self.journal_id = 0
        self.rotten = False
        """Frames of a journal are missing."""
        self.lost: dict[str, str] = {}
        """Logs whose journaled bytes cannot be put back, and why."""

    @property
    def remembers(self) -> bool:
        """Whether the journals tell where each log starts."""
        return self.clean is not None or (bool(self.journals) and not self.rotten)

    @property
    def names(self) -> tuple[str, ...]:
        """Directories with files of a log in them, or logs that only the journal knows, sorted."""
        found: dict[str, None] = {}
        for file in self.files:
            match = FILE_NAME.fullmatch(file)
            if match is not None:
                found[match[1]] = None
        found.update(dict.fromkeys(self.pictures.logs))
        if self.clean is not None:
            found.update(dict.fromkeys(self.clean))
        return tuple(sorted(found))

    def bases(self, name: str) -> list[Offset]:
        """Base offsets of the log's segment files, ascending."""
        prefix, suffix = f"{name}/", ".log"
        return sorted(
            int(file[len(prefix) : -len(suffix)])
            for file in self.files
            if file.startswith(prefix) and file.endswith(suffix) and FILE_NAME.fullmatch(file)
        )

    def foreign(self) -> tuple[FileName, ...]:
        """Files that no log, journal or marker has; they are left alone."""
        return tuple(
            file
            for file in self.files
            if file not in (MARKER, RESERVE)
            and not FILE_NAME.fullmatch(file)
            and not journal.JOURNAL_NAME.fullmatch(file)
        )


# The directory -----------------------------------------------------------------------------------------------------


def open_directory(limits: Limits, out: Out) -> Opening:
    """List the files, take the marker down, replay the journals.  Raises Unrecoverable."""
    [listing] = yield [List(None)]
    if isinstance(listing, Fault):
        raise Unrecoverable(f"the directory cannot be listed: {listing.why}")
    directory = Directory(dict(listing))
    marker = None
    if MARKER in directory.files:
        [data] = yield [Read(MARKER, 0, directory.files[MARKER], None)]
        marker = None if isinstance(data, Fault) else read_marker(data)
    # Before anything is loaded: a crash while loading must not look clean to the next life (KAFKA-10471).
    [done] = yield [Replace(MARKER, OPEN, None)]
    if isinstance(done, Fault):
        raise Unrecoverable(f"the clean-shutdown marker cannot be replaced: {done.why}")

    directory.journals = sorted(file for file in directory.files if journal.JOURNAL_NAME.fullmatch(file))
    directory.journal_id = max((_journal_id(file) for file in directory.journals), default=0)
    if marker is not None and marker[0] == directory.journal_id:
        directory.clean = {name: decode_state(data) for name, data in marker[1].items()}
        directory.journal_id = max(directory.journal_id, marker[0])
        return directory
    out.note("recovering after an unclean stop", journals=len(directory.journals))
    for file in directory.journals:
        yield from _read_journal(directory, file, limits, out)
    for name, picture in directory.pictures.logs.items():
        for base, known in picture.files.items():
            yield from _put_back(directory, name, log_file(name, base), known, out)
    yield from _finish_removals(directory)
    return directory


def _journal_id(file: FileName) -> int:
    match = journal.JOURNAL_NAME.fullmatch(file)
    assert match is not None
    return int(match[1])


def _read_journal(
    directory: Directory, file: FileName, limits: Limits, out: Out
) -> Generator[list[Effect], Values, None]:
    match = journal.JOURNAL_NAME.fullmatch(file)
    assert match is not None
    data = bytearray()
    while len(data) < directory.files[file]:
        [part] = yield [Read(file, len(data), limits.recovery_read_bytes, None)]
        if isinstance(part, Fault):
            raise Unrecoverable(f"the commit journal {file} cannot be read: {part.why}")
        if not part:
            break
        data += part
    parsed = journal.parse(data, int(match[2], 16))
    directory.pictures.fold(parsed.entries)
    if parsed.rotten:
        directory.rotten = True
        out.note("rot inside the commit journal: frames are missing", file=file)
    elif parsed.torn:
        out.note("torn frame at the end of the commit journal dropped", file=file, at=parsed.end)


def _put_back(
    directory: Directory, name: str, file: FileName, known: Picture, out: Out
) -> Generator[list[Effect], Values, None]:
    """Make the file hold what the journal holds: nothing to do where it does already."""
    for run in known.unsynced_runs():
        size = directory.files.get(file, 0)
        if size < run.at:
            directory.lost[name] = f"{file} ends at byte {size}, durable bytes before {run.at} are missing"
            return
        there = min(size - run.at, len(run.data))
        found: Any = b""
        if there > 0:
            [found] = yield [Read(file, run.at, there, None)]
        rest: Any = b""
        if found == run.data[:there]:
            effects: list[Effect] = []
            missing = run.data[there:]
        else:
            if size > run.at + len(run.data):
                end = run.at + len(run.data)
                [rest] = yield [Read(file, end, size - end, None)]
                if isinstance(rest, Fault):
                    directory.lost[name] = f"{file} cannot be read: {rest.why}"
                    return
            effects = [Truncate(file, run.at, None)]
            missing = run.data
        if not missing:
            continue
        out.note("journaled bytes put back", file=file, at=run.at, size=len(missing))
        effects.append(Append(file, (bytes(missing), rest), None))
        for value in (yield effects):
            if isinstance(value, Fault):
                raise Unrecoverable(f"replaying the journal into {file} failed: {value.why}")
        directory.files[file] = max(size, run.at + len(run.data))


def _finish_removals(directory: Directory) -> Generator[list[Effect], Values, None]:
    """Files that the journal says are gone, but that a crash kept."""
    doomed: list[FileName] = []
    for name in directory.pictures.dropped:
        doomed += [file for file in directory.files if file.startswith(f"{name}/") and FILE_NAME.fullmatch(file)]
    for name, picture in directory.pictures.logs.items():
        # Removed by retention.  Removed by a truncation is no proof: the name may have been used again.
        for base in [base for base in picture.gone if base < picture.start]:
            doomed += [log_file(name, base), index_file(name, base)]
    effects: list[Effect] = []
    for file in doomed:
        if directory.files.pop(file, None) is not None:
            effects.append(Remove(file, None))
    if effects:
        yield effects


# One log -----------------------------------------------------------------------------------------------------------


def open_log(directory: Directory, name: str, config: LogConfig, ledger: Ledger, now: Now, out: Out) -> LogOpening:
    """Open one log.  It comes back quarantined where durable bytes are missing or rotten."""
    bases = directory.bases(name)
    stopped = directory.clean.get(name) if directory.clean is not None else None
    if stopped is not None and _as_it_was(directory, name, bases, stopped):
        log = _restored(name, config, ledger, now, stopped, stopped.start)
        log.producers.floor = log.end
        for segment in log.segments:
            segment.index_stored = index_file(name, segment.base) in directory.files
        return log
    picture = directory.pictures.logs.get(name)
    if picture is None:
        picture = LogPicture()
        if stopped is not None:
            picture.begin(stopped)
    if picture.quarantined:
        return _held_back(directory, name, bases, config, ledger, now, picture.quarantined, out)
    scanner = Scanner(directory, name, config, ledger, now, picture, out)
    return (yield from scanner.run(bases))


def _held_back(
    directory: Directory,
    name: str,
    bases: list[Offset],
    config: LogConfig,
    ledger: Ledger,
    now: Now,
    why: str,
    out: Out,
) -> Log:
    """A log that was quarantined in an earlier life: its files are known so that it can be truncated fully."""
    log = Log(name, config, ledger, now)
    for base in bases:
        segment = Segment(name, base, now.wall)
        segment.size = directory.files[log_file(name, base)]
        segment.index_stored = index_file(name, base) in directory.files
        log.segments.append(segment)
        log.bases.append(base)
    log.quarantine(why, out)
    return log


def _as_it_was(directory: Directory, name: str, bases: list[Offset], stopped: LogState) -> bool:
    """Whether the files are those of the clean shutdown, by name and size."""
    if bases != [summary.base for summary, _ in stopped.segments]:
        return False
    return all(directory.files[log_file(name, summary.base)] == summary.size for summary, _ in stopped.segments)


def _restored(name: str, config: LogConfig, ledger: Ledger, now: Now, known: LogState, start: Offset) -> Log:
    """The log as a state describes it, all of it durable."""
    log = Log(name, config, ledger, now, start)
    for summary, mark in known.segments:
        segment = Segment(name, summary.base, summary.created)
        segment.restore(summary)
        segment.settle(mark if mark.position == summary.size else Mark(summary.size, summary.next, summary.size, 0))
        log.segments.append(segment)
        log.bases.append(segment.base)
    log.active = log.segments[-1] if log.segments else None
    log.end = log.written = log.durable = known.end
    log.covered_base = log.bases[-1] if log.bases else log.end
    for epoch, at in known.epochs:
        log.epochs.assign(epoch, at)
    if known.producers:
        snapshot = decode_producers(known.producers)
        assert snapshot is not None
        log.producers.by_id = snapshot[1]
    if log.active is not None:
        log.asked = log.active.written
    return log


class Scanner:
    """Reads the part of one log that no state vouches for, batch by batch, under their CRCs."""

    __slots__ = ("config", "directory", "durable_end", "ledger", "log", "name", "now", "out", "picture")

    def __init__(
        self,
        directory: Directory,
        name: str,
        config: LogConfig,
        ledger: Ledger,
        now: Now,
        picture: LogPicture,
        out: Out,
    ) -> None:
        self.directory = directory
        self.name = name
        self.config = config
        self.ledger = ledger
        self.now = now
        self.picture = picture
        self.out = out
        self.durable_end: Offset = 0

    def run(self, bases: list[Offset]) -> LogOpening:
        """The log, recovered."""
        known = self._newest_usable_state()
        start = self.picture.start
        if bases and not self.directory.remembers:
            start = max(start, bases[0])
        if known is not None:
            here = tuple(pair for pair in known.segments if pair[0].base in bases)
            self.log = log = _restored(
                self.name, self.config, self.ledger, self.now, known._replace(segments=here), start
            )
            # Not the log start, though that may lie behind it: what DeleteRecords cut in two begins before its start.
            log.end = log.written = known.end
            for segment in log.segments:
                self._distrust(segment)
        else:
            self.log = log = Log(self.name, self.config, self.ledger, self.now, start)
            # Older bases than the start: the segment that holds it is kept whole.
            log.end = log.written = min(bases[0], start) if bases else start
        self.durable_end = log.end
        log.producers.clear_undo(log.end)
        why = self.directory.lost.get(self.name) or self._shortened()
        if why:
            log.quarantine(why, self.out)
            return log
        if log.active is not None and log.active.size == self.directory.files[log.active.file]:
            yield from self._verify_last(log.active)
        yield from self._remove_stale(bases)
        for base in bases:
            if log.active is not None and base < log.active.base:
                continue
            if (yield from self._segment(base)) or log.quarantined:
                break
        self._finish()
        return log

    def _distrust(self, segment: Segment) -> None:
        """What the state counted is proven, but perhaps by the journal only: the file must still be synced."""
        size = segment.size
        known = self.picture.files[segment.base]
        if known.synced.position < size:
            segment.durable = known.synced if known.synced.end >= 0 else Mark(0, segment.base, 0, 0)
        segment.index_stored = index_file(self.name, segment.base) in self.directory.files

    def _newest_usable_state(self) -> LogState | None:
        """A state counts only when all it counted is proven durable: else it may be ahead of what is left."""
        for known in reversed(self.picture.states):
            proven = True
            for summary, _ in known.segments:
                file = self.picture.files.get(summary.base)
                if summary.base in self.picture.gone:
                    continue
                proven = proven and file is not None and file.proven >= summary.size
            if proven:
                return known
        return None

    def _shortened(self) -> str:
        for base, file in self.picture.files.items():
            size = self.directory.files.get(log_file(self.name, base), 0)
            if size < file.proven:
                return f"the segment at {base} has {size} bytes, {file.proven} were durable"
        return ""

    def _remove_stale(self, bases: list[Offset]) -> Generator[list[Effect], Values, None]:
        """Index files of segments that are scanned or missing: they may know of bytes that are no more."""
        first = self.log.active.base if self.log.active is not None else 0
        files = self.directory.files
        kept = [index_file(self.name, base) for base in bases if base < first]
        prefix = f"{self.name}/"
        stale = [file for file in files if file.startswith(prefix) and file.endswith(".index") and file not in kept]
        for file in stale:
            del files[file]
        if self.log.active is not None:
            self.log.active.index_stored = False
        if stale:
            yield [Remove(file, None) for file in stale]

    def _verify_last(self, segment: Segment) -> Generator[list[Effect], Values, None]:
        """The batch that the tail certificate quotes is still there."""
        known = self.picture.files.get(segment.base)
        mark = known.synced if known is not None else segment.written
        if mark.position != segment.size or mark.last_at >= mark.position:
            return
        [data] = yield [Read(segment.file, mark.last_at, mark.position - mark.last_at, None)]
        if isinstance(data, Fault) or not check_crc(data) or parse(data).crc != mark.last_crc:
            self.log.quarantine(f"the last durable batch of {segment.file} is not what was certified", self.out)

    def _segment(self, base: Offset) -> Generator[list[Effect], Values, bool]:
        """Scan one file from where it is not known yet; whether the log ends in it for good."""
        log = self.log
        segment = log.segment_at(base)
        file = log_file(self.name, base)
        size = self.directory.files[file]
        why = ""
        if segment is None and base < log.end and not self._is_proven(base, 0):
            self.out.note("segment of a truncated tail removed", log=self.name, base=base)
            del self.directory.files[file]
            yield [Remove(file, None)]
            return False
        if segment is None:
            if base < log.end or (base > max(log.end, log.start) and not self._is_proven(base, 0)):
                why = f"it begins at {base}, the log ends at {log.end}"
            segment = Segment(self.name, base, self.now.wall)
            if not why:
                log.end = base
                log.segments.append(segment)
                log.bases.append(base)
                log.active = segment
        if not why:
            why = yield from self._batches(segment, size)
        if not why:
            return False
        if self._is_proven(base, segment.size):
            log.quarantine(f"{file}, byte {segment.size}, below the durable boundary: {why}", self.out)
            return True
        yield from self._drop_from(segment, size, why)
        return True

    def _batches(self, segment: Segment, size: int) -> Generator[list[Effect], Values, str]:
        """Take every whole batch; why it stopped before the file's end, or nothing."""
        chunk = self.ledger.limits.recovery_read_bytes
        want = chunk
        while segment.size < size:
            [data] = yield [Read(segment.file, segment.size, min(want, size - segment.size), None)]
            if isinstance(data, Fault):
                self.log.quarantine(f"{segment.file} cannot be read: {data.why}", self.out)
                return ""
            taken, need, why = self._take(segment, memoryview(data))
            if why:
                return why
            if taken == 0:
                if need > size - segment.size or need <= len(data):
                    return f"a batch of {need} bytes, {size - segment.size} are left"
                want = need
            else:
                want = chunk
        return ""

    def _take(self, segment: Segment, data: memoryview) -> tuple[int, int, str]:
        """(Bytes taken, bytes the next batch needs, what is wrong)."""
        at = 0
        while at + HEADER_BYTES <= len(data):
            header = parse(data, at)
            if header.length < LENGTH_MIN or header.magic != MAGIC or header.last_offset_delta < 0:
                return at, 0, f"no batch: magic {header.magic}, length {header.length}"
            if at + header.size > len(data):
                return at, header.size, ""
            if not check_crc(data[at : at + header.size]):
                return at, 0, "a batch's CRC does not hold"
            why = self._out_of_place(segment, header)
            if why:
                return at, 0, why
            self._accept(segment, header)
            at += header.size
        return at, HEADER_BYTES, ""

    def _out_of_place(self, segment: Segment, header: Header) -> str:
        """Offsets ascend; beyond the durable boundary without a hole, so that no append is missing in between."""
        end = self.log.end
        position = segment.size + header.size
        hole = header.base_offset > max(end, self.log.start)
        if header.base_offset < end or (hole and not self._is_proven(segment.base, position - 1)):
            return f"a batch at offset {header.base_offset}, {end} was expected"
        return ""

    def _accept(self, segment: Segment, header: Header) -> None:
        log = self.log
        at = segment.size
        end = header.base_offset + header.last_offset_delta + 1
        log.epochs.assign(header.leader_epoch, header.base_offset)
        if header.producer_id >= 0:
            log.producers.replay(header)
        segment.add(
            end,
            header.size,
            header.max_timestamp,
            header.base_offset,
            self.config.index_interval_bytes,
            log.recent_batches,
        )
        segment.written = Mark(segment.size, end, at, header.crc)
        known = self.picture.files.get(segment.base)
        if known is not None and segment.size <= known.synced.position:
            segment.durable = segment.written
        if self._is_proven(segment.base, segment.size - 1):
            segment.covered = segment.size
            self.durable_end = end
        log.end = log.written = end

    def _is_proven(self, base: Offset, position: int) -> bool:
        """Whether the byte at `position` of a segment lies below the durable boundary."""
        boundary = self.picture.proven_end
        return boundary is not None and (base, position) < boundary

    def _drop_from(self, segment: Segment, size: int, why: str) -> Generator[list[Effect], Values, None]:
        """The torn tail: everything behind the last whole batch, in this file and in later ones."""
        effects: list[Effect] = []
        directory = self.directory
        log = self.log
        kept = segment.base in log.bases and segment.size > 0
        if kept:
            effects.append(Truncate(segment.file, segment.size, None))
            directory.files[segment.file] = segment.size
        for base in directory.bases(self.name):
            if base > segment.base or (base == segment.base and not kept):
                effects.append(Remove(log_file(self.name, base), None))
                del directory.files[log_file(self.name, base)]
        self.out.note("torn tail dropped", log=self.name, segment=segment.base, at=segment.size, size=size, why=why)
        for value in (yield effects):
            if isinstance(value, Fault):
                raise Unrecoverable(f"cutting {segment.file} failed: {value.why}")

    def _finish(self) -> None:
        log = self.log
        while log.segments and log.segments[-1].size == 0:
            log.segments.pop()
            log.bases.pop()
        log.active = log.segments[-1] if log.segments else None
        log.asked = log.active.written if log.active is not None else Mark(0, log.end, 0, 0)
        log.end = log.written = max(log.end, log.start)
        log.durable = min(max(self.durable_end, log.start), log.end)
        log.covered_base = log.bases[0] if log.bases else log.end
        log.epochs.cut_start(log.start)
        log.producers.clear_undo(log.end)


