"""Reading partitions from given offsets on.

Knows: Fetch, batches, which transactions were aborted.  Does not know: groups, output.
Invariant: a position moves forward only, past whole batches, and every record between two positions was handed out
unless it is below the asked offset, a control record, or of an aborted transaction.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from odradek.core.errors import ErrorCode, Refused
from odradek.core.records.batch import Batch, check_crc, scan
from odradek.core.records.read import Record, records
from odradek.core.types import NO_TOPIC_ID
from odradek.core.wire.fetch import FetchPartition, FetchRequest, FetchTopic
from odradek.io.client import Client, Patience, Place
from odradek.io.client_errors import ClientError, ServerError, check
from odradek.io.client_link import REQUEST_TIMEOUT_S, Link, Ticket
from odradek.io.client_offsets import EARLIEST, LATEST, offsets_at

FETCH = 1
BY_NAME = 12
"""The last version of Fetch that names topics instead of giving their ids."""

FETCH_BYTES_MAX = 16 * 1024 * 1024
PARTITION_BYTES_MAX = 1024 * 1024
UNPACKED_BYTES_MAX = 256 * 1024 * 1024
"""A batch that unpacks to more is refused."""

ABORT = 0
"""The type of a control record that ends a transaction by abort."""


class Chunk(NamedTuple):
    """Records of one partition in order, and the offset to go on from once they are dealt with."""

    place: Place
    records: list[Record]
    next_offset: int


class Fetcher:
    """Positions in partitions, and what comes after them.

    `committed`: leave out aborted transactions, and stop before open ones.  `restart`: where to go on, EARLIEST or
    LATEST, when a position is beyond the end of its log.
    """

    def __init__(
        self,
        client: Client,
        positions: dict[Place, int],
        *,
        committed: bool = False,
        restart: int = LATEST,
        wait_ms: int = 500,
    ) -> None:
        self.positions = positions
        self.ends: dict[Place, int] = {}
        self.skipped: list[str] = []
        self._client = client
        self._committed = committed
        self._restart = restart
        self._wait_ms = wait_ms
        self._patience: Patience | None = None

    def at_end(self) -> bool:
        """Whether every partition was read to the end it had when it was last asked."""
        return all(place in self.ends and at >= self.ends[place] for place, at in self.positions.items())

    def poll(self) -> list[Chunk]:
        """What there is now, or after a wait of at most `wait_ms`.  Raises `ClientError` when it cannot be had."""
        if not self.positions:
            return []
        try:
            chunks = self._poll()
        except ClientError as error:
            if self._patience is None:
                self._patience = Patience(self._client.patience_s)
            self._patience.wait(error)
            self._client.forget()
            return []
        self._patience = None
        return chunks

    def _poll(self) -> list[Chunk]:
        """Ask all leaders, then take all answers: the waits overlap."""
        asked: list[tuple[Link, Ticket, dict[bytes, str]]] = []
        for node, places in self._client.by_leader(self.positions).items():
            link = self._client.node(node)
            request, names = self._request(places)
            highest = BY_NAME if NO_TOPIC_ID in names else None
            timeout_s = REQUEST_TIMEOUT_S + self._wait_ms / 1000
            asked.append((link, link.send(request, highest=highest, timeout_s=timeout_s), names))
        try:
            answers = [(link.receive(ticket), names) for link, ticket, names in asked]
        except BaseException:
            for link, _, _ in asked:
                link.close()  # An answer may still be on its way.
            raise
        chunks: list[Chunk] = []
        errors: list[ServerError] = []
        for answer, names in answers:
            check(answer.error_code, "fetch")
            for topic in answer.responses:
                for row in topic.partitions:
                    place = Place(topic.topic or names[topic.topic_id], row.partition_index)
                    chunk = self._taken(place, row, errors)
                    if chunk is not None:
                        chunks.append(chunk)
        if errors and not chunks:
            raise errors[0]
        return chunks

    def _request(self, places: Iterable[Place]) -> tuple[FetchRequest, dict[bytes, str]]:
        topics: dict[str, list[FetchPartition]] = {}
        for place in sorted(places):
            row = FetchPartition(
                partition=place.partition,
                fetch_offset=self.positions[place],
                partition_max_bytes=PARTITION_BYTES_MAX,
            )
            topics.setdefault(place.topic, []).append(row)
        ids = {name: self._client.id_of(name) for name in topics}
        wanted = [FetchTopic(topic=name, topic_id=ids[name], partitions=tuple(rows)) for name, rows in topics.items()]
        request = FetchRequest(
            replica_id=-1,
            max_wait_ms=self._wait_ms,
            min_bytes=1,
            max_bytes=FETCH_BYTES_MAX,
            isolation_level=1 if self._committed else 0,
            topics=tuple(wanted),
        )
        return request, {ids[name]: name for name in topics}

    def _taken(self, place: Place, row: Any, errors: list[ServerError]) -> Chunk | None:
        if row.error_code == ErrorCode.OFFSET_OUT_OF_RANGE:
            if not self._moved_into_range(place):
                errors.append(ServerError(ErrorCode.OFFSET_NOT_AVAILABLE, f"fetch from {place}"))
            return None
        if row.error_code:
            error = ServerError(row.error_code, f"fetch from {place}")
            if not error.retriable:
                raise error
            errors.append(error)
            return None
        end = row.last_stable_offset if self._committed and row.last_stable_offset >= 0 else row.high_watermark
        self.ends[place] = end
        data = memoryview(row.records) if row.records else memoryview(b"")
        if not len(data):
            return None
        return self._read(place, data, row.aborted_transactions or () if self._committed else ())

    def _read(self, place: Place, data: memoryview, aborted: Iterable[Any]) -> Chunk:
        position = self.positions[place]
        waiting = sorted([(row.first_offset, row.producer_id) for row in aborted])
        aborting: set[int] = set()
        found: list[Record] = []
        batches = scan(data)
        for batch in batches:
            if batch.header.next_offset <= position:
                continue
            while waiting and waiting[0][0] <= batch.header.last_offset:
                aborting.add(waiting.pop(0)[1])
            if batch.header.is_control:
                if batch.header.producer_id in aborting and _is_abort(data, batch):
                    aborting.discard(batch.header.producer_id)
            elif not (batch.header.is_transactional and batch.header.producer_id in aborting):
                found.extend([record for record in _records(place, data, batch) if record.offset >= position])
            position = batch.header.next_offset
        if batches.torn is not None and batches.end == 0:
            raise ClientError(f"{place} at offset {position} cannot be read: {batches.torn}")
        self.positions[place] = position
        return Chunk(place, found, position)

    def _moved_into_range(self, place: Place) -> bool:
        """Go on where the log begins, if retention took what was next, or at `restart`; False: it was in range."""
        at = self.positions[place]
        first = offsets_at(self._client, {place: EARLIEST})[place]
        last = offsets_at(self._client, {place: LATEST}, committed=self._committed)[place]
        if first <= at <= last:
            return False
        self.positions[place] = first if at < first or self._restart == EARLIEST else last
        self.skipped.append(f"{place} has offsets {first} to {last}: {at} was asked, {self.positions[place]} is taken")
        return True


def _records(place: Place, data: memoryview, batch: Batch) -> list[Record]:
    whole = data[batch.at : batch.at + batch.header.size]
    if not check_crc(whole):
        raise ClientError(f"the batch at offset {batch.header.base_offset} of {place} is damaged: its CRC is wrong")
    try:
        return list(records(whole, decompressed_bytes_max=UNPACKED_BYTES_MAX))
    except Refused as error:
        text = f"the batch at offset {batch.header.base_offset} of {place} cannot be read: {error}"
        raise ClientError(text) from None


def _is_abort(data: memoryview, batch: Batch) -> bool:
    whole = data[batch.at : batch.at + batch.header.size]
    for record in records(whole):
        if record.key is not None and len(record.key) >= 4:
            return int.from_bytes(record.key[2:4], "big") == ABORT
    return False
