"""The disk effects, performed on a real file system.

Knows: the contract in `core/effects.py`.  Does not know: what the bytes mean, nor sockets.
Invariant: appends, reads, truncates and removes happen inline and in order; only syncs and replaces leave the hub's
thread, and while a file is being replaced everything else asked of it waits.

Completions of one file keep their order among what happens inline, and among the syncs of one kind. A sync in flight
does not hold back the completion of a later append or read: nobody's answer waits for a sync that it did not ask for.
"""

import errno
import os
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from odradek.core.effects import Append, List, Read, Remove, Replace, Sync, Truncate
from odradek.core.events import Done, Event, Failed
from odradek.core.types import Buffer, FileName
from odradek.io.files import Files, OpenFile, check, parents
from odradek.io.syncing import CloseJob, Health, Job, ReplaceJob, Syncer, SyncJob

IOV_MAX = 1024
"""Buffers in one `writev`: the kernel's bound."""


Syncs = dict[OpenFile | FileName, SyncJob]
"""What one batch wants synced: by open file, so that a file made anew under an old name counts as another."""


class Named(Protocol):
    """A disk effect on one file."""

    @property
    def file(self) -> FileName: ...
    @property
    def then(self) -> Any: ...


class Disk:
    """Performs effects on the files below `root`; completions collect in `events`, for the hub to take.

    `wake` is called from another thread when `collect` has something to bring.  One process owns the directory.
    """

    def __init__(self, root: str, wake: Callable[[], None], open_files: int) -> None:
        self.events: list[Event] = []
        self.health = Health()
        self.files = Files(root, open_files, self._retire)
        self.commit = Syncer("commit", self.files, self.health, wake)
        self.behind = Syncer("behind", self.files, self.health, wake)
        self.dirty: dict[OpenFile, None] = {}
        self.full: list[OpenFile] = []
        self.syncs: tuple[Syncs, Syncs] = ({}, {})
        self.replaces: list[Job] = []
        self.replacing: dict[FileName, deque[Named]] = {}
        self.acts: dict[type, Callable[[Any], None]] = {
            Append: self.append,
            Sync: self.sync,
            Read: self.read,
            Truncate: self.truncate,
            Replace: self.replace,
            Remove: self.remove,
            List: self.list,
        }

    # Effects -----------------------------------------------------------------------------------------------------

    def append(self, effect: Append) -> None:
        """Queue the chunks; `flush` writes those of one file together."""
        if self._held(effect):
            return
        try:
            file = self.files.created(effect.file)
        except OSError as error:
            self._failed(effect.then, error)
            return
        file.pending.append((effect.chunks, effect.then))
        self.dirty[file] = None

    def sync(self, effect: Sync) -> None:
        """Queue the file; `flush` hands it over, behind the appends that were asked for before."""
        if self._held(effect):
            return
        try:
            file = self.files.existing(effect.file)
        except OSError as error:
            self._failed(effect.then, error)
            return
        jobs = self.syncs[effect.behind]
        job = jobs.get(file or effect.file)
        if job is not None:
            job.thens.append(effect.then)
            return
        if file is not None:
            file.pins += 1
        jobs[file or effect.file] = SyncJob(file, 0, (), [effect.then])

    def read(self, effect: Read) -> None:
        """A missing file is an empty one."""
        if self._held(effect):
            return
        try:
            file = self._settled(effect.file)
        except OSError as error:
            self._failed(effect.then, error)
            return
        try:
            data = b"" if file is None else read_at(file.fd, effect.at, effect.size)
        except OSError as error:
            # Only these bytes cannot be had; what that means is for the node to say (durability, clause 3).
            self.events.append(Failed(effect.then, errno.errorcode.get(error.errno or 0, "EIO")))
            return
        self.events.append(Done(effect.then, data))

    def truncate(self, effect: Truncate) -> None:
        """Who was promised bytes behind the cut keeps the old descriptor, marked: see `OpenFile.cut`."""
        if self._held(effect):
            return
        try:
            file = self._settled(effect.file)
            if file is not None and file.size > effect.size:
                os.ftruncate(file.fd, effect.size)
                file.size = effect.size
                file.written += 1
                if file.pins > 1:
                    file.cut = min(file.cut, effect.size)
                    self.files.forget(effect.file)
        except OSError as error:
            self._failed(effect.then, error)
            return
        self.events.append(Done(effect.then))

    def replace(self, effect: Replace) -> None:
        """The commit thread does it; the file's other effects wait until it is done."""
        if self._held(effect):
            return
        try:
            check(effect.file)
            self._settled(effect.file)
            self.files.make_directories(effect.file)
        except OSError as error:
            self._failed(effect.then, error)
            return
        above = parents(effect.file)
        self.files.changed_entry(above[0])
        self.replacing[effect.file] = deque()
        self.replaces.append(ReplaceJob(effect.file, effect.data, self.files.unsynced(above), effect.then))

    def remove(self, effect: Remove) -> None:
        """Unlink at once; the background thread frees the blocks, unless a reader is the last, and makes it durable."""
        if self._held(effect):
            return
        try:
            self._settled(effect.file)
            above = parents(effect.file)[0]
            file = self.files.remove(effect.file, keep=any(parents(name)[0] == above for name in self.replacing))
        except OSError as error:
            self._failed(effect.then, error)
            return
        if file is not None and file.pins == 1:
            self.behind.submit([CloseJob(file)])
        elif file is not None:
            self.files.unpin(file)
        self.syncs[True].setdefault(effect.file, SyncJob(None, 0, (), [])).thens.append(effect.then)

    def list(self, effect: List) -> None:
        """Walk the directory; everything asked for before is visible."""
        if self.health.dead:
            self.events.append(Failed(effect.then, "EIO"))
            return
        self._write_all()
        try:
            found = self.files.listing()
        except OSError as error:
            self._failed(effect.then, error)
            return
        self.events.append(Done(effect.then, found))

    # Readers that send -------------------------------------------------------------------------------------------

    def pin(self, name: FileName) -> OpenFile | None:
        """The file for a slice that will be sent: it stays readable, also when removed, until `unpin`."""
        if self.health.dead or name in self.replacing:
            return None
        try:
            file = self._settled(name)
        except OSError:
            return None
        if file is not None:
            file.pins += 1
        return file

    def unpin(self, file: OpenFile) -> None:
        """The slice was sent, or never will be."""
        self.files.unpin(file)

    # The hub's side ----------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """End of a batch: write what was appended, hand over what is to be synced."""
        if self.dirty:
            self._write_all()
        for file in self.full:
            file.full = False
        self.full.clear()
        for jobs, syncer in zip(self.syncs, (self.commit, self.behind), strict=True):
            if jobs:
                self._submit(jobs, syncer)
        if self.replaces:
            self.commit.submit(self.replaces)
            self.replaces = []

    def collect(self) -> None:
        """Bring the completions of both threads into `events`."""
        for syncer in (self.commit, self.behind):
            for job, why in syncer.take():
                if isinstance(job, SyncJob):
                    self._synced(job, why)
                elif isinstance(job, ReplaceJob):
                    self._replaced(job, why)

    @property
    def busy(self) -> bool:
        """A thread still works, or work waits for `flush`."""
        queued = self.dirty or self.syncs[0] or self.syncs[1] or self.replaces
        return bool(queued or self.commit.waiting or self.behind.waiting)

    def close(self) -> None:
        """Finish what the threads were given, then close every file."""
        self.commit.close()
        self.behind.close()
        self.files.close()

    # Leaves ------------------------------------------------------------------------------------------------------

    def _held(self, effect: Named) -> bool:
        """Failed because the directory is dead, or queued because its file is being replaced."""
        if self.health.dead:
            self.events.append(Failed(effect.then, "EIO"))
            return True
        if self.replacing and effect.file in self.replacing:
            self.replacing[effect.file].append(effect)
            return True
        return False

    def _settled(self, name: FileName) -> OpenFile | None:
        """The file with everything written that was appended before."""
        file = self.files.existing(name)
        if file is not None and file.pending:
            del self.dirty[file]
            self._write(file)
        return file

    def _write_all(self) -> None:
        dirty, self.dirty = self.dirty, {}
        for file in dirty:
            self._write(file)

    def _write(self, file: OpenFile) -> None:
        """Write the appends waiting for one file in as few calls as possible.

        When one finds the disk full, those behind it fail with it: their place in the file depended on it.
        """
        pending, file.pending = file.pending, []
        kept = file.size
        why = "ENOSPC" if file.full else "EIO" if self.health.dead else ""
        if not why:
            try:
                file.written += 1
                write_all(file, [chunk for chunks, _ in pending for chunk in chunks])
            except OSError as error:
                why = self._reason(error)
        if not why:
            self.events.extend(Done(then) for _, then in pending)
            return
        whole = 0
        for chunks, then in pending:
            end = kept + sum(map(len, chunks))
            if end > file.size:
                break
            self.events.append(Done(then))
            kept = end
            whole += 1
        self._cut_back(file, kept)
        self.events.extend(Failed(then, why) for _, then in pending[whole:])

    def _cut_back(self, file: OpenFile, size: int) -> None:
        """After a failed append, the file is as it was before it; until the node knows, no other may take its place."""
        file.full = True
        self.full.append(file)
        if file.size > size:
            try:
                os.ftruncate(file.fd, size)
            except OSError:
                self.health.dead = True
            file.size = size

    def _submit(self, jobs: Syncs, syncer: Syncer) -> None:
        handed: list[Job] = []
        for key, job in jobs.items():
            file = job.file
            directories = self.files.unsynced(parents(key) if isinstance(key, str) else key.parents)
            if not directories and (file is None or file.clean):
                self._synced(job, "EIO" if self.health.dead else "")
                continue
            handed.append(SyncJob(file, 0 if file is None else file.written, directories, job.thens))
        jobs.clear()
        if handed:
            syncer.submit(handed)

    def _synced(self, job: SyncJob, why: str) -> None:
        if job.file is not None:
            if not why:
                job.file.synced = max(job.file.synced, job.upto)
            self.files.unpin(job.file)
        if why:
            self.events.extend(Failed(then, why) for then in job.thens)
            return
        self.files.entries_durable(job.directories)
        self.events.extend(Done(then) for then in job.thens)

    def _replaced(self, job: ReplaceJob, why: str) -> None:
        self.files.forget(job.name)
        if not why:
            self.files.entries_durable(job.directories)
        self.events.append(Failed(job.then, why) if why else Done(job.then))
        held = self.replacing.pop(job.name)
        while held:
            effect = held.popleft()
            if job.name in self.replacing:
                self.replacing[job.name].append(effect)
            else:
                self.acts[type(effect)](effect)

    def _retire(self, file: OpenFile) -> None:
        """The table is full of files that are not durable: sync one, then close it."""
        self.behind.submit([SyncJob(file, file.written, (), [])])

    def _failed(self, then: Any, error: OSError) -> None:
        self.events.append(Failed(then, self._reason(error)))

    def _reason(self, error: OSError) -> str:
        """The errno's name.  A full disk can be lived with; after anything else the directory is dead."""
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return "ENOSPC"
        self.health.dead = True
        return errno.errorcode.get(error.errno or 0, "EIO")


def read_at(fd: int, at: int, size: int) -> bytes:
    """At most `size` bytes from byte `at`; fewer only where the file ends."""
    data = os.pread(fd, size, at)
    if len(data) == size or not data:
        return data
    pieces = [data]
    got = len(data)
    while got < size:
        data = os.pread(fd, size - got, at + got)
        if not data:
            break
        pieces.append(data)
        got += len(data)
    return b"".join(pieces)


def write_all(file: OpenFile, chunks: list[Buffer]) -> None:
    """Append the chunks.  `file.size` tells how far it came, also when it raises."""
    while chunks:
        group = chunks[:IOV_MAX]
        wrote = os.writev(file.fd, group)
        file.size += wrote
        if wrote == sum(map(len, group)):
            chunks = chunks[IOV_MAX:]
            continue
        passed = 0
        while wrote >= len(group[passed]):
            wrote -= len(group[passed])
            passed += 1
        chunks = [memoryview(group[passed])[wrote:], *chunks[passed + 1 :]]
