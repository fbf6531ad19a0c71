"""A controller over an image with brokers, and the way a decision becomes the image."""

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from odradek.core.configs import BrokerConfig, parse_broker
from odradek.core.limits import Limits
from odradek.core.quorum.controller import Controller
from odradek.core.quorum.image import Endpoint, Image
from odradek.core.quorum.view import Decision
from odradek.core.types import NodeId

ENDPOINT = Endpoint("PLAINTEXT", "localhost", 9092)


class Cluster:
    """A controller whose decisions are committed at once."""

    def __init__(self, brokers: int = 1, config: BrokerConfig | None = None, limits: Limits | None = None) -> None:
        self.image = Image("a-cluster")
        self.controller = Controller(self.image, config or parse_broker({}), limits or Limits(), Random(7))
        self.log: list[Any] = []
        for node in range(brokers):
            self.commit(self.controller.register_broker(NodeId(node), bytes(16), (ENDPOINT,), None, node + 1))

    def commit(self, decision: Decision[Any]) -> Any:
        for record in decision.records:
            self.image.apply(record)
            self.log.append(record)
        return decision.reply


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture(scope="session")
def cluster_of() -> Callable[..., Cluster]:
    return Cluster
