"""Everything one node knows, in one place: its machines, its topics, its connections, and who waits for what.

Knows: how a request finds the partition or group it is about, and how its answer finds its connection.  Does not know:
what any request means (that is `requests`), which event comes when (that is `node`).
Invariant: a call that is parked is answered, abandoned with its connection, or expired: exactly one of them, once.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import TYPE_CHECKING, NamedTuple, Protocol

from odradek.core.configs import BrokerConfig, TopicConfig
from odradek.core.errors import ErrorCode, Refused
from odradek.core.fetch_sessions import FetchSessions, Key
from odradek.core.limits import Limits
from odradek.core.log.store import Store
from odradek.core.machine import Out
from odradek.core.records.batch import CREATE_TIME, GZIP, LOG_APPEND_TIME, LZ4, ZSTD
from odradek.core.records.validate import ZSTD_PRODUCE_VERSION, Rules, codec_named
from odradek.core.replica.leader import Leader
from odradek.core.session import Backlog, Call, Session
from odradek.core.timers import Timers
from odradek.core.types import ConnId, Instant, Now, TopicId, TopicPartition
from odradek.core.wire.frames import encode_response

if TYPE_CHECKING:
    from odradek.core.coordinator import Coordinator
    from odradek.core.metadata_log import MetadataLog
    from odradek.core.producer_ids import ProducerIds
    from odradek.core.quorum.controller import Controller
    from odradek.core.wire.versions import ApiVersion


class Parked(Protocol):
    """A request that waits for something."""

    def expire(self, now: Now, out: Out) -> None:
        """Its time is over: answer now."""

    def abandon(self, out: Out) -> None:
        """Its client has gone: wait for nothing any more."""


class Reader(Protocol):
    """One who asked for a range of a file."""

    def read_done(self, ticket: int, data: bytes, now: Now, out: Out) -> None:
        """The bytes."""

    def read_failed(self, ticket: int, why: str, now: Now, out: Out) -> None:
        """They cannot be read."""


class ReadFor(NamedTuple):
    """The token of a `Read`: a crash forgets it, and whoever has gone is not found under it any more."""

    ticket: int


class Topic:
    """A topic as clients see it: every partition of it is open and led."""

    __slots__ = ("config", "id", "internal", "leaders", "log_append_time", "name", "rules", "rules_before_zstd")

    def __init__(self, name: str, topic_id: TopicId, internal: bool, config: TopicConfig, limits: Limits) -> None:
        self.name = name
        self.id = topic_id
        self.internal = internal
        self.leaders: list[Leader] = []
        self.configure(config, limits)

    def configure(self, config: TopicConfig, limits: Limits) -> None:
        """Take other settings, from the next batch on."""
        self.config = config
        self.log_append_time = config.message_timestamp_type == "LogAppendTime"
        self.rules = self._rules(ZSTD_PRODUCE_VERSION, limits)
        self.rules_before_zstd = self._rules(ZSTD_PRODUCE_VERSION - 1, limits)

    def _rules(self, version: int, limits: Limits) -> Rules:
        config = self.config
        target = codec_named(config.compression_type)
        unpacked = min(limits.decompressed_bytes_factor * config.max_message_bytes, limits.decompressed_bytes_max)
        return Rules(
            max_message_bytes=config.max_message_bytes,
            timestamp_type=LOG_APPEND_TIME if self.log_append_time else CREATE_TIME,
            before_max_ms=config.message_timestamp_before_max_ms,
            after_max_ms=config.message_timestamp_after_max_ms,
            keys_required="compact" in config.cleanup_policy,
            target=target,
            level=self._level(target),
            produce_version=version,
            decompressed_bytes_max=max(unpacked, config.max_message_bytes),
            zstd_window_log_max=limits.zstd_window_log_max,
            walked_records_max=limits.walked_records_max,
        )

    def _level(self, codec: int | None) -> int | None:
        """The level the topic wants of a codec; None for the codec's own default."""
        config = self.config
        levels = {
            GZIP: config.compression_gzip_level,
            LZ4: config.compression_lz4_level,
            ZSTD: config.compression_zstd_level,
        }
        return None if codec is None else levels.get(codec)


class Broker:
    """The state of one node.  Built by `Node`, handed to every request handler."""

    def __init__(self, config: BrokerConfig, limits: Limits, rng: Random, store: Store, cluster_id: str) -> None:
        self.config = config
        self.cluster_id = cluster_id
        advertised = config.advertised_listeners
        self.advertised = (advertised[0].host, advertised[0].port) if advertised else None
        self.limits = limits
        self.rng = rng
        self.store = store
        self.ready = False
        self.epoch = -1
        """Of this process's registration; larger than any before."""
        self.api_versions: tuple[ApiVersion, ...] = ()
        self.metadata: MetadataLog
        self.controller: Controller
        self.coordinator: Coordinator
        self.producer_ids: ProducerIds
        self.sessions: dict[ConnId, Session] = {}
        self.hosts: dict[str, int] = {}
        """Open connections by peer address."""
        self.backlog = Backlog(limits.queued_request_bytes)
        self.timers = Timers()
        self.topics: dict[str, Topic] = {}
        self.topics_by_id: dict[TopicId, Topic] = {}
        self.leaders: dict[TopicPartition, Leader] = {}
        self.leaders_by_log: dict[str, Leader] = {}
        self.fetch_sessions = FetchSessions(
            limits.fetch_sessions,
            limits.fetch_partitions_max,
            limits.fetch_session_partitions,
            Random(rng.getrandbits(64)),
        )
        self.parked: dict[Call, Parked] = {}
        self._readers: dict[int, Reader] = {}
        self._tickets = 0

    # Finding things ----------------------------------------------------------------------------------------------

    def topic_of(self, name: str, topic_id: TopicId, by_id: bool) -> Topic | None:
        """The topic a request names, by whichever of the two it uses; None when there is none."""
        return self.topics_by_id.get(topic_id) if by_id else self.topics.get(name)

    def leader_at(self, topic: Topic, index: int) -> Leader:
        """A partition that serves.  Raises Refused: UNKNOWN_TOPIC_OR_PARTITION, KAFKA_STORAGE_ERROR."""
        if not 0 <= index < len(topic.leaders):
            raise Refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
        leader = topic.leaders[index]
        if leader.failure is not None:
            raise Refused(leader.failure)
        return leader

    def leader_of(self, name: str, index: int) -> Leader:
        """A partition by its topic's name.  Raises Refused."""
        topic = self.topics.get(name)
        if topic is None:
            raise Refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
        return self.leader_at(topic, index)

    def leader_by_key(self, key: Key) -> Leader:
        """A partition as a fetch names it.  Raises Refused: UNKNOWN_TOPIC_ID for an id that is not known (KIP-516)."""
        name, topic_id, index = key
        topic = self.topics.get(name) if name else self.topics_by_id.get(topic_id)
        if topic is None:
            raise Refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION if name else ErrorCode.UNKNOWN_TOPIC_ID)
        return self.leader_at(topic, index)

    def add_leader(self, leader: Leader) -> None:
        """This node leads a partition from now on."""
        self.leaders[leader.partition] = leader
        self.leaders_by_log[leader.log.name] = leader

    def remove_leader(self, leader: Leader) -> None:
        """This node does not lead it any more."""
        del self.leaders[leader.partition]
        del self.leaders_by_log[leader.log.name]

    def address_for(self, session: Session) -> tuple[str, int]:
        """Where clients of this connection reach this node: what is advertised, else the address they dialled."""
        return self.advertised or session.local

    # Answering ---------------------------------------------------------------------------------------------------

    def reply(self, call: Call, body: object, out: Out) -> None:
        """Send the response to a call, in its turn."""
        call.session.finish(call, encode_response(call.api_key, call.version, call.correlation_id, body), out)

    def park(self, call: Call, parked: Parked, until: Instant | None) -> bool:
        """Let a call wait, at most until an instant.  False when too many wait already: then answer it now."""
        if call not in self.parked and len(self.parked) >= self.limits.parked_requests:
            return False
        self.parked[call] = parked
        if until is not None:
            self.timers.set(call, until)
        return True

    def unpark(self, call: Call) -> None:
        """The call waits no more; one that never waited is no error."""
        if self.parked.pop(call, None) is not None:
            self.timers.cancel(call)

    # Reading files -----------------------------------------------------------------------------------------------

    def expect_read(self, reader: Reader) -> ReadFor:
        """A token for a `Read` whose bytes go to `reader`."""
        self._tickets += 1
        self._readers[self._tickets] = reader
        return ReadFor(self._tickets)

    def forget_reads(self, tickets: Iterable[int]) -> None:
        """Nobody waits for these any more."""
        for ticket in tickets:
            self._readers.pop(ticket, None)

    def reader_of(self, ticket: int) -> Reader | None:
        """Who waits for a read that is complete; None when he has gone."""
        return self._readers.pop(ticket, None)
