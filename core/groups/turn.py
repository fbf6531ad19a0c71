"""What the rules of a group may use during one step of their shard.

Knows: the time, the settings, the timers, how records are written.  Does not know: any rule.
Invariant: records reach the ledger and the batch to append together, or not at all.
"""

from random import Random
from typing import Any, Final, NamedTuple

from odradek.core.groups.config import GroupConfig
from odradek.core.groups.group import Group, Told
from odradek.core.groups.ledger import Ledger
from odradek.core.groups.out import Record, ShardOut, Ticket
from odradek.core.groups.schema import Change
from odradek.core.limits import Limits
from odradek.core.timers import Timers
from odradek.core.types import MS, Now

BATCH_OVERHEAD: Final = 61
"""Bytes of a record batch before its first record."""

RECORD_OVERHEAD: Final = 32
"""Bytes that a record takes beside its key and value, at most: its length, offset and two sizes in five bytes each, its
timestamp in ten, attributes and header count in one each."""

SESSION: Final = "session"
PENDING: Final = "pending"
REJOIN: Final = "rejoin"
SYNC: Final = "sync"
EXPIRY: Final = "expiry"


class Timer(NamedTuple):
    """What a timer is for.  `member` is empty where the whole group waits."""

    kind: str
    group: str
    member: str = ""


class Turn:
    """One step of one shard: handed to the rules, forgotten afterwards."""

    __slots__ = ("config", "ledger", "limits", "now", "out", "rng", "timers")

    def __init__(
        self,
        config: GroupConfig,
        limits: Limits,
        rng: Random,
        ledger: Ledger,
        timers: Timers,
        now: Now,
        out: ShardOut,
    ) -> None:
        self.config = config
        self.limits = limits
        self.rng = rng
        self.ledger = ledger
        self.timers = timers
        self.now = now
        self.out = out

    def arm(self, timer: Timer, after_ms: int) -> None:
        """Set a timer, never for the present instant: a rule that arms itself again cannot hold a step for ever."""
        self.timers.set(timer, self.now.mono + max(after_ms, 1) * MS)

    def disarm(self, timer: Timer) -> None:
        """Forget a timer, set or not."""
        self.timers.cancel(timer)

    def tell(self, group: Group, text: str, **fields: Any) -> None:
        """Write a line of the group's history, and a note."""
        group.history.append(Told(self.now.wall, text, fields))
        self.out.note(text, group=group.id, **fields)

    def fits(self, changes: list[Change]) -> bool:
        """Whether the changes may be appended as one batch."""
        return BATCH_OVERHEAD + sum([record_bytes(change.record) for change in changes]) <= self.config.batch_bytes_max

    def write(self, changes: list[Change], replies: list[tuple[Ticket, Any]] | None = None) -> None:
        """Make the changes true and append them as one batch; the replies wait until it is committed."""
        assert self.fits(changes)
        ledger = self.ledger
        undo = []
        for name, value, _ in changes:
            undo.append((name, ledger.held(name)))
            ledger.put(name, value)
        records = tuple([change.record for change in changes])
        self.out.append(records, self.now.wall, tuple(replies or ()), tuple(undo))

    def write_split(self, changes: list[Change], replies: list[tuple[Ticket, Any]] | None = None) -> None:
        """Make changes that need not be one batch; the replies wait for the last one."""
        batch: list[Change] = []
        size = BATCH_OVERHEAD
        for change in changes:
            more = record_bytes(change.record)
            if batch and size + more > self.config.batch_bytes_max:
                self.write(batch)
                batch = []
                size = BATCH_OVERHEAD
            batch.append(change)
            size += more
        if batch:
            self.write(batch, replies)
        else:
            for ticket, body in replies or ():
                self.out.reply(ticket, body, after_commit=True)


def record_bytes(record: Record) -> int:
    """An upper bound of the bytes a record takes in a batch."""
    return RECORD_OVERHEAD + len(record[0]) + len(record[1] or b"")
