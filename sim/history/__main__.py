"""`python -m odradek.sim.history FILE`: judge a JSON-lines history.

Knows: files, arguments, exit codes.  Does not know: rules.
Invariant: exit 0 means that the whole file was read and nothing condemns it; 2 that something does; 1 that it could not
be judged.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from odradek.sim.history.findings import CLASSES
from odradek.sim.history.judge import judge
from odradek.sim.history.reader import Malformed
from odradek.sim.history.terms import Terms

VALID, UNREADABLE, INVALID = 0, 1, 2


class Arguments(argparse.ArgumentParser):
    """A wrong command line is unreadable too, not a verdict."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(UNREADABLE, f"{self.prog}: {message}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Judge one file, print the report, return the exit code."""
    wanted = arguments().parse_args(argv)
    terms = Terms(
        complete=not wanted.incomplete,
        gapless=wanted.gapless,
        ww_deps=wanted.ww_deps,
        examples_max=max(1, wanted.examples),
    )
    try:
        verdict = judge(lines(wanted.file), terms)
    except (OSError, Malformed) as why:
        print(f"{wanted.file}: {why}", file=sys.stderr)
        return UNREADABLE
    print(json.dumps(verdict.as_json()) if wanted.json else verdict.text())
    return VALID if verdict.valid else INVALID


def arguments() -> Arguments:
    parser = Arguments(prog="odradek.sim.history", description="Judge a JSON-lines history of Kafka clients.")
    add = parser.add_argument
    add("file", help="the history, or - for standard input")
    add("--json", action="store_true", help="print the verdict as one JSON object")
    add("--incomplete", action="store_true", help="the history stops before a final reading: nothing is unseen")
    add("--gapless", action="store_true", help="no topic is compacted or expires: offsets may have no gaps")
    add("--ww-deps", action="store_true", help="draw write-write edges too; all G1c are allowed then")
    add("--examples", type=int, default=8, metavar="N", help="findings of one class to print (8)")
    add("--classes", action=Classes, nargs=0, help="list every class of finding and exit")
    return parser


class Classes(argparse.Action):
    """`--classes`: needs no file."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        for name, meaning in CLASSES.items():
            print(f"{name:28}{meaning}")
        parser.exit(VALID)


def lines(path: str) -> Iterator[Any]:
    """The entries of a file, one at a time.  A line that is not JSON is Malformed; so is an empty one."""
    with sys.stdin.buffer if path == "-" else open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            try:
                yield json.loads(line)
            except ValueError as why:
                raise Malformed(number, f"not JSON: {why}") from why


if __name__ == "__main__":
    sys.exit(main())
