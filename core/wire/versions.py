"""The first question of every client: ApiVersions."""

from __future__ import annotations

from odradek.core.wire.schema import array, boolean, int16, int32, int64, message, string, struct


@message(key=18, versions=(0, 4), flexible=3)
class ApiVersionsRequest:
    """Ask which APIs and versions are served; the first request of a connection."""

    client_software_name: str = string(since=3, ignorable=True)
    client_software_version: str = string(since=3, ignorable=True)


@struct
class ApiVersion:
    api_key: int = int16()
    min_version: int = int16()
    max_version: int = int16()


@struct
class SupportedFeatureKey:
    name: str = string()
    min_version: int = int16()
    max_version: int = int16()


@struct
class FinalizedFeatureKey:
    name: str = string()
    max_version_level: int = int16()
    min_version_level: int = int16()


@message(key=18, versions=(0, 4), flexible=3)
class ApiVersionsResponse:
    """The version ranges served, and the features of the cluster."""

    error_code: int = int16()
    api_keys: tuple[ApiVersion, ...] = array(ApiVersion)
    throttle_time_ms: int = int32(since=1, ignorable=True)
    supported_features: tuple[SupportedFeatureKey, ...] = array(SupportedFeatureKey, since=3, tag=0, ignorable=True)
    finalized_features_epoch: int = int64(since=3, default=-1, tag=1, ignorable=True)
    finalized_features: tuple[FinalizedFeatureKey, ...] = array(FinalizedFeatureKey, since=3, tag=2, ignorable=True)
    zk_migration_ready: bool = boolean(since=3, tag=3, ignorable=True)
