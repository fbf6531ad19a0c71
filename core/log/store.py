"""One data directory: its logs by name, from boot to clean shutdown.

Knows: which completion belongs to whom.  Does not know: topics, replicas, what a log's name stands for.
Invariant: nothing is written before `serve`, nothing after a failed write or sync (KAFKA-10778).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from random import Random
from typing import Any, Final, NamedTuple

from odradek.core.effects import Append, Effect, List, Read, Remove, Replace, Sync, Truncate
from odradek.core.limits import Limits
from odradek.core.log.commit import RESERVE, Committer, files_of
from odradek.core.log.config import Durability, LogConfig
from odradek.core.log.facts import DirectoryOpened, DirectoryReady, LogOpened
from odradek.core.log.log import Appended, Dropped, Log, Removed, Rolled, Stored
from odradek.core.log.recovery import FILE_NAME, Directory, Fault, Unrecoverable, Values, open_directory, open_log
from odradek.core.log.replay import Pictures
from odradek.core.log.rounds import (
    FileSynced,
    FlushedBehind,
    FrameSynced,
    FrameWritten,
    MarkerWritten,
    ReserveTaken,
)
from odradek.core.machine import Out
from odradek.core.types import FileName, Instant, Now, TopicPartition


class BootStep(NamedTuple):
    """Token of effect `place` of step `step` of the boot script."""

    step: int
    place: int


TOKENS: Final = frozenset(
    {
        Appended,
        Rolled,
        Stored,
        Dropped,
        FileSynced,
        FlushedBehind,
        FrameSynced,
        FrameWritten,
        MarkerWritten,
        Removed,
        ReserveTaken,
        BootStep,
    }
)
"""The types of all tokens that belong to `Store.done` and `Store.failed`."""

Script = Generator[list[Effect], Values, Any]


def log_name(partition: TopicPartition) -> str:
    """The directory of a partition's log: its topic id as hex, its number."""
    return f"{partition.topic_id.hex()}-{partition.partition}"


class Store:
    """The storage of one data directory.  Boot: `begin`, `open` each wanted log, `serve`."""

    __slots__ = (
        "_ending",
        "_jobs",
        "_missing",
        "_script",
        "_step",
        "_values",
        "committer",
        "directory",
        "limits",
        "logs",
    )

    def __init__(self, limits: Limits, rng: Random) -> None:
        self.limits = limits
        self.committer = Committer(limits, rng)
        self.logs: dict[str, Log] = self.committer.logs
        """Open logs by name."""
        self.directory: Directory | None = None
        """What recovery found; None before and after the boot."""
        self._jobs: deque[tuple[Callable[[Now, Out], Script], Callable[[Any, Now, Out], None]]] = deque()
        self._script: Script | None = None
        self._ending: Callable[[Any, Now, Out], None] | None = None
        self._step = 0
        self._values: Values = []
        self._missing = 0

    # Boot ----------------------------------------------------------------------------------------------------------

    def begin(self, now: Now, out: Out) -> None:
        """List the directory and replay its journal; tells `DirectoryOpened`, or `DirectoryFailed`."""
        self._enqueue(lambda now, out: open_directory(self.limits, out), self._opened, now, out)

    def open(self, name: str, config: LogConfig, now: Now, out: Out) -> None:
        """Recover one log, after those asked for before; tells `LogOpened`.  A log without files comes up empty."""
        assert name not in self.logs, name
        assert self.committer.refusal, "open every log before serving"

        def script(now: Now, out: Out) -> Script:
            assert self.directory is not None, "begin first"
            return open_log(self.directory, name, config, self.committer, now, out)

        self._enqueue(script, self._log_opened, now, out)

    def serve(self, now: Now, out: Out) -> None:
        """After the wanted logs: begin a new journal and accept appends; tells `DirectoryReady`."""

        def nothing(now: Now, out: Out) -> Script:
            return
            yield

        self._enqueue(nothing, self._serve, now, out)

    @property
    def strays(self) -> tuple[str, ...]:
        """Names of logs on the disk that nobody opened: of topics that are gone, or not ours.  `delete` them or not."""
        if self.directory is None:
            return ()
        return tuple(name for name in self.directory.names if name not in self.logs)

    def _opened(self, directory: Directory, now: Now, out: Out) -> None:
        self.directory = directory
        for file in directory.foreign():
            out.note("foreign file left alone", file=file)
        out.tell(DirectoryOpened(directory.names))

    def _log_opened(self, log: Log, now: Now, out: Out) -> None:
        self.logs[log.name] = log
        out.tell(LogOpened(log.name))

    def _serve(self, _: None, now: Now, out: Out) -> None:
        directory = self.directory
        assert directory is not None
        committer = self.committer
        committer.refusal = ""
        committer.journal_id = directory.journal_id
        for name, log in self.logs.items():
            if log.config.durability is Durability.SYNC and log.uncovered():
                committer.dirty[name] = log
            elif log.config.durability is Durability.INTERVAL and log.unsynced:
                committer.flush_later(log, now)
        old = list(directory.journals) if self._may_forget(directory) else []
        committer.begin_journal(old, now, out)
        if directory.files.get(RESERVE, 0) < self.limits.disk_reserve_bytes:
            committer.take_reserve(out)
        else:
            committer.reserve_held = True
        directory.pictures, directory.clean = Pictures(), None
        out.tell(DirectoryReady())

    def _may_forget(self, directory: Directory) -> bool:
        """Old journals stay while a log that they speak of was not opened: they may be its only proof."""
        return directory.clean is not None or all(name in self.logs for name in directory.pictures.logs)

    def _enqueue(
        self,
        script: Callable[[Now, Out], Script],
        ending: Callable[[Any, Now, Out], None],
        now: Now,
        out: Out,
    ) -> None:
        self._jobs.append((script, ending))
        if self._script is None:
            self._next_job(now, out)

    def _next_job(self, now: Now, out: Out) -> None:
        while self._script is None and self._jobs:
            make, self._ending = self._jobs.popleft()
            self._script = make(now, out)
            self._advance(None, now, out)

    def _advance(self, values: Values | None, now: Now, out: Out) -> None:
        """Run the boot script up to its next effects, or to its end."""
        assert self._script is not None
        assert self._ending is not None
        try:
            effects = next(self._script) if values is None else self._script.send(values)
        except StopIteration as stop:
            ending = self._ending
            self._script = None
            ending(stop.value, now, out)
            return
        except Unrecoverable as why:
            self._script = None
            self._jobs.clear()
            self.committer.die(str(why), out)
            return
        self._step += 1
        self._missing = len(effects)
        self._values = [None] * len(effects)
        for index, effect in enumerate(effects):
            assert isinstance(effect, Append | Sync | Read | Truncate | Replace | Remove | List), effect
            out.do(effect._replace(then=BootStep(self._step, index)))

    def _boot_value(self, token: BootStep, value: Any, now: Now, out: Out) -> None:
        if token.step != self._step or self._script is None:
            return
        self._values[token.place] = value
        self._missing -= 1
        if self._missing == 0:
            self._advance(self._values, now, out)
            self._next_job(now, out)

    # Logs ----------------------------------------------------------------------------------------------------------

    def create(self, name: str, config: LogConfig, now: Now) -> Log:
        """A new, empty log.  Costs no file until its first append."""
        assert name not in self.logs, name
        log = self.logs[name] = Log(name, config, self.committer, now)
        return log

    def delete(self, name: str, now: Now, out: Out) -> None:
        """Remove a log, or a stray, with all its files.  What a `FileSlice` still wants is the driver's matter."""
        files: dict[FileName, None] = {}
        log = self.logs.get(name)
        if log is not None:
            files.update(dict.fromkeys(files_of(log)))
        if self.directory is not None:
            for file in self.directory.files:
                match = FILE_NAME.fullmatch(file)
                if match is not None and match[1] == name:
                    files[file] = None
        self.committer.drop(name, tuple(files), now)

    # Steps ---------------------------------------------------------------------------------------------------------

    @property
    def dead(self) -> str:
        """Why nothing can be written to this directory ever again; empty while it can."""
        return self.committer.refusal if self.committer.refusal.startswith("dead") else ""

    @property
    def deadline(self) -> Instant | None:
        """When `wake` wants to be called."""
        return self.committer.deadline

    def wake(self, now: Now, out: Out) -> None:
        """Do what is due: certificates, interval flushes, late removals, trying a full disk again."""
        self.committer.wake(now, out)

    def settle(self, now: Now, out: Out) -> None:
        """Once at the end of each step (or of a batch of steps): begin a commit round if one is due."""
        committer = self.committer
        if committer.dirty or committer.closing or committer.urgent:
            committer.settle(now, out)

    def close(self, now: Now, out: Out) -> None:
        """Refuse appends, make everything durable, write the marker, tell `DirectoryClosed`.  Call `settle` on."""
        self.committer.close(now, out)

    def done(self, token: Any, value: Any, now: Now, out: Out) -> None:
        """An effect of this directory is complete."""
        committer = self.committer
        if type(token) is BootStep:
            self._boot_value(token, value, now, out)
        elif self.dead:
            return
        elif type(token) is Appended:
            committer.appended(token, now, out)
        elif type(token) is FileSynced:
            committer.file_synced(token, now, out)
        elif type(token) is FrameWritten:
            committer.frame_written(token, now, out)
        elif type(token) is FrameSynced:
            committer.frame_synced(token, now, out)
        elif type(token) is Rolled:
            committer.rolled(token, now, out)
        elif type(token) is FlushedBehind:
            committer.flushed(token, now, out)
        elif type(token) is Removed:
            committer.removed(out)
        elif type(token) is ReserveTaken:
            committer.reserve_taken(out)
        elif type(token) is MarkerWritten:
            committer.marked(out)
        else:
            assert type(token) in (Stored, Dropped), token
            if type(token) is Stored:
                self._stored(token)

    def failed(self, token: Any, why: str, now: Now, out: Out) -> None:
        """An effect of this directory failed.  Only a full disk is survived."""
        committer = self.committer
        if type(token) is BootStep:
            self._boot_value(token, Fault(why), now, out)
        elif self.dead:
            return
        elif why == "ENOSPC" and type(token) is Appended:
            committer.append_refused(token, now, out)
        elif why == "ENOSPC" and type(token) is FrameWritten:
            committer.frame_refused(token, now, out)
        elif why == "ENOSPC" and type(token) is ReserveTaken:
            committer.reserve_refused(now, out)
        elif why == "ENOSPC" and type(token) is Stored:
            self._not_stored(token, out)
        else:
            committer.die(f"{type(token).__name__}: {why}", out)

    def _stored(self, token: Stored) -> None:
        """An index that lies on the disk may leave the memory."""
        log = self.logs.get(token.name)
        match = FILE_NAME.fullmatch(token.file)
        segment = log.segment_at(int(match[2])) if log is not None and match is not None else None
        if log is not None and segment is not None and segment is not log.active:
            self.committer.index_taken(log, segment)

    def _not_stored(self, token: Stored, out: Out) -> None:
        """No room for an index: it is rebuilt when it is needed."""
        out.note("index file not stored, the disk is full", file=token.file)
        log = self.logs.get(token.name)
        match = FILE_NAME.fullmatch(token.file)
        segment = log.segment_at(int(match[2])) if log is not None and match is not None else None
        if segment is not None:
            segment.index_stored = False
