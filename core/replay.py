"""Reading a log from its start, to rebuild the state it describes.

Knows: how far it has come.  Does not know: what the records mean, who serves meanwhile (nobody: see `coordinator`).
Invariant: every record below the end it was given is handed over once, in order, before `finished`.
"""

from typing import Protocol

from odradek.core.broker import Broker
from odradek.core.effects import Read
from odradek.core.errors import ErrorCode, Refused
from odradek.core.log.log import Probe
from odradek.core.machine import Out
from odradek.core.records.batch import check_crc, scan
from odradek.core.records.build import Record, records
from odradek.core.replica.leader import Leader
from odradek.core.types import Now, Offset


class Sink(Protocol):
    """One whose state is rebuilt."""

    def replayed(self, record: Record, now: Now) -> None:
        """The next record.  Raises Refused when it cannot be understood."""

    def finished(self, now: Now, out: Out) -> None:
        """That was all."""

    def broke(self, why: str, now: Now, out: Out) -> None:
        """The log cannot be read on."""


class Replay:
    """One pass over one log, `limits.recovery_read_bytes` at a time."""

    __slots__ = ("_broker", "_leader", "_probe", "_sink", "_stopped", "_upto", "next")

    def __init__(self, broker: Broker, leader: Leader, sink: Sink) -> None:
        self._broker = broker
        self._leader = leader
        self._sink = sink
        self._upto = leader.log.end
        self._probe: Probe | None = None
        self._stopped = False
        self.next: Offset = leader.log.start

    def go_on(self, now: Now, out: Out) -> None:
        """Ask for the next stretch, or finish."""
        if self.next >= self._upto:
            self._sink.finished(now, out)
            return
        try:
            found = self._leader.log.read(self.next, self._broker.limits.recovery_read_bytes, self._upto, True)
        except Refused as refused:
            self._sink.broke(str(refused), now, out)
            return
        if isinstance(found, Probe):
            self._probe = found
            out.do(Read(found.file, found.at, found.size, self._broker.expect_read(self)))
        elif not found.slices:
            self._sink.broke(f"nothing can be read from offset {self.next} on", now, out)
        else:
            self._probe = None
            slice_ = found.slices[0]
            out.do(Read(slice_.file, slice_.at, slice_.size, self._broker.expect_read(self)))

    def stop(self) -> None:
        """Hand over nothing more: what is being rebuilt is not wanted any longer."""
        self._stopped = True

    def read_done(self, ticket: int, data: bytes, now: Now, out: Out) -> None:
        """A stretch was read."""
        if self._stopped:
            return
        if self._probe is not None:
            self._leader.log.learn(self._probe, data, now, out)
        else:
            try:
                self._hand_over(data, now)
            except Refused as refused:
                self._sink.broke(str(refused), now, out)
                return
        self.go_on(now, out)

    def read_failed(self, ticket: int, why: str, now: Now, out: Out) -> None:
        """It cannot be read."""
        if self._stopped:
            return
        if self._probe is not None:
            self._leader.log.unreadable(self._probe, why, now, out)
        self._sink.broke(why, now, out)

    def _hand_over(self, data: bytes, now: Now) -> None:
        view = memoryview(data)
        before = self.next
        for at, header in scan(data):
            batch = view[at : at + header.size]
            if not check_crc(batch):
                raise Refused(ErrorCode.CORRUPT_MESSAGE, f"the CRC of the batch at {header.base_offset} does not hold")
            for record in records(batch):
                if record.offset >= self.next:
                    self._sink.replayed(record, now)
            self.next = header.next_offset
        if self.next == before:
            raise Refused(ErrorCode.CORRUPT_MESSAGE, f"there is no batch where offset {before} should be")
