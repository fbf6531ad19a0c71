"""Instants at which something wants to happen, in order.

Knows: keys and the instants they wait for.  Does not know: what happens then, or what time it is.
Invariant: a key has at most one instant; `first` is never later than the earliest live one.
"""

from collections.abc import Hashable
from heapq import heapify, heappop, heappush
from itertools import count

from odradek.core.types import Instant


class Timers:
    """A heap with lazy deletion: setting and cancelling cost O(log n) and O(1).

    The heap never holds more than twice the live keys plus 64 entries.
    """

    __slots__ = ("_heap", "_live", "_order")

    def __init__(self) -> None:
        self._heap: list[tuple[Instant, int, Hashable]] = []
        self._live: dict[Hashable, tuple[Instant, int]] = {}
        self._order = count()

    def __len__(self) -> int:
        return len(self._live)

    def set(self, key: Hashable, when: Instant) -> None:
        """Wake `key` at `when`, in place of any earlier wish of the same key."""
        entry = (when, next(self._order))
        self._live[key] = entry
        heappush(self._heap, (*entry, key))
        if len(self._heap) > 2 * len(self._live) + 64:
            self._heap = [(when, order, key) for key, (when, order) in self._live.items()]
            heapify(self._heap)

    def cancel(self, key: Hashable) -> None:
        """Forget the key; an unknown key is no error."""
        self._live.pop(key, None)

    @property
    def first(self) -> Instant | None:
        """The earliest instant anyone waits for, None when nobody does."""
        heap = self._heap
        while heap:
            when, order, key = heap[0]
            if self._live.get(key) == (when, order):
                return when
            heappop(heap)
        return None

    def pop_due(self, now: Instant) -> Hashable | None:
        """Take out one key whose instant has come, earliest first; None when there is none."""
        first = self.first
        if first is None or first > now:
            return None
        key = heappop(self._heap)[2]
        del self._live[key]
        return key
