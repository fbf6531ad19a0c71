"""Running the command line inside the test's process, with real files for standard input and output."""

import json
import subprocess
import sys

import pytest

from odradek.io.main import main
from odradek.io.testing import Broker


class Outcome:
    """What a command left behind."""

    def __init__(self, code, out, err):
        self.code = code
        self.bytes = out
        self.err = err.decode()

    @property
    def out(self):
        return self.bytes.decode()

    @property
    def lines(self):
        return self.out.splitlines()

    @property
    def objects(self):
        return [json.loads(line) for line in self.lines]


@pytest.fixture
def odradek(monkeypatch, capfdbinary, tmp_path):
    """`odradek("topic", "list", stdin=b"…")` runs a command; `odradek.ok` insists on exit code 0."""

    def run(*argv, stdin=b""):
        path = tmp_path / "stdin"
        path.write_bytes(stdin)
        with path.open("rb") as file:
            monkeypatch.setattr(sys, "stdin", type("Stdin", (), {"buffer": file, "isatty": lambda self: False})())
            code = main([str(each) for each in argv])
        sys.stdout.flush()
        return Outcome(code, *capfdbinary.readouterr())

    def ok(*argv, stdin=b""):
        found = run(*argv, stdin=stdin)
        assert found.code == 0, found.err
        return found

    run.ok = ok
    return run


@pytest.fixture(scope="session")
def cli_broker():
    with Broker() as broker:
        yield broker


@pytest.fixture
def at_broker(cli_broker, monkeypatch):
    """The environment names our broker."""
    monkeypatch.setenv("ODRADEK_BROKERS", cli_broker.bootstrap_servers)
    return cli_broker


@pytest.fixture
def spawned(at_broker):
    """Start a command as a process of its own; it is gone after the test."""
    processes = []

    def start(*argv, **more):
        command = [sys.executable, "-P", "-m", "odradek.io.main", *argv]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()
