"""Client metrics (KIP-714): GetTelemetrySubscriptions and PushTelemetry."""

from __future__ import annotations

from odradek.core.wire.schema import array, boolean, bytes_, int8, int16, int32, message, string, uuid


@message(key=71, versions=(0, 0), flexible=0)
class GetTelemetrySubscriptionsRequest:
    """Ask which metrics to push."""

    client_instance_id: bytes = uuid()


@message(key=71, versions=(0, 0), flexible=0)
class GetTelemetrySubscriptionsResponse:
    """The subscription, and how often to push."""

    throttle_time_ms: int = int32()
    error_code: int = int16()
    client_instance_id: bytes = uuid()
    subscription_id: int = int32()
    accepted_compression_types: tuple[int, ...] = array(int8)
    push_interval_ms: int = int32()
    telemetry_max_bytes: int = int32()
    delta_temporality: bool = boolean()
    requested_metrics: tuple[str, ...] = array(string)


@message(key=72, versions=(0, 0), flexible=0)
class PushTelemetryRequest:
    """Push metrics."""

    client_instance_id: bytes = uuid()
    subscription_id: int = int32()
    terminating: bool = boolean()
    compression_type: int = int8()
    metrics: bytes = bytes_()


@message(key=72, versions=(0, 0), flexible=0)
class PushTelemetryResponse:
    """The outcome."""

    throttle_time_ms: int = int32()
    error_code: int = int16()
