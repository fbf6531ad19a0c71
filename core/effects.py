"""What a node may ask for.  A driver performs these after `Node.step` returned them.

The contract both drivers sign (`tests/test_disk_contract.py` runs against each):

1. Effects on one file happen in the order emitted; across files, in any order.
2. `Done(append.then)`: visible to later reads, survives `kill -9`, not a power cut.
3. `Done(sync.then)`: all that was asked of that file before, and its directory entry, survives a power cut.
4. A completion never arrives inside the step that emitted it.  Of one file, completions of appends, reads and
   truncates keep their order, and so do those of syncs; a sync never overtakes what was asked before it, and holds
   back nothing that is asked after it.
5. The driver may merge k appends into one `writev` and k syncs into one `fdatasync`; it may not merge the `Done`s.
6. A buffer that was given away is never changed again.
7. `Failed(then, reason)` comes at most once for each effect.  ENOSPC on `Append` leaves the file as it was before that
   append, and fails those asked of the same file before the node could know of it; ENOSPC on `Replace` keeps the old
   content.  A failed `Read` says that these bytes cannot be had.  Any other failure means that the data directory is
   dead.  A failed fsync is never retried.
8. After a crash a file is its synced prefix plus some, possibly torn, part of the rest.
9. `Append` creates the file, and its directories, when missing.  A missing file reads as empty, and is truncated,
   synced and removed at once.  `Done(remove.then)`: the removal survives a power cut.
10. A `FileSlice` handed to `Send` is read when it is sent, also when its file is truncated or removed meanwhile
    (then the driver may close the connection instead; it never sends other bytes in their place).
"""

from typing import Any, NamedTuple

from odradek.core.types import Buffer, ConnId, FileName


class FileSlice(NamedTuple):
    """`size` bytes of a file from byte `at`: read by the driver when they are needed, never held by the node."""

    file: FileName
    at: int
    size: int


Chunk = Buffer | FileSlice
Chunks = tuple[Chunk, ...]


class Append(NamedTuple):
    """Write the chunks, in order, behind the last byte of the file."""

    file: FileName
    chunks: tuple[Buffer, ...]
    then: Any


class Sync(NamedTuple):
    """Make the file durable.  `behind` marks background work that must not delay an acknowledgement."""

    file: FileName
    then: Any
    behind: bool = False


class Read(NamedTuple):
    """`Done.value` is bytes: at most `size` from byte `at`, fewer only where the file ends."""

    file: FileName
    at: int
    size: int
    then: Any


class Truncate(NamedTuple):
    """Cut the file to `size` bytes; a shorter file is left as it is."""

    file: FileName
    size: int
    then: Any


class Replace(NamedTuple):
    """Put `data` in place of the whole file, durably and atomically: temporary, write, fsync, rename, fsync
    directory."""

    file: FileName
    data: bytes
    then: Any


class Remove(NamedTuple):
    """Unlink the file, and its directory when that leaves it empty."""

    file: FileName
    then: Any


class List(NamedTuple):
    """`Done.value` is a sorted tuple of (file name, size in bytes) for every file in the data directory."""

    then: Any


class Send(NamedTuple):
    """One whole response frame, with its length bytes first.  Frames of one connection leave in the order emitted."""

    conn: ConnId
    chunks: Chunks


class Close(NamedTuple):
    """Close the connection once everything sent before has left, or at once when the peer does not read."""

    conn: ConnId


class Pause(NamedTuple):
    """Deliver no further `Received` of this connection until `Resume`: stop reading, so that TCP pushes back."""

    conn: ConnId


class Resume(NamedTuple):
    """Undo `Pause`."""

    conn: ConnId


class Note(NamedTuple):
    """Something worth knowing happened: the log line, the metric and the coverage mark in one.

    `text` is a constant of the code (never a client's bytes); `fields` carry the particulars.
    """

    text: str
    fields: dict[str, Any]


class Halt(NamedTuple):
    """The node is finished; `why` is empty after a clean stop, else the fault that ended it."""

    why: str


Effect = Append | Sync | Read | Truncate | Replace | Remove | List | Send | Close | Pause | Resume | Note | Halt


def note(text: str, **fields: Any) -> Note:
    """A `Note` with its fields as keywords."""
    return Note(text, fields)
