"""What a node may be told.  A driver feeds these to `Node.step`, one at a time.

Invariant: an event is a value; it holds no callback and no handle of the driver.
"""

from typing import Any, NamedTuple

from odradek.core.types import ConnId


class Started(NamedTuple):
    """First event of a node's life: look at the disk and begin."""


class Opened(NamedTuple):
    """A client connected.  `peer` and `local` are (host, port) of the two ends of the socket."""

    conn: ConnId
    peer: tuple[str, int]
    local: tuple[str, int]


class Received(NamedTuple):
    """One whole frame, without its four length bytes.

    The buffer is writable and belongs to the node from now on: the driver neither reads nor changes it again.
    """

    conn: ConnId
    frame: memoryview


class Closed(NamedTuple):
    """The connection is gone, whoever closed it.  Comes exactly once for each `Opened`."""

    conn: ConnId


class Done(NamedTuple):
    """An effect that carried `then` is complete.  `value` is what a `Read` or `List` brought, else None."""

    then: Any
    value: Any = None


class Failed(NamedTuple):
    """An effect that carried `then` failed; `why` is an errno name such as "EIO" or "ENOSPC" (contract, clause 7)."""

    then: Any
    why: str


class Woke(NamedTuple):
    """`node.deadline` has come."""


class Stopping(NamedTuple):
    """Finish in order: make everything durable, leave the clean-shutdown marker, then emit `Halt`."""


Event = Started | Opened | Received | Closed | Done | Failed | Woke | Stopping
