"""The three things that are measured, each started fresh for a trial and ended by it.

Knows: how each is started, when it answers, how it ends.  Does not know: what is measured.
Invariant: a side's process ends before `running` returns, and nothing of its data is left.
"""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.bench import wire

CHECKOUT = Path(__file__).resolve().parents[2]
READY_S_MAX = 20.0
STOP_S_MAX = 15.0
WARM_CHUNK = 8 * 1024 * 1024
DURABILITIES = ("sync", "replicated", "interval")


class Side(NamedTuple):
    """`kind` is odradek, floor or mock; `durability` is Odradek's, or `sync` for a floor that syncs its file."""

    kind: str
    durability: str

    @property
    def name(self) -> str:
        return f"{self.kind} {self.durability}".rstrip()

    @property
    def peer(self) -> "Side":
        """The floor that this side is measured against: like with like, fsync against fsync."""
        return Side("floor", "sync" if self.durability == "sync" else "")


MOCK = Side("mock", "")


class Broker(NamedTuple):
    address: tuple[str, int]
    pid: int
    started_s: float

    @property
    def bootstrap(self) -> str:
        return f"{self.address[0]}:{self.address[1]}"


class Place(NamedTuple):
    """Where the sides keep their data; how much is written there to warm the page cache; how Odradek is called, with
    what further options of `serve`."""

    directory: str
    warm_mb: int
    odradek: tuple[str, ...]
    serve: tuple[str, ...] = ()


def installed_odradek() -> tuple[str, ...]:
    """The command of the interpreter that runs the bench, else the first on the path."""
    beside = Path(sys.executable).parent / "odradek"
    found = str(beside) if beside.exists() else shutil.which("odradek")
    if found is None:
        raise SystemExit("there is no odradek command: install the checkout first (pip install .)")
    return (found,)


def warm(place: Place) -> None:
    """Write and delete a file, so that every side gets memory the kernel has just recycled."""
    path = Path(place.directory) / "warm"
    chunk = bytes(WARM_CHUNK)
    try:
        with open(path, "wb", buffering=0) as file:
            for _ in range(place.warm_mb * 1_000_000 // WARM_CHUNK):
                file.write(chunk)
    finally:
        path.unlink(missing_ok=True)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def command(side: Side, place: Place, port: int, directory: str, topics: dict[str, int]) -> list[str]:
    listed = [word for name, count in topics.items() for word in ("--topic", f"{name}:{count}")]
    if side.kind == "odradek":
        listen = f"127.0.0.1:{port}"
        promise = ["--durability", side.durability]
        return [*place.odradek, "serve", "--ephemeral", "--listen", listen, *promise, *place.serve]
    if side.kind == "floor":
        sync = ["--sync"] if side.durability == "sync" else []
        file = ["--port", str(port), "--file", str(Path(directory) / "floor.log")]
        return [sys.executable, "-m", "tests.bench.floor", *file, *sync, *listed]
    return [sys.executable, "-m", "tests.bench.mock", *listed]


@contextlib.contextmanager
def running(side: Side, place: Place, topics: dict[str, int], warmed: bool = True) -> Iterator[Broker]:
    """Start `side` with these topics, yield it once it answers, end it and remove what it wrote."""
    if warmed:
        warm(place)
    directory = tempfile.mkdtemp(prefix=f"{side.kind}-", dir=place.directory)
    said = Path(directory) / "said"
    port = free_port()
    try:
        with open(said, "wb") as output:
            began = time.perf_counter()
            process = subprocess.Popen(
                command(side, place, port, directory, topics),
                cwd=CHECKOUT,
                env={**os.environ, "TMPDIR": directory},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            address = mock_address(said, process) if side.kind == "mock" else ("127.0.0.1", port)
            started_s = wait_until_it_answers(address, process, began, said)
            if side.kind == "odradek" and topics:
                create_topics(address, topics)
            yield Broker(address, process.pid, started_s)
            if process.poll() is not None:
                raise SystemExit(f"{side.name} ended by itself:\n{tail(said)}")
        finally:
            stop(process)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def mock_address(said: Path, process: subprocess.Popen[bytes]) -> tuple[str, int]:
    """The mock chooses its port and prints it."""
    end = time.monotonic() + READY_S_MAX
    while time.monotonic() < end and process.poll() is None:
        found = re.search(r"^127\.0\.0\.1:(\d+)\n", said.read_text(encoding="utf-8"), re.MULTILINE)
        if found:
            return "127.0.0.1", int(found[1])
        time.sleep(0.01)
    raise SystemExit(f"the mock cluster did not start:\n{tail(said)}")


def wait_until_it_answers(
    address: tuple[str, int], process: subprocess.Popen[bytes], began: float, said: Path
) -> float:
    """Seconds from the start of the process to its first answer to ApiVersions; asked again every 2 ms."""
    end = began + READY_S_MAX
    while time.perf_counter() < end:
        if process.poll() is not None:
            raise SystemExit(f"{process.args!r} ended with {process.returncode}:\n{tail(said)}")
        try:
            with wire.connect(address, timeout_s=5) as sock:
                wire.ask(sock, wire.api_versions_frame())
                return time.perf_counter() - began
        except OSError:
            time.sleep(0.002)
    raise SystemExit(f"{process.args!r} did not answer within {READY_S_MAX:.0f} s:\n{tail(said)}")


def create_topics(address: tuple[str, int], topics: dict[str, int]) -> None:
    from confluent_kafka.admin import AdminClient  # noqa: PLC0415
    from confluent_kafka.cimpl import NewTopic  # noqa: PLC0415

    admin = AdminClient({"bootstrap.servers": f"{address[0]}:{address[1]}"})
    wanted = [NewTopic(name, count, 1) for name, count in topics.items()]
    for future in admin.create_topics(wanted, operation_timeout=60).values():
        future.result(timeout=60)


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_S_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def tail(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")[-2000:]
