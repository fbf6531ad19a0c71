"""The open files of one data directory.

Knows: names, descriptors, sizes, which directories hold an entry that is not durable yet.  Does not know: why a file
is read or written, nor when it is synced.
Invariant: nothing outside the root is ever opened: names are checked, every path component is opened with
`O_NOFOLLOW`.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Callable
from threading import Lock

from odradek.core.errors import Broken
from odradek.core.types import Buffer, FileName

NEVER_CUT = 1 << 62
FILE_FLAGS = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
DIRECTORY_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
NAME_BYTES_MAX = 255
EVICTION_LOOK = 32

Pending = list[tuple[tuple[Buffer, ...], object]]


class OpenFile:
    """One descriptor, and what is known about the bytes behind it.

    `written` counts changes and `synced` is the count known to be durable.  A file just opened has one change that
    nobody vouches for: an earlier process may have died between a write and its sync.
    """

    __slots__ = ("cut", "fd", "full", "lock", "name", "parents", "pending", "pins", "size", "synced", "written")

    def __init__(self, name: FileName, fd: int, size: int) -> None:
        self.name = name
        self.parents = parents(name)
        self.fd = fd
        self.size = size
        self.pins = 1
        self.written = 1
        self.synced = 0
        self.cut = NEVER_CUT
        self.full = False
        self.pending: Pending = []
        self.lock = Lock()

    @property
    def clean(self) -> bool:
        """Every byte of it is durable."""
        return self.synced >= self.written


class Files:
    """A table of open files, the least recently used first, and the directories they live in.

    At most `limit` stay open, but for those somebody holds.  `retire` is given a file that must be synced before its
    descriptor may be closed: closing first could lose a write error (the kernel reports it once, to an open
    descriptor).
    """

    def __init__(self, root: str, limit: int, retire: Callable[[OpenFile], None]) -> None:
        assert limit >= 1
        self.root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self.limit = limit
        self.retire = retire
        self.table: dict[FileName, OpenFile] = {}
        self.changed: dict[str, int] = {}
        self.synced: dict[str, int] = {}

    def existing(self, name: FileName) -> OpenFile | None:
        """The file, opened when it is not yet; None when there is none."""
        file = self.table.pop(name, None)
        if file is None:
            file = self._open(name, os.O_RDWR)
            if file is None:
                return None
        self.table[name] = file
        return file

    def created(self, name: FileName) -> OpenFile:
        """The file, made together with its directories when it is missing."""
        file = self.existing(name)
        if file is not None:
            return file
        self.make_directories(name)
        file = self._open(name, os.O_CREAT | os.O_EXCL)
        assert file is not None
        self.changed_entry(file.parents[0])
        self.table[name] = file
        return file

    def forget(self, name: FileName) -> None:
        """Another open of this name starts afresh; who holds the old descriptor keeps it."""
        file = self.table.pop(name, None)
        if file is not None:
            self.unpin(file)

    def unpin(self, file: OpenFile) -> None:
        """One holder less; the last one closes."""
        assert file.pins > 0
        file.pins -= 1
        if file.pins == 0:
            os.close(file.fd)
            file.fd = -1

    def make_directories(self, name: FileName) -> None:
        """Make the directories above a file; those that exist are left alone."""
        for directory in reversed(parents(name)[:-1]):
            above, _, last = directory.rpartition("/")
            fd = self.open_directory(above)
            try:
                os.mkdir(last, 0o755, dir_fd=fd)
            except FileExistsError:
                continue
            finally:
                os.close(fd)
            self.changed_entry(above)

    def open_directory(self, path: str) -> int:
        """A descriptor of a directory below the root, reached without following a link.  The caller closes it."""
        fd = os.open(".", DIRECTORY_FLAGS, dir_fd=self.root)
        for part in path.split("/") if path else ():
            try:
                below = os.open(part, DIRECTORY_FLAGS, dir_fd=fd)
            finally:
                os.close(fd)
            fd = below
        return fd

    def changed_entry(self, directory: str) -> None:
        """An entry of this directory came, went or was renamed."""
        self.changed[directory] = self.changed.get(directory, 1) + 1

    def unsynced(self, above: tuple[str, ...]) -> tuple[tuple[str, int], ...]:
        """The directories among these whose entries may not be durable, each with the count of changes seen so far."""
        changed, synced = self.changed, self.synced
        return tuple((d, changed.get(d, 1)) for d in above if synced.get(d, 0) < changed.get(d, 1))

    def entries_durable(self, directories: tuple[tuple[str, int], ...]) -> None:
        """These directories were synced, each as of its count of changes."""
        for directory, count in directories:
            self.synced[directory] = max(count, self.synced.get(directory, 0))

    def remove(self, name: FileName, keep: bool) -> OpenFile | None:
        """Unlink the file, and its directory when that leaves it empty and nobody is about to write there (`keep`).

        Returns the file, pinned for the caller, if it was there: whoever closes the last descriptor pays for freeing
        the blocks.
        """
        file = self.existing(name)
        if file is None:
            return None
        above = file.parents[0]
        directory = self.open_directory(above)
        try:
            os.unlink(name.rpartition("/")[2], dir_fd=directory)
        finally:
            os.close(directory)
        self.changed_entry(above)
        del self.table[name]
        if above and not keep:
            self._remove_directory(above)
        return file

    def _remove_directory(self, path: str) -> None:
        above, _, last = path.rpartition("/")
        fd = self.open_directory(above)
        try:
            os.rmdir(last, dir_fd=fd)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            return
        finally:
            os.close(fd)
        self.changed.pop(path, None)
        self.synced.pop(path, None)
        self.changed_entry(above)

    def listing(self) -> tuple[tuple[FileName, int], ...]:
        """Every file below the root with its size, sorted by name.  Hidden names are the driver's own; its
        temporaries, left by a crash, are removed on the way."""
        found: list[tuple[FileName, int]] = []
        todo = [""]
        while todo:
            path = todo.pop()
            fd = self.open_directory(path)
            try:
                for name in os.listdir(fd):
                    status = os.stat(name, dir_fd=fd, follow_symlinks=False)
                    whole = f"{path}/{name}" if path else name
                    if is_temporary(name):
                        os.unlink(name, dir_fd=fd)
                    elif name.startswith(".") or whole in DRIVERS_OWN:
                        continue
                    elif stat.S_ISDIR(status.st_mode):
                        todo.append(whole)
                    elif stat.S_ISREG(status.st_mode):
                        found.append((whole, status.st_size))
            finally:
                os.close(fd)
        return tuple(sorted(found))

    def close(self) -> None:
        """Close every descriptor.  Nobody may hold a file any more."""
        for file in self.table.values():
            with contextlib.suppress(OSError):
                os.close(file.fd)
            file.fd = -1
        self.table.clear()
        os.close(self.root)

    def _open(self, name: FileName, flags: int) -> OpenFile | None:
        check(name)
        if len(self.table) >= self.limit:
            self._evict()
        above, _, last = name.rpartition("/")
        try:
            directory = self.open_directory(above)
        except FileNotFoundError:
            return None
        try:
            fd = os.open(last, FILE_FLAGS | flags, 0o644, dir_fd=directory)
        except FileNotFoundError:
            return None
        finally:
            os.close(directory)
        return OpenFile(name, fd, os.fstat(fd).st_size)

    def _evict(self) -> None:
        """Close the file unused for longest, a durable one when one of the oldest few is."""
        oldest: OpenFile | None = None
        for looked, file in enumerate(self.table.values()):
            if looked >= EVICTION_LOOK and oldest is not None:
                break
            if file.pins > 1 or file.pending:
                continue
            if file.clean:
                self.forget(file.name)
                return
            oldest = oldest or file
        if oldest is not None:
            del self.table[oldest.name]
            self.retire(oldest)


DRIVERS_OWN = frozenset({"meta.properties"})
"""Files in the root that belong to the driver: the node neither sees nor names them.  So do all hidden names."""


def temporary(last: str) -> str:
    """Where the new content of a file waits for its rename."""
    return f".{last}.tmp"


def is_temporary(last: str) -> bool:
    """Left behind by a `Replace` that a crash cut short."""
    return last.startswith(".") and last.endswith(".tmp")


def parents(name: str) -> tuple[str, ...]:
    """The directories above a file, the nearest first; the root is the empty string."""
    above = []
    while name:
        name = name.rpartition("/")[0]
        above.append(name)
    return tuple(above)


def check(name: FileName) -> None:
    """A file name is made of ids and numbers by our own code: another kind is a bug, and halts the node."""
    parts = name.split("/")
    fine = name.isascii() and name.isprintable() and name not in DRIVERS_OWN and "\\" not in name
    if not fine or any(not p or p.startswith(".") or len(p) > NAME_BYTES_MAX - 5 for p in parts):
        raise Broken(f"{name!r} is not a file name of the data directory")
