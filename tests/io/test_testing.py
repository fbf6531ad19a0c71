"""The broker for tests: ready when the block begins, gone when it ends."""

import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from odradek.io.testing import Broker, BrokerFailed

HERE = Path(__file__).parent
TOY = (sys.executable, "-P", str(HERE / "toy_serve.py"))


def ask(broker, frame):
    with socket.create_connection((broker.host, broker.port), timeout=20) as sock:
        sock.sendall(len(frame).to_bytes(4, "big") + frame)
        size = int.from_bytes(sock.recv(4), "big")
        return sock.recv(size)


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_broker_serves_inside_the_block_and_is_gone_after_it():
    with Broker(command=TOY) as broker:
        pid, home = broker.pid, Path(broker.data_dir).parent
        assert ask(broker, b"echo    x") == b"echo    x"

    assert not alive(pid)
    assert not home.exists()


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_restart_keeps_port_and_data(end):
    with Broker(command=TOY) as broker:
        before = broker.bootstrap_servers
        ask(broker, b"append  kept")
        getattr(broker, end)()
        assert broker.pid is None
        broker.restart()

        assert broker.bootstrap_servers == before
        assert ask(broker, b"read    ") == b"kept"


def test_brokers_at_the_same_time_do_not_meet():
    with Broker(command=TOY) as one, Broker(command=TOY) as other:
        ask(one, b"append  one")
        ask(other, b"append  two")

        assert (ask(one, b"read    "), ask(other, b"read    ")) == (b"one", b"two")


def test_settings_reach_the_broker():
    with pytest.raises(BrokerFailed, match=r"ended at start: odradek: no\.such\.setting"):
        Broker(command=TOY, config={"no.such.setting": "1"}).start()


def test_an_error_in_the_block_is_not_hidden():
    with pytest.raises(KeyError), Broker(command=TOY) as broker:
        pid = broker.pid
        raise KeyError

    assert not alive(pid)


PARENT = f"""
import os, sys
from odradek.io.testing import Broker
broker = Broker(command={TOY!r})
broker.start()
print(broker.pid, broker.data_dir, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, None])
def test_nothing_is_left_when_the_test_process_dies(number):
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    pid, data = parent.stdout.readline().split()
    watched = os.pidfd_open(int(pid))
    if number is None:
        parent.stdin.close()
    else:
        parent.send_signal(number)
    parent.wait()
    assert select.select([watched], [], [], 30)[0]
    os.close(watched)
    parent.stdout.close()
    assert not alive(pid)
    assert not Path(data).parent.exists()


def test_the_plugin_imports_nothing_heavy():
    code = (
        "import sys, pytest; before = set(sys.modules); import odradek.io.pytest_plugin;"
        "print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "['odradek', 'odradek.io', 'odradek.io.pytest_plugin']\n"
