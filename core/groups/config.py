"""The settings of the group coordinator, by Kafka's names.

Knows: defaults of a single node.  Does not know: where they were read from.
"""

import attrs


@attrs.frozen(kw_only=True)
class GroupConfig:
    """Kafka's broker settings that shape groups.  Times in milliseconds, sizes in bytes."""

    group_min_session_timeout_ms: int = 6_000
    group_max_session_timeout_ms: int = 1_800_000

    group_max_size: int = 2**31 - 1
    """Members of one group (KIP-389); `Limits.group_members_max` bounds it as well."""

    group_initial_rebalance_delay_ms: int = 3_000
    """How long an empty group waits for more members before its first generation (KIP-134).  0: not at all."""

    offsets_retention_ms: int = 10_080 * 60_000
    """`offsets.retention.minutes`: how long offsets outlive their group's last member (KIP-211)."""

    offsets_retention_check_interval_ms: int = 600_000
    """How often a shard looks for expired offsets and for groups with nothing left to remember."""

    offset_metadata_max_bytes: int = 4_096
    """Longest metadata string of one committed offset, counted in UTF-8 bytes."""

    batch_bytes_max: int = 1_048_588
    """`max.message.bytes` of `__consumer_offsets`: what is appended at once never exceeds it."""
