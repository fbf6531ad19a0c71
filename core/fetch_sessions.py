"""Incremental fetch sessions: a consumer names its partitions once and then only what changes (KIP-227).

Knows: which partitions each session holds and what its client was last told of them.  Does not know: logs, records.
Invariant: a response leaves out a partition only if it has no records, no error, and the marks the client already
knows.
"""

from random import Random

from odradek.core.errors import ErrorCode, Refused
from odradek.core.types import Instant, TopicId
from odradek.core.wire.fetch import FetchPartition, FetchRequest

NO_SESSION = 0
INITIAL_EPOCH = 0
FINAL_EPOCH = -1
EPOCH_MAX = 2**31 - 1
EVICT_AFTER_NS = 120_000_000_000
"""A session not used for two minutes may make room for a new one: Kafka's
`min.incremental.fetch.session.eviction.ms`."""

Key = tuple[str, TopicId, int]
"""Topic name ("" when the client speaks of ids), topic id (zeroes when it speaks of names), partition."""


class Wanted:
    """One partition of a fetch, and the marks its client knows."""

    __slots__ = ("high", "last_error", "partition", "start")

    def __init__(self, partition: FetchPartition) -> None:
        self.partition = partition
        self.high = -1
        self.start = -1
        self.last_error = 0


class FetchSession:
    """What one consumer fetches, kept between its requests."""

    __slots__ = ("by_id", "epoch", "id", "used", "wanted")

    def __init__(self, session_id: int, by_id: bool) -> None:
        self.id = session_id
        self.by_id = by_id
        self.epoch = 1
        self.used: Instant = 0
        self.wanted: dict[Key, Wanted] = {}

    def update(self, request: FetchRequest) -> None:
        """Add, change and forget what the request names."""
        for forgotten in request.forgotten_topics_data:
            for index in forgotten.partitions:
                self.wanted.pop((forgotten.topic, forgotten.topic_id, index), None)
        for topic in request.topics:
            for partition in topic.partitions:
                key = (topic.topic, topic.topic_id, partition.partition)
                known = self.wanted.get(key)
                if known is None:
                    self.wanted[key] = Wanted(partition)
                else:
                    known.partition = partition

    def served(self, key: Key) -> None:
        """This partition got records: the next fetch begins with the others, so that none goes hungry (KIP-227)."""
        wanted = self.wanted.pop(key, None)
        if wanted is not None:
            self.wanted[key] = wanted


class FetchSessions:
    """All sessions of this broker: at most `slots`, with at most `partitions_total` partitions together."""

    __slots__ = ("_by_use", "_partitions", "_partitions_max", "_partitions_total", "_rng", "_slots")

    def __init__(self, slots: int, partitions_max: int, partitions_total: int, rng: Random) -> None:
        self._slots = slots
        self._partitions_max = partitions_max
        self._partitions_total = partitions_total
        self._partitions = 0
        self._rng = rng
        self._by_use: dict[int, FetchSession] = {}

    def __len__(self) -> int:
        return len(self._by_use)

    def open(self, request: FetchRequest, by_id: bool, now: Instant) -> tuple[FetchSession, bool]:
        """The session a request belongs to, updated by it, and whether only changes are to be answered.

        A request outside any session, or one for which there is no room, gets a session of number 0 for itself alone.
        Raises Refused: FETCH_SESSION_ID_NOT_FOUND, INVALID_FETCH_SESSION_EPOCH, FETCH_SESSION_TOPIC_ID_ERROR (KIP-516).
        """
        count = sum(len(topic.partitions) for topic in request.topics)
        if count > self._partitions_max:
            raise Refused(
                ErrorCode.INVALID_REQUEST, f"{count} partitions in one fetch, the most is {self._partitions_max}"
            )
        if request.session_epoch not in (FINAL_EPOCH, INITIAL_EPOCH):
            return self._continue(request, by_id, count, now), True

        if request.session_id != NO_SESSION:
            self._forget(request.session_id)
        session = None if request.session_epoch == FINAL_EPOCH else self._create(by_id, count, now)
        if session is None:
            session = FetchSession(NO_SESSION, by_id)
            session.update(request)
        else:
            self._update(session, request)
        return session, False

    def _continue(self, request: FetchRequest, by_id: bool, count: int, now: Instant) -> FetchSession:
        session = self._by_use.get(request.session_id)
        if session is None:
            raise Refused(ErrorCode.FETCH_SESSION_ID_NOT_FOUND)
        if session.by_id != by_id:
            raise Refused(ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR)
        if request.session_epoch != session.epoch:
            raise Refused(ErrorCode.INVALID_FETCH_SESSION_EPOCH)
        if len(session.wanted) + count > self._partitions_max or self._partitions + count > self._partitions_total:
            self._forget(session.id)
            raise Refused(ErrorCode.FETCH_SESSION_ID_NOT_FOUND, "the session has grown past its bound, begin a new one")

        session.epoch = session.epoch + 1 if session.epoch < EPOCH_MAX else 1
        session.used = now
        self._update(session, request)
        del self._by_use[session.id]
        self._by_use[session.id] = session
        return session

    def _create(self, by_id: bool, count: int, now: Instant) -> FetchSession | None:
        """A new session, in the place of the one unused for longest if that is long enough; None when there is no
        room."""
        while len(self._by_use) >= self._slots or self._partitions + count > self._partitions_total:
            oldest = next(iter(self._by_use.values()), None)
            if oldest is None or now - oldest.used < EVICT_AFTER_NS:
                return None
            self._forget(oldest.id)
        session_id = self._rng.randrange(1, 2**31)
        while session_id in self._by_use:
            session_id = self._rng.randrange(1, 2**31)
        session = FetchSession(session_id, by_id)
        session.used = now
        self._by_use[session_id] = session
        return session

    def _update(self, session: FetchSession, request: FetchRequest) -> None:
        before = len(session.wanted)
        session.update(request)
        self._partitions += len(session.wanted) - before

    def _forget(self, session_id: int) -> None:
        session = self._by_use.pop(session_id, None)
        if session is not None:
            self._partitions -= len(session.wanted)
