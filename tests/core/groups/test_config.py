import pytest

from odradek.core.groups.config import GroupConfig

# What a Kafka 4.x broker has when nobody sets it.
DEFAULTS = {
    "group_min_session_timeout_ms": 6_000,
    "group_max_session_timeout_ms": 30 * 60_000,
    "group_max_size": 2_147_483_647,
    "group_initial_rebalance_delay_ms": 3_000,
    "offsets_retention_ms": 7 * 24 * 60 * 60_000,
    "offsets_retention_check_interval_ms": 10 * 60_000,
    "offset_metadata_max_bytes": 4_096,
    "batch_bytes_max": 1_048_588,
}


@pytest.mark.parametrize(("name", "value"), DEFAULTS.items())
def test_the_defaults_are_kafkas(name: str, value: int) -> None:
    assert getattr(GroupConfig(), name) == value
