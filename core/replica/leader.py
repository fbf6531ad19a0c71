"""The leader's side of one partition.

Knows: its log, its epoch, what the durability in force asks of a record before it counts, and who waits for that.
Does not know: sockets, files, requests, who elected it.
Invariant: the high watermark never moves back, and in `sync` durability it is never past what a power cut would keep.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

from odradek.core.errors import ErrorCode, Refused
from odradek.core.facts import HighMoved
from odradek.core.log.log import Log
from odradek.core.machine import Out
from odradek.core.records.batch import parse
from odradek.core.records.build import Record, build
from odradek.core.types import NO_EPOCH, Now, Offset, TopicPartition


class Waiter(Protocol):
    """One who waits for records to be written or committed."""

    def reached(self, index: int, out: Out) -> None:
        """The records it named as `index` are where it wanted them."""

    def lost(self, index: int, code: ErrorCode, out: Out) -> None:
        """They never will be."""


class Wait(NamedTuple):
    """`waiter` wants everything below `upto`; `number` is its own name for this wish."""

    upto: Offset
    waiter: Waiter
    number: int


class Listener(Protocol):
    """One who wants to know whenever this partition has more to read, and when it will not have any more."""

    def poke(self, partition: TopicPartition, out: Out) -> None:
        """The high watermark or log start moved, or the partition is going away."""


class Leader:
    """One partition led by this node.

    `high` is the high watermark: with the leader alone in the ISR, the end of what is written, or durable in `sync`.
    """

    __slots__ = (
        "epoch",
        "failure",
        "for_high",
        "for_written",
        "high",
        "isr",
        "listeners",
        "log",
        "name",
        "partition",
        "replicas",
        "tells",
    )

    def __init__(
        self,
        partition: TopicPartition,
        name: str,
        log: Log,
        epoch: int,
        replicas: tuple[int, ...],
        isr: tuple[int, ...],
    ) -> None:
        self.partition = partition
        self.name = name
        self.log = log
        self.epoch = epoch
        self.replicas = replicas
        self.isr = isr
        self.high: Offset = log.start
        self.tells = False
        """Whether the node wants to hear when `high` moves: a machine of its own lives in this log."""
        self.failure: ErrorCode | None = None
        self.for_high: deque[Wait] = deque()
        self.for_written: deque[Wait] = deque()
        self.listeners: dict[Listener, None] = {}

    def start(self, out: Out) -> None:
        """Begin to lead: everything in the log counts that would survive what its durability promises."""
        if self.epoch > self.log.epochs.latest:
            self.log.begin_epoch(self.epoch)
        self.high = max(self.log.start, self.log.acked_end)

    def moved(self, out: Out) -> None:
        """The log is written or durable further than before: move the high watermark and release those who waited."""
        log = self.log
        high = log.acked_end
        while self.for_written and self.for_written[0].upto <= log.written:
            wait = self.for_written.popleft()
            wait.waiter.reached(wait.number, out)
        if high > self.high:
            self.high = high
            while self.for_high and self.for_high[0].upto <= high:
                wait = self.for_high.popleft()
                wait.waiter.reached(wait.number, out)
            if self.tells:
                out.facts.append(HighMoved(self.partition, high))
            if self.listeners:
                self.poke(out)

    def poke(self, out: Out) -> None:
        """Wake everyone who waits for something to read."""
        for listener in list(self.listeners):
            listener.poke(self.partition, out)

    def wait(self, acks: int, wait: Wait, out: Out) -> None:
        """Let `wait.waiter` know once its records are committed (acks=-1) or written here (acks=1).

        Wishes come in the order of offsets, since each is made right after its own append.
        """
        log = self.log
        if acks == 1:
            if wait.upto <= log.written:
                wait.waiter.reached(wait.number, out)
            else:
                self.for_written.append(wait)
        elif wait.upto <= self.high:
            wait.waiter.reached(wait.number, out)
        else:
            self.for_high.append(wait)

    def cut(self, base: Offset, out: Out) -> None:
        """Records from `base` on are gone (no space): those who waited for them are told."""
        self._lose(lambda wait: wait.upto > base, ErrorCode.KAFKA_STORAGE_ERROR, out)

    def fail(self, code: ErrorCode, out: Out) -> None:
        """Serve nothing more: the log is damaged, its directory dead, or the topic deleted."""
        self.failure = code
        self._lose(lambda wait: True, code, out)
        self.poke(out)

    def _lose(self, gone: Callable[[Wait], bool], code: ErrorCode, out: Out) -> None:
        for queue in (self.for_written, self.for_high):
            kept = [wait for wait in queue if not gone(wait)]
            lost = [wait for wait in queue if gone(wait)]
            queue.clear()
            queue.extend(kept)
            for wait in lost:
                wait.waiter.lost(wait.number, code, out)

    def check(self, client_epoch: int) -> None:
        """Refuse a client that works from other metadata than ours (KIP-320)."""
        if self.failure is not None:
            raise Refused(self.failure)
        if client_epoch in (NO_EPOCH, self.epoch):
            return
        if client_epoch < self.epoch:
            raise Refused(ErrorCode.FENCED_LEADER_EPOCH)
        raise Refused(ErrorCode.UNKNOWN_LEADER_EPOCH)

    def end_of_epoch(self, epoch: int) -> tuple[int, Offset]:
        """(largest epoch <= `epoch`, where it ends) as OffsetForLeaderEpoch answers; the present one ends at the log's
        end.
        """
        if epoch == self.epoch:
            return epoch, self.log.end
        return self.log.epochs.end_offset_for(epoch, self.log.end)

    def write(self, pairs: Iterable[tuple[bytes | None, bytes | None]], now: Now, out: Out) -> Offset:
        """Append records of the broker's own, as one batch; the offset behind the last.  Raises Refused as
        `Log.append`.
        """
        batch = build(
            [Record(offset, now.wall, key, value) for offset, (key, value) in enumerate(pairs)], base_offset=0
        )
        info = self.log.append(memoryview(batch), (parse(batch),), self.epoch, now, out)
        return info.last + 1
