"""The group commit of one data directory: when written becomes durable, at the price of one sync for many files.

Knows: which files hold bytes that no sync covers, and the commit journal.  Does not know: batches, replicas.
Invariant: a log's `durable` moves only when a whole round is synced; at most one round is in flight.  What a round
needs is already written (its appends are done), so a refused append never lies in the journal.
"""

from __future__ import annotations

from random import Random
from typing import Final

from odradek.core.effects import Append, Effect, Remove, Replace, Sync, Truncate
from odradek.core.limits import MIB, Limits
from odradek.core.log import journal, state
from odradek.core.log.config import Durability
from odradek.core.log.facts import DirectoryClosed, DirectoryFailed
from odradek.core.log.index import ENTRY_BYTES
from odradek.core.log.journal import Entry
from odradek.core.log.log import Appended, Dropped, Log, Removed, Rolled
from odradek.core.log.marker import MARKER, clean_marker
from odradek.core.log.rounds import (
    Checkpoint,
    Covered,
    Doomed,
    FileSynced,
    FlushedBehind,
    FrameSynced,
    FrameWritten,
    MarkerWritten,
    ReserveTaken,
    Round,
    Share,
)
from odradek.core.log.segment import Mark, Segment, index_file, log_file
from odradek.core.machine import Out
from odradek.core.types import MS, Buffer, FileName, Instant, Now, Offset

RESERVE: Final[FileName] = "reserve"
NEXT_FRAME: Final = -1
INDEX_STORED_ENTRIES: Final = 64
"""At a clean shutdown an active segment's index is stored when it is longer than this; a shorter is soon rebuilt."""


class Committer:
    """The journal, the rounds and the background work of one data directory."""

    __slots__ = (
        "certificates",
        "checkpoint",
        "closing",
        "dirty",
        "doomed",
        "flush_due",
        "full",
        "index_bytes",
        "indexes",
        "journal",
        "journal_id",
        "journal_size",
        "lazy_due",
        "limits",
        "logs",
        "pending",
        "refusal",
        "removing",
        "reserve_held",
        "retry_due",
        "rng",
        "round",
        "rounds",
        "said",
        "salt",
        "sequence",
        "shortened",
        "since_checkpoint",
        "stalled",
        "synced_sequence",
        "uncut",
        "unsaid",
        "urgent",
    )

    def __init__(self, limits: Limits, rng: Random) -> None:
        self.limits = limits
        self.rng = rng
        self.logs: dict[str, Log] = {}
        self.refusal = "the logs are not recovered yet"
        """Why nothing may be appended; empty when it may."""
        self.full = False
        self.dirty: dict[str, Log] = {}
        """Logs under SYNC with bytes that are written and not covered, in order of their first such byte."""
        self.round: Round | None = None
        self.rounds = 0
        self.journal: FileName = ""
        self.journal_id = 0
        self.salt = 0
        self.journal_size = 0
        self.sequence = 0
        self.synced_sequence = 0
        self.indexes: dict[tuple[str, Offset], Segment] = {}
        """Closed segments whose index is in memory, and could be read again, in the order they came."""
        self.index_bytes = 0
        self.removing = 0
        """Removals of segments in flight."""
        self.shortened: dict[str, None] = {}
        """Logs whose first segments were dropped since the last frame."""
        self.urgent = False
        """The next frame must not wait."""
        self.stalled: dict[str, Log] = {}
        """Logs that were synced while a cut of theirs was not on record: the disk was too full for it."""
        self.pending: list[Entry] = []
        """Entries for the next frame."""
        self.certificates: dict[str, Log] = {}
        """Logs whose files are durable further than the journal says."""
        self.uncut: dict[str, int] = {}
        """Logs with a cut that the journal does not hold durably yet: sequence of its frame, 0 while it is pending."""
        self.said: dict[int, list[Entry]] = {}
        """By sequence, what frames whose append is not done say, without ranges."""
        self.unsaid: list[int] = []
        """Sequences of refused frames whose sync is still to come: it proves nothing."""
        self.lazy_due: Instant | None = None
        self.flush_due: dict[str, Instant] = {}
        self.doomed: list[Doomed] = []
        self.checkpoint: Checkpoint | None = None
        self.since_checkpoint = 0
        self.reserve_held = False
        self.retry_due: Instant | None = None
        self.closing: str = ""

    # What logs say (the Ledger of log.py) --------------------------------------------------------------------------

    def cut(self, log: Log, base: Offset, position: int) -> None:
        """A segment was truncated: replay must not bring back what lay behind."""
        self.pending.append(Entry(journal.CUT, log.name, base, position, b""))
        self.uncut[log.name] = 0

    def gone(self, log: Log, base: Offset) -> None:
        """A segment was removed by a truncation."""
        self.pending.append(Entry(journal.GONE, log.name, base, 0, b""))
        self.uncut[log.name] = 0

    def index_taken(self, log: Log, segment: Segment) -> None:
        """The index of a closed segment is in memory and on disk: beyond the bound the first that came goes first."""
        if (log.name, segment.base) in self.indexes:
            return
        self.indexes[log.name, segment.base] = segment
        self.index_bytes += len(segment.index) * ENTRY_BYTES
        while self.index_bytes > self.limits.index_bytes_total and self.indexes:
            key = next(iter(self.indexes))
            old = self.indexes.pop(key)
            self.index_bytes -= len(old.index) * ENTRY_BYTES
            owner = self.logs.get(key[0])
            if old.index_stored and (owner is None or owner.active is not old):
                old.forget_index()
        if not self.indexes:
            self.index_bytes = 0

    def fresh(self, log: Log) -> None:
        """The log begins anew: nothing the journal says of it holds any more."""
        self.pending.append(Entry(journal.DROP, log.name, 0, 0, b""))
        self.uncut[log.name] = 0

    def quarantined(self, log: Log) -> None:
        """The next life must not take what is left for all there was."""
        self.pending.append(_held(log))

    def doom(self, log: Log, segments: list[Segment], now: Now) -> None:
        """Segments were dropped by retention: their files go later."""
        due = now.mono + log.config.file_delete_delay_ms * MS
        for segment in segments:
            self.pending.append(Entry(journal.GONE, log.name, segment.base, 0, b""))
            files = (segment.file, index_file(log.name, segment.base))
            self.doomed.append(Doomed(0, due, log.name, _removals(files)))
        self.shortened[log.name] = None
        self._lazily(now)

    def started(self, log: Log, now: Now) -> None:
        """The log start offset moved."""
        self.pending.append(Entry(journal.START, log.name, 0, log.start, b""))
        self._lazily(now)

    def flush_later(self, log: Log, now: Now) -> None:
        """INTERVAL: a byte was written that must be asked to be durable in time."""
        self.flush_due.setdefault(log.name, now.mono + log.config.flush_ms * MS)

    def drop(self, name: str, files: tuple[FileName, ...], now: Now) -> None:
        """A whole log goes."""
        self.logs.pop(name, None)
        self.dirty.pop(name, None)
        self.certificates.pop(name, None)
        self.flush_due.pop(name, None)
        self.uncut.pop(name, None)
        self.stalled.pop(name, None)
        self.pending = [entry for entry in self.pending if entry.name != name]
        self.pending.append(Entry(journal.DROP, name, 0, 0, b""))
        self.doomed.append(Doomed(0, now.mono, name, _removals(files)))
        self._lazily(now)

    def defer(self, log: Log, effects: list[Effect], now: Now) -> None:
        """A truncation below what was proven durable: the journal must say so first, or it would look like loss."""
        self.doomed.append(Doomed(0, now.mono, log.name, tuple(effects), True))
        self.urgent = True

    def _lazily(self, now: Now) -> None:
        if self.lazy_due is None:
            self.lazy_due = now.mono + self.limits.certificate_ms * MS

    # Completions ---------------------------------------------------------------------------------------------------

    def appended(self, token: Appended, now: Now, out: Out) -> None:
        log = self.logs.get(token.name)
        if log is None or not log.appended(token, out):
            return
        durability = log.config.durability
        if durability is Durability.SYNC:
            self.dirty[token.name] = log
        elif durability is Durability.INTERVAL:
            self.flush_later(log, now)

    def file_synced(self, token: FileSynced, now: Now, out: Out) -> None:
        self._round_part(token.round, now, out)

    def frame_written(self, token: FrameWritten, now: Now, out: Out) -> None:
        del self.said[token.sequence]
        self._round_part(token.round, now, out)

    def frame_synced(self, token: FrameSynced, now: Now, out: Out) -> None:
        if token.sequence in self.unsaid:
            self.unsaid.remove(token.sequence)
        elif token.sequence > self.synced_sequence:
            self.synced_sequence = token.sequence
            self._cuts_are_durable(token.sequence)
            self._bury(now, out)
        self._end_checkpoint(out)
        self._round_part(token.round, now, out)

    def removed(self, out: Out) -> None:
        """A file is gone for good: the journal need not remember it."""
        self.removing -= 1
        self._end_checkpoint(out)

    def _end_checkpoint(self, out: Out) -> None:
        checkpoint = self.checkpoint
        if checkpoint is None or not 0 < checkpoint.proven_by <= self.synced_sequence or self.removing:
            return
        for file in checkpoint.old:
            out.do(Remove(file, Dropped("", file)))
        self.checkpoint = None

    def _cuts_are_durable(self, sequence: int) -> None:
        """What waited for a cut to be on record may be committed now."""
        for name in [name for name, at in self.uncut.items() if 0 < at <= sequence]:
            del self.uncut[name]
            log = self.stalled.pop(name, None)
            if log is not None:
                self.dirty[name] = log

    def rolled(self, token: Rolled, now: Now, out: Out) -> None:
        self._flushed(token.name, token.generation, token.base, token.mark, now, out)

    def flushed(self, token: FlushedBehind, now: Now, out: Out) -> None:
        self._flushed(token.name, token.generation, token.base, token.mark, now, out)
        checkpoint = self.checkpoint
        if token.checkpoint and checkpoint is not None:
            checkpoint.waiting -= 1
            if checkpoint.waiting == 0:
                self._prove_checkpoint(checkpoint, out)

    def _flushed(self, name: str, generation: int, base: Offset, mark: Mark, now: Now, out: Out) -> None:
        log = self.logs.get(name)
        if log is None or log.generation != generation:
            return
        log.synced(base, mark, out)
        self.certificates[name] = log
        self._lazily(now)
        if name not in self.uncut:
            log.now_durable(log.end_of_files(), out)

    # Rounds --------------------------------------------------------------------------------------------------------

    def settle(self, now: Now, out: Out) -> None:
        """Begin a round when one is due.  To be called once at the end of each step; cheap when nothing is."""
        if not self.refusal or self.closing:
            if self.dirty and self.round is None:
                self._begin_round(now, out)
            if self.urgent:
                self._write_lazy(out)
        if self.closing:
            self._close_further(now, out)

    def _begin_round(self, now: Now, out: Out) -> None:
        if self.checkpoint is None and not self.said and (
            self.journal_size >= self.limits.journal_bytes_max
            or self.since_checkpoint >= self.limits.checkpoint_bytes_max
        ):
            self.begin_journal([self.journal], now, out)
        shares = self._shares()
        self.dirty.clear()
        self.rounds += 1
        self.round = current = Round(self.rounds, shares)
        for share in shares:
            for covered in share.covered:
                segment = covered.segment
                self.since_checkpoint += covered.mark.position - segment.covered
                if covered.direct:
                    out.do(Sync(segment.file, FileSynced(current.number)))
                    current.waiting += 1
                else:
                    current.entries.extend(_ranges(share.log.name, segment, covered.mark.position))
                while segment.held and segment.held[0][1] <= covered.mark.position:
                    segment.held.popleft()
        if current.entries or any(share.log.name in self.uncut for share in shares):
            self._put_frame(current.entries, current.number, out)
            current.waiting += 2
        if current.waiting == 0:
            self._end_round(current, now, out)

    def _shares(self) -> list[Share]:
        """What every dirty log has to be made durable, and how: few files are synced, many go through the journal."""
        limits = self.limits
        found = [(log, log.uncovered()) for log in self.dirty.values() if not log.quarantined]
        few = sum(len(segments) for _, segments in found) <= limits.direct_sync_files
        few = few or self.journal_size >= 2 * limits.journal_bytes_max
        shares = []
        for log, segments in found:
            covered = []
            before = False
            for segment in segments:
                size = segment.written.position - segment.covered
                whole = bool(segment.held) and segment.held[0][0] == segment.covered
                # A journaled range proves all before it: behind a file that is synced now it must be synced as well.
                direct = before = before or few or not whole or size > limits.journal_range_bytes_max
                covered.append(Covered(segment, segment.written, direct))
            shares.append(Share(log, log.generation, covered, log.written))
        return shares

    def _round_part(self, number: int, now: Now, out: Out) -> None:
        current = self.round
        if current is None or current.number != number:
            return
        current.waiting -= 1
        if current.waiting == 0:
            self._end_round(current, now, out)

    def _end_round(self, current: Round, now: Now, out: Out) -> None:
        """All of it is on the platter: move what the logs may promise."""
        self.round = None
        for log, generation, covered, end in current.shares:
            if log.generation != generation or self.logs.get(log.name) is not log:
                if self.logs.get(log.name) is log:
                    self.dirty[log.name] = log
                continue
            for segment, mark, direct in covered:
                if direct:
                    log.synced(segment.base, mark, out)
                    self.certificates[log.name] = log
                    self._lazily(now)
                else:
                    segment.covered = max(segment.covered, mark.position)
            if log.name in self.uncut:
                self.stalled[log.name] = log
            else:
                log.now_durable(end, out)

    # The journal ---------------------------------------------------------------------------------------------------

    def begin_journal(self, old: list[FileName], now: Now, out: Out) -> None:
        """A new journal: what every log is now, then the old ones go once every file is durable by itself."""
        self.journal_id += 1
        self.salt = self.rng.getrandbits(63)
        self.journal = journal.journal_file(self.journal_id, self.salt)
        self.journal_size = 0
        self.since_checkpoint = 0
        states = [
            _held(log) if log.quarantined else Entry(journal.STATE, name, 0, 0, state.encode(state.of(log)))
            for name, log in self.logs.items()
        ]
        self.checkpoint = checkpoint = Checkpoint(old)
        self._put_frame(states, 0, out)
        for name, log in self.logs.items():
            log.certify_anew()
            for segment in log.solid():
                if segment.durable.position < segment.written.position:
                    token = FlushedBehind(name, log.generation, segment.base, segment.written, True)
                    out.do(Sync(segment.file, token, behind=True))
                    checkpoint.waiting += 1
        if checkpoint.waiting == 0:
            self._prove_checkpoint(checkpoint, out)

    def _prove_checkpoint(self, checkpoint: Checkpoint, out: Out) -> None:
        self._write_lazy(out)
        checkpoint.proven_by = self.sequence

    def _put_frame(self, entries: list[Entry], round_number: int, out: Out) -> None:
        """One frame and the sync of it: what is pending first, then certificates, then `entries`."""
        self.lazy_due = None
        self.urgent = False
        self.sequence += 1
        sequence = self.sequence
        said = [*self.pending, *self._restate(), *self._certify()]
        self.pending = []
        self.said[sequence] = said + [entry for entry in entries if entry.kind != journal.RANGE]
        if self.checkpoint is not None and self.checkpoint.proven_by == NEXT_FRAME:
            self.checkpoint.proven_by = sequence
        for name, waiting in self.uncut.items():
            if waiting == 0:
                self.uncut[name] = sequence
        self.doomed = [doomed if doomed.sequence else doomed._replace(sequence=sequence) for doomed in self.doomed]
        packed = journal.frame(self.salt, sequence, said + entries)
        file = self.journal
        out.do(Append(file, packed.chunks, FrameWritten(self.journal_id, self.journal_size, sequence, round_number)))
        out.do(Sync(file, FrameSynced(self.journal_id, sequence, round_number), behind=round_number == 0))
        self.journal_size += packed.size

    def _restate(self) -> list[Entry]:
        """A cut made the journal's picture of a log void, or retention its oldest records: here is a new one, with the
        producers that the files no longer tell of.
        """
        names = dict.fromkeys([*self.shortened, *(name for name, at in self.uncut.items() if at == 0)])
        self.shortened.clear()
        logs = [self.logs[name] for name in names if name in self.logs]
        return [
            Entry(journal.STATE, log.name, 0, 0, state.encode(state.of(log))) for log in logs if not log.quarantined
        ]

    def _certify(self) -> list[Entry]:
        entries = []
        for name, log in self.certificates.items():
            for segment in log.uncertified():
                mark = segment.durable
                entries.append(journal.certificate(name, segment.base, mark, log.epochs.at(mark.end - 1)))
        self.certificates.clear()
        return entries

    def _write_lazy(self, out: Out) -> None:
        self._put_frame([], 0, out)

    def _bury(self, now: Now, out: Out) -> None:
        """Remove the files whose end the journal holds durably and whose time has come."""
        left = []
        for doomed in self.doomed:
            if not 0 < doomed.sequence <= self.synced_sequence or doomed.due > now.mono:
                left.append(doomed)
                continue
            for effect in doomed.effects:
                out.do(effect)
                self.removing += isinstance(effect, Remove) and type(effect.then) is Removed
            log = self.logs.get(doomed.name)
            if doomed.cutting and log is not None:
                log.cutting -= 1
        self.doomed = left

    # Time ----------------------------------------------------------------------------------------------------------

    @property
    def deadline(self) -> Instant | None:
        """When `wake` wants to be called, None for never."""
        if self.refusal and not self.closing:
            return None
        dues = [*self.flush_due.values(), *(doomed.due for doomed in self.doomed if doomed.sequence)]
        if self.lazy_due is not None:
            dues.append(self.lazy_due)
        if self.retry_due is not None:
            dues.append(self.retry_due)
        return min(dues, default=None)

    def wake(self, now: Now, out: Out) -> None:
        """Do what is due."""
        if self.refusal and not self.closing:
            return
        if self.lazy_due is not None and self.lazy_due <= now.mono:
            self._write_lazy(out)
        due = [name for name, instant in self.flush_due.items() if instant <= now.mono]
        for name in due:
            del self.flush_due[name]
            self._flush(self.logs[name], out)
        if any(doomed.due <= now.mono for doomed in self.doomed):
            self._bury(now, out)
        if self.retry_due is not None and self.retry_due <= now.mono:
            self.retry_due = None
            self.take_reserve(out)

    def _flush(self, log: Log, out: Out) -> None:
        for segment in log.solid():
            if segment.durable.position < segment.written.position:
                token = FlushedBehind(log.name, log.generation, segment.base, segment.written, False)
                out.do(Sync(segment.file, token, behind=True))

    # Faults --------------------------------------------------------------------------------------------------------

    def die(self, why: str, out: Out) -> None:
        """A write or a sync failed: this directory is never written again (KAFKA-10778)."""
        if self.refusal.startswith("dead"):
            return
        self.refusal = f"dead: {why}"
        self.closing = ""
        self.round = None
        self.dirty.clear()
        out.tell(DirectoryFailed(why))
        out.note("data directory failed", why=why)

    def append_refused(self, token: Appended, now: Now, out: Out) -> None:
        """ENOSPC on a segment."""
        log = self.logs.get(token.name)
        if log is not None:
            log.refused(token, now, out)
        self._run_full(now, out)

    def frame_refused(self, token: FrameWritten, now: Now, out: Out) -> None:
        """ENOSPC on the journal: sync the files themselves, and say again what the frame said."""
        out.note("journal frame refused, the disk is full", at=token.at)
        self._run_full(now, out)
        file = self.journal
        assert token.journal_id == self.journal_id, "a journal is begun anew only between frames"
        self.journal_size = min(self.journal_size, token.at)
        out.do(Truncate(file, self.journal_size, Dropped("", file)))
        self._unsay(token.sequence, now)
        current = self.round
        if current is not None and current.number == token.round:
            self._sync_directly(current, out)
            self._round_part(token.round, now, out)

    def _unsay(self, sequence: int, now: Now) -> None:
        """A frame never happened: what it said, but for the bytes, goes into the next one."""
        self.pending = self.said.pop(sequence) + self.pending
        self.unsaid.append(sequence)
        self.uncut = {name: 0 if at == sequence else at for name, at in self.uncut.items()}
        self.doomed = [item._replace(sequence=0) if item.sequence == sequence else item for item in self.doomed]
        if self.checkpoint is not None and self.checkpoint.proven_by == sequence:
            self.checkpoint.proven_by = NEXT_FRAME
        self._lazily(now)

    def _sync_directly(self, current: Round, out: Out) -> None:
        for i, share in enumerate(current.shares):
            covered = []
            for item in share.covered:
                if not item.direct:
                    out.do(Sync(item.segment.file, FileSynced(current.number)))
                    current.waiting += 1
                covered.append(item._replace(direct=True))
            current.shares[i] = share._replace(covered=covered)

    def _run_full(self, now: Now, out: Out) -> None:
        if self.retry_due is None:
            self.retry_due = now.mono + self.limits.full_retry_ms * MS
        if self.full:
            return
        self.full = True
        out.note("the disk is full: ordinary appends are refused, the reserve is given up")
        out.do(Remove(RESERVE, Dropped("", RESERVE)))
        self.reserve_held = False

    def take_reserve(self, out: Out) -> None:
        """Fill the reserve file; that it can be filled proves that space is back."""
        size = self.limits.disk_reserve_bytes
        block = bytes(min(size, MIB))
        chunks: list[Buffer] = [block] * (size // len(block)) if block else []
        out.do(Truncate(RESERVE, 0, Dropped("", RESERVE)))
        out.do(Append(RESERVE, tuple(chunks), ReserveTaken()))

    def reserve_taken(self, out: Out) -> None:
        self.reserve_held = True
        if self.full:
            self.full = False
            out.note("space is back: appends are accepted again")

    def reserve_refused(self, now: Now, out: Out) -> None:
        out.do(Truncate(RESERVE, 0, Dropped("", RESERVE)))
        out.do(Remove(RESERVE, Dropped("", RESERVE)))
        self.full = True
        self.retry_due = now.mono + self.limits.full_retry_ms * MS

    # Clean shutdown ------------------------------------------------------------------------------------------------

    def close(self, now: Now, out: Out) -> None:
        """Refuse appends, make everything durable, leave the marker, tell `DirectoryClosed`.  Nothing when dead."""
        if self.refusal.startswith("dead") or self.closing:
            return
        self.refusal = "the node is stopping"
        self.closing = "writing"
        self._close_further(now, out)

    def _close_further(self, now: Now, out: Out) -> None:
        if self.closing == "writing":
            if self.round is not None or any(log.written < log.end for log in self.logs.values()):
                return
            self.closing = "syncing"
            self.dirty.clear()
            for log in self.logs.values():
                if not log.quarantined:
                    self._flush(log, out)
                    segment = log.active
                    if segment is not None and len(segment.index) > INDEX_STORED_ENTRIES:
                        log.store_index(segment, out)
        if self.closing == "syncing":
            if any(log.unsynced for log in self.logs.values() if not log.quarantined):
                return
            self.closing = "marking"
            if any(log.quarantined for log in self.logs.values()):
                self.marked(out)
                return
            states = [(name, state.encode(state.of(log))) for name, log in self.logs.items()]
            out.do(Replace(MARKER, clean_marker(self.journal_id, states), MarkerWritten()))

    def marked(self, out: Out) -> None:
        """The marker is durable; or there is none, because only the journal can tell of a quarantine."""
        self.closing = ""
        out.tell(DirectoryClosed())


def _removals(files: tuple[FileName, ...]) -> tuple[Effect, ...]:
    return tuple(Remove(file, Removed(file)) for file in files)


def _held(log: Log) -> Entry:
    return Entry(journal.QUARANTINED, log.name, 0, 0, log.quarantined.encode())


def _ranges(name: str, segment: Segment, upto: int) -> list[Entry]:
    """The held bytes below `upto`, as journal entries."""
    return [
        Entry(journal.RANGE, name, segment.base, position, data)
        for position, end, data in segment.held
        if end <= upto
    ]


def files_of(log: Log) -> tuple[FileName, ...]:
    """Every file a log may have."""
    found: list[FileName] = []
    for base in log.bases:
        found += (log_file(log.name, base), index_file(log.name, base))
    return tuple(found)

