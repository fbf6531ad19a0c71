"""Feature levels of the cluster: UpdateFeatures."""

from __future__ import annotations

from odradek.core.wire.schema import array, boolean, int8, int16, int32, message, string, struct


@struct
class FeatureUpdateKey:
    feature: str = string()
    max_version_level: int = int16()
    allow_downgrade: bool = boolean(until=0)
    upgrade_type: int = int8(since=1, default=1)


@message(key=57, versions=(0, 2), flexible=0)
class UpdateFeaturesRequest:
    """Raise or lower the levels of features."""

    timeout_ms: int = int32(default=60000)
    feature_updates: tuple[FeatureUpdateKey, ...] = array(FeatureUpdateKey)
    validate_only: bool = boolean(since=1)


@struct
class UpdatableFeatureResult:
    feature: str = string()
    error_code: int = int16()
    error_message: str | None = string(nullable=True)


@message(key=57, versions=(0, 2), flexible=0)
class UpdateFeaturesResponse:
    """The outcome."""

    throttle_time_ms: int = int32()
    error_code: int = int16()
    error_message: str | None = string(nullable=True)
    results: tuple[UpdatableFeatureResult, ...] = array(UpdatableFeatureResult, until=1, ignorable=True)
