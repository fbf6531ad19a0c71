"""Topics and their settings: create, describe, alter, delete.

Knows: the admin requests about topics.  Does not know: how anything is printed.
Invariant: each topic that was asked for has an outcome, None where all went well.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from odradek.core.errors import ErrorCode
from odradek.core.wire.configs import (
    AlterConfigsRequest,
    AlterConfigsRequestAlterableConfig,
    AlterConfigsRequestAlterConfigsResource,
    DescribeConfigsRequest,
    DescribeConfigsResource,
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsRequestAlterableConfig,
    IncrementalAlterConfigsRequestAlterConfigsResource,
)
from odradek.core.wire.topics import (
    CreatableTopic,
    CreatableTopicConfig,
    CreatePartitionsRequest,
    CreatePartitionsTopic,
    CreateTopicsRequest,
    DeleteTopicsRequest,
    DeleteTopicState,
)
from odradek.io.client import Client
from odradek.io.client_errors import ClientError, ServerError, check

TIMEOUT_MS = 30_000
DELETE_TOPICS = 20
INCREMENTAL = 44
DESCRIBE_TOPIC_PARTITIONS = 75
TOPIC = 2
"""The resource type of a topic."""

SET, DELETE = 0, 1
DEFAULT_CONFIG = 5
"""The source of a setting that nobody set."""

PASSING = (ErrorCode.NOT_CONTROLLER, ErrorCode.THROTTLING_QUOTA_EXCEEDED)
"""The errors of admin requests that are tried again; unknown topics are not among them."""

Outcomes = dict[str, ServerError | None]

Eligible = dict[tuple[str, int], tuple[Sequence[int], Sequence[int]]]
"""(topic, partition) -> (eligible leader replicas, last known ones)."""


class Setting(NamedTuple):
    """One setting of a topic.  `value` is None for a sensitive one; `default`: nobody set it."""

    name: str
    value: str | None
    default: bool


def create_topics(
    client: Client,
    names: Iterable[str],
    *,
    partitions: int = -1,
    replicas: int = -1,
    configs: Mapping[str, str],
    dry: bool = False,
) -> Outcomes:
    """Create topics; -1 is the broker's default.  `dry`: only find out whether it would work."""
    settings = tuple([CreatableTopicConfig(name=name, value=value) for name, value in configs.items()])
    wanted = tuple(
        [
            CreatableTopic(name=name, num_partitions=partitions, replication_factor=replicas, configs=settings)
            for name in names
        ]
    )
    request = CreateTopicsRequest(topics=wanted, timeout_ms=TIMEOUT_MS, validate_only=dry)
    return _outcomes(client, request, lambda answer: answer.topics)


def delete_topics(client: Client, names: Iterable[str]) -> Outcomes:
    """Delete topics with all their records."""
    names = tuple(names)

    def act() -> Outcomes:
        link = client.controller()
        if link.version(DELETE_TOPICS) >= 6:
            topics = tuple([DeleteTopicState(name=name) for name in names])
            answer = link.ask(DeleteTopicsRequest(topics=topics, timeout_ms=TIMEOUT_MS))
        else:
            answer = link.ask(DeleteTopicsRequest(topic_names=names, timeout_ms=TIMEOUT_MS))
        return _judged(answer.responses)

    return client.persist(act, passing=PASSING)


def grow_topic(client: Client, name: str, count: int) -> ServerError | None:
    """Raise the number of partitions to `count`."""
    topics = (CreatePartitionsTopic(name=name, count=count, assignments=None),)
    request = CreatePartitionsRequest(topics=topics, timeout_ms=TIMEOUT_MS)
    return _outcomes(client, request, lambda answer: answer.results)[name]


def alter_configs(
    client: Client, name: str, changes: Mapping[str, str], removals: Sequence[str], *, dry: bool = False
) -> None:
    """Set and remove single settings of a topic.  Raises `ServerError`."""

    def act() -> None:
        link = client.controller()
        if not link.has(INCREMENTAL):
            request: Any = _replacement(client, name, changes, removals, dry)
        else:
            entries: list[tuple[str, int, str | None]] = [(key, SET, value) for key, value in changes.items()]
            entries += [(key, DELETE, None) for key in removals]
            rows = [
                IncrementalAlterConfigsRequestAlterableConfig(name=key, config_operation=operation, value=value)
                for key, operation, value in entries
            ]
            resource = IncrementalAlterConfigsRequestAlterConfigsResource(
                resource_type=TOPIC, resource_name=name, configs=tuple(rows)
            )
            request = IncrementalAlterConfigsRequest(resources=(resource,), validate_only=dry)
        answer = link.ask(request)
        for row in answer.responses:
            check(row.error_code, f"topic {name}", row.error_message)

    client.persist(act, passing=PASSING)


def _replacement(
    client: Client, name: str, changes: Mapping[str, str], removals: Sequence[str], dry: bool
) -> AlterConfigsRequest:
    """For brokers before KIP-339: all settings at once."""
    present = {setting.name: setting.value for setting in topic_configs(client, (name,))[name] if not setting.default}
    wanted = {key: value for key, value in {**present, **changes}.items() if key not in removals}
    rows = tuple([AlterConfigsRequestAlterableConfig(name=key, value=value) for key, value in wanted.items()])
    resource = AlterConfigsRequestAlterConfigsResource(resource_type=TOPIC, resource_name=name, configs=rows)
    return AlterConfigsRequest(resources=(resource,), validate_only=dry)


def topic_configs(client: Client, names: Iterable[str]) -> dict[str, list[Setting]]:
    """All settings of each topic, by name."""
    resources = tuple(
        [DescribeConfigsResource(resource_type=TOPIC, resource_name=name, configuration_keys=None) for name in names]
    )

    def act() -> dict[str, list[Setting]]:
        answer = client.any().ask(DescribeConfigsRequest(resources=resources))
        found = {}
        for result in answer.results:
            check(result.error_code, f"topic {result.resource_name}", result.error_message)
            rows = [Setting(row.name, row.value, row.config_source == DEFAULT_CONFIG) for row in result.configs]
            found[result.resource_name] = sorted(rows)
        return found

    return client.persist(act, passing=PASSING) if resources else {}


def eligible_replicas(client: Client, names: Sequence[str]) -> Eligible:
    """The eligible leader replicas of each partition (KIP-966); empty where the broker knows no such thing."""
    link = client.any()
    found: Eligible = {}
    if not names or not link.has(DESCRIBE_TOPIC_PARTITIONS):
        return found
    from odradek.core.wire.metadata import (  # noqa: PLC0415 - only describe needs them
        DescribeTopicPartitionsRequest,
        DescribeTopicPartitionsRequestCursor,
        TopicRequest,
    )

    topics = tuple([TopicRequest(name=name) for name in sorted(names)])
    cursor = None
    while True:
        answer = link.ask(DescribeTopicPartitionsRequest(topics=topics, cursor=cursor))
        for topic in answer.topics:
            for row in topic.partitions:
                found[topic.name, row.partition_index] = (row.eligible_leader_replicas or (), row.last_known_elr or ())
        page = answer.next_cursor
        if page is None:
            return found
        cursor = DescribeTopicPartitionsRequestCursor(topic_name=page.topic_name, partition_index=page.partition_index)


def _outcomes(client: Client, request: Any, rows: Any) -> Outcomes:
    def act() -> Outcomes:
        return _judged(rows(client.controller().ask(request, timeout_s=TIMEOUT_MS / 1000 + 5)))

    return client.persist(act, passing=PASSING)


def _judged(rows: Iterable[Any]) -> Outcomes:
    found: Outcomes = {}
    for row in rows:
        error = ServerError(row.error_code, f"topic {row.name}", row.error_message) if row.error_code else None
        if error is not None and error.code in PASSING:
            raise error
        found[row.name or ""] = error
    if not found:
        raise ClientError("the broker's answer names no topic")
    return found
