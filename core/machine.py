"""How a machine speaks: effects to the driver, facts to the rest of the node.

Invariant: a machine only adds to an `Out`; it never reads one.
"""

from typing import Any

from odradek.core.effects import Effect, Note


class Out:
    """Collects what one step asks for (`effects`) and what it found out (`facts`), each in order."""

    __slots__ = ("effects", "facts")

    def __init__(self) -> None:
        self.effects: list[Effect] = []
        self.facts: list[Any] = []

    def do(self, effect: Effect) -> None:
        """Ask the driver for an effect."""
        self.effects.append(effect)

    def tell(self, fact: Any) -> None:
        """Tell the node a fact; it is routed to those whom it concerns before the step ends."""
        self.facts.append(fact)

    def note(self, text: str, **fields: Any) -> None:
        """Leave a mark: log line, metric and coverage point in one."""
        self.effects.append(Note(text, fields))
