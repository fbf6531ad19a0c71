"""The cluster as a whole: DescribeCluster."""

from __future__ import annotations

from odradek.core.wire.schema import array, boolean, int8, int16, int32, message, string, struct


@message(key=60, versions=(0, 2), flexible=0)
class DescribeClusterRequest:
    """Ask for the id and the nodes of the cluster."""

    include_cluster_authorized_operations: bool = boolean()
    endpoint_type: int = int8(since=1, default=1)
    include_fenced_brokers: bool = boolean(since=2)


@struct
class DescribeClusterBroker:
    broker_id: int = int32()
    host: str = string()
    port: int = int32()
    rack: str | None = string(default=None, nullable=True)
    is_fenced: bool = boolean(since=2)


@message(key=60, versions=(0, 2), flexible=0)
class DescribeClusterResponse:
    """The cluster's id, controller and nodes."""

    throttle_time_ms: int = int32()
    error_code: int = int16()
    error_message: str | None = string(default=None, nullable=True)
    endpoint_type: int = int8(since=1, default=1)
    cluster_id: str = string()
    controller_id: int = int32(default=-1)
    brokers: tuple[DescribeClusterBroker, ...] = array(DescribeClusterBroker)
    cluster_authorized_operations: int = int32(default=-2147483648)
