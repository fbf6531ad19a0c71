"""The metadata log of this node: decisions go in, and come out as topics that clients can use once they are
committed.

Knows: the image, its log, its snapshot, and who waits for which decision.  Does not know: what is decided (`quorum`).
Invariant: the image is the snapshot and then the log, applied in order; what is published is a committed prefix of it.
"""

from collections import deque
from collections.abc import Callable
from struct import Struct
from typing import NamedTuple, Protocol

from crc32c import crc32c

from odradek.core.broker import Broker
from odradek.core.effects import Read, Replace
from odradek.core.errors import ErrorCode, Refused
from odradek.core.machine import Out
from odradek.core.quorum import records as metadata_records
from odradek.core.quorum.image import Image
from odradek.core.quorum.records import Metadata, RemoveTopicRecord
from odradek.core.records.build import Record
from odradek.core.replay import Replay
from odradek.core.replica.leader import Leader
from odradek.core.session import Call
from odradek.core.types import FileName, Now, Offset, TopicId, TopicPartition

METADATA_PARTITION = TopicPartition(bytes(15) + b"\x01", 0)
"""The id that Kafka reserves for `__cluster_metadata` (KIP-516)."""

SNAPSHOT_FILE: FileName = "metadata.snapshot"

SNAPSHOT_BYTES_BETWEEN = 1024 * 1024
"""A snapshot is taken when the log has grown by this much, and by as much as the last snapshot took."""

_HEAD = Struct(">4sqqI")
_MAGIC = b"OMS1"


Handler = Callable[[Broker, Call, Now, Out], None]
"""A function of a module, which serves a request."""


class Decided(Protocol):
    """One who waits for a decision to be committed."""

    def committed(self, now: Now, out: Out) -> None:
        """It is, and its topics can be used."""

    def failed(self, code: ErrorCode, out: Out) -> None:
        """It never will be."""


class Publisher(Protocol):
    """One who makes committed records true for clients."""

    def loaded(self, now: Now, out: Out) -> None:
        """The image is whole, for the first time or again."""

    def lost(self, why: str, out: Out) -> None:
        """It never will be."""

    def publish(self, records: tuple[Metadata, ...], now: Now, out: Out) -> None:
        """These records are committed, in this order."""


class SnapshotStored(NamedTuple):
    """Token of the `Replace` of the snapshot of `size` bytes that covers everything below `upto`."""

    upto: Offset
    size: int


class Proposed(NamedTuple):
    """Records on their way to being committed."""

    upto: Offset
    records: tuple[Metadata, ...]
    waiter: Decided | None


class MetadataLog:
    """The log and the image.  `ready` is False while the image is being rebuilt: nothing is decided meanwhile, and
    requests that need a decision wait."""

    __slots__ = (
        "_broker",
        "_publisher",
        "image",
        "leader",
        "pending",
        "ready",
        "removed",
        "snapshot_at",
        "snapshot_bytes",
        "snapshot_coming",
        "waiting",
    )

    def __init__(self, broker: Broker, leader: Leader, publisher: Publisher) -> None:
        self._broker = broker
        self._publisher = publisher
        self.leader = leader
        self.image = Image(broker.cluster_id)
        self.pending: deque[Proposed] = deque()
        self.ready = False
        self.snapshot_at = 0
        self.snapshot_bytes = 0
        self.snapshot_coming = 0
        """Size of the snapshot being stored; 0 when none is."""
        self.waiting: list[tuple[Handler, Call]] = []
        """Requests that came while the image was being rebuilt; as many as their connections may have in flight."""
        self.removed: dict[TopicId, None] = {}
        """Topics that the log says were deleted: what is left of them on the disk may go."""

    # Loading -----------------------------------------------------------------------------------------------------

    def load(self, snapshot_size: int, now: Now, out: Out) -> None:
        """Rebuild the image: the snapshot first (`snapshot_size` bytes, 0 when there is none), then the log."""
        self.ready = False
        self.image.clear()
        if snapshot_size or self.leader.log.start > 0:
            out.do(Read(SNAPSHOT_FILE, 0, snapshot_size, self._broker.expect_read(self)))
        else:
            Replay(self._broker, self.leader, self).go_on(now, out)

    def read_done(self, ticket: int, data: bytes, now: Now, out: Out) -> None:
        """The snapshot was read.  There is none when the first of all could not be stored."""
        if not data and self.leader.log.start == 0:
            Replay(self._broker, self.leader, self).go_on(now, out)
            return
        try:
            upto = self._restore(data)
        except Refused as refused:
            self.broke(str(refused), now, out)
            return
        self.snapshot_bytes = len(data)
        replay = Replay(self._broker, self.leader, self)
        replay.next = max(replay.next, upto)
        replay.go_on(now, out)

    def read_failed(self, ticket: int, why: str, now: Now, out: Out) -> None:
        """The snapshot cannot be read."""
        self.broke(f"the metadata snapshot cannot be read: {why}", now, out)

    def _restore(self, data: bytes) -> Offset:
        if len(data) < _HEAD.size:
            raise Refused(ErrorCode.CORRUPT_MESSAGE, "the metadata snapshot is cut short")
        magic, upto, count, crc = _HEAD.unpack_from(data)
        body = memoryview(data)[_HEAD.size :]
        if magic != _MAGIC or crc32c(body) != crc:
            raise Refused(ErrorCode.CORRUPT_MESSAGE, "the metadata snapshot is damaged")
        at = 0
        for _ in range(count):
            size = int.from_bytes(body[at : at + 4], "big")
            self.image.apply(metadata_records.decode(body[at + 4 : at + 4 + size]))
            at += 4 + size
        return int(upto)

    def replayed(self, record: Record, now: Now) -> None:
        """One record of the log (see `Sink`)."""
        if record.value is None:
            raise Refused(ErrorCode.CORRUPT_MESSAGE, f"the metadata record at {record.offset} has no value")
        known = metadata_records.decode(record.value)
        if isinstance(known, RemoveTopicRecord):
            self.removed[bytes(known.topic_id)] = None
        self.image.apply(known)

    def finished(self, now: Now, out: Out) -> None:
        """The image is whole."""
        self.ready = True
        self.snapshot_at = self.leader.log.size
        self._publisher.loaded(now, out)
        self.committed(self.leader.high, now, out)
        waiting, self.waiting = self.waiting, []
        for handler, call in waiting:
            handler(self._broker, call, now, out)

    def broke(self, why: str, now: Now, out: Out) -> None:
        """Without its metadata a node must not guess: it halts."""
        self._publisher.lost(why, out)

    # Deciding ----------------------------------------------------------------------------------------------------

    def propose(self, records: tuple[Metadata, ...], waiter: Decided | None, now: Now, out: Out) -> None:
        """Append a decision, apply it, and let `waiter` know once it is committed.  Raises Refused; then nothing
        changed.

        With no records there is nothing to wait for but what was decided before.
        """
        if not self.ready:
            raise Refused(ErrorCode.NOT_CONTROLLER, "the metadata is being loaded")
        upto = self.leader.log.end
        if records:
            # One batch, so that a crash keeps the whole decision or nothing of it.
            upto = self.leader.write([(None, metadata_records.encode(record)) for record in records], now, out)
            for record in records:
                self.image.apply(record)
        if upto <= self.leader.high and not self.pending:
            if waiter is not None:
                waiter.committed(now, out)
            return
        self.pending.append(Proposed(upto, records, waiter))

    def committed(self, high: Offset, now: Now, out: Out) -> None:
        """The high watermark moved: publish what is committed, then tell those who waited."""
        if not self.ready:
            return
        while self.pending and self.pending[0].upto <= high:
            proposed = self.pending.popleft()
            self._publisher.publish(proposed.records, now, out)
            if proposed.waiter is not None:
                proposed.waiter.committed(now, out)
        grown = self.leader.log.size - self.snapshot_at
        if not self.pending and not self.snapshot_coming and grown > max(SNAPSHOT_BYTES_BETWEEN, self.snapshot_bytes):
            self._snapshot(out)

    def undone(self, to: Offset, now: Now, out: Out) -> None:
        """The disk was too full for the decisions from `to` on: they never happened, so the image is built anew without
        them.  Those before are in the log and still to be committed."""
        lost = [proposed for proposed in self.pending if proposed.upto > to]
        kept = [proposed for proposed in self.pending if proposed.upto <= to]
        self.pending.clear()
        self.pending.extend(kept)
        self.load(max(self.snapshot_bytes, self.snapshot_coming), now, out)
        for proposed in lost:
            if proposed.waiter is not None:
                proposed.waiter.failed(ErrorCode.KAFKA_STORAGE_ERROR, out)

    def _snapshot(self, out: Out) -> None:
        """Write the image down, so that the log before it can go."""
        body = bytearray()
        count = 0
        for record in self.image.records():
            value = metadata_records.encode(record)
            body += len(value).to_bytes(4, "big") + value
            count += 1
        data = _HEAD.pack(_MAGIC, self.leader.log.end, count, crc32c(body)) + body
        self.snapshot_at = self.leader.log.size
        self.snapshot_coming = len(data)
        out.do(Replace(SNAPSHOT_FILE, data, SnapshotStored(self.leader.log.end, len(data))))
        out.note("metadata snapshot", bytes=len(data), upto=self.leader.log.end)

    def snapshot_stored(self, stored: SnapshotStored, now: Now, out: Out) -> None:
        """The snapshot is durable: drop what it covers."""
        self.snapshot_bytes, self.snapshot_coming = stored.size, 0
        log = self.leader.log
        log.roll(now, out)
        log.advance_start(stored.upto, self.leader.high, now, out)
        self.snapshot_at = log.size

    def snapshot_refused(self, why: str, out: Out) -> None:
        """No room for the snapshot: the log goes on as it is, and is tried again when it has grown as much anew."""
        self.snapshot_coming = 0
        out.note("metadata snapshot not stored", why=why)
