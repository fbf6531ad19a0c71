"""What clients saw, in the form the independent checker reads: JSON lines of operations, invoked and completed.

Knows: the entries' shape (sends, polls, assigns, crashes of logical processes).  Does not know: the broker.
Invariant: entries are in the order things happened; every completion follows its invocation, under the same process.
"""

from typing import Any

from odradek.core.types import MS
from odradek.sim.world import World

Entry = dict[str, Any]


class History:
    """Collects entries.  `keys` numbers (topic, partition) pairs in the order they are first met."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.entries: list[Entry] = []
        self.keys: dict[tuple[str, int], int] = {}
        self._processes = 0

    def process(self) -> int:
        """A logical process nobody has been before."""
        self._processes += 1
        return self._processes

    def key(self, topic: str, partition: int) -> int:
        return self.keys.setdefault((topic, partition), len(self.keys))

    def add(self, kind: str, process: int, f: str, value: Any, **more: Any) -> None:
        """One entry; `kind` is invoke, ok, fail or info."""
        self.entries.append(
            {
                "index": len(self.entries),
                "time": self.world.now // MS,
                "type": kind,
                "process": process,
                "f": f,
                "value": value,
                **more,
            }
        )
