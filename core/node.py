"""The whole broker as one machine: events in, effects out.

Knows: which machine each event, completion and fact belongs to, and the order of a node's life.  Does not know: clocks,
sockets, files, what any request means.
Invariant: `step` is a function of the node's state, the event and the time; nothing else reaches it.

The life of a node: opening the directory, loading the metadata, opening the logs, serving, stopping.
"""

from collections.abc import Callable
from enum import Enum
from random import Random
from typing import Any

from odradek.core import events as ev
from odradek.core.broker import Broker, ReadFor
from odradek.core.catalog import Catalog, log_config, metadata_log_config
from odradek.core.configs import BrokerConfig
from odradek.core.coordinator import Coordinator, Host
from odradek.core.effects import Close, Effect, Halt
from odradek.core.errors import Broken, ErrorCode
from odradek.core.facts import HighMoved
from odradek.core.groups.config import GroupConfig
from odradek.core.limits import Limits, bounded_by
from odradek.core.log import facts as log_facts
from odradek.core.log.store import Store, log_name
from odradek.core.machine import Out
from odradek.core.metadata_log import METADATA_PARTITION, SNAPSHOT_FILE, MetadataLog, SnapshotStored
from odradek.core.producer_ids import ProducerIds
from odradek.core.quorum.controller import Controller
from odradek.core.quorum.image import Endpoint
from odradek.core.quorum.names import METADATA_TOPIC
from odradek.core.quorum.records import Metadata
from odradek.core.replica.leader import Leader
from odradek.core.requests.dispatch import advertise, receive
from odradek.core.session import Call, Session
from odradek.core.types import MS, Instant, NodeId, Now, TopicPartition

FIRST_EPOCH = 0

IDLE_FOREVER_MS = 10**15
"""What a negative `connections.max.idle.ms` means: a connection may be idle for ever."""


class Stage(Enum):
    """Where a node is in its life."""

    NEW = "new"
    OPENING = "opening the directory"
    LOADING = "loading the metadata"
    RECOVERING = "opening the logs"
    REGISTERING = "registering"
    LEADING = "taking up leadership"
    SERVING = "serving"
    STOPPING = "stopping"
    HALTED = "halted"


class Node:
    """One broker and controller.

    `config` has been validated; `limits` bound every table; `rng` is the only source of chance; `cluster_id` is that of
    the data directory.
    """

    def __init__(self, config: BrokerConfig, limits: Limits, rng: Random, cluster_id: str) -> None:
        assert __debug__, "asserts carry the invariants: a node does not run under -O"
        limits = bounded_by(limits, config)
        self.limits = limits
        self.stage = Stage.NEW
        self.store = Store(limits, Random(rng.getrandbits(64)))
        self.broker = Broker(config, limits, Random(rng.getrandbits(64)), self.store, cluster_id)
        self._rng = rng
        self._clean = True
        self._unopened: dict[str, None] = {}
        self._next_sweep: Instant | None = None
        self._next_retention: Instant | None = None
        self.broker.coordinator = Coordinator(self.broker, group_config(config, limits), Random(rng.getrandbits(64)))
        self.broker.producer_ids = ProducerIds(self.broker)
        advertise(self.broker)
        self._events: dict[type, Callable[[Any, Now, Out], None]] = {
            ev.Received: self._received,
            ev.Done: self._done,
            ev.Opened: self._opened,
            ev.Closed: self._closed,
            ev.Woke: self._woke,
            ev.Failed: self._failed,
            ev.Started: self._started,
            ev.Stopping: self._stopping,
        }
        self._facts: dict[type, Callable[[Any, Now, Out], None]] = {
            log_facts.LogMoved: self._log_moved,
            HighMoved: self._high_moved,
            log_facts.AppendsUndone: self._appends_undone,
            log_facts.LogQuarantined: self._log_quarantined,
            log_facts.DirectoryOpened: self._directory_opened,
            log_facts.LogOpened: self._log_opened,
            log_facts.DirectoryReady: self._directory_ready,
            log_facts.DirectoryFailed: self._directory_failed,
            log_facts.DirectoryClosed: self._directory_closed,
        }

    # The border --------------------------------------------------------------------------------------------------

    def step(self, event: ev.Event, now: Now) -> list[Effect]:
        """Take in one event; what is to be done about it, in order."""
        out = Out()
        if self.stage is Stage.HALTED:
            return out.effects
        self._events[type(event)](event, now, out)
        if out.facts:
            self._route(now, out)
        self.store.settle(now, out)
        if out.facts:
            self._route(now, out)
        return out.effects

    @property
    def deadline(self) -> Instant | None:
        """When the node wants to be woken, None for never."""
        if self.stage is Stage.HALTED:
            return None
        due = self.broker.timers.first
        for other in (self.store.deadline, self._next_sweep, self._next_retention):
            if other is not None and (due is None or other < due):
                due = other
        return due

    def _route(self, now: Now, out: Out) -> None:
        """Tell every fact to those whom it concerns, until none is left."""
        facts = out.facts
        routed = 0
        while routed < len(facts):
            if routed >= self.limits.facts_per_step:
                raise Broken(f"{routed} facts in one step")
            fact = facts[routed]
            self._facts[type(fact)](fact, now, out)
            routed += 1
        facts.clear()

    # Connections -------------------------------------------------------------------------------------------------

    def _opened(self, event: ev.Opened, now: Now, out: Out) -> None:
        broker = self.broker
        host = event.peer[0]
        if (
            len(broker.sessions) >= self.limits.connections_max
            or broker.hosts.get(host, 0) >= self.limits.connections_per_host
        ):
            out.note("connection refused, too many are open", peer=host)
            out.do(Close(event.conn))
            return
        session = Session(event.conn, event.peer, event.local, self.limits.requests_in_flight_per_conn, broker.backlog)
        session.last_seen = now.mono
        broker.sessions[event.conn] = session
        broker.hosts[host] = broker.hosts.get(host, 0) + 1
        if self._next_sweep is None:
            self._next_sweep = now.mono + self.limits.idle_ms_max * MS

    def _received(self, event: ev.Received, now: Now, out: Out) -> None:
        session = self.broker.sessions.get(event.conn)
        if session is not None and not session.closing:
            receive(self.broker, session, event.frame, now, out)

    def _closed(self, event: ev.Closed, now: Now, out: Out) -> None:
        broker = self.broker
        session = broker.sessions.pop(event.conn, None)
        if session is None:
            return
        host = session.peer[0]
        broker.hosts[host] -= 1
        if not broker.hosts[host]:
            del broker.hosts[host]
        for call in session.calls:
            parked = broker.parked.get(call)
            if parked is not None:
                broker.unpark(call)
                parked.abandon(out)
        session.closed(out)

    def _sweep(self, now: Now, out: Out) -> None:
        """Close connections that have been idle for too long; look again when the next one may be."""
        idle = self.limits.idle_ms_max * MS
        oldest: Instant | None = None
        for session in self.broker.sessions.values():
            if session.calls:
                last = now.mono
            elif now.mono - session.last_seen >= idle:
                out.note("idle connection closed", conn=session.conn)
                session.close(out)
                continue
            else:
                last = session.last_seen
            oldest = last if oldest is None else min(oldest, last)
        self._next_sweep = None if oldest is None else oldest + idle

    # Time --------------------------------------------------------------------------------------------------------

    def _woke(self, event: ev.Woke, now: Now, out: Out) -> None:
        timers = self.broker.timers
        while (due := timers.pop_due(now.mono)) is not None:
            if isinstance(due, Call):
                parked = self.broker.parked.get(due)
                assert parked is not None, "a timer of a call that is not parked"
                parked.expire(now, out)
            else:
                assert isinstance(due, Host)
                due.expire(now, out)
        store_due = self.store.deadline
        if store_due is not None and store_due <= now.mono:
            self.store.wake(now, out)
        if self._next_retention is not None and self._next_retention <= now.mono:
            self._retain(now, out)
        if self._next_sweep is not None and self._next_sweep <= now.mono:
            self._sweep(now, out)

    def _retain(self, now: Now, out: Out) -> None:
        """Let every log drop what is too old or too much; retention never passes the high watermark (KAFKA-5634)."""
        for leader in list(self.broker.leaders.values()):
            if leader.failure is None:
                start = leader.log.start
                leader.log.retain(now, leader.high, out)
                if leader.log.start != start:
                    leader.poke(out)
        self._next_retention = now.mono + self.broker.config.log_retention_check_interval_ms * MS

    # Completions -------------------------------------------------------------------------------------------------

    def _done(self, event: ev.Done, now: Now, out: Out) -> None:
        token = event.then
        if type(token) is ReadFor:
            reader = self.broker.reader_of(token.ticket)
            if reader is not None:
                reader.read_done(token.ticket, event.value, now, out)
        elif type(token) is SnapshotStored:
            self.broker.metadata.snapshot_stored(token, now, out)
        else:
            self.store.done(token, event.value, now, out)

    def _failed(self, event: ev.Failed, now: Now, out: Out) -> None:
        token = event.then
        if type(token) is ReadFor:
            reader = self.broker.reader_of(token.ticket)
            if reader is not None:
                reader.read_failed(token.ticket, event.why, now, out)
        elif type(token) is SnapshotStored and event.why == "ENOSPC":
            self.broker.metadata.snapshot_refused(event.why, out)
        else:
            self.store.failed(token, event.why, now, out)

    # Facts -------------------------------------------------------------------------------------------------------

    def _log_moved(self, fact: log_facts.LogMoved, now: Now, out: Out) -> None:
        leader = self.broker.leaders_by_log.get(fact.name)
        if leader is not None:
            leader.moved(out)

    def _high_moved(self, fact: HighMoved, now: Now, out: Out) -> None:
        if fact.partition == METADATA_PARTITION:
            self.broker.metadata.committed(fact.high, now, out)
            return
        leader = self.broker.leaders.get(fact.partition)
        host = None if leader is None else self.broker.coordinator.host_at(leader)
        if host is not None:
            host.committed(fact.high, now, out)

    def _appends_undone(self, fact: log_facts.AppendsUndone, now: Now, out: Out) -> None:
        leader = self.broker.leaders_by_log.get(fact.name)
        if leader is None:
            return
        leader.cut(fact.to, out)
        host = self.broker.coordinator.host_at(leader)
        if host is not None:
            host.undone(fact.to, now, out)
        elif leader.partition == METADATA_PARTITION:
            self.broker.metadata.undone(fact.to, now, out)

    def _log_quarantined(self, fact: log_facts.LogQuarantined, now: Now, out: Out) -> None:
        leader = self.broker.leaders_by_log.get(fact.name)
        if leader is None:
            return
        leader.fail(ErrorCode.KAFKA_STORAGE_ERROR, out)
        host = self.broker.coordinator.host_at(leader)
        if host is not None:
            host.close(ErrorCode.COORDINATOR_NOT_AVAILABLE, now, out)
        elif leader.partition == METADATA_PARTITION:
            self.lost(fact.why, out)

    def _directory_failed(self, fact: log_facts.DirectoryFailed, now: Now, out: Out) -> None:
        """The last directory is gone: stop, so that nobody is told of what may be lost (durability, clause 2)."""
        self._halt(f"the data directory failed: {fact.why}", out)

    # The order of life -------------------------------------------------------------------------------------------

    def _started(self, event: ev.Started, now: Now, out: Out) -> None:
        assert self.stage is Stage.NEW, self.stage
        self.stage = Stage.OPENING
        self.store.begin(now, out)

    def _directory_opened(self, fact: log_facts.DirectoryOpened, now: Now, out: Out) -> None:
        """The journal is replayed.  First the metadata: it says which logs there must be."""
        assert self.store.directory is not None
        self.stage = Stage.LOADING
        self._clean = self.store.directory.clean is not None or not fact.names
        name = log_name(METADATA_PARTITION)
        self._unopened[name] = None
        self.store.open(name, metadata_log_config(self.broker.config), now, out)

    def _log_opened(self, fact: log_facts.LogOpened, now: Now, out: Out) -> None:
        self._unopened.pop(fact.name, None)
        if self.stage is Stage.LOADING:
            self._load_metadata(now, out)
        elif self.stage is Stage.RECOVERING and not self._unopened:
            self.store.serve(now, out)

    def _load_metadata(self, now: Now, out: Out) -> None:
        log = self.store.logs[log_name(METADATA_PARTITION)]
        node_id = self.broker.config.node_id
        leader = Leader(METADATA_PARTITION, METADATA_TOPIC, log, FIRST_EPOCH, (node_id,), (node_id,))
        self.broker.metadata = MetadataLog(self.broker, leader, self)
        self.broker.controller = Controller(
            self.broker.metadata.image, self.broker.config, self.limits, Random(self._rng.getrandbits(64))
        )
        self._catalog = Catalog(self.broker, self.broker.metadata.image, self.broker.coordinator)
        self.broker.leaders_by_log[log.name] = leader
        leader.high = log.end
        leader.tells = True
        if log.quarantined:
            self.lost(log.quarantined, out)
            return
        assert self.store.directory is not None
        self.broker.metadata.load(self.store.directory.files.get(SNAPSHOT_FILE, 0), now, out)

    def loaded(self, now: Now, out: Out) -> None:
        """The image is whole (see `Publisher`): open every log it names."""
        if self.stage is not Stage.LOADING:
            return
        self.stage = Stage.RECOVERING
        self._catalog.reconfigure_broker()
        image = self.broker.metadata.image
        for name in sorted(image.topics):
            topic = image.topics[name]
            config = log_config(self._catalog.config_of(name), self.broker.config, name)
            for index in range(len(topic.partitions)):
                wanted = log_name(TopicPartition(topic.topic_id, index))
                self._unopened[wanted] = None
                self.store.open(wanted, config, now, out)
        if not self._unopened:
            self.store.serve(now, out)

    def lost(self, why: str, out: Out) -> None:
        """The metadata cannot be read (see `Publisher`): a node must not guess what its topics were."""
        self._halt(f"the metadata log cannot be used: {why}", out)

    def publish(self, records: tuple[Metadata, ...], now: Now, out: Out) -> None:
        """Metadata is committed (see `Publisher`)."""
        self._catalog.publish(records, now, out)

    def _directory_ready(self, fact: log_facts.DirectoryReady, now: Now, out: Out) -> None:
        """Appends may begin: say that this broker is here, and serve once that is committed."""
        self.stage = Stage.REGISTERING
        broker = self.broker
        broker.metadata.leader.start(out)
        decision = broker.controller.register_broker(
            NodeId(broker.config.node_id),
            self._rng.randbytes(16),
            self._endpoints(),
            broker.config.broker_rack,
            broker.metadata.leader.log.end,
        )
        broker.epoch = decision.reply
        broker.metadata.propose(decision.records, self, now, out)

    def _endpoints(self) -> tuple[Endpoint, ...]:
        config = self.broker.config
        listeners = config.advertised_listeners or config.listeners
        return tuple(Endpoint(one.name, one.host, one.port) for one in listeners)

    def committed(self, now: Now, out: Out) -> None:
        """The registration is committed (see `Decided`).  After an unclean stop every partition gets a new epoch,
        so that a reader can tell what was lost with the page cache from what was written since (KIP-101, KIP-320).
        Nothing is written in an epoch before it is committed: the next life could begin it once more."""
        broker = self.broker
        if self.stage is Stage.REGISTERING and not self._clean:
            self.stage = Stage.LEADING
            decision = broker.controller.take_leadership(NodeId(broker.config.node_id))
            broker.metadata.propose(decision.records, self, now, out)
            return
        self.stage = Stage.SERVING
        self._catalog.open_all(now, out)
        self._delete_strays(now, out)
        self._next_retention = now.mono + broker.config.log_retention_check_interval_ms * MS
        broker.ready = True
        out.note("ready", cluster_id=broker.cluster_id, node_id=broker.config.node_id, clean=self._clean)

    def _delete_strays(self, now: Now, out: Out) -> None:
        """Remove what is left of topics that were deleted; of others that are not known, only say that they are
        there."""
        removed = self.broker.metadata.removed
        for name in self.store.strays:
            if bytes.fromhex(name.partition("-")[0]) in removed:
                self.store.delete(name, now, out)
            else:
                out.note("log of an unknown topic left alone", log=name)
        removed.clear()

    def failed(self, code: ErrorCode, out: Out) -> None:
        """The registration could not be written (see `Decided`)."""
        self._halt(f"this broker cannot be registered: {code.name}", out)

    def _stopping(self, event: ev.Stopping, now: Now, out: Out) -> None:
        """Close connections once their answers are out, then make everything durable."""
        if self.stage is Stage.STOPPING:
            return
        if self.stage is not Stage.SERVING:
            self._halt("", out)
            return
        self.stage = Stage.STOPPING
        self.broker.ready = False
        self.store.close(now, out)

    def _directory_closed(self, fact: log_facts.DirectoryClosed, now: Now, out: Out) -> None:
        for session in list(self.broker.sessions.values()):
            session.close(out)
        self._halt("", out)

    def _halt(self, why: str, out: Out) -> None:
        if self.stage is not Stage.HALTED:
            self.stage = Stage.HALTED
            self.broker.ready = False
            out.do(Halt(why))


def group_config(config: BrokerConfig, limits: Limits) -> GroupConfig:
    """The settings that shape groups."""
    return GroupConfig(
        group_min_session_timeout_ms=config.group_min_session_timeout_ms,
        group_max_session_timeout_ms=config.group_max_session_timeout_ms,
        group_max_size=config.group_max_size,
        group_initial_rebalance_delay_ms=config.group_initial_rebalance_delay_ms,
        offsets_retention_ms=config.offsets_retention_minutes * 60_000,
        offsets_retention_check_interval_ms=config.offsets_retention_check_interval_ms,
        offset_metadata_max_bytes=config.offset_metadata_max_bytes,
        batch_bytes_max=config.message_max_bytes,
    )
