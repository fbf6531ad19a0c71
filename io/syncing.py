"""A thread that makes files durable.

Knows: jobs, and that those waiting together share one `fdatasync` for each file.  Does not know: events, the hub, the
table.
Invariant: once any sync failed, no job of the directory is ever reported as done again.
"""

import contextlib
import errno
import os
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, NamedTuple

from odradek.core.errors import Broken
from odradek.core.types import FileName
from odradek.io.files import Files, OpenFile, temporary

Directories = tuple[tuple[str, int], ...]


class SyncJob(NamedTuple):
    """Sync what was written up to change `upto` and the entries of `directories`; then each of `thens` is done."""

    file: OpenFile | None
    upto: int
    directories: Directories
    thens: list[Any]


class ReplaceJob(NamedTuple):
    """Write a file anew beside the old one and put it in its place."""

    name: FileName
    data: bytes
    directories: Directories
    then: Any


class CloseJob(NamedTuple):
    """Close the descriptor of a file that is gone; that frees its blocks, which takes a while for a large one."""

    file: OpenFile


Job = SyncJob | ReplaceJob | CloseJob


class Health:
    """Whether the data directory can still be trusted.  Shared by the hub and both sync threads; only ever turns
    dead.
    """

    __slots__ = ("dead",)

    def __init__(self) -> None:
        self.dead = False


class Syncer:
    """One thread, one queue.  Finished jobs appear in `finished` with their error, then `wake` is called from the
    thread.

    `wake` is called once for each group of jobs, never for each job.
    """

    def __init__(self, name: str, files: Files, health: Health, wake: Callable[[], None]) -> None:
        self.files = files
        self.health = health
        self.wake = wake
        self.queue: SimpleQueue[list[Job] | None] = SimpleQueue()
        self.finished: deque[tuple[Job, str]] = deque()
        self.waiting = 0
        self.broken: BaseException | None = None
        self.name = name
        self.thread: Thread | None = None

    def submit(self, jobs: list[Job]) -> None:
        """Hand over jobs.  The thread starts with the first."""
        assert jobs
        if self.thread is None:
            self.thread = Thread(target=self._run, name=self.name, daemon=True)
            self.thread.start()
        self.waiting += len(jobs)
        self.queue.put(jobs)

    def take(self) -> list[tuple[Job, str]]:
        """The jobs finished since the last call, each with the errno name of its failure or ''."""
        if self.broken is not None:
            raise Broken(f"the thread {self.name} ended") from self.broken
        taken = []
        while self.finished:
            taken.append(self.finished.popleft())
        self.waiting -= len(taken)
        return taken

    def close(self) -> None:
        """Finish what was submitted, then end the thread."""
        if self.thread is not None:
            self.queue.put(None)
            self.thread.join()
            self.thread = None

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as bug:
            self.health.dead = True
            self.broken = bug
            self.wake()

    def _work(self) -> None:
        while True:
            first = self.queue.get()
            if first is None:
                return
            group, ending = first, False
            while not self.queue.empty():
                more = self.queue.get()
                if more is None:
                    ending = True
                    break
                group = group + more
            self._group(group)
            self.wake()
            if ending:
                return

    def _group(self, group: list[Job]) -> None:
        syncs = [job for job in group if isinstance(job, SyncJob)]
        if syncs:
            why = self._sync(syncs)
            self.finished.extend((job, why) for job in syncs)
        for job in group:
            if isinstance(job, ReplaceJob):
                self.finished.append((job, self._replace(job)))
            elif isinstance(job, CloseJob):
                self._close(job.file)
                self.finished.append((job, ""))

    def _sync(self, jobs: list[SyncJob]) -> str:
        """Sync each file and each directory of a group once.  A failure is the failure of the whole group."""
        done: dict[int, None] = {}
        for job in jobs:
            if job.file is not None and job.file.fd not in done:
                done[job.file.fd] = None
                why = self._sync_fd(job.file.fd, job.file.lock, os.fdatasync)
                if why:
                    return why
        return self._sync_directories(tuple(directory for job in jobs for directory in job.directories))

    def _sync_fd(self, fd: int, lock: Lock, sync: Callable[[int], None]) -> str:
        """Sync once, never again after a failure: the kernel tells of a lost write only once, then forgets it.

        The lock keeps the other thread from seeing the success that follows a failure before it sees the failure.
        """
        with lock:
            if self.health.dead:
                return "EIO"
            try:
                sync(fd)
            except OSError:
                self.health.dead = True
                return "EIO"
        return ""

    def _sync_directories(self, directories: Directories) -> str:
        done: dict[str, None] = {}
        for path, _ in directories:
            if path in done:
                continue
            done[path] = None
            try:
                fd = self.files.open_directory(path)
            except (FileNotFoundError, NotADirectoryError):
                continue  # It was removed since; the directory above it tells.
            except OSError:
                self.health.dead = True
                return "EIO"
            try:
                why = self._sync_fd(fd, Lock(), os.fsync)
            finally:
                os.close(fd)
            if why:
                return why
        return ""

    def _replace(self, job: ReplaceJob) -> str:
        """Returns "" or the errno name.  Out of space leaves the old content in place and the directory usable."""
        if self.health.dead:
            return "EIO"
        above, _, last = job.name.rpartition("/")
        try:
            directory = self.files.open_directory(above)
            try:
                self._write_anew(directory, last, job.data)
            finally:
                os.close(directory)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                return "ENOSPC"
            self.health.dead = True
            return errno.errorcode.get(error.errno or 0, "EIO")
        return self._sync_directories(job.directories)

    def _write_anew(self, directory: int, last: str, data: bytes) -> None:
        fresh = temporary(last)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(fresh, flags, 0o644, dir_fd=directory)
        try:
            view = memoryview(data)
            try:
                while view:
                    view = view[os.write(fd, view) :]
            except OSError:
                with contextlib.suppress(OSError):
                    os.unlink(fresh, dir_fd=directory)
                raise
            if self._sync_fd(fd, Lock(), os.fdatasync):
                raise OSError(errno.EIO, "sync failed")
        finally:
            os.close(fd)
        os.rename(fresh, last, src_dir_fd=directory, dst_dir_fd=directory)

    def _close(self, file: OpenFile) -> None:
        """Only whoever holds the last pin may close, and the hub counts pins: so this drops the blocks, not the
        count.
        """
        os.close(file.fd)
        file.fd = -1
