"""The idempotent producers of one partition: who wrote what last, so that a retry is recognised.

Knows: for each producer id its epoch and its last five batches.  Does not know: files, or what became durable.
Invariant: the state equals that of replaying the log from its start (but for producers expired or crowded out);
`undo` restores exactly the state before an append that never happened.
"""

import struct
from collections import deque
from typing import Final, NamedTuple

from crc32c import crc32c

from odradek.core.errors import ErrorCode, Refused
from odradek.core.records.batch import CONTROL_BIT, SEQUENCES, TRANSACTIONAL_BIT, Header
from odradek.core.types import NO_EPOCH, NO_OFFSET, Offset, WallMs

BATCHES_KEPT: Final = 5
"""Batches remembered for each producer: a client has at most five requests in flight (KAFKA-5494)."""

_HEAD: Final = struct.Struct(">4sqi")
_ENTRY: Final = struct.Struct(">qhqiqb")
_SEEN: Final = struct.Struct(">iiqiq")
_CRC: Final = struct.Struct(">I")
_MAGIC: Final = b"OPS1"


class Seen(NamedTuple):
    """One batch of a producer, as a retry of it would look."""

    first_sequence: int
    last_sequence: int
    last_offset: Offset
    offset_delta: int
    timestamp: WallMs


class Producer(NamedTuple):
    """One producer id.  `batches` are in order, the newest last."""

    epoch: int
    batches: tuple[Seen, ...]
    timestamp: WallMs
    coordinator_epoch: int = -1
    txn_first: Offset = NO_OFFSET
    """First offset of the transaction that is open here, or -1."""


class Duplicate(NamedTuple):
    """The append was a retry: answer with what the first attempt got.  Nothing was changed."""

    first: Offset
    last: Offset
    timestamp: WallMs


class _Undo(NamedTuple):
    end_before: Offset
    producer_id: int
    before: Producer | None


_UNKNOWN: Final = Producer(NO_EPOCH, (), -1)


def check(header: Header, producer: Producer | None) -> Duplicate | None:
    """Judge a client's batch against its producer's state; as Kafka's `ProducerAppendInfo.checkSequence` (KIP-360).

    Refuses INVALID_PRODUCER_EPOCH for an older epoch and OUT_OF_ORDER_SEQUENCE_NUMBER for a gap, or for a newer epoch
    that does not begin at 0.  A producer without state may begin with any sequence: its records may have been deleted.
    """
    if producer is None:
        return None
    epoch = header.producer_epoch
    first = header.base_sequence
    if epoch < producer.epoch:
        raise Refused(ErrorCode.INVALID_PRODUCER_EPOCH, f"epoch {epoch}, the producer has used {producer.epoch}")
    if epoch > producer.epoch:
        if first != 0 and producer.epoch != NO_EPOCH:
            raise Refused(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, f"new epoch {epoch} begins at {first}, not at 0")
        return None
    batches = producer.batches
    last = (first + header.last_offset_delta) % SEQUENCES
    expected = (batches[-1].last_sequence + 1) % SEQUENCES if batches else 0
    if first == expected:
        return None
    for seen in batches:
        if seen.first_sequence == first and seen.last_sequence == last:
            return Duplicate(seen.last_offset - seen.offset_delta, seen.last_offset, seen.timestamp)
    raise Refused(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, f"sequence {first} after {expected - 1}")


def after(header: Header, last_offset: Offset, producer: Producer | None) -> Producer:
    """The producer's state after a data batch that ends at `last_offset`; the header's own offset is not looked at."""
    epoch = header.producer_epoch
    before = producer if producer is not None else _UNKNOWN
    first = header.base_sequence
    delta = header.last_offset_delta
    seen = Seen(first, (first + delta) % SEQUENCES, last_offset, delta, header.max_timestamp)
    kept = before.batches[1 - BATCHES_KEPT :] if before.epoch == epoch else ()
    txn_first = before.txn_first
    if header.attributes & TRANSACTIONAL_BIT and txn_first == NO_OFFSET:
        txn_first = last_offset - delta
    return Producer(epoch, (*kept, seen), header.max_timestamp, before.coordinator_epoch, txn_first)


def after_control(header: Header, producer: Producer | None) -> Producer:
    """The state after a transaction marker: a newer epoch forgets the older batches; the transaction ends."""
    before = producer if producer is not None else _UNKNOWN
    batches = before.batches if before.epoch >= header.producer_epoch else ()
    epoch = max(before.epoch, header.producer_epoch)
    return Producer(epoch, batches, header.max_timestamp, before.coordinator_epoch, NO_OFFSET)


class Producers:
    """All producers of one partition, the one unused for longest first."""

    __slots__ = ("_undo", "by_id", "floor", "limit", "undo_limit")

    def __init__(self, limit: int, undo_limit: int) -> None:
        self.by_id: dict[int, Producer] = {}
        self.limit = limit
        self.undo_limit = undo_limit
        self.floor: Offset = 0
        """`undo` can go back to this offset, not further."""
        self._undo: deque[_Undo] = deque()

    def __len__(self) -> int:
        return len(self.by_id)

    def get(self, producer_id: int) -> Producer | None:
        return self.by_id.get(producer_id)

    def put(self, producer_id: int, state: Producer, end_before: Offset, written: Offset) -> None:
        """The newest state of a producer; `end_before` is the log's end before the batch that made it.

        States since `written` are kept whatever their number: appends in flight are bounded by their bytes.
        """
        by_id = self.by_id
        before = by_id.pop(producer_id, None)
        if before is None and len(by_id) >= self.limit:
            self._forget_oldest(end_before)
        by_id[producer_id] = state
        undo = self._undo
        undo.append(_Undo(end_before, producer_id, before))
        while len(undo) > self.undo_limit and undo[0].end_before < written:
            self.floor = max(self.floor, undo.popleft().end_before + 1)

    def replay(self, header: Header) -> None:
        """Take a batch as it stands in the log, without judging it: what recovery and followers do."""
        producer_id = header.producer_id
        before = self.by_id.get(producer_id)
        if header.attributes & CONTROL_BIT:
            state = after_control(header, before)
        else:
            if before is not None and before.epoch > header.producer_epoch:
                return
            state = after(header, header.base_offset + header.last_offset_delta, before)
        self.put(producer_id, state, header.base_offset, header.base_offset)

    def undo(self, to: Offset) -> bool:
        """Go back to the state at log end `to`.  False, and nothing changed, when that is too long ago: replay then."""
        if to < self.floor:
            return False
        undo = self._undo
        while undo and undo[-1].end_before >= to:
            _, producer_id, before = undo.pop()
            self.by_id.pop(producer_id, None)
            if before is not None:
                self.by_id[producer_id] = before
        return True

    def at(self, end: Offset) -> dict[int, Producer]:
        """The state at log end `end`, which `undo` can reach; nothing is changed."""
        assert end >= self.floor, (end, self.floor)
        then = dict(self.by_id)
        for end_before, producer_id, before in reversed(self._undo):
            if end_before < end:
                break
            then.pop(producer_id, None)
            if before is not None:
                then[producer_id] = before
        return then

    def expire(self, before: WallMs) -> int:
        """Forget producers whose last record is older than `before` and that have no open transaction; how many."""
        gone = [key for key, state in self.by_id.items() if state.timestamp < before and state.txn_first == NO_OFFSET]
        for producer_id in gone:
            del self.by_id[producer_id]
        return len(gone)

    def cut_start(self, start: Offset) -> None:
        """The log begins at `start` now.  Producers stay (KAFKA-7190, KIP-360): a retry is still recognised."""
        for producer_id, state in list(self.by_id.items()):
            if state.txn_first != NO_OFFSET and state.txn_first < start:
                self.by_id[producer_id] = state._replace(txn_first=start)

    def clear(self, floor: Offset) -> None:
        self.by_id.clear()
        self._undo.clear()
        self.floor = floor

    def clear_undo(self, floor: Offset) -> None:
        """The state at `floor` is given: nothing before it can be undone to."""
        self._undo.clear()
        self.floor = floor

    @property
    def first_open(self) -> Offset | None:
        """First offset of the earliest open transaction: the last stable offset is below it.  None: none is open."""
        return min((p.txn_first for p in self.by_id.values() if p.txn_first != NO_OFFSET), default=None)

    def _forget_oldest(self, end_before: Offset) -> None:
        for producer_id, state in self.by_id.items():
            if state.txn_first == NO_OFFSET:
                del self.by_id[producer_id]
                self._undo.append(_Undo(end_before, producer_id, state))
                return


def encode(offset: Offset, by_id: dict[int, Producer]) -> bytes:
    """A snapshot: the state at log end `offset`, in order of last use, with a CRC-32C over all before it."""
    parts = [_HEAD.pack(_MAGIC, offset, len(by_id))]
    for producer_id, state in by_id.items():
        epoch, batches, timestamp, coordinator_epoch, txn_first = state
        parts.append(_ENTRY.pack(producer_id, epoch, timestamp, coordinator_epoch, txn_first, len(batches)))
        parts.extend(_SEEN.pack(*seen) for seen in batches)
    body = b"".join(parts)
    return body + _CRC.pack(crc32c(body))


def decode(data: bytes) -> tuple[Offset, dict[int, Producer]] | None:
    """None when the snapshot is torn, rotten or none (KAFKA-9892: such a one is as good as missing)."""
    size = len(data) - _CRC.size
    if size < _HEAD.size or data[:4] != _MAGIC or crc32c(data[:size]) != _CRC.unpack_from(data, size)[0]:
        return None
    _, offset, count = _HEAD.unpack_from(data)
    at = _HEAD.size
    by_id: dict[int, Producer] = {}
    for _ in range(count):
        producer_id, epoch, timestamp, coordinator_epoch, txn_first, batches = _ENTRY.unpack_from(data, at)
        at += _ENTRY.size
        seen = tuple(Seen._make(_SEEN.unpack_from(data, at + i * _SEEN.size)) for i in range(batches))
        at += batches * _SEEN.size
        by_id[producer_id] = Producer(epoch, seen, timestamp, coordinator_epoch, txn_first)
    return offset, by_id
