"""What one step of a shard asks of its node.

Knows: replies, and batches to append, in the order in which they were decided.  Does not know: connections, logs.
Invariant: the order of `acts` is meaning: a reply `after_commit` waits for every `Appended` before it, of this and of
all earlier steps of the same shard.
"""

from collections.abc import Hashable
from typing import Any, NamedTuple

from odradek.core.effects import Note
from odradek.core.types import WallMs

Ticket = Hashable
"""The node's name for a request that waits for its answer."""

Record = tuple[bytes, bytes | None]
"""Key and value; a value of None is a tombstone."""


class Reply(NamedTuple):
    """Answer `ticket`; with `after_commit` not before everything appended so far to this shard is committed."""

    ticket: Ticket
    body: Any
    after_commit: bool


class Appended(NamedTuple):
    """Append `records` as one batch labelled `timestamp`; send `replies` once the batch is committed.

    The shard's state already holds the records.  `undo` is what they replaced, for `Shard.refused` and nobody else.
    """

    records: tuple[Record, ...]
    timestamp: WallMs
    replies: tuple[tuple[Ticket, Any], ...]
    undo: tuple[tuple[Any, Any], ...]


class ShardOut:
    """Collects what one step decided (`acts`, in order) and what is worth knowing (`notes`)."""

    __slots__ = ("acts", "notes")

    def __init__(self) -> None:
        self.acts: list[Reply | Appended] = []
        self.notes: list[Note] = []

    def reply(self, ticket: Ticket, body: Any, after_commit: bool = False) -> None:
        """Answer a request."""
        self.acts.append(Reply(ticket, body, after_commit))

    def append(
        self,
        records: tuple[Record, ...],
        timestamp: WallMs,
        replies: tuple[tuple[Ticket, Any], ...],
        undo: tuple[tuple[Any, Any], ...],
    ) -> None:
        """Append records to the shard's partition."""
        assert records
        self.acts.append(Appended(records, timestamp, replies, undo))

    def note(self, text: str, **fields: Any) -> None:
        """Leave a mark: log line, metric and coverage point in one."""
        self.notes.append(Note(text, fields))
