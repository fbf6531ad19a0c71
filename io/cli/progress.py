"""A line that says how far long work has come.

Knows: counts, bytes and the clock.  Does not know: what is counted.
Invariant: it writes to stderr only, nothing in the first two seconds, and a file or pipe gets a line seldom.
"""

import sys
from time import monotonic

QUIET_S = 2.0
TERMINAL_S = 0.5
FILE_S = 10.0
CLEAR = "\r\x1b[K"


class Progress:
    """Counts work.  `verb` is what was done: "produced"."""

    def __init__(self, verb: str, *, quiet: bool = False) -> None:
        self.records = 0
        self.bytes = 0
        self._verb = verb
        self._quiet = quiet
        self._began = monotonic()
        self._next = self._began + QUIET_S
        self._terminal = sys.stderr.isatty()
        self._shown = False

    def add(self, records: int, size: int) -> None:
        """Work was done.  May write a line."""
        self.records += records
        self.bytes += size
        now = monotonic()
        if self._quiet or now < self._next:
            return
        self._next = now + (TERMINAL_S if self._terminal else FILE_S)
        self._shown = True
        text = self.line(now)
        sys.stderr.write(f"{CLEAR}{text}" if self._terminal else f"{text}\n")
        sys.stderr.flush()

    def end(self) -> None:
        """Take the line away, and leave a last one where there was any."""
        if not self._shown:
            return
        self._shown = False
        sys.stderr.write(f"{CLEAR}{self.line(monotonic())}\n" if self._terminal else f"{self.line(monotonic())}\n")
        sys.stderr.flush()

    def line(self, now: float) -> str:
        """What there is to say."""
        seconds = max(now - self._began, 0.001)
        rate = f"{sized(int(self.bytes / seconds))}/s, {int(self.records / seconds):,} records/s"
        return f"{self._verb} {self.records:,} records, {sized(self.bytes)} in {seconds:.1f} s ({rate})"


def sized(count: int) -> str:
    """Bytes for people."""
    for unit, size in (("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"
