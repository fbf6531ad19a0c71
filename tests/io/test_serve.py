"""The command, as a process: what it says, what it exits with, what it leaves."""

import os
import re
import select
import signal
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from odradek.io import main as entry
from odradek.io import serve as command

TOY = [sys.executable, str(Path(__file__).parent / "toy_serve.py")]
ROOT = Path(__file__).parents[2]


def ended(*options, env=None, command=(*TOY,)):
    """Run until it ends; returns exit code, stdout and stderr."""
    environment = {**os.environ, **(env or {})}
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False, env=environment)
    return done.returncode, done.stdout, done.stderr


class Serving:
    """A running command; `ready` is its ready line."""

    def __init__(self, *options, env=None):
        self.process = subprocess.Popen(
            [*TOY, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **(env or {})},
            text=True,
        )
        assert self.process.stdout is not None
        select.select([self.process.stdout], [], [], 20)
        self.ready = self.process.stdout.readline()

    @property
    def address(self):
        return "127.0.0.1", int(re.search(r" ready on 127\.0\.0\.1:(\d+),", self.ready)[1])

    @property
    def data(self):
        return Path(re.search(r", data in (.*), durability ", self.ready)[1])

    def ask(self, frame):
        with socket.create_connection(self.address, timeout=20) as sock:
            sock.sendall(len(frame).to_bytes(4, "big") + frame)
            size = int.from_bytes(sock.recv(4), "big")
            return sock.recv(size) if size else b""

    def end(self, *signals):
        for number in signals:
            self.process.send_signal(number)
        _, stderr = self.process.communicate(timeout=30)
        return self.process.returncode, stderr


@pytest.fixture
def serving():
    started = []

    def start(*options, env=None):
        started.append(Serving(*options, env=env))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.communicate()


def test_the_ready_line_says_where_it_listens_and_where_the_data_is(serving, tmp_path):
    server = serving("--listen", "127.0.0.1:0", "--data-dir", str(tmp_path / "d"))

    port = server.address[1]
    where = tmp_path / "d"
    expected = f"odradek 0.1.0 ready on 127.0.0.1:{port}, data in {where}, durability sync, cluster id "
    assert server.ready.startswith(expected)
    assert re.fullmatch("[A-Za-z0-9_-]{22}\n", server.ready.removeprefix(expected))
    assert server.ask(b"echo    hi") == b"echo    hi"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly(serving, tmp_path, number):
    server = serving("--listen", "127.0.0.1:0", "--data-dir", str(tmp_path / "d"))

    assert server.end(number) == (0, "")
    assert (tmp_path / "d" / "meta.properties").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_second_signal_does_not_wait_for_the_node(serving, number, code):
    server = serving("--listen", "127.0.0.1:0", "--ephemeral", env={"TOY_STUBBORN": "1"})
    server.process.send_signal(signal.SIGTERM)
    while is_listening(server.address):
        pass

    assert server.end(number)[0] == code
    assert not server.data.exists()


def is_listening(address):
    try:
        socket.create_connection(address, timeout=20).close()
    except OSError:
        return False
    return True


def test_an_ephemeral_directory_is_gone_at_the_end(serving):
    server = serving("--listen", "127.0.0.1:0", "--ephemeral")
    assert server.data.is_dir()
    assert "durability replicated" in server.ready

    assert server.end(signal.SIGTERM)[0] == 0
    assert not server.data.exists()


def test_options_can_come_from_the_environment(serving, tmp_path):
    server = serving(
        env={
            "ODRADEK_LISTEN": "127.0.0.1:0",
            "ODRADEK_DATA_DIR": str(tmp_path / "e"),
            "ODRADEK_DURABILITY": "interval",
        }
    )

    assert server.data == tmp_path / "e"
    assert "durability interval" in server.ready


def test_options_win_over_the_config_file(serving, tmp_path):
    path = tmp_path / "server.properties"
    path.write_text(f"listeners=PLAINTEXT://127.0.0.1:1\nlog.dirs={tmp_path / 'f'}\ndurability=interval\n")
    server = serving("--config", str(path), "--listen", "127.0.0.1:0")

    assert server.data == tmp_path / "f"
    assert "durability interval" in server.ready


def test_a_port_in_use_is_one_line_that_says_what_to_do(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        answer = ended("--listen", f"127.0.0.1:{port}", "--data-dir", str(tmp_path / "d"))

    message = f"cannot listen on 127.0.0.1:{port} (Address already in use): stop what uses it, or choose another with"
    assert answer == (1, "", f"odradek: {message} --listen\n")
    assert not (tmp_path / "d").exists()


def test_a_second_server_on_the_same_directory_is_refused(serving, tmp_path):
    server = serving("--listen", "127.0.0.1:0", "--data-dir", str(tmp_path))
    code, _, stderr = ended("--listen", "127.0.0.1:0", "--data-dir", str(tmp_path))

    assert code == 1
    assert stderr.startswith(f"odradek: the data directory {tmp_path} is in use by process {server.process.pid}")
    assert stderr.count("\n") == 1


WRONG = [
    (["--listen", "nowhere"], 2, "--listen 'nowhere' is not HOST:PORT"),
    (["--listen", "::1:9092"], 2, "--listen '::1:9092' is not HOST:PORT"),
    (["--listen", "h:70000"], 2, "--listen 'h:70000' is not HOST:PORT"),
    (["--advertise", "x"], 2, "--advertise 'x' is not HOST:PORT"),
    (["--durability", "maybe"], 2, "--durability: invalid choice: 'maybe'"),
    (["--busy-poll-us", "-3"], 2, "--busy-poll-us"),
    (["--no-such-option"], 2, "--no-such-option"),
    (["--config", "/no/such/file"], 1, "cannot read the config file /no/such/file: No such file or directory"),
    (["--data-dir", "/proc/self/nothing"], 1, "the data directory /proc/self/nothing cannot be used"),
]


@pytest.mark.parametrize(("options", "code", "message"), WRONG)
def test_a_wrong_option_is_one_line_that_names_it(options, code, message):
    answer = ended(*options, env={"ODRADEK_LISTEN": "127.0.0.1:0"})

    assert (answer[0], answer[1]) == (code, "")
    assert answer[2].startswith("odradek: ")
    assert message in answer[2]
    assert answer[2].count("\n") == 1


@pytest.mark.parametrize("line", ["num.partitions=none", "no.such.setting=1"])
def test_a_wrong_setting_is_one_line_that_names_it(tmp_path, line):
    path = tmp_path / "server.properties"
    path.write_text(line)
    code, _, stderr = ended("--config", str(path), "--listen", "127.0.0.1:0")

    assert code == 1
    assert line.partition("=")[0] in stderr
    assert stderr.count("\n") == 1


def test_a_wrong_environment_variable_is_named():
    code, _, stderr = ended(env={"ODRADEK_DURABILITY": "maybe"})

    assert (code, stderr) == (2, "odradek: ODRADEK_DURABILITY is 'maybe': use one of sync, replicated, interval\n")


def test_a_node_that_halts_with_a_fault_ends_the_process_with_one_line(serving):
    server = serving("--listen", "127.0.0.1:0", "--ephemeral")
    server.ask(b"halt    the disk died")

    assert server.end() == (1, "odradek: stopped: the disk died\n")
    assert not server.data.exists()


def test_a_bug_ends_the_process_with_its_trace(serving):
    server = serving("--listen", "127.0.0.1:0", "--ephemeral")
    server.ask(b"break   ")
    code, stderr = server.end()

    assert code == 1
    assert "AssertionError: a bug of the node" in stderr
    assert stderr.endswith("odradek: stopped by a bug of its own, shown above: please report it\n")


def test_python_without_asserts_is_refused():
    code, _, stderr = ended("serve", command=(sys.executable, "-O", "-P", "-m", "odradek.io.main"))

    assert code == 1
    assert "python -O" in stderr


def test_the_version_is_that_of_the_package():
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == command.VERSION


def test_without_a_command_the_usage_is_shown(capsys):
    assert entry.main([]) == 0
    assert "serve" in capsys.readouterr().out


def test_an_unknown_command_is_one_line_and_escaped(capsys):
    assert entry.main(["\x1b[2Jx"]) == 2
    assert capsys.readouterr().err.startswith("odradek: no command '\\x1b[2Jx': use one of serve, topic")


def test_serve_imports_no_other_command():
    code = "import sys, odradek.io.serve; print([m for m in sys.modules if 'odradek.io.cli' in m or 'asyncio' in m])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
