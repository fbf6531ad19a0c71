"""The data directory: whose it is, and that only one process uses it.

Knows: the lock, the marker, what else may lie there.  Does not know: what the node keeps in it.
Invariant: nothing is written to a directory that is not empty and not ours.
"""

import contextlib
import fcntl
import os
from collections.abc import Callable
from typing import NoReturn

from odradek.io.properties import BadProperties, parse

MARKER = "meta.properties"
LOCK = ".lock"
FORMAT = "odradek-1"
ANOTHER = "or choose another with --data-dir"


class Unusable(Exception):
    """The directory cannot be used; the message says why and what to do."""


class DataDir:
    """A claimed directory: locked until `release`, marked as ours.

    `id` and `cluster_id` are drawn once, when it is first used; `draw` makes a cluster id.
    """

    def __init__(self, path: str, node_id: int, draw: Callable[[], str]) -> None:
        self.path = path
        _make(path)
        _check_ours(path)
        self.lock = _lock(path)
        try:
            marker = self._marked(node_id, draw)
            self.id = marker.get("directory.id", "")
            self.cluster_id = marker.get("cluster.id", "")
            if not (self.id and self.cluster_id):
                raise Unusable(f"{os.path.join(path, MARKER)} is incomplete: restore it, {ANOTHER}")
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Let another process have it."""
        os.close(self.lock)

    def _marked(self, node_id: int, draw: Callable[[], str]) -> dict[str, str]:
        marker = _marker(self.path)
        if marker is None:
            marker = {
                "version": "1",
                "format": FORMAT,
                "node.id": str(node_id),
                "cluster.id": draw(),
                "directory.id": draw(),
            }
            _write_marker(self.path, "".join(f"{name}={value}\n" for name, value in marker.items()))
            return marker
        if marker.get("node.id") != str(node_id):
            raise Unusable(
                f"the data directory {self.path} belongs to node {marker.get('node.id')}, and this is node {node_id}: "
                "use another directory, or set node.id"
            )
        return marker


def _make(path: str) -> None:
    try:
        os.makedirs(path, exist_ok=True)
    except FileExistsError:
        raise Unusable(f"{path} is a file: choose a directory with --data-dir") from None
    except OSError as error:
        _refuse(path, error)
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        raise Unusable(f"the data directory {path} is not writable: change its owner, {ANOTHER}")
    with contextlib.suppress(OSError):
        _sync_directory(os.path.dirname(os.path.abspath(path)))


def _check_ours(path: str) -> None:
    """A directory with something in it must carry our marker.  Hidden files are what a first start leaves when it is
    cut short.
    """
    try:
        found = sorted(name for name in os.listdir(path) if not name.startswith("."))
    except OSError as error:
        _refuse(path, error)
    if not found:
        return
    marker = _marker(path)
    if marker is None or marker.get("format") != FORMAT:
        whose = "it holds the data of another broker" if marker is not None else f"it holds {found[0]!r}"
        raise Unusable(f"{path} is not a data directory of odradek ({whose}): choose an empty one with --data-dir")


def _marker(path: str) -> dict[str, str] | None:
    try:
        with open(os.path.join(path, MARKER), encoding="utf-8") as file:
            return parse(file.read(64 * 1024))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, BadProperties) as error:
        raise Unusable(f"{os.path.join(path, MARKER)} cannot be read ({error}): restore it, {ANOTHER}") from None


def _lock(path: str) -> int:
    try:
        fd = os.open(os.path.join(path, LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    except OSError as error:
        _refuse(path, error)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.pread(fd, 32, 0).decode("ascii", "replace").strip()
        os.close(fd)
        who = f"process {holder}" if holder.isdigit() else "another process"
        raise Unusable(f"the data directory {path} is in use by {who}: stop it, {ANOTHER}") from None
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    return fd


def _write_marker(path: str, text: str) -> None:
    fresh = os.path.join(path, f".{MARKER}.tmp")
    try:
        with open(fresh, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.rename(fresh, os.path.join(path, MARKER))
        _sync_directory(path)
    except OSError as error:
        _refuse(path, error)


def _sync_directory(path: str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _refuse(path: str, error: OSError) -> NoReturn:
    raise Unusable(
        f"the data directory {path} cannot be used ({error.strerror}): choose another with --data-dir"
    ) from None
