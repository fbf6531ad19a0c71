"""DescribeLogDirs: how much each partition takes."""

from typing import Any

import pytest
from lab import Client
from talk import batch, booted, create, produce

from odradek.core.wire.log_dirs import DescribableLogDirTopic, DescribeLogDirsRequest


def described(client: Client, *wanted: tuple[str, tuple[int, ...]], version: int = 5) -> Any:
    topics = tuple(DescribableLogDirTopic(topic=name, partitions=indexes) for name, indexes in wanted) or None
    (result,) = client.ask(DescribeLogDirsRequest(topics=topics), version).results
    assert result.error_code == 0
    return {topic.name: {p.partition_index: p.partition_size for p in topic.partitions} for topic in result.topics}


@pytest.mark.parametrize("version", range(1, 6))
def test_sizes_of_all_partitions_are_told_in_every_version(version: int) -> None:
    _, client = booted()
    create(client, "t", 2)
    create(client, "u")
    data = batch(b"x" * 1000)
    produce(client, "t", data, 1)
    assert described(client, version=version) == {"t": {0: 0, 1: len(data)}, "u": {0: 0}}


def test_only_what_is_asked_for_and_there_is_told() -> None:
    _, client = booted()
    create(client, "t", 3)
    assert described(client, ("t", (2, 7, 2)), ("none", (0,))) == {"t": {2: 0}}


def test_the_directory_has_the_name_it_was_configured_with() -> None:
    lab, client = booted()
    (result,) = client.ask(DescribeLogDirsRequest(topics=None)).results
    assert result.log_dir == lab.node.broker.config.log_dirs[0]


def test_the_size_of_the_disk_is_not_known() -> None:
    _, client = booted()
    (result,) = client.ask(DescribeLogDirsRequest(topics=None)).results
    assert (result.total_bytes, result.usable_bytes) == (-1, -1)
