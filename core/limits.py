"""Every bound of the broker in one place, handed in at construction so that the simulator can draw tiny ones.

Invariant: a table, buffer or queue in core is bounded by a field of this class or by a Kafka config of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from odradek.core.configs import BrokerConfig

KIB = 1024
MIB = 1024 * KIB

IDLE_FOREVER_MS = 10**15
"""Thirty thousand years: `connections.max.idle.ms` of -1."""


@attrs.frozen(kw_only=True)
class Limits:
    """Bounds with their units in their names.  The defaults are those of a production node."""

    facts_per_step: int = 10_000
    """Facts routed in one step before the node declares itself broken (a loop of facts is a bug)."""

    # The wire ----------------------------------------------------------------------------------------------------
    frame_bytes_max: int = 100 * MIB
    """Largest request frame: Kafka's `socket.request.max.bytes`."""

    decoded_bytes_factor: int = 8
    """Decoding may cost at most this many times the frame's bytes ..."""

    decoded_bytes_floor: int = 4 * MIB
    """... and this much is always granted: a fetch of 20,000 partitions is small on the wire and not in memory."""

    tags_per_field_set: int = 64
    """Tagged fields in one tag section (KIP-482 sets no bound; CVE-2026-111115 is why there is one)."""

    tag_bytes_max: int = 64 * KIB
    """Bytes of unknown tagged fields in one request."""

    requests_in_flight_per_conn: int = 64
    """Requests of one connection that wait for their answer before the node pauses reading from it."""

    queued_request_bytes: int = 256 * MIB
    """Bytes of requests that wait for their answer, with the objects made of them, over all connections, before the
    node pauses their readers."""

    connections_max: int = 10_000
    """Open connections; one more is closed at once."""

    connections_per_host: int = 10_000
    """Open connections of one peer address (Kafka's `max.connections.per.ip`)."""

    idle_ms_max: int = 600_000
    """A connection without a request for this long is closed: Kafka's `connections.max.idle.ms`."""

    # Records -----------------------------------------------------------------------------------------------------
    decompressed_bytes_factor: int = 10
    """A compressed batch may unpack to at most this many times `max.message.bytes` ..."""

    decompressed_bytes_max: int = 64 * MIB
    """... and never to more than this."""

    zstd_window_log_max: int = 23
    """zstd frames that ask for a larger window (2^23 = 8 MiB) are refused."""

    walked_records_max: int = 100_000
    """Records of one batch where each must be looked at (about 1 µs a record, in which the node does nothing else)."""

    # The log -----------------------------------------------------------------------------------------------------
    journal_bytes_max: int = 64 * MIB
    """The commit journal is checkpointed, and begun anew, when it has grown to this."""

    direct_sync_files: int = 2
    """A commit group with at most this many dirty files syncs them directly instead of going through the journal."""

    recent_batches: int = 64
    """Batch positions remembered exactly at the tail of each partition, so that a tailing reader needs no scan."""

    index_bytes_total: int = 64 * MIB
    """Index entries of all closed segments held in memory; the least recently used go first."""

    recovery_read_bytes: int = 1 * MIB
    """Bytes read at once while a log is recovered or its index rebuilt."""

    producers_per_partition: int = 10_000
    """Idempotent producers remembered in one partition; the one unused for longest is forgotten first."""

    producer_undos: int = 1024
    """Producer states of one partition kept so that appends which never happened can be taken back."""

    checkpoint_bytes_max: int = 256 * MIB
    """The commit journal is also begun anew after this many bytes of appends, to bound what recovery reads."""

    journal_range_bytes_max: int = 1 * MIB
    """A file with more unsynced bytes than this is synced itself: writing them twice would cost more."""

    certificate_ms: int = 50
    """A tail certificate follows the sync it certifies within this time."""

    disk_reserve_bytes: int = 16 * MIB
    """Given up when the disk is full, so that metadata can still be written; taken again when space is back."""

    full_retry_ms: int = 5_000
    """How often a full disk is tried again."""

    # Fetch -------------------------------------------------------------------------------------------------------
    fetch_bytes_max: int = 55 * MIB
    """A fetch response holds at most this much: Kafka's `fetch.max.bytes` on the broker."""

    fetch_partitions_max: int = 20_000
    """Partitions in one fetch or one fetch session."""

    fetch_sessions: int = 1_000
    """Incremental fetch sessions: Kafka's `max.incremental.fetch.session.cache.slots`."""

    fetch_session_partitions: int = 200_000
    """Partitions remembered in all fetch sessions together; a fetch beyond it is served without a session."""

    parked_requests: int = 100_000
    """Requests that wait for data, replication or a rebalance, over all connections."""

    # Cluster objects ---------------------------------------------------------------------------------------------
    partitions_max: int = 200_000
    """Partitions of all topics."""

    partitions_per_request: int = 10_000
    """Partitions that one CreateTopics or CreatePartitions may ask for."""

    auto_created_topics_per_request: int = 1_000
    """Topics that one Metadata request creates by naming them (about 1 ms each); the client asks again for the rest."""

    configs_per_resource: int = 256
    """Overridden settings of one topic or broker."""

    # Groups ------------------------------------------------------------------------------------------------------
    groups_per_shard: int = 10_000
    """Groups, with or without members, of one partition of `__consumer_offsets`."""

    group_members_max: int = 10_000
    """Members of one group, and dynamic member ids handed out to it that have not joined yet."""

    group_metadata_bytes_max: int = 1 * MIB
    """Bytes of subscription metadata and assignment of one member."""

    offsets_per_group: int = 100_000
    """Committed offsets kept for one group."""

    group_history: int = 32
    """Lines of a group's history kept in memory: who joined, why a generation ended."""

    foreign_records_per_shard: int = 100_000
    """Records of kinds this broker does not know, kept and restated in one partition of `__consumer_offsets`."""

    # The driver --------------------------------------------------------------------------------------------------
    receive_buffer_bytes: int = 256 * KIB
    """The one buffer that every connection is read into; a larger frame gets a buffer of its own."""

    partial_bytes_first: int = 16 * KIB
    """A frame of which more than this has come gets a buffer of its own, up to four times what came."""

    partial_bytes_total: int = 256 * MIB
    """Room for unfinished frames of all connections together; beyond it only the oldest of them may grow."""

    partial_grace_ms: int = 30_000
    """An unfinished frame may take this long, and as much longer as it brings bytes at ..."""

    partial_bytes_per_s_min: int = 8 * KIB
    """... this rate; then its connection is closed."""

    send_pause_bytes: int = 64 * KIB
    """A connection with more than this still to send is not read from."""

    send_timeout_ms: int = 30_000
    """A peer that took no byte of its answers for this long is closed."""

    send_bytes_total: int = 256 * MIB
    """Answers held in memory for peers that do not read, over all connections; a peer that adds to more is closed."""

    send_bytes_per_round: int = 4 * MIB
    """Bytes sent to one connection before the others get their turn."""

    accepts_per_round: int = 64
    """Connections accepted before those that are open get their turn."""

    open_files: int = 512
    """Files kept open; those in use, or with bytes not yet synced, may exceed it for a moment."""

    stop_ms_max: int = 30_000
    """Time a node has between `Stopping` and `Halt`."""


def bounded_by(limits: Limits, config: BrokerConfig) -> Limits:
    """The bounds in force: those of the code, narrowed by those that Kafka's settings name; -1 there is no bound."""
    idle = config.connections_max_idle_ms
    queued = config.queued_max_request_bytes
    return attrs.evolve(
        limits,
        frame_bytes_max=min(limits.frame_bytes_max, config.socket_request_max_bytes),
        connections_max=min(limits.connections_max, config.max_connections),
        connections_per_host=min(limits.connections_per_host, config.max_connections_per_ip),
        idle_ms_max=idle if idle >= 0 else IDLE_FOREVER_MS,
        queued_request_bytes=min(limits.queued_request_bytes, queued) if queued > 0 else limits.queued_request_bytes,
        fetch_bytes_max=min(limits.fetch_bytes_max, config.fetch_max_bytes),
        fetch_sessions=min(limits.fetch_sessions, config.max_incremental_fetch_session_cache_slots),
    )
