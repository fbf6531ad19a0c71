"""Fixtures for tests that need a broker: `kafka_broker` and `kafka_topic`.

Knows: pytest.  Does not know: anything heavy until a test asks for a broker.
Invariant: a test run that uses neither fixture pays for importing this file only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from odradek.io.testing import Broker

TOPIC_CHARS_MAX = 100


@pytest.fixture(scope="session")
def kafka_broker() -> Iterator[Broker]:
    """One broker for the whole run (each xdist worker has its own).  `kafka_broker.bootstrap_servers` is its
    address.
    """
    from odradek.io.testing import Broker  # noqa: PLC0415 - see the invariant

    with Broker() as broker:
        yield broker


@pytest.fixture
def kafka_topic(kafka_broker: Broker, request: pytest.FixtureRequest) -> str:
    """The name of a topic with one partition that no other test uses, ready to be written to and read from."""
    from uuid import uuid4  # noqa: PLC0415 - see the invariant

    from odradek.io.client import Client  # noqa: PLC0415 - see the invariant
    from odradek.io.client_admin import create_topics  # noqa: PLC0415 - see the invariant

    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", request.node.name)[:TOPIC_CHARS_MAX]
    name = f"{safe}-{uuid4().hex[:8]}"
    with Client(kafka_broker.bootstrap_servers) as client:
        error = create_topics(client, [name], partitions=1, configs={})[name]
    if error is not None:
        raise error
    return name
