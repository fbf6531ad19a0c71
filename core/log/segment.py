"""One file of a log, and what is known of it in memory.

Knows: its offsets, sizes, times and boundaries.  Does not know: when to sync, roll or remove itself.
Invariant: durable <= covered <= written <= size, all batch boundaries; `covered` is what journal or sync keeps.
"""

from collections import deque
from typing import NamedTuple

from odradek.core.log.index import Index, Summary
from odradek.core.log.window import Window
from odradek.core.types import NO_OFFSET, NO_TIMESTAMP, Buffer, FileName, Offset, WallMs


class Mark(NamedTuple):
    """A batch boundary of a file, with what proves it: the position and CRC of the batch before it."""

    position: int
    end: Offset
    last_at: int
    last_crc: int


def log_file(directory: str, base: Offset) -> FileName:
    return f"{directory}/{base:020}.log"


def index_file(directory: str, base: Offset) -> FileName:
    return f"{directory}/{base:020}.index"


class Segment:
    """Volatile: size, next, held, recent.  The page cache: below `written`.  The platter: below `durable`."""

    __slots__ = (
        "base",
        "covered",
        "created",
        "durable",
        "file",
        "first_time",
        "held",
        "index",
        "index_loaded",
        "index_stored",
        "max_time",
        "max_time_offset",
        "next",
        "recent",
        "since_entry",
        "size",
        "written",
    )

    def __init__(self, directory: str, base: Offset, created: WallMs) -> None:
        self.base = base
        self.file: FileName = log_file(directory, base)
        self.created = created
        self.size = 0
        """Bytes asked to be appended."""
        self.next: Offset = base
        """The offset after the last record asked to be appended."""
        self.written = Mark(0, base, 0, 0)
        """Where appends are done: a kill does not lose what lies before."""
        self.durable = Mark(0, base, 0, 0)
        """Where a sync of this file is done: a power cut does not lose what lies before."""
        self.covered = 0
        """Bytes that are durable here or in the journal."""
        self.held: deque[tuple[int, int, Buffer]] = deque()
        """(position, end position, bytes) of appends the journal may still want."""
        self.first_time: WallMs = NO_TIMESTAMP
        """The first batch's largest timestamp: time-based rolling counts from it, as Kafka's does."""
        self.max_time: WallMs = NO_TIMESTAMP
        self.max_time_offset: Offset = NO_OFFSET
        """The last offset of the first batch that holds `max_time`."""
        self.since_entry = 0
        """Bytes since the last index entry."""
        self.index = Index(base)
        self.index_loaded = True
        """False: the index file may know more than `index`."""
        self.index_stored = False
        """An index file exists."""
        self.recent = Window(base, 0)

    @property
    def summary(self) -> Summary:
        return Summary(
            self.base, self.size, self.next, self.first_time, self.max_time, self.max_time_offset, self.created
        )

    def restore(self, known: Summary) -> None:
        """Take over what a summary says; the file is as long as that or longer."""
        assert known.base == self.base
        _, self.size, self.next, self.first_time, self.max_time, self.max_time_offset, self.created = known
        self.recent = Window(self.next, self.size)
        if self.size > 0:
            self.index.learn(self.next, self.size, self.max_time, 1)
        self.index_loaded = False

    def forget_index(self) -> None:
        """Drop the index from memory; its file is read again when it is needed."""
        assert self.index_stored
        self.index = Index(self.base)
        self.index_loaded = False

    def settle(self, mark: Mark) -> None:
        """Recovery found that the file ends at `mark`, all of it durable."""
        assert mark.position == self.size
        self.written = self.durable = mark
        self.covered = mark.position

    def add(self, end: Offset, size: int, time: WallMs, base_offset: Offset, interval: int, most: int) -> None:
        """Account for one batch of `size` bytes behind the last one: boundaries, times and the sparse index."""
        at = self.size
        since = self.since_entry
        if since > interval:
            self.index.add(base_offset, at, self.max_time)
            since = 0
        self.since_entry = since + size
        if time > self.max_time:
            self.max_time = time
            self.max_time_offset = end - 1
        if at == 0:
            self.first_time = time
        self.recent.add(end, size, most)
        self.size = at + size
        self.next = end
