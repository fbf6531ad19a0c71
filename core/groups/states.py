"""The states of a classic group, and which may follow which.

Knows: the table below, which the documentation's diagram is drawn from.  Does not know: what makes a group move.
"""

from enum import Enum
from typing import Final


class State(Enum):
    """By Kafka's names, as DescribeGroups and ListGroups print them."""

    EMPTY = "Empty"
    """No members.  The group exists because offsets or a generation number must be remembered."""

    PREPARING = "PreparingRebalance"
    """Waiting for members to join the next generation.  Their JoinGroups are parked."""

    COMPLETING = "CompletingRebalance"
    """A generation exists; waiting for its leader's assignment.  The others' SyncGroups are parked."""

    STABLE = "Stable"
    """Every member can fetch its assignment."""

    DEAD = "Dead"
    """Gone from memory: deleted, or its shard moved to another node."""


MAY_BECOME: Final[dict[State, tuple[State, ...]]] = {
    State.EMPTY: (State.PREPARING, State.DEAD),
    State.PREPARING: (State.COMPLETING, State.EMPTY, State.DEAD),
    State.COMPLETING: (State.STABLE, State.PREPARING, State.DEAD),
    State.STABLE: (State.PREPARING, State.DEAD),
    State.DEAD: (),
}
"""The transition table."""

REBALANCES: Final = (State.EMPTY, State.COMPLETING, State.STABLE)
"""States in which a change of membership begins a rebalance; in PREPARING one is already under way."""
