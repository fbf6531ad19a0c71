"""Nodes that come and go: broker registration, heartbeat and removal, controller registration.

Structs that Kafka names alike in several messages carry the message's name in front here: `Feature`, `Listener`.
"""

from __future__ import annotations

from odradek.core.wire.schema import array, boolean, int16, int32, int64, message, string, struct, uint16, uuid


@struct
class BrokerRegistrationRequestListener:
    name: str = string()
    host: str = string()
    port: int = uint16()
    security_protocol: int = int16()


@struct
class BrokerRegistrationRequestFeature:
    name: str = string()
    min_supported_version: int = int16()
    max_supported_version: int = int16()


@message(key=62, versions=(0, 4), flexible=0)
class BrokerRegistrationRequest:
    """A broker registers, with its addresses and features."""

    broker_id: int = int32()
    cluster_id: str = string()
    incarnation_id: bytes = uuid()
    listeners: tuple[BrokerRegistrationRequestListener, ...] = array(BrokerRegistrationRequestListener)
    features: tuple[BrokerRegistrationRequestFeature, ...] = array(BrokerRegistrationRequestFeature)
    rack: str | None = string(nullable=True)
    is_migrating_zk_broker: bool = boolean(since=1)
    log_dirs: tuple[bytes, ...] = array(uuid, since=2, ignorable=True)
    previous_broker_epoch: int = int64(since=3, default=-1, ignorable=True)


@message(key=62, versions=(0, 4), flexible=0)
class BrokerRegistrationResponse:
    """The broker epoch it has been given."""

    throttle_time_ms: int = int32()
    error_code: int = int16()
    broker_epoch: int = int64(default=-1)


@message(key=63, versions=(0, 2), flexible=0)
class BrokerHeartbeatRequest:
    """A broker says that it is alive, and what it wants."""

    broker_id: int = int32()
    broker_epoch: int = int64(default=-1)
    current_metadata_offset: int = int64()
    want_fence: bool = boolean()
    want_shut_down: bool = boolean()
    offline_log_dirs: tuple[bytes, ...] = array(uuid, since=1, tag=0)
    cordoned_log_dirs: tuple[bytes, ...] | None = array(uuid, since=2, default=None, nullable=True, tag=1)


@message(key=63, versions=(0, 2), flexible=0)
class BrokerHeartbeatResponse:
    """Whether it is fenced, and may shut down."""

    throttle_time_ms: int = int32()
    error_code: int = int16()
    is_caught_up: bool = boolean()
    is_fenced: bool = boolean(default=True)
    should_shut_down: bool = boolean()


@message(key=64, versions=(0, 0), flexible=0)
class UnregisterBrokerRequest:
    """Forget a broker."""

    broker_id: int = int32()


@message(key=64, versions=(0, 0), flexible=0)
class UnregisterBrokerResponse:
    """The outcome."""

    throttle_time_ms: int = int32()
    error_code: int = int16()
    error_message: str | None = string(nullable=True)


@struct
class ControllerRegistrationRequestListener:
    name: str = string()
    host: str = string()
    port: int = uint16()
    security_protocol: int = int16()


@struct
class ControllerRegistrationRequestFeature:
    name: str = string()
    min_supported_version: int = int16()
    max_supported_version: int = int16()


@message(key=70, versions=(0, 0), flexible=0)
class ControllerRegistrationRequest:
    """A controller registers its addresses and features."""

    controller_id: int = int32()
    incarnation_id: bytes = uuid()
    zk_migration_ready: bool = boolean()
    listeners: tuple[ControllerRegistrationRequestListener, ...] = array(ControllerRegistrationRequestListener)
    features: tuple[ControllerRegistrationRequestFeature, ...] = array(ControllerRegistrationRequestFeature)


@message(key=70, versions=(0, 0), flexible=0)
class ControllerRegistrationResponse:
    """The outcome."""

    throttle_time_ms: int = int32()
    error_code: int = int16()
    error_message: str | None = string(nullable=True)
