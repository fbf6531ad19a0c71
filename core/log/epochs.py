"""Where each leader epoch of a log begins.

Knows: (epoch, first offset) pairs.  Does not know: who led.
Invariant: both columns ascend strictly in epoch and never fall in offset; epoch 0 counts like any other (KAFKA-10432).
"""

from bisect import bisect_right

from odradek.core.types import NO_EPOCH, NO_OFFSET, Offset


class Epochs:
    """The leader-epoch cache of one log (KIP-101, KIP-279)."""

    __slots__ = ("epochs", "latest", "starts")

    def __init__(self, entries: tuple[tuple[int, Offset], ...] = ()) -> None:
        self.epochs: list[int] = []
        self.starts: list[Offset] = []
        self.latest = NO_EPOCH
        for epoch, start in entries:
            self.assign(epoch, start)

    @property
    def entries(self) -> tuple[tuple[int, Offset], ...]:
        return tuple(zip(self.epochs, self.starts, strict=True))

    def assign(self, epoch: int, start: Offset) -> None:
        """`epoch` begins at `start`.  Nothing happens when it is known or older; an epoch without records gives way."""
        if epoch <= self.latest:
            return
        assert epoch >= 0, epoch
        while self.starts and self.starts[-1] >= start:
            self.starts.pop()
            self.epochs.pop()
        self.epochs.append(epoch)
        self.starts.append(start)
        self.latest = epoch

    def at(self, offset: Offset) -> int:
        """The epoch of the record at `offset`; -1 when it is older than what is known."""
        i = bisect_right(self.starts, offset) - 1
        return self.epochs[i] if i >= 0 else NO_EPOCH

    def end_offset_for(self, epoch: int, log_end: Offset) -> tuple[int, Offset]:
        """(Largest epoch <= `epoch`, the offset where it ends), as OffsetForLeaderEpoch answers; (-1, -1) if unknown.

        An epoch newer than the latest is unknown; the latest ends at the log's end; one older than all that is known
        ends where the first known one starts (KIP-101, KIP-279: the largest epoch <= the requested one, not that one).
        """
        if epoch == NO_EPOCH or not self.epochs or epoch > self.latest:
            return NO_EPOCH, NO_OFFSET
        if epoch == self.latest:
            return epoch, log_end
        i = bisect_right(self.epochs, epoch)
        if i == 0:
            return epoch, self.starts[0]
        return self.epochs[i - 1], self.starts[i]

    def cut_end(self, end: Offset) -> None:
        """The log was truncated to `end`: also epochs that begin exactly there are gone (KAFKA-10706)."""
        while self.starts and self.starts[-1] >= end:
            self.starts.pop()
            self.epochs.pop()
        self.latest = self.epochs[-1] if self.epochs else NO_EPOCH

    def cut_start(self, start: Offset) -> None:
        """The log begins at `start` now: the epoch that holds it begins there too; older ones are gone."""
        i = bisect_right(self.starts, start) - 1
        if i < 0:
            return
        del self.epochs[:i], self.starts[:i]
        self.starts[0] = start

    def cut_all(self) -> None:
        """The log was truncated fully."""
        self.epochs.clear()
        self.starts.clear()
        self.latest = NO_EPOCH
