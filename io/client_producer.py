"""Writing records: batches, one at a time in flight to each partition, so that order holds and nothing is doubled.

Knows: Produce, producer ids, Kafka's partitioner.  Does not know: where records come from.
Invariant: the batches of a partition are written in the order they were made; with a producer id, none of them twice.
"""

from collections import deque
from collections.abc import Callable
from random import randrange
from typing import Any, NamedTuple

from odradek.core.errors import ErrorCode
from odradek.core.records.batch import NONE, SEQUENCES
from odradek.core.records.build import build
from odradek.core.records.read import Record
from odradek.core.types import NO_EPOCH, NO_PRODUCER, NO_SEQUENCE, NO_TOPIC_ID
from odradek.core.wire.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from odradek.io.client import Client, Patience, Place
from odradek.io.client_errors import ClientError, ServerError, check
from odradek.io.client_link import Link, Ticket

BY_NAME = 12
"""The last version of Produce that names topics instead of giving their ids."""

BATCH_BYTES = 512 * 1024
"""A batch is closed when its records take this much; a larger record is a batch of its own."""

PENDING_BYTES_MAX = 4 * 1024 * 1024
RECORD_OVERHEAD = 32
ACKS_ALL = -1
WRITE_TIMEOUT_MS = 30_000
INT32_MAX = 0x7FFFFFFF

SPLITTABLE = (ErrorCode.MESSAGE_TOO_LARGE, ErrorCode.RECORD_LIST_TOO_LARGE)


class Delivery(NamedTuple):
    """Records that were written.  `base_offset` is -1 without acknowledgements; `append_time` is -1 for CreateTime."""

    place: Place
    records: list[Record]
    base_offset: int
    append_time: int


class _Batch(NamedTuple):
    records: list[Record]
    sequence: int


class _Lane:
    """What waits to be written to one partition: closed batches, and the records of the next."""

    __slots__ = ("batches", "open", "open_bytes", "sequence")

    def __init__(self) -> None:
        self.batches: deque[_Batch] = deque()
        self.open: list[Record] = []
        self.open_bytes = 0
        self.sequence = 0

    def cut(self) -> None:
        if self.open:
            self.batches.append(_Batch(self.open, self.sequence))
            self.sequence = (self.sequence + len(self.open)) % SEQUENCES
            self.open = []
            self.open_bytes = 0


class Producer:
    """Takes records with `put`; they are written when enough has gathered, and at `flush`.

    `told` hears of every delivery.  With acks "all" and `idempotent`, trying again cannot double a record (KIP-98).
    """

    def __init__(
        self,
        client: Client,
        *,
        acks: int = ACKS_ALL,
        compression: int = NONE,
        idempotent: bool = True,
        told: Callable[[Delivery], None],
    ) -> None:
        self._client = client
        self._acks = acks
        self._compression = compression
        self._identity = (NO_PRODUCER, NO_EPOCH)
        self._idempotent = idempotent and acks == ACKS_ALL
        self._told = told
        self._lanes: dict[Place, _Lane] = {}
        self._pending_bytes = 0
        self._counts: dict[str, int] = {}
        self._sticky: dict[str, int] = {}

    def put(self, topic: str, partition: int | None, record: Record) -> None:
        """Take one record; `partition` None leaves the choice to Kafka's rule.  May write what has gathered."""
        place = self._place(topic, partition, record.key)
        lane = self._lanes.get(place)
        if lane is None:
            lane = self._lanes[place] = _Lane()
        size = RECORD_OVERHEAD + len(record.key or b"") + len(record.value or b"")
        for name, value in record.headers:
            size += len(name) + len(value or b"") + 4
        if lane.open_bytes + size > BATCH_BYTES:
            lane.cut()
            self._sticky.pop(topic, None)
        lane.open.append(record._replace(offset=len(lane.open)))
        lane.open_bytes += size
        self._pending_bytes += size
        if self._pending_bytes >= PENDING_BYTES_MAX:
            self.flush()

    def flush(self) -> None:
        """Write all that was taken.  Raises `ClientError` when some of it cannot be written."""
        for lane in self._lanes.values():
            lane.cut()
        self._sticky.clear()
        self._pending_bytes = 0
        patience = Patience(self._client.patience_s)
        while waiting := [place for place, lane in self._lanes.items() if lane.batches]:
            if self._idempotent and self._identity[0] == NO_PRODUCER:
                self._identity = self._client.persist(self._introduced)
            try:
                error = self._round(waiting)
            except ClientError as why:
                error = why
            if error is None:
                patience = Patience(self._client.patience_s)
            else:
                patience.wait(error)
                self._client.forget()

    def _introduced(self) -> tuple[int, int]:
        """A producer id and epoch of our own."""
        from odradek.core.wire.producers import InitProducerIdRequest  # noqa: PLC0415 - start-up time

        request = InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=INT32_MAX)
        answer = self._client.any().ask(request)
        check(answer.error_code, "a producer id")
        return answer.producer_id, answer.producer_epoch

    # -- which partition

    def _place(self, topic: str, partition: int | None, key: bytes | None) -> Place:
        if partition is not None:
            count = self._count(topic)
            if not 0 <= partition < count:
                raise ClientError(f"topic {topic} has no partition {partition}: it has {count}")
            return Place(topic, partition)
        if key is not None:
            return Place(topic, (murmur2(key) & 0x7FFFFFFF) % self._count(topic))
        chosen = self._sticky.get(topic)
        if chosen is None:
            chosen = self._sticky[topic] = randrange(self._count(topic))
        return Place(topic, chosen)

    def _count(self, topic: str) -> int:
        """The number of partitions; a topic that the broker creates on demand is waited for."""
        count = self._counts.get(topic)
        if count is None:
            first = Patience(min(5.0, self._client.patience_s))
            while True:
                try:
                    found = self._client.topic(topic, create=True)
                    break
                except ClientError as error:
                    first.wait(error)
            count = self._counts[topic] = len(found.partitions)
        return count

    # -- writing

    def _round(self, waiting: list[Place]) -> ClientError | None:
        """The first batch of each partition to its leader; returns the last error that may pass, if any."""
        asked: list[tuple[Link, Ticket | None, dict[bytes, str], list[Place]]] = []
        try:
            for node, places in self._client.by_leader(waiting).items():
                link = self._client.node(node)
                request, names = self._request(places)
                highest = BY_NAME if NO_TOPIC_ID in names else None
                ticket = link.send(request, highest=highest, timeout_s=WRITE_TIMEOUT_MS / 1000 + 5)
                asked.append((link, ticket if self._acks else None, names, places))
        except BaseException:
            for link, _, _, _ in asked:
                link.close()  # Nobody waits for these answers any more.
            raise
        error: ClientError | None = None
        for link, taken, names, places in asked:
            try:
                if taken is None:
                    for place in places:
                        self._delivered(place, -1, -1)
                else:
                    error = self._judge(link.receive(taken), names) or error
            except ServerError:
                raise
            except ClientError as why:
                error = why
        return error

    def _request(self, places: list[Place]) -> tuple[ProduceRequest, dict[bytes, str]]:
        topics: dict[str, list[PartitionProduceData]] = {}
        producer_id, epoch = self._identity
        for place in places:
            batch = self._lanes[place].batches[0]
            data = build(
                batch.records,
                compression=self._compression,
                producer_id=producer_id,
                producer_epoch=epoch,
                base_sequence=NO_SEQUENCE if producer_id == NO_PRODUCER else batch.sequence,
            )
            topics.setdefault(place.topic, []).append(PartitionProduceData(index=place.partition, records=data))
        ids = {name: self._client.id_of(name) for name in topics}
        rows = [TopicProduceData(name=name, topic_id=ids[name], partition_data=tuple(r)) for name, r in topics.items()]
        request = ProduceRequest(acks=self._acks, timeout_ms=WRITE_TIMEOUT_MS, topic_data=tuple(rows))
        return request, {ids[name]: name for name in topics}

    def _judge(self, answer: Any, names: dict[bytes, str]) -> ServerError | None:
        passing = None
        for topic in answer.responses:
            for row in topic.partition_responses:
                place = Place(topic.name or names[topic.topic_id], row.index)
                if row.error_code in (ErrorCode.NONE, ErrorCode.DUPLICATE_SEQUENCE_NUMBER):
                    self._delivered(place, row.base_offset, row.log_append_time_ms)
                    continue
                error = ServerError(row.error_code, f"write to {place}", row.error_message)
                if error.code in SPLITTABLE and len(self._lanes[place].batches[0].records) > 1:
                    self._split(place)
                elif error.retriable:
                    passing = error
                else:
                    raise ServerError(row.error_code, f"write to {place}", _details(row))
        return passing

    def _delivered(self, place: Place, base_offset: int, append_time: int) -> None:
        batch = self._lanes[place].batches.popleft()
        self._told(Delivery(place, batch.records, base_offset, append_time))

    def _split(self, place: Place) -> None:
        """Two batches for one that was too large together."""
        batches = self._lanes[place].batches
        whole = batches.popleft()
        middle = len(whole.records) // 2
        rest = [record._replace(offset=index) for index, record in enumerate(whole.records[middle:])]
        batches.appendleft(_Batch(rest, (whole.sequence + middle) % SEQUENCES))
        batches.appendleft(_Batch(whole.records[:middle], whole.sequence))


def _details(row: Any) -> str | None:
    """The broker's message, with that of the first record it names."""
    parts = [row.error_message or ""]
    parts += [record.batch_index_error_message or "" for record in row.record_errors[:1]]
    if parts[-1] in parts[0]:
        parts.pop()
    return "; ".join([part for part in parts if part]) or None


def murmur2(data: bytes) -> int:
    """Kafka's hash of a key, as an unsigned 32-bit number: equal keys go to the partition Java's producer picks."""
    scale = 0x5BD1E995
    size = len(data)
    found = 0x9747B28C ^ size
    whole = size & ~3
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * scale & 0xFFFFFFFF
        k = (k ^ k >> 24) * scale & 0xFFFFFFFF
        found = found * scale & 0xFFFFFFFF ^ k
    if size > whole:
        found = (found ^ int.from_bytes(data[whole:], "little")) * scale & 0xFFFFFFFF
    found = (found ^ found >> 13) * scale & 0xFFFFFFFF
    return found ^ found >> 15
