"""Fixtures of the compatibility scenarios: a fresh broker process per test, and workers that never outlive it.

A test that takes `client` or `writer` runs once per client, one that takes `codec` too once per codec that client has;
`needs_verbs` keeps a test to the clients that offer those calls.  A client that is absent here skips with the reason;
under CI=true it fails.
"""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # importlib mode: the harness stands beside the tests, in no package

from harness import ALL_CLIENTS, CLIENTS, REFERENCE, Client, Worker, why_absent

from odradek.io.testing import Broker


def pytest_generate_tests(metafunc):
    wanted = metafunc.fixturenames
    needed = getattr(metafunc.function, "needs_verbs", ())
    able = [client for client in ALL_CLIENTS if not client.cannot_do & set(needed)]
    if "client" in wanted and "codec" in wanted:
        pairs = [(client, codec) for client in able for codec in client.codecs]
        metafunc.parametrize(("client", "codec"), pairs, ids=[f"{client.name}-{codec}" for client, codec in pairs])
    elif "client" in wanted:
        metafunc.parametrize("client", able, ids=[client.name for client in able])
    elif "writer" in wanted:
        metafunc.parametrize("writer", able, ids=[client.name for client in able])


def present(client: Client) -> None:
    reason = why_absent(client)
    if reason and os.environ.get("CI") == "true":
        pytest.fail(f"{client.name}: {reason}; nothing is skipped in CI")
    if reason:
        pytest.skip(reason)


@pytest.fixture
def broker():
    with Broker(log_level="info") as running:
        yield running
        print(running.log())  # shown when the test fails


@pytest.fixture
def worker(broker):
    """`worker(client)` starts that client against this test's broker."""
    started = []

    def start(client: Client) -> Worker:
        present(client)
        started.append(Worker(client, broker.bootstrap_servers))
        return started[-1]

    yield start

    for one in started:
        one.crash()


@pytest.fixture
def helper(worker):
    """The client that does what the scenario needs done around the one under test."""
    return worker(REFERENCE)


@pytest.fixture
def clients():
    """The clients that are here; under CI=true that is all of them."""
    for client in ALL_CLIENTS if os.environ.get("CI") == "true" else ():
        present(client)
    return [client for client in CLIENTS.values() if why_absent(client) is None]
