"""Exact batch boundaries of one stretch of a file: the tail of a segment, or what a reader has just probed.

Knows: where each batch of the stretch begins, and where the last one ends.  Does not know: files or bytes.
Invariant: consecutive batches without a hole in the file: batch i lies in [positions[i], positions[i + 1]), the last
one ends at `close`, and it is the answer for the offsets [ends[i - 1], ends[i]), the first one for [base, ends[0]).
"""

from bisect import bisect_left, bisect_right

from odradek.core.types import Offset


class Window:
    """`ends[i]` is the offset after the last record of batch i; `close` the file position after the last batch."""

    __slots__ = ("base", "close", "ends", "positions")

    def __init__(self, base: Offset, at: int) -> None:
        self.base = base
        self.ends: list[Offset] = []
        self.positions: list[int] = []
        self.close = at

    def add(self, end: Offset, size: int, most: int) -> None:
        """One more batch of `size` bytes at `close`; at most twice `most` are remembered, the newest."""
        ends = self.ends
        ends.append(end)
        self.positions.append(self.close)
        self.close += size
        if len(ends) >= 2 * most:
            self.base = ends[-most - 1]
            del ends[:-most]
            del self.positions[:-most]

    def find(self, offset: Offset) -> int | None:
        """Position of the first batch that ends after `offset`; None when it lies outside."""
        if offset < self.base or not self.ends or offset >= self.ends[-1]:
            return None
        return self.positions[bisect_right(self.ends, offset)]

    def floor(self, position: int, offset: Offset) -> tuple[int, Offset] | None:
        """The last boundary that is <= `position` and whose offset is <= `offset`: (position, offset), or None."""
        if position >= self.close:
            i = len(self.positions)
        else:
            i = bisect_right(self.positions, position) - 1
        i = min(i, bisect_right(self.ends, offset))
        if i < 0 or (i == 0 and offset < self.base):
            return None
        return (self.close if i == len(self.positions) else self.positions[i]), (self.ends[i - 1] if i else self.base)

    def batch_at(self, position: int) -> tuple[int, Offset] | None:
        """(End position, end offset) of the batch that starts exactly at `position`."""
        i = bisect_left(self.positions, position)
        if i == len(self.positions) or self.positions[i] != position:
            return None
        return (self.positions[i + 1] if i + 1 < len(self.positions) else self.close), self.ends[i]

    def cut(self, position: int) -> None:
        """Forget everything from `position`, a batch boundary, on."""
        while self.positions and self.positions[-1] >= position:
            self.close = self.positions.pop()
            self.ends.pop()
