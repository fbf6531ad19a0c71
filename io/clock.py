"""What time it is.

Knows: the machine's clocks.  Does not know: who asks.
Invariant: `mono` never goes back; `wall` may, and only labels records.
"""

import time

from odradek.core.types import Now


def now() -> Now:
    """The time of one batch of events: monotonic nanoseconds and wall milliseconds."""
    return Now(time.monotonic_ns(), time.time_ns() // 1_000_000)
