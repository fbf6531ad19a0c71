"""The command line and a broker that dies under it."""

import subprocess
import sys

import pytest

from odradek.io.testing import Broker

COMMAND = (sys.executable, "-P", "-m", "odradek.io.main")


@pytest.fixture
def mortal(monkeypatch):
    with Broker() as broker:
        monkeypatch.setenv("ODRADEK_BROKERS", broker.bootstrap_servers)
        yield broker


def test_nothing_is_lost_or_doubled_when_the_broker_is_killed_in_the_middle(odradek, mortal):
    odradek.ok("topic", "create", "t", "-p", 2)
    with subprocess.Popen([*COMMAND, "produce", "t", "-o", "%v\n"], stdin=-1, stdout=-1, stderr=-1) as producer:
        for n in range(60):
            if n in (20, 40):
                mortal.kill()
                mortal.start()
            producer.stdin.write(b"%d\n" % n)
            producer.stdin.flush()
            if n % 5 == 0:
                assert producer.stdout.readline()
        _, err = producer.communicate(timeout=30)
        assert (producer.returncode, err) == (0, b"")

    found = odradek.ok("consume", "t", "-e").lines
    assert sorted(map(int, found)) == list(range(60))


def test_a_consumer_goes_on_after_the_broker_came_back(odradek, mortal):
    odradek.ok("topic", "create", "t")
    with subprocess.Popen([*COMMAND, "consume", "t", "-g", "g", "-n", "2"], stdout=-1, stderr=-1) as consumer:
        odradek.ok("produce", "t", stdin=b"one\n")
        assert consumer.stdout.readline() == b"one\n"
        mortal.kill()
        mortal.start()
        odradek.ok("produce", "t", stdin=b"two\n")
        out, err = consumer.communicate(timeout=30)

    assert (consumer.returncode, out, err) == (0, b"two\n", b"")
    (row,) = odradek.ok("group", "describe", "g", "-o", "json").objects
    assert row["current_offset"] == 2
