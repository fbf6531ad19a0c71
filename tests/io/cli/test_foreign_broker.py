"""The client against a broker we did not write: librdkafka's mock cluster, in C."""

import subprocess
import sys
from pathlib import Path

import pytest

MOCK = Path(__file__).parents[2] / "bench" / "mock.py"


@pytest.fixture(scope="module")
def mock():
    pytest.importorskip("confluent_kafka")
    command = [sys.executable, str(MOCK), "--topic", "t:3", "--topic", "u:1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        address = process.stdout.readline().decode().strip()
        yield address
        process.terminate()


@pytest.fixture(autouse=True)
def at_mock(mock, monkeypatch):
    monkeypatch.setenv("ODRADEK_BROKERS", mock)


def test_its_topics_are_listed(odradek):
    assert odradek.ok("topic", "list").lines == ["t", "u"]


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_records_go_in_and_come_out(odradek, codec):
    values = [b"%s %d" % (codec.encode(), n) for n in range(200)]

    odradek.ok("produce", "t", "-z", codec, "-K", " ", stdin=b"\n".join(values))

    found = odradek.ok("consume", "t", "-e", "-f", "%k %v\n").bytes.splitlines()
    assert sorted(line for line in found if line.startswith(codec.encode() + b" ")) == sorted(values)


def test_offsets_are_told_and_found_again(odradek):
    told = odradek.ok("produce", "u", "-o", "%o\n", stdin=b"a\nb\nc\n").lines

    assert odradek.ok("consume", "u", "-e", "-o", told[1]).lines == ["b", "c"]


def test_what_it_does_not_serve_is_one_line(odradek):
    found = odradek("topic", "create", "new")

    assert found.code == 1
    assert "CreateTopics cannot be used" in found.err
    assert found.err.count("\n") == 1
