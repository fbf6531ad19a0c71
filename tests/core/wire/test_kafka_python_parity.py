"""A second opinion: kafka-python reads our frames and writes them again, unchanged, for the client APIs it knows.

Not ApiVersions: it keeps no throttle time of that response, so it cannot write it again.
"""

import random
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest

from odradek.core.wire import frames
from odradek.core.wire.registry import NAMES

APIS = (
    "Produce",
    "Fetch",
    "ListOffsets",
    "Metadata",
    "OffsetCommit",
    "OffsetFetch",
    "FindCoordinator",
    "JoinGroup",
    "Heartbeat",
    "LeaveGroup",
    "SyncGroup",
    "DescribeGroups",
    "ListGroups",
    "CreateTopics",
    "DeleteTopics",
    "InitProducerId",
    "DescribeConfigs",
)
MODULES = ("metadata", "consumer", "producer", "admin", "sasl")


def theirs(name: str) -> Any:
    """kafka-python's class of this name."""
    for module in MODULES:
        found = getattr(import_module(f"kafka.protocol.{module}"), name, None)
        if found is not None:
            return found
    raise LookupError(name)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("ending", ["Request", "Response"])
@pytest.mark.parametrize("name", APIS)
def test_kafka_python_reads_our_bytes_and_writes_the_same(
    name: str, ending: str, specimen: Callable[..., Any]
) -> None:
    api = NAMES[name]
    cls = api.request if ending == "Request" else api.response
    for version in range(max(api.lowest, 1), api.highest + 1):
        for seed in range(3):
            body = specimen(cls, version, random.Random(seed))
            if ending == "Request":
                chunks = frames.encode_request(api.key, version, 77, "client", body)
            else:
                chunks = frames.encode_response(api.key, version, 77, body)
            data = b"".join(bytes(chunk) for chunk in chunks)  # type: ignore[arg-type]
            read = theirs(name + ending).decode(data, version=version, header=True, framed=True)
            if ending == "Request":
                assert read.encode(version=version, header=True, framed=True) == data
            else:
                bare = type(read)(version=version, **{field: getattr(read, field) for field in type(read).fields})
                assert data.endswith(bare.encode(version=version)) and read.header.correlation_id == 77
