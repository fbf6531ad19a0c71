"""One partition's log: append, roll, truncate, retain; what is written and what is durable.

Knows: its segments, epochs and producers.  Does not know: replicas, requests, when the disk is synced (`commit`).
Invariant: start <= end, durable <= written <= end; segments are ascending, each ends where the next begins or before.
Volatile: end, producers, epochs.  In the page cache: below `written`.  On the platter, in a segment or in the journal:
below `durable`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from random import Random
from typing import Final, NamedTuple, Protocol

from odradek.core.effects import Append, Effect, Remove, Replace, Sync, Truncate
from odradek.core.errors import ErrorCode, Refused
from odradek.core.limits import Limits
from odradek.core.log import producers as producer_rules
from odradek.core.log import reader
from odradek.core.log.config import Durability, LogConfig
from odradek.core.log.epochs import Epochs
from odradek.core.log.facts import AppendsUndone, LogMoved, LogQuarantined
from odradek.core.log.index import encode as encode_index
from odradek.core.log.lookup import TimeLookup
from odradek.core.log.producers import Duplicate, Producers
from odradek.core.log.reader import Probe, Slice
from odradek.core.log.segment import Mark, Segment, index_file
from odradek.core.log.window import Window
from odradek.core.machine import Out
from odradek.core.records.batch import (
    CONTROL_BIT,
    LENGTH_OVERHEAD,
    LOG_APPEND_TIME,
    Header,
    parse,
    place,
    stamp,
)
from odradek.core.types import MS, NO_TIMESTAMP, FileName, Instant, Now, Offset, WallMs

__all__ = ["AppendInfo", "Appended", "Duplicate", "Log", "Probe", "Slice"]

RELATIVE_OFFSET_MAX: Final = 2**31 - 1
"""A segment spans at most this many offsets (Kafka's index format)."""


class AppendInfo(NamedTuple):
    """Where an append went.  `log_append_time` is -1 under CreateTime."""

    first: Offset
    last: Offset
    log_append_time: WallMs


class Appended(NamedTuple):
    """Token of an `Append` to a segment: the file will end at `mark`."""

    name: str
    generation: int
    base: Offset
    mark: Mark


class Rolled(NamedTuple):
    """Token of the background `Sync` of a closed segment."""

    name: str
    generation: int
    base: Offset
    mark: Mark


class Stored(NamedTuple):
    """Token of a `Replace` of an index file; a lost one costs time only."""

    name: str
    file: FileName


class Dropped(NamedTuple):
    """Token of a `Truncate` or `Remove` whose end nobody waits for."""

    name: str
    file: FileName


class Removed(NamedTuple):
    """Token of a `Remove` that the journal must remember until it is done."""

    file: FileName


class Ledger(Protocol):
    """What a log needs of the data directory it lives in: see `commit.Committer`."""

    limits: Limits
    rng: Random
    refusal: str
    full: bool
    removing: int

    def cut(self, log: Log, base: Offset, position: int) -> None: ...
    def gone(self, log: Log, base: Offset) -> None: ...
    def index_taken(self, log: Log, segment: Segment) -> None: ...
    def fresh(self, log: Log) -> None: ...
    def quarantined(self, log: Log) -> None: ...
    def doom(self, log: Log, segments: list[Segment], now: Now) -> None: ...
    def defer(self, log: Log, effects: list[Effect], now: Now) -> None: ...
    def started(self, log: Log, now: Now) -> None: ...
    def flush_later(self, log: Log, now: Now) -> None: ...


class Log:
    """`name` is the log's directory.  Made by `Store.create` or `Store.open` only."""

    __slots__ = (
        "active",
        "asked",
        "bases",
        "certified_base",
        "config",
        "covered_base",
        "cutting",
        "durable",
        "end",
        "epochs",
        "generation",
        "jitter_ms",
        "lagging",
        "ledger",
        "name",
        "next_retention",
        "producers",
        "quarantined",
        "recent_batches",
        "segments",
        "start",
        "windows",
        "written",
    )

    def __init__(self, name: str, config: LogConfig, ledger: Ledger, now: Now, start: Offset = 0) -> None:
        limits = ledger.limits
        self.name = name
        self.config = config
        self.ledger = ledger
        self.generation = 0
        """Rises whenever the end is cut: completions of appends from before are stale."""
        self.start: Offset = start
        """Log start offset: nothing before it is served."""
        self.end: Offset = start
        """The next offset."""
        self.written: Offset = start
        """End offset of what a kill does not lose."""
        self.durable: Offset = start
        """End offset of what a power cut does not lose."""
        self.quarantined = ""
        """Why the log may neither be served nor written; empty when all is well."""
        self.epochs = Epochs()
        self.producers = Producers(limits.producers_per_partition, limits.producer_undos)
        self.covered_base: Offset = start
        """Every segment before the one at this base is durable by itself."""
        self.certified_base: Offset = start
        """Every segment before the one at this base has its last certificate."""
        self.segments: list[Segment] = []
        self.bases: list[Offset] = []
        self.active: Segment | None = None
        self.asked = Mark(0, start, 0, 0)
        """Where the active segment ends once every append is done."""
        self.cutting = 0
        """Truncations that wait for the journal: nothing is appended meanwhile."""
        self.lagging = False
        """An append to a closed segment is not done."""
        self.jitter_ms = 0
        self.next_retention: Instant = now.mono + config.retention_check_ms * MS
        self.recent_batches = limits.recent_batches
        self.windows: list[tuple[Offset, Window]] = []
        """(segment base, stretch) of what readers probed last, the newest last."""

    @property
    def size(self) -> int:
        """Bytes of all segments."""
        return sum(segment.size for segment in self.segments)

    @property
    def acked_end(self) -> Offset:
        """How far this replica may promise under its durability: the high watermark may come as far."""
        return self.durable if self.config.durability is Durability.SYNC else self.written

    @property
    def deadline(self) -> Instant:
        """When `retain` wants to be called next."""
        return self.next_retention

    # Appending ---------------------------------------------------------------------------------------------------

    def append(
        self, buffer: memoryview, headers: tuple[Header, ...], epoch: int, now: Now, out: Out
    ) -> AppendInfo | Duplicate:
        """Append the batches of `buffer`, whose headers were validated, as leader of `epoch`.

        The buffer is owned: offsets and epoch are patched in place.  Refuses KAFKA_STORAGE_ERROR when the directory is
        dead, full, not yet serving, or the log quarantined; RECORD_LIST_TOO_LARGE for more than a segment; and what
        `producers.check` refuses.
        """
        ledger = self.ledger
        if self.quarantined or ledger.refusal or self.cutting or (ledger.full and not self.config.system):
            raise self._refusal()
        config = self.config
        total = len(buffer)
        if total > config.segment_bytes:
            raise Refused(ErrorCode.RECORD_LIST_TOO_LARGE, f"{total} bytes, a segment holds {config.segment_bytes}")
        assert headers, "nothing to append"
        assert epoch >= self.epochs.latest, (epoch, self.epochs.latest)
        append_time = NO_TIMESTAMP
        if config.log_append_time:
            append_time = now.wall
            headers = _stamped(buffer, headers, append_time)
        first = self.end
        fresh: list[tuple[int, producer_rules.Producer, Offset]] | None = None
        for header in headers:
            if header[9] >= 0:  # producer id
                admitted = self._admit(headers, first)
                if isinstance(admitted, Duplicate):
                    return admitted
                fresh = admitted
                break

        segment = self.active
        if segment is None or self._must_roll(segment, headers, total, now):
            segment = self._begin_segment(now, out)
        if epoch > self.epochs.latest:
            self.epochs.assign(epoch, first)
        offset = first
        at = 0
        interval = config.index_interval_bytes
        position = segment.size
        for header in headers:
            place(buffer, offset, epoch, at)
            size = header[1] + LENGTH_OVERHEAD
            end = offset + header[6] + 1
            segment.add(end, size, header[8], offset, interval, self.recent_batches)
            offset = end
            at += size
        assert at == total, (at, total)
        self.end = offset
        if fresh is not None:
            for producer_id, state, end_before in fresh:
                self.producers.put(producer_id, state, end_before, self.written)
        if config.durability is Durability.SYNC:
            segment.held.append((position, position + total, buffer))

        self.asked = mark = Mark(position + total, offset, position + total - size, header[4])
        out.effects.append(Append(segment.file, (buffer,), Appended(self.name, self.generation, segment.base, mark)))
        return AppendInfo(first, offset - 1, append_time)

    def _refusal(self) -> Refused:
        why = self.quarantined or self.ledger.refusal or ("a cut is pending" if self.cutting else "the disk is full")
        return Refused(ErrorCode.KAFKA_STORAGE_ERROR, why)

    def begin_epoch(self, epoch: int) -> None:
        """A new leader epoch begins at the log's end."""
        self.epochs.assign(epoch, self.end)

    def _admit(
        self, headers: tuple[Header, ...], first: Offset
    ) -> list[tuple[int, producer_rules.Producer, Offset]] | Duplicate:
        """Judge all batches; the states to come, or the first duplicate.  Changes nothing."""
        by_id = self.producers.by_id
        staged: dict[int, producer_rules.Producer] = {}
        fresh = []
        for header in headers:
            end = first + header.last_offset_delta + 1
            producer_id = header.producer_id
            if producer_id >= 0:
                before = staged.get(producer_id) or by_id.get(producer_id)
                if header.attributes & CONTROL_BIT:
                    state = producer_rules.after_control(header, before)
                else:
                    duplicate = producer_rules.check(header, before)
                    if duplicate is not None:
                        return duplicate
                    state = producer_rules.after(header, end - 1, before)
                if len(headers) > 1:
                    staged[producer_id] = state
                fresh.append((producer_id, state, first))
            first = end
        return fresh

    def _must_roll(self, segment: Segment, headers: tuple[Header, ...], total: int, now: Now) -> bool:
        """Kafka's rules (`LogSegment.shouldRoll`): size, age by the messages' timestamps, index full, offset span."""
        config = self.config
        if segment.size == 0:
            return False
        if segment.size + total > config.segment_bytes:
            return True
        if len(headers) == 1:
            time = headers[0][8]
            span = headers[0][6] + 1
        else:
            time = max(header.max_timestamp for header in headers)
            span = sum(header.last_offset_delta + 1 for header in headers)
        first_time = segment.first_time
        waited = time - first_time if first_time >= 0 else now.wall - segment.created
        return (
            waited > config.segment_ms - self.jitter_ms
            or self.end + span - 1 - segment.base > RELATIVE_OFFSET_MAX
            or len(segment.index) * 8 >= config.segment_index_bytes
        )

    def roll(self, now: Now, out: Out) -> None:
        """Close the active segment; the next append begins a new one.  An empty one stays."""
        if self.active is not None and self.active.size > 0:
            self._begin_segment(now, out)

    def _begin_segment(self, now: Now, out: Out) -> Segment:
        """A new active segment at the log's end: no file before its first append."""
        closed = self.active
        if closed is not None:
            if len(self.segments) > 1:
                before = self.segments[-2]
                before.recent = Window(before.next, before.size)
            self.lagging = self.lagging or closed.written.position < closed.size
            if self.config.durability is not Durability.SYNC:
                # Behind the appends asked for before; should one be refused, the generation makes this stale.
                mark = self.asked
                out.do(Sync(closed.file, Rolled(self.name, self.generation, closed.base, mark), behind=True))
        segment = Segment(self.name, self.end, now.wall)
        self.segments.append(segment)
        self.bases.append(segment.base)
        self.active = segment
        self.asked = segment.written
        jitter = self.config.segment_jitter_ms
        self.jitter_ms = self.ledger.rng.randrange(min(jitter, self.config.segment_ms) + 1) if jitter > 0 else 0
        return segment

    # Completions -------------------------------------------------------------------------------------------------

    def appended(self, token: Appended, out: Out) -> bool:
        """An append is done.  False when it was cut away meanwhile."""
        if token.generation != self.generation:
            return False
        segment = self.active
        if segment is None or segment.base != token.base:
            segment = self.segment_at(token.base)
            if segment is None:
                return False
        segment.written = token.mark
        if self.lagging:
            solid = self.solid()
            self.written = solid[-1].written.end
            self.lagging = solid[-1] is not self.active
        else:
            self.written = token.mark.end
        out.facts.append(LogMoved(self.name))
        return True

    def synced(self, base: Offset, mark: Mark, out: Out) -> None:
        """The file of the segment at `base` is durable up to `mark`."""
        segment = self.segment_at(base)
        if segment is None or mark.position <= segment.durable.position:
            return
        segment.durable = mark
        segment.covered = max(segment.covered, mark.position)
        if segment is not self.active and mark.position == segment.size and not segment.index_stored:
            self.store_index(segment, out)

    def now_durable(self, end: Offset, out: Out) -> None:
        """Everything before `end` survives a power cut, here or in the journal."""
        if end > self.durable:
            self.durable = end
            out.facts.append(LogMoved(self.name))

    def refused(self, token: Appended, now: Now, out: Out) -> None:
        """ENOSPC: this append and all behind it never happened."""
        if token.generation != self.generation:
            return
        to = self.written
        self.truncate(to, now, out)
        segment = self.segment_at(token.base)
        if segment is not None:
            # The driver refuses this file until it is cut: also when nothing is to be cut off in our eyes.
            out.do(Truncate(segment.file, segment.size, Dropped(self.name, segment.file)))
        out.tell(AppendsUndone(self.name, to))
        out.note("appends undone, the disk is full", log=self.name, to=to)

    def uncovered(self) -> list[Segment]:
        """The segments with written bytes that neither a sync nor the journal keeps, in order."""
        return [segment for segment in self.solid() if segment.covered < segment.written.position]

    def solid(self) -> list[Segment]:
        """The young segments, up to the first with an append that is not done: appends of different files pass each
        other, and what lies behind a hole must not be proven durable before the hole is filled.
        """
        young = self._young()
        for i, segment in enumerate(young):
            if segment.written.position < segment.size:
                return young[: i + 1]
        return young

    def uncertified(self) -> list[Segment]:
        """The segments that the next certificate speaks of: from where the last one ended, as far as nothing before
        them is missing, neither in their files nor in the journal.
        """
        found = []
        for segment in self.segments[bisect_left(self.bases, self.certified_base) :]:
            found.append(segment)
            if segment.covered < segment.size:
                break
        if found:
            self.certified_base = found[-1].base
        return [segment for segment in found if segment.durable.position > 0]

    def certify_anew(self) -> None:
        """A new journal begins: what is not durable by itself yet is certified again when it is."""
        self._young()
        self.certified_base = self.covered_base

    @property
    def unsynced(self) -> bool:
        """Some written bytes are not durable in their own file."""
        return any(segment.durable.position < segment.written.position for segment in self._young())

    def end_of_files(self) -> Offset:
        """The end offset up to which the files by themselves are durable."""
        end = self.start
        for segment in self._young():
            end = segment.durable.end
            if segment.durable.position < segment.size:
                break
        return end

    def _young(self) -> list[Segment]:
        """The segments from the first that is not durable by itself on, the active one always among them."""
        i = bisect_left(self.bases, self.covered_base)
        while i < len(self.segments) - 1 and self.segments[i].durable.position == self.segments[i].size:
            i += 1
        self.covered_base = self.bases[i] if i < len(self.bases) else self.end
        return self.segments[i:]

    def store_index(self, segment: Segment, out: Out) -> None:
        """Write the index file of a segment."""
        file = index_file(self.name, segment.base)
        out.do(Replace(file, encode_index(segment.summary, segment.index), Stored(self.name, file)))
        segment.index_stored = True

    def quarantine(self, why: str, out: Out) -> None:
        """Below the durable boundary something is wrong: never serve it, never truncate it."""
        if self.quarantined:
            return
        self.quarantined = why
        self.ledger.quarantined(self)
        out.tell(LogQuarantined(self.name, why))
        out.note("log quarantined", log=self.name, why=why)

    # Reading -----------------------------------------------------------------------------------------------------

    def read(self, offset: Offset, max_bytes: int, upto: Offset, at_least_one: bool = True) -> Slice | Probe:
        """See `reader.read`."""
        return reader.read(self, offset, max_bytes, upto, at_least_one)

    def learn(self, probe: Probe, data: bytes, now: Now, out: Out) -> None:
        """Take what a `Read` of the probe's range brought; the call that led to the probe then gets on."""
        reader.learn(self, probe, data, out)

    def unreadable(self, probe: Probe, why: str, now: Now, out: Out) -> None:
        """The `Read` of a probe failed."""
        reader.unreadable(self, probe, why, out)

    def by_time(self, timestamp: WallMs, upto: Offset) -> TimeLookup:
        """Look for the first record below `upto` whose timestamp is `timestamp` or later."""
        return TimeLookup(self, timestamp, upto)

    def by_max_time(self, upto: Offset) -> TimeLookup:
        """Look for the first record below `upto` with the largest timestamp (ListOffsets -3, KIP-734)."""
        return TimeLookup(self, None, upto)

    def segment_at(self, base: Offset) -> Segment | None:
        i = bisect_right(self.bases, base) - 1
        return self.segments[i] if i >= 0 and self.bases[i] == base else None

    def segment_of(self, offset: Offset) -> Segment | None:
        """The segment that holds `offset`, or where it falls into a gap, the next one."""
        i = max(0, bisect_right(self.bases, offset) - 1)
        while i < len(self.segments):
            if offset < self.segments[i].next:
                return self.segments[i]
            i += 1
        return None

    # Cutting -----------------------------------------------------------------------------------------------------

    def truncate(self, to: Offset, now: Now, out: Out) -> None:
        """Drop everything from `to`, a batch boundary, on.  A boundary inside a batch drops the whole batch.

        The position of `to` must be known (tail, index entry) or be a segment's start: ask `reader.locate` first.
        Quarantines nothing; the caller keeps `to` at or above the high watermark.
        """
        if to >= self.end:
            self.epochs.cut_end(self.end if to > self.end else to)
            return
        kept = bisect_right(self.bases, to) - 1
        while kept >= 0 and self.bases[kept] == to and kept > 0:
            kept -= 1
        cut = reader.boundary_of(self, self.segments[kept], to) if kept >= 0 else None
        assert kept < 0 or cut is not None, ("locate the offset first", to)

        self.generation += 1
        effects: list[Effect] = []
        proven = any(segment.covered > 0 for segment in self.segments[kept + 1 :])
        for segment in self.segments[kept + 1 :]:
            self._drop_files(segment, effects)
        del self.segments[kept + 1 :], self.bases[kept + 1 :]
        self.active = self.segments[-1] if self.segments else None
        if self.active is not None and cut is not None:
            proven = proven or cut[0] < self.active.covered
            self._cut_segment(self.active, cut[0], cut[1], effects)
            to = cut[1]
        self.windows.clear()
        self._ends_at(to)
        self._emit_cut(effects, proven, now, out)

    def _emit_cut(self, effects: list[Effect], proven: bool, now: Now, out: Out) -> None:
        """Cut the files: at once when nothing of it was ever proven durable, else when the journal tells of the cut."""
        if proven:
            self.cutting += 1
            self.ledger.defer(self, effects, now)
        else:
            self.ledger.removing += sum(type(effect) is Remove for effect in effects)
            out.effects.extend(effects)

    def truncate_fully(self, start: Offset, now: Now, out: Out) -> None:
        """Drop everything; the log is empty and begins at `start`.  Ends a quarantine."""
        self.generation += 1
        self.lagging = False
        self.quarantined = ""
        self.ledger.fresh(self)
        effects: list[Effect] = []
        for segment in self.segments:
            self._drop_files(segment, effects)
        self.segments.clear()
        self.bases.clear()
        self.windows.clear()
        self.active = None
        self.epochs.cut_all()
        self.producers.clear(start)
        self.start = self.end = self.written = self.durable = start
        self.covered_base = self.certified_base = start
        self.asked = Mark(0, start, 0, 0)
        self.ledger.started(self, now)
        if effects:
            self._emit_cut(effects, True, now, out)

    def _ends_at(self, to: Offset) -> None:
        self.end = to
        self.lagging = any(segment.written.position < segment.size for segment in self.segments[:-1])
        self.covered_base = min(self.covered_base, self.bases[-1] if self.bases else to)
        self.certified_base = min(self.certified_base, self.covered_base)
        self.asked = self.active.written if self.active is not None else Mark(0, to, 0, 0)
        self.written = min(self.written, to)
        self.durable = min(self.durable, to)
        self.start = min(self.start, to)
        self.epochs.cut_end(to)
        if not self.producers.undo(to):
            # Too far back: what retries look like is known again when their producers write again (KIP-360).
            self.producers.clear(to)

    def _cut_segment(self, segment: Segment, position: int, to: Offset, effects: list[Effect]) -> None:
        if position >= segment.size:
            return
        segment.size = position
        segment.next = to
        segment.recent.cut(position)
        if segment.recent.close != position:
            segment.recent = Window(to, position)
        segment.index.cut(position)
        segment.since_entry = 0
        # `max_time` stays as an upper bound: lookups bear one that is too large.
        while segment.held and segment.held[-1][1] > position:
            segment.held.pop()
        # Always: the journal's picture of the log may hold appends that were never written.
        self.ledger.cut(self, segment.base, position)
        segment.covered = min(segment.covered, position)
        bare = Mark(position, to, position, 0)
        if segment.written.position > position:
            segment.written = bare
        # Until it is synced again the platter may hold what was cut off.
        segment.durable = Mark(0, segment.base, 0, 0)
        effects.append(Truncate(segment.file, position, Dropped(self.name, segment.file)))
        token = Rolled(self.name, self.generation, segment.base, segment.written)
        effects.append(Sync(segment.file, token, behind=True))
        if segment.index_stored:
            self._remove(index_file(self.name, segment.base), effects)
            segment.index_stored = False

    def _drop_files(self, segment: Segment, effects: list[Effect]) -> None:
        self.ledger.gone(self, segment.base)
        self._remove(segment.file, effects)
        if segment.index_stored:
            self._remove(index_file(self.name, segment.base), effects)

    def _remove(self, file: FileName, effects: list[Effect]) -> None:
        effects.append(Remove(file, Removed(file)))

    # Retention ---------------------------------------------------------------------------------------------------

    def advance_start(self, offset: Offset, high_watermark: Offset, now: Now, out: Out) -> None:
        """DeleteRecords: nothing below `offset` is served any more.

        Refuses OFFSET_OUT_OF_RANGE above the high watermark.  Segments wholly below it go; a smaller offset
        changes nothing.
        """
        if offset > high_watermark or offset < 0:
            raise Refused(ErrorCode.OFFSET_OUT_OF_RANGE, f"offset {offset} is not in 0..{high_watermark}")
        if offset <= self.start:
            return

        self._start_at(offset, now, out)

    def _start_at(self, offset: Offset, now: Now, out: Out) -> None:
        self.start = offset
        self.epochs.cut_start(offset)
        self.producers.cut_start(offset)
        count = 0
        while count < len(self.segments) - 1 and self.segments[count].next <= offset:
            count += 1
        gone = self.segments[:count]
        del self.segments[:count], self.bases[:count]
        self.windows = [pair for pair in self.windows if not self.bases or pair[0] >= self.bases[0]]

        self.ledger.started(self, now)
        if gone:
            self.ledger.doom(self, gone, now)
            out.note("segments deleted", log=self.name, count=len(gone), start=offset)

    def retain(self, now: Now, high_watermark: Offset, out: Out) -> None:
        """Drop segments that are too old or too many, oldest first, none that reaches beyond the high watermark.

        The age of a segment is that of its largest timestamp, or of its creation when it has none.  The active one is
        rolled first when it is expired (KAFKA-5634: never above the high watermark).
        """
        config = self.config
        self.next_retention = now.mono + config.retention_check_ms * MS
        if self.quarantined:
            return
        self.producers.expire(now.wall - config.producer_expiration_ms)
        if not config.deletes or not self.segments:
            return
        excess = self.size - config.retention_bytes if config.retention_bytes >= 0 else 0
        start = self.start
        for segment in self.segments:
            if segment.next > high_watermark or segment.written.position < segment.size or segment.size == 0:
                break
            age = now.wall - (segment.max_time if segment.max_time >= 0 else segment.created)
            expired = config.retention_ms >= 0 and age > config.retention_ms
            if segment is self.active:
                # Size counts whole segments only: the active one is never dropped for it.
                oversize = False
            else:
                oversize = excess >= segment.size
            if not (expired or oversize):
                break
            excess -= segment.size
            start = segment.next
        if start <= self.start:
            return
        if start >= self.end:
            self.roll(now, out)
        self._start_at(start, now, out)

    def configure(self, config: LogConfig, now: Now) -> None:
        """New settings from now on."""
        self.config = config
        self.next_retention = min(self.next_retention, now.mono + config.retention_check_ms * MS)
        if config.durability is not Durability.SYNC:
            for segment in self.segments:
                segment.held.clear()


def _stamped(buffer: memoryview, headers: tuple[Header, ...], time: WallMs) -> tuple[Header, ...]:
    """LogAppendTime: the broker's time in every batch, and its CRC anew."""
    at = 0
    stamped = []
    for header in headers:
        stamp(buffer, time, LOG_APPEND_TIME, at)
        stamped.append(parse(buffer, at))
        at += header.size
    return tuple(stamped)
