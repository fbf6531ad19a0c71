"""The command `odradek serve`: from options to a running node, and back to an exit code.

Knows: options, environment, the config file, signals, what is said on the terminal.  Does not know: how a node works.
Invariant: an error of whoever started it is one line on stderr that says what to do; exit code 2 for the command
line, 1 for the rest, 0 after a clean stop.
"""

import argparse
import gc
import os
import resource
import shutil
import signal
import socket
import sys
import tempfile
import traceback
from collections.abc import AsyncIterator
from random import Random
from typing import Any, NoReturn

import attrs
import trio

from odradek.core.configs import BrokerConfig, ConfigError, Listener, parse_broker
from odradek.core.limits import Limits, bounded_by
from odradek.core.quorum.identity import new_cluster_id
from odradek.io.datadir import DataDir, Unusable
from odradek.io.driver import Hub
from odradek.io.net import bind
from odradek.io.notes import LEVELS, Notes
from odradek.io.properties import BadProperties, read_properties

VERSION = "0.1.0"
FILES_RESERVED = 64
GC_THRESHOLDS = (20_000, 50, 100)
"""Objects between two collections.  The defaults look through thousands of live objects for every few requests."""


class CannotStart(Exception):
    """The message is for whoever started it.  `code` is the exit code."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


class OneLine(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        raise CannotStart(f"{message} (see odradek serve --help)", code=2)


def main(argv: list[str]) -> int:
    """Serve until told to stop; returns the exit code."""
    try:
        return serve(options(argv))
    except CannotStart as error:
        print(f"odradek: {error}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except Exception:
        traceback.print_exc()
        print("odradek: stopped by a bug of its own, shown above: please report it", file=sys.stderr)
        return 1


def options(argv: list[str]) -> argparse.Namespace:
    """What the command line says, else the environment, else None."""
    parser = OneLine(prog="odradek serve", description="Run a broker until SIGINT or SIGTERM.", allow_abbrev=False)

    def option(flag: str, **more: Any) -> None:
        name = "ODRADEK_" + flag.lstrip("-").upper().replace("-", "_")
        value = os.environ.get(name) or None
        if value is not None and more.get("choices") and value not in more["choices"]:
            raise CannotStart(f"{name} is {ascii(value)[:80]}: use one of {', '.join(more['choices'])}", code=2)
        parser.add_argument(flag, default=value, **{**more, "help": f"{more['help']} [{name}]"})

    option("--listen", metavar="HOST:PORT", help="where to listen (127.0.0.1:9092); port 0 is any free port")
    option("--advertise", metavar="HOST:PORT", help="what clients are told to connect to (the address they reached)")
    option("--data-dir", metavar="DIR", help="where the data is kept (./odradek-data)")
    option("--durability", choices=("sync", "replicated", "interval"), help="what an acknowledgement promises (sync)")
    option("--config", metavar="FILE", help="a server.properties file; options win over it")
    option("--log-level", choices=LEVELS, help="how much is told on stderr (warning)")
    option("--busy-poll-us", metavar="N", help="microseconds to look for more work before sleeping (0)")
    parser.add_argument(
        "--ephemeral",
        action="store_true",
        default=os.environ.get("ODRADEK_EPHEMERAL", "") not in ("", "0", "false"),
        help="keep the data in a temporary directory that is removed at the end; durability is then 'replicated' "
        "unless set [ODRADEK_EPHEMERAL]",
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="the same as --log-level info")
    parser.add_argument("--owned", metavar="DIR", help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def serve(chosen: argparse.Namespace) -> int:
    """Claim the addresses and the directory, run the node, give both back."""
    busy_poll_us = _number(chosen.busy_poll_us, "--busy-poll-us", 10_000)
    config = _configuration(chosen)
    sockets = [_bind(listener) for listener in config.listeners]
    bound = [(str(s.getsockname()[0]), int(s.getsockname()[1])) for s in sockets]
    listeners = tuple(
        listener._replace(port=port) for listener, (_, port) in zip(config.listeners, bound, strict=True)
    )
    config = config._replace(listeners=listeners)
    path = tempfile.mkdtemp(prefix="odradek-") if chosen.ephemeral else config.log_dirs[0]
    doomed = path if chosen.ephemeral else None
    try:
        try:
            claim = DataDir(path, config.node_id, lambda: new_cluster_id(Random(os.urandom(32))))
        except Unusable as error:
            raise CannotStart(str(error)) from None
        try:
            life = _Life(config, claim, bound, Notes(sys.stderr, _level(chosen)), busy_poll_us)
            why = life.run(sockets, owned=chosen.owned is not None, doomed=doomed)
            if life.orphaned:
                doomed = _owned(chosen.owned, path)
        finally:
            claim.release()
    finally:
        if doomed is not None:
            shutil.rmtree(doomed, ignore_errors=True)
    if why:
        raise CannotStart(f"stopped: {why}")
    return 0


class _Life:
    """One node from start to halt.  `orphaned`: the process that owned it is gone, so nobody else removes its data."""

    def __init__(
        self, config: BrokerConfig, claim: DataDir, bound: list[tuple[str, int]], notes: Notes, busy_poll_us: int
    ) -> None:
        from odradek.core.node import Node  # noqa: PLC0415 - after the errors that need no node

        limits = _limits(config)
        self.config = config
        self.claim = claim
        self.bound = bound
        self.orphaned = False
        for name in config.without_effect:
            notes.tell("setting has no effect here", name=name)
        node = Node(config, limits, Random(os.urandom(32)), claim.cluster_id)
        self.hub = Hub(node, claim.path, limits, tell=notes.tell, on_ready=self._ready, busy_poll_us=busy_poll_us)

    def run(self, sockets: list[socket.socket], owned: bool, doomed: str | None) -> str:
        for sock in sockets:
            self.hub.listen(sock)
        return trio.run(self._run, owned, doomed)

    async def _run(self, owned: bool, doomed: str | None) -> str:
        why = ""
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._obey, signals, doomed)
                if owned:
                    nursery.start_soon(self._watch, 0)
                    nursery.start_soon(self._watch, os.pidfd_open(os.getppid()))
                why = await self.hub.run()
                nursery.cancel_scope.cancel()
        return why

    def _ready(self) -> None:
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        gc.enable()
        where = ", ".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.bound)
        said = f"data in {self.claim.path}, durability {self.config.durability}, cluster id {self.claim.cluster_id}"
        line = f"odradek {VERSION} ready on {where}, {said}"
        try:
            print(line, flush=True)
        except OSError:
            return  # Nobody reads it.

    async def _obey(self, signals: AsyncIterator[int], doomed: str | None) -> None:
        """The first asks the node to finish, the second does not wait for it."""
        stopping = False
        async for number in signals:
            if stopping:
                if doomed is not None:
                    shutil.rmtree(doomed, ignore_errors=True)
                os._exit(128 + number)
            stopping = True
            self.hub.stop()

    async def _watch(self, fd: int) -> None:
        """Stop when this becomes readable: the end of stdin, or of the parent process."""
        await trio.lowlevel.wait_readable(fd)
        self.orphaned = True
        self.hub.stop()


def _owned(owned: str, path: str) -> str:
    """What to remove when the owner is gone: its directory, if the data lies in it."""
    inside = os.path.commonpath((os.path.realpath(owned), os.path.realpath(path))) == os.path.realpath(owned)
    return owned if inside else path


def _configuration(chosen: argparse.Namespace) -> BrokerConfig:
    """The file's properties with the options laid over them, read as one configuration."""
    properties: dict[str, str] = {}
    if chosen.config is not None:
        try:
            properties = read_properties(chosen.config)
        except OSError as error:
            raise CannotStart(f"cannot read the config file {chosen.config}: {error.strerror}") from None
        except BadProperties as error:
            raise CannotStart(str(error)) from None
    if chosen.listen is not None:
        properties["listeners"] = "PLAINTEXT://" + _address(chosen.listen, "--listen")
    if chosen.advertise is not None:
        properties["advertised.listeners"] = "PLAINTEXT://" + _address(chosen.advertise, "--advertise")
    if chosen.data_dir is not None:
        properties["log.dirs"] = chosen.data_dir
    if chosen.durability is not None:
        properties["durability"] = chosen.durability
    elif chosen.ephemeral:
        properties.setdefault("durability", "replicated")
    try:
        return parse_broker(properties)
    except ConfigError as error:
        raise CannotStart(f"{error.name}: {error.message}") from None


def _limits(config: BrokerConfig) -> Limits:
    """The default bounds, as the configuration narrows or widens them, within what the system lets us open."""
    base = Limits()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    files = min(base.open_files, hard // 4)
    connections = min(base.connections_max, hard - files - FILES_RESERVED)
    return bounded_by(attrs.evolve(base, connections_max=connections, open_files=files), config)


def _bind(listener: Listener) -> socket.socket:
    try:
        return bind(listener.host, listener.port)
    except OSError as error:
        where = f"{listener.host}:{listener.port}"
        why = error.strerror or str(error)
        message = f"cannot listen on {where} ({why}): stop what uses it, or choose another with --listen"
        raise CannotStart(message) from None


def _address(text: str, flag: str) -> str:
    """HOST:PORT, checked.  An IPv6 host stands in brackets."""
    host, colon, port = text.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    fine = colon and port.isascii() and port.isdigit() and int(port) <= 65_535 and not (":" in host and bare == host)
    if not fine:
        raise CannotStart(f"{flag} {ascii(text)[:80]} is not HOST:PORT, such as 127.0.0.1:9092 or [::1]:9092", code=2)
    return text


def _number(text: str | None, flag: str, most: int) -> int:
    if text is None:
        return 0
    if not (text.isascii() and text.isdigit() and int(text) <= most):
        raise CannotStart(f"{flag} {ascii(text)[:80]} is not a number from 0 to {most}", code=2)
    return int(text)


def _level(chosen: argparse.Namespace) -> str:
    if chosen.log_level is not None:
        return str(chosen.log_level)
    return "info" if chosen.verbose else "warning"
