"""Metadata, DescribeCluster, DescribeTopicPartitions, FindCoordinator: where things are.

Knows: the address that each client is told.  Does not know: how topics come to be (that is `topics`).
Invariant: a partition is told only when it can be written and read at once.
"""

from odradek.core.broker import Broker, Topic
from odradek.core.errors import ErrorCode
from odradek.core.machine import Out
from odradek.core.quorum.names import OFFSETS_TOPIC, why_invalid
from odradek.core.replica.leader import Leader
from odradek.core.requests.topics import create_missing
from odradek.core.session import Call
from odradek.core.types import NO_TOPIC_ID, Now
from odradek.core.wire.cluster import DescribeClusterBroker, DescribeClusterResponse
from odradek.core.wire.membership import Coordinator, FindCoordinatorRequest, FindCoordinatorResponse
from odradek.core.wire.metadata import (
    DescribeTopicPartitionsRequest,
    DescribeTopicPartitionsResponse,
    DescribeTopicPartitionsResponseCursor,
    DescribeTopicPartitionsResponsePartition,
    DescribeTopicPartitionsResponseTopic,
    MetadataRequest,
    MetadataRequestTopic,
    MetadataResponse,
    MetadataResponseBroker,
    MetadataResponsePartition,
    MetadataResponseTopic,
)

ENDPOINT_BROKERS = 1
GROUP_KEY = 0
NOT_ASKED = -(2**31)
"""Authorized operations when the client did not ask for them."""

TOPIC_OPERATIONS = sum(1 << operation for operation in (3, 4, 5, 6, 7, 8, 10, 11))
"""READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS (KIP-430): without ACLs, everything."""

CLUSTER_OPERATIONS = sum(1 << operation for operation in (5, 7, 8, 9, 10, 11, 12))
"""CREATE, ALTER, DESCRIBE, CLUSTER_ACTION, DESCRIBE_CONFIGS, ALTER_CONFIGS, IDEMPOTENT_WRITE (KIP-430)."""

PARTITIONS_PER_PAGE = 2000
"""Kafka's `max.request.partition.size.limit`."""


def metadata(broker: Broker, call: Call, now: Now, out: Out) -> None:
    """Answer a Metadata request (key 3), once the topics it may create can be used."""
    body: MetadataRequest = call.body
    if body.topics is None or (call.version == 0 and not body.topics):
        _answer(broker, call, {}, out)
        return
    may_create = broker.config.auto_create_topics_enable and (call.version < 4 or body.allow_auto_topic_creation)
    names = [topic.name for topic in body.topics if topic.topic_id == NO_TOPIC_ID and topic.name is not None]
    missing = [name for name in dict.fromkeys(names) if name not in broker.topics and why_invalid(name) is None]
    if may_create and missing:
        create_missing(broker, call, missing[: broker.limits.auto_created_topics_per_request], _answer, now, out)
    else:
        _answer(broker, call, {}, out)


def _answer(broker: Broker, call: Call, errors: dict[str, ErrorCode], out: Out) -> None:
    body: MetadataRequest = call.body
    wanted = body.topics
    if wanted is None or (call.version == 0 and not wanted):
        wanted = tuple(MetadataRequestTopic(name=name) for name in sorted(broker.topics))
    host, port = broker.address_for(call.session)
    operations = TOPIC_OPERATIONS if body.include_topic_authorized_operations else NOT_ASKED
    response = MetadataResponse(
        brokers=(
            MetadataResponseBroker(node_id=broker.config.node_id, host=host, port=port, rack=broker.config.broker_rack),
        ),
        cluster_id=broker.cluster_id,
        controller_id=broker.config.node_id,
        topics=tuple(_topic(broker, topic, errors, operations, call.version) for topic in _once(wanted)),
    )
    if body.include_cluster_authorized_operations:
        response.cluster_authorized_operations = CLUSTER_OPERATIONS
    broker.reply(call, response, out)


def _once(wanted: tuple[MetadataRequestTopic, ...]) -> list[MetadataRequestTopic]:
    """Each topic once, as in Kafka: a request that names a large one over and over gets no larger answer."""
    return list({(topic.name, topic.topic_id): topic for topic in wanted}.values())


def _topic(
    broker: Broker, wanted: MetadataRequestTopic, errors: dict[str, ErrorCode], operations: int, version: int
) -> MetadataResponseTopic:
    by_id = wanted.topic_id != NO_TOPIC_ID
    topic = broker.topic_of(wanted.name or "", wanted.topic_id, by_id)
    if topic is not None:
        return MetadataResponseTopic(
            name=topic.name,
            topic_id=topic.id,
            is_internal=topic.internal,
            partitions=tuple(_partition(leader) for leader in topic.leaders),
            topic_authorized_operations=operations,
        )
    if by_id:
        code = ErrorCode.UNKNOWN_TOPIC_ID
    elif wanted.name is None:
        code = ErrorCode.INVALID_REQUEST
    elif why_invalid(wanted.name) is not None:
        code = ErrorCode.INVALID_TOPIC_EXCEPTION
    else:
        code = errors.get(wanted.name, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    name = None if by_id and version >= 12 else wanted.name or ""
    return MetadataResponseTopic(error_code=code, name=name, topic_id=wanted.topic_id)


def _partition(leader: Leader) -> MetadataResponsePartition:
    failed = leader.failure is not None
    return MetadataResponsePartition(
        error_code=ErrorCode.LEADER_NOT_AVAILABLE if failed else ErrorCode.NONE,
        partition_index=leader.partition.partition,
        leader_id=-1 if failed else leader.replicas[0],
        leader_epoch=leader.epoch,
        replica_nodes=leader.replicas,
        isr_nodes=leader.isr,
        offline_replicas=leader.replicas if failed else (),
    )


def describe_cluster(broker: Broker, call: Call, now: Now, out: Out) -> None:
    """Answer a DescribeCluster request (key 60)."""
    body = call.body
    response = DescribeClusterResponse(endpoint_type=body.endpoint_type, cluster_id=broker.cluster_id)
    if call.version >= 1 and body.endpoint_type != ENDPOINT_BROKERS:
        response.error_code = ErrorCode.MISMATCHED_ENDPOINT_TYPE
        response.error_message = (
            f"endpoint type {body.endpoint_type} was asked of a broker, it serves {ENDPOINT_BROKERS}"
        )
    else:
        host, port = broker.address_for(call.session)
        response.controller_id = broker.config.node_id
        response.brokers = (
            DescribeClusterBroker(
                broker_id=broker.config.node_id, host=host, port=port, rack=broker.config.broker_rack
            ),
        )
        if body.include_cluster_authorized_operations:
            response.cluster_authorized_operations = CLUSTER_OPERATIONS
    broker.reply(call, response, out)


def describe_topic_partitions(broker: Broker, call: Call, now: Now, out: Out) -> None:
    """Answer a DescribeTopicPartitions request (key 75): topics by name, a page of partitions at a time (KIP-966)."""
    body: DescribeTopicPartitionsRequest = call.body
    names = sorted({topic.name for topic in body.topics}) if body.topics else sorted(broker.topics)
    cursor = body.cursor
    first = 0
    if cursor is not None:
        names = [name for name in names if name >= cursor.topic_name]
        first = cursor.partition_index if names and names[0] == cursor.topic_name else 0
        if first < 0:
            broker.reply(
                call,
                DescribeTopicPartitionsResponse(topics=(_unknown(cursor.topic_name, ErrorCode.INVALID_REQUEST),)),
                out,
            )
            return
    left = max(1, min(body.response_partition_limit, PARTITIONS_PER_PAGE))
    topics = []
    next_cursor = None
    for name in names:
        topic = broker.topics.get(name)
        if topic is None:
            bad = why_invalid(name) is not None
            code = ErrorCode.INVALID_TOPIC_EXCEPTION if bad else ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
            topics.append(_unknown(name, code))
            continue
        if left == 0:
            next_cursor = DescribeTopicPartitionsResponseCursor(topic_name=name, partition_index=0)
            break
        shown = topic.leaders[first : first + left]
        topics.append(_described(topic, shown))
        left -= len(shown)
        if first + len(shown) < len(topic.leaders):
            next_cursor = DescribeTopicPartitionsResponseCursor(topic_name=name, partition_index=first + len(shown))
            break
        first = 0
    broker.reply(call, DescribeTopicPartitionsResponse(topics=tuple(topics), next_cursor=next_cursor), out)


def _unknown(name: str, code: ErrorCode) -> DescribeTopicPartitionsResponseTopic:
    return DescribeTopicPartitionsResponseTopic(error_code=code, name=name)


def _described(topic: Topic, leaders: list[Leader]) -> DescribeTopicPartitionsResponseTopic:
    partitions = []
    for leader in leaders:
        told = _partition(leader)
        partitions.append(
            DescribeTopicPartitionsResponsePartition(
                error_code=told.error_code,
                partition_index=told.partition_index,
                leader_id=told.leader_id,
                leader_epoch=told.leader_epoch,
                replica_nodes=told.replica_nodes,
                isr_nodes=told.isr_nodes,
                eligible_leader_replicas=(),
                last_known_elr=(),
                offline_replicas=told.offline_replicas,
            )
        )
    return DescribeTopicPartitionsResponseTopic(
        name=topic.name,
        topic_id=topic.id,
        is_internal=topic.internal,
        partitions=tuple(partitions),
        topic_authorized_operations=TOPIC_OPERATIONS,
    )


def find_coordinator(broker: Broker, call: Call, now: Now, out: Out) -> None:
    """Answer a FindCoordinator request (key 10); the first one creates `__consumer_offsets`."""
    body: FindCoordinatorRequest = call.body
    if body.key_type == GROUP_KEY and OFFSETS_TOPIC not in broker.topics:
        create_missing(broker, call, [OFFSETS_TOPIC], _found, now, out)
    else:
        _found(broker, call, {}, out)


def _found(broker: Broker, call: Call, errors: dict[str, ErrorCode], out: Out) -> None:
    body: FindCoordinatorRequest = call.body
    keys = body.coordinator_keys if call.version >= 4 else (body.key,)
    found = tuple(_coordinator(broker, call, key, body.key_type) for key in keys)
    if call.version >= 4:
        broker.reply(call, FindCoordinatorResponse(coordinators=found), out)
        return
    only = found[0]
    response = FindCoordinatorResponse(
        error_code=only.error_code,
        error_message=only.error_message,
        node_id=only.node_id,
        host=only.host,
        port=only.port,
    )
    broker.reply(call, response, out)


def _coordinator(broker: Broker, call: Call, key: str, key_type: int) -> Coordinator:
    nobody = Coordinator(key=key, node_id=-1, host="", port=-1, error_message=None)
    if key_type != GROUP_KEY:
        nobody.error_code = ErrorCode.INVALID_REQUEST
        nobody.error_message = f"key type {key_type} is not served, only consumer groups (0) are"
        return nobody
    if OFFSETS_TOPIC not in broker.topics:
        nobody.error_code = ErrorCode.COORDINATOR_NOT_AVAILABLE
        return nobody
    host, port = broker.address_for(call.session)
    return Coordinator(key=key, node_id=broker.config.node_id, host=host, port=port, error_message=None)
