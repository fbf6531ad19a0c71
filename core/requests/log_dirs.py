"""DescribeLogDirs: how much each partition takes on disk.

Knows: sizes of logs.  Does not know: the disk's own size, which is told as unknown (-1).
"""

from odradek.core.broker import Broker
from odradek.core.machine import Out
from odradek.core.session import Call
from odradek.core.types import Now
from odradek.core.wire.log_dirs import (
    DescribeLogDirsPartition,
    DescribeLogDirsRequest,
    DescribeLogDirsResponse,
    DescribeLogDirsResult,
    DescribeLogDirsTopic,
)


def describe_log_dirs(broker: Broker, call: Call, now: Now, out: Out) -> None:
    """Answer a DescribeLogDirs request (key 35, KIP-113).  The total and usable bytes of KIP-827 are -1: not known."""
    body: DescribeLogDirsRequest = call.body
    wanted: dict[str, list[int]] = {}
    if body.topics is None:
        wanted = {name: list(range(len(topic.leaders))) for name, topic in sorted(broker.topics.items())}
    else:
        for asked in body.topics:
            wanted.setdefault(asked.topic, []).extend(asked.partitions)
    topics = []
    for name, indexes in wanted.items():
        topic = broker.topics.get(name)
        if topic is None:
            continue
        partitions = tuple(
            DescribeLogDirsPartition(
                partition_index=index,
                partition_size=topic.leaders[index].log.size,
                offset_lag=max(0, topic.leaders[index].high - topic.leaders[index].log.end),
            )
            for index in dict.fromkeys(indexes)
            if 0 <= index < len(topic.leaders)
        )
        topics.append(DescribeLogDirsTopic(name=name, partitions=partitions))
    result = DescribeLogDirsResult(log_dir=broker.config.log_dirs[0], topics=tuple(topics))
    broker.reply(call, DescribeLogDirsResponse(results=(result,)), out)
