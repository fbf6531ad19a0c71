"""What the logs of a data directory find out.  The node routes these to the replica or group they concern.

A log is named by its directory, see `store.log_name`.
"""

from typing import NamedTuple


class LogMoved(NamedTuple):
    """`written` or `durable` of this log moved."""

    name: str


class AppendsUndone(NamedTuple):
    """The disk is full: every append of this log from offset `to` on is taken back.  Answer KAFKA_STORAGE_ERROR.

    A crash before the file is cut may bring them back: the client was told of a failure, not of an absence.
    """

    name: str
    to: int


class LogQuarantined(NamedTuple):
    """Rot or a read error below the durable boundary: this log is not served, not truncated, only replicated again."""

    name: str
    why: str


class DirectoryOpened(NamedTuple):
    """The journal has been replayed; `names` are the logs found on disk, sorted.  Open those that are wanted."""

    names: tuple[str, ...]


class LogOpened(NamedTuple):
    """`Store.open` of this log is complete; it may be quarantined."""

    name: str


class DirectoryReady(NamedTuple):
    """Appends may begin."""


class DirectoryFailed(NamedTuple):
    """A write or a sync failed: nothing is written to this data directory any more (KAFKA-10778)."""

    why: str


class DirectoryClosed(NamedTuple):
    """Everything is durable and the clean-shutdown marker is written: the node may halt."""
