"""A real broker for a test: a process of its own, on a free port, with its data in a temporary directory.

Knows: the command line of `odradek serve` and its ready line.  Does not know: the broker's inside; it imports nothing
of it.
Invariant: when the block ends, or the process that opened it dies in any way, neither process nor files are left.
"""

import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Mapping, Sequence
from types import TracebackType

SERVE = (sys.executable, "-P", "-m", "odradek.io.main", "serve")
READY_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 35.0
LOG_BYTES_SHOWN = 4000


class BrokerFailed(Exception):
    """The broker did not come up, or ended otherwise than asked; the message has what it said."""


class Broker:
    """`with Broker() as broker: KafkaProducer(bootstrap_servers=broker.bootstrap_servers)`.

    `config` is laid over the defaults, by Kafka's names.  Acknowledged records survive `kill()` and `restart()`, which
    keeps the port and the data; with durability "sync" they would survive a power cut too.  Any number may run at the
    same time.
    """

    def __init__(
        self,
        *,
        config: Mapping[str, str] | None = None,
        durability: str = "replicated",
        command: Sequence[str] = SERVE,
        log_level: str = "warning",
    ) -> None:
        self.config = dict(config or {})
        self.durability = durability
        self.command = tuple(command)
        self.log_level = log_level
        self.host = "127.0.0.1"
        self.port = 0
        self.ready_line = ""
        self._home: str | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._finalizer: weakref.finalize[[str], Broker] | None = None

    @property
    def bootstrap_servers(self) -> str:
        """What every client calls it: host:port."""
        return f"{self.host}:{self.port}"

    @property
    def data_dir(self) -> str:
        """Where the broker keeps its data."""
        assert self._home is not None, "the broker was not started"
        return os.path.join(self._home, "data")

    @property
    def pid(self) -> int | None:
        """The process, while it runs."""
        return None if self._process is None else self._process.pid

    def log(self) -> str:
        """What the broker has written to stderr since the block began."""
        assert self._home is not None, "the broker was not started"
        with open(os.path.join(self._home, "stderr"), "rb") as file:
            return file.read().decode("utf-8", "replace")

    def start(self) -> None:
        """Start, and return when it can serve.  Raises `BrokerFailed`."""
        assert self._process is None, "the broker runs already"
        if self._home is None:
            self._home = tempfile.mkdtemp(prefix="odradek-test-")
            self._finalizer = weakref.finalize(self, shutil.rmtree, self._home, ignore_errors=True)
            with open(os.path.join(self._home, "server.properties"), "w", encoding="utf-8") as file:
                file.writelines(f"{_escaped(name)}={_escaped(value)}\n" for name, value in self.config.items())
        environment = {k: v for k, v in os.environ.items() if not k.startswith("ODRADEK_") and k != "PYTHONOPTIMIZE"}
        with open(os.path.join(self._home, "stderr"), "ab") as stderr:
            self._process = subprocess.Popen(
                [*self.command, *self._options()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,
                env=environment,
            )
        self._wait_until_ready()

    def stop(self) -> None:
        """Ask it to finish in order, and wait.  Raises `BrokerFailed` when it ends with an error."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            code = self._ended()
            if code:
                raise BrokerFailed(f"the broker ended with exit code {code}: {self._last_words()}")

    def kill(self) -> None:
        """End it at once, as a crash would (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            self._ended()

    def restart(self) -> None:
        """Start again on the same port and data; stops it first when it runs."""
        self.stop()
        self.start()

    def __enter__(self) -> "Broker":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.stop()
        finally:
            self.kill()
            if self._finalizer is not None:
                self._finalizer()
            self._home = None

    def _options(self) -> list[str]:
        assert self._home is not None
        return [
            f"--listen={self.host}:{self.port}",
            f"--data-dir={self.data_dir}",
            f"--config={os.path.join(self._home, 'server.properties')}",
            f"--durability={self.durability}",
            f"--log-level={self.log_level}",
            f"--owned={self._home}",
        ]

    def _wait_until_ready(self) -> None:
        process = self._process
        assert process is not None
        assert process.stdout is not None
        line = b""
        by = time.monotonic() + READY_TIMEOUT_S
        while not line.endswith(b"\n"):
            readable, _, _ = select.select([process.stdout], [], [], max(0.0, by - time.monotonic()))
            more = os.read(process.stdout.fileno(), 4096) if readable else b""
            if not more:
                why = "ended at start" if readable else f"was not ready after {READY_TIMEOUT_S:.0f} s"
                self.kill()
                raise BrokerFailed(f"the broker {why}: {self._last_words()}")
            line += more
        self.ready_line = line.decode().strip()
        self.port = int(self.ready_line.partition(f" ready on {self.host}:")[2].partition(",")[0])

    def _ended(self) -> int:
        process, self._process = self._process, None
        assert process is not None
        try:
            return process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()
        finally:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()

    def _last_words(self) -> str:
        return self.log()[-LOG_BYTES_SHOWN:].strip() or "it said nothing"


def _escaped(text: str) -> str:
    """Text as a key or value of a properties file."""
    for char in "\\=: #!":
        text = text.replace(char, "\\" + char)
    return text.replace("\n", "\\n").replace("\r", "\\r")
