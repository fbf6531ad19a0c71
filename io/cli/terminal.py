"""What all subcommands do alike: the parser, the address of the brokers, errors as one line, a quiet end.

Knows: argparse, the environment, exit codes.  Does not know: any subcommand.
Invariant: a person never sees a traceback; exit code 2 is for the command line, 1 for all that went wrong later.
"""

import argparse
import os
import select
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NoReturn

from odradek.io.client import Client
from odradek.io.client_errors import ClientError

BROKERS = "localhost:9092"
BROKERS_VARIABLE = "ODRADEK_BROKERS"


class Usage(Exception):
    """The command line is wrong; the text says how."""


class Failed(Exception):
    """The command did not do what it was asked for; the text is one line."""


class Parser(argparse.ArgumentParser):
    """Errors are one line, help keeps the line breaks of its examples, options are not abbreviated."""

    def __init__(self, prog: str, summary: str, examples: str) -> None:
        super().__init__(
            prog=prog,
            description=summary,
            epilog=examples,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        raise Usage(f"{message} (see {self.prog} --help)")


def reaching(parser: Parser) -> None:
    """Add the options about which cluster is meant and how long it is waited for."""
    parser.add_argument(
        "-b",
        "--brokers",
        "--bootstrap-server",
        dest="brokers",
        metavar="HOST:PORT,…",
        default=os.environ.get(BROKERS_VARIABLE) or BROKERS,
        help=f"brokers to ask first ({BROKERS}) [{BROKERS_VARIABLE}]",
    )
    parser.add_argument(
        "--timeout", metavar="S", type=positive, default=30.0, help="seconds a failing request is repeated for (30)"
    )


def client(chosen: argparse.Namespace) -> Client:
    """A client for the chosen brokers.  Nothing is connected yet."""
    try:
        return Client(chosen.brokers, client_id="odradek-cli", patience_s=chosen.timeout)
    except ValueError as error:
        raise Usage(f"--brokers: {error}") from None


def positive(text: str) -> float:
    """A number of seconds above 0."""
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return found


def counted(low: int, high: int) -> Callable[[str], int]:
    """A type for argparse: a whole number in a range."""

    def read(text: str) -> int:
        try:
            found = int(text)
        except ValueError:
            found = low - 1
        if not low <= found <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is no number from {low} to {high}")
        return found

    return read


def pair(text: str) -> tuple[str, str]:
    """A type for argparse: `name=value`."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form name=value")
    return name, value


def verbs(prog: str, summary: str, table: Mapping[str, tuple[Callable[[list[str]], int], str]], argv: list[str]) -> int:
    """Run the verb that `argv` begins with."""
    name = argv[0] if argv else "--help"
    if name in ("-h", "--help", "help"):
        lines = [f"  {verb:<14} {text}" for verb, (_, text) in table.items()]
        text = [f"usage: {prog} VERB [OPTIONS]", "", summary, "", *lines, "", f"{prog} VERB --help tells more."]
        print("\n".join(text))
        return 0
    if name not in table:
        raise Usage(f"{prog} has no verb {ascii(name)[:80]}: use one of {', '.join(table)}")
    return table[name][0](argv[1:])


def run(command: Callable[[list[str]], int], argv: Sequence[str]) -> int:
    """Run a subcommand and turn whatever ends it into an exit code."""
    if sys.stdout is None or sys.stderr is None:
        return 1  # Python's way of saying that the descriptor is closed; there is nobody to tell.
    with _orderly_end():
        return _run(command, argv)


@contextmanager
def _orderly_end() -> Iterator[None]:
    """SIGTERM ends a command as ^C does: what was read is committed, the group is left."""
    try:
        before = signal.signal(signal.SIGTERM, _terminated)
    except ValueError:  # Not the main thread: signals are another's.
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminated(number: int, frame: object) -> NoReturn:
    raise SystemExit(128 + number)


def _run(command: Callable[[list[str]], int], argv: Sequence[str]) -> int:
    try:
        code = command(list(argv))
        sys.stdout.flush()
        return code
    except Usage as error:
        return _say(error, 2)
    except (ClientError, Failed) as error:
        return _say(error, 1)
    except BrokenPipeError:
        _nobody_reads()
        return 0
    except KeyboardInterrupt:
        _flush_quietly()
        return 128 + signal.SIGINT
    except ModuleNotFoundError as error:
        return _say(f"this needs the Python package {error.name}: pip install {error.name}", 1)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _say(f"{where}{(error.strerror or str(error)).lower()}", 1)
    except SystemExit as error:  # argparse after --help, or SIGTERM
        _flush_quietly()
        return error.code if isinstance(error.code, int) else 0


def put(data: str | bytes) -> None:
    """Write to standard output, all of it, and hand it to the operating system.

    With PYTHONUNBUFFERED a write may take a part only, and Python's own `print` then loses the rest.
    """
    sys.stdout.flush()
    out = sys.stdout.buffer
    view = memoryview(data.encode(errors="replace") if isinstance(data, str) else data)
    while view:
        taken = out.write(view)
        if taken is None:  # Not blocking, and full.
            select.select([], [out.fileno()], [])
            continue
        view = view[taken:]
    out.flush()


def _say(error: object, code: int) -> int:
    _flush_quietly()
    try:
        print(f"odradek: {error}", file=sys.stderr)
    except OSError:
        return code  # Nobody reads that either.
    return code


def _flush_quietly() -> None:
    try:
        sys.stdout.flush()
    except OSError:
        _nobody_reads()


def _nobody_reads() -> None:
    """Whatever is still buffered goes nowhere, so that the interpreter does not stumble over it at exit."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        return  # Standard output is no file.
