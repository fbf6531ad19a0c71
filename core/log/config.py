"""The settings of one log, as the topic's and the broker's configuration give them.

Knows: Kafka's names, units and defaults.  Does not know: where a setting came from.
"""

from enum import IntEnum

import attrs


class Durability(IntEnum):
    """What an acknowledgement waits for on this node."""

    SYNC = 0
    """Written and synced, by group commit."""

    REPLICATED = 1
    """Written to the page cache; synced behind, at checkpoints."""

    INTERVAL = 2
    """Written; synced behind at most `flush_ms` after it was written."""


@attrs.frozen(kw_only=True)
class LogConfig:
    """All bounds are inclusive; -1 means no bound where Kafka says so."""

    durability: Durability = Durability.SYNC
    flush_ms: int = 1000
    """INTERVAL only: at most this long after it was written a byte is asked to be synced."""

    segment_bytes: int = 1 << 30
    segment_ms: int = 7 * 24 * 3_600_000
    segment_jitter_ms: int = 0
    index_interval_bytes: int = 4096
    segment_index_bytes: int = 10 << 20
    """Eight bytes each, as Kafka counts them: a segment whose index is full is rolled."""

    retention_ms: int = 7 * 24 * 3_600_000
    retention_bytes: int = -1
    retention_check_ms: int = 300_000
    """Kafka's `log.retention.check.interval.ms`."""

    deletes: bool = True
    """`cleanup.policy` holds `delete`: retention applies.  A log start offset moved by DeleteRecords always applies."""

    file_delete_delay_ms: int = 60_000
    """A removed segment's file stays this long for readers that hold a slice of it."""

    producer_expiration_ms: int = 86_400_000
    """Kafka's `producer.id.expiration.ms`."""

    log_append_time: bool = False
    """`message.timestamp.type` is LogAppendTime: the broker's time replaces the client's."""

    system: bool = False
    """The metadata log, `__consumer_offsets`, `__transaction_state`: may use the reserve of a full disk."""
