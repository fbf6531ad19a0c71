"""Importlib mode: the bench of whole nodes stands in tests/core, the specimens beside these tests; neither is a
package."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent / "core")]

import pytest  # noqa: E402
from outside import Peer  # noqa: E402
from victim import Victim  # noqa: E402

from odradek.io.testing import Broker  # noqa: E402


@pytest.fixture
def victim():
    """A node on the bench that serves a topic, a group coordinator and a bystander."""
    return Victim()


@pytest.fixture
def attacked():
    """Start a real broker: `attacked(**config)` with dots as underscores; returns it and a healthy client's
    connection."""
    running = []

    def start(log_level="warning", **config):
        broker = Broker(
            config={name.replace("_", "."): str(value) for name, value in config.items()}, log_level=log_level
        )
        broker.start()
        running.append(broker)
        return broker, Peer(broker)

    yield start
    for broker in running:
        broker.__exit__(None, None, None)
