"""The command `odradek consume`: records out of topics, printed.

Knows: its options, where reading begins and ends.  Does not know: batches, the wire.
Invariant: for a group, offsets are committed only for records that have been written out.
"""

import argparse
import sys
from collections.abc import Sequence
from time import time
from typing import NamedTuple

from odradek.io.cli.formats import HELP, BadFormat, Printer, printer
from odradek.io.cli.jsonlines import record_line
from odradek.io.cli.moments import AT, END, FORMS, START, TIME, TIME_FORMS, BadMoment, Moment, moment, resolved
from odradek.io.cli.progress import Progress
from odradek.io.cli.terminal import Parser, Usage, client, counted, put, reaching, run
from odradek.io.client import Client, Place
from odradek.io.client_fetcher import Chunk, Fetcher
from odradek.io.client_offsets import EARLIEST, LATEST, offsets_at

OUTPUT_FORMS = ("json", "text")
ISOLATION = ("read_uncommitted", "read_committed")
EVERYTHING = 2**63 - 1

EXAMPLES = (
    "examples:\n"
    "  odradek consume events                       # all there is, then what comes; ^C ends it\n"
    "  odradek consume events -o -10 -e             # the last ten of each partition\n"
    "  odradek consume events -o @-1h -f '%T %k %v\\n'\n"
    "  odradek consume events -o start -o json -e | odradek produce copy --json\n"
    "  odradek consume events logs -g readers       # as a member of a consumer group\n"
    "\n"
    "output: the value and a newline (-f '%v\\n'); -o json is one JSON object per line, which `odradek produce\n"
    "  --json` writes again exactly: keys, values, headers, times, nulls, partitions.\n"
    f"-o, which may stand twice, is also where to begin: {FORMS}.\n"
    f"  TIME: {TIME_FORMS}.\n"
    "  With -g it says where to begin in partitions for which the group has committed nothing: start or end.\n"
    "-g joins the group (strategy: range) and commits what was printed, every 5 s and at the end.\n"
    "\n"
    f"fields of -f:\n{HELP}"
)


class Order(NamedTuple):
    """What was asked for."""

    topics: tuple[str, ...]
    begin: Moment
    show: Printer
    most: int
    exit_at_end: bool
    partitions: tuple[int, ...]
    committed: bool


class Output:
    """Prints records and counts them down."""

    def __init__(self, order: Order) -> None:
        self._show = order.show
        self._left = order.most
        self._progress = Progress("consumed", quiet=sys.stdout.isatty())
        self.done: dict[Place, int] = {}

    @property
    def is_full(self) -> bool:
        return self._left <= 0

    def write(self, chunks: Sequence[Chunk]) -> None:
        """Print; `done` has the offsets behind what was handed to the operating system."""
        for place, found, next_offset in chunks:
            taken = found[: self._left]
            self._left -= len(taken)
            out = b"".join([self._show(place, record) for record in taken])
            put(out)
            self._progress.add(len(taken), len(out))
            if len(taken) == len(found):
                self.done[place] = next_offset
            elif taken:
                self.done[place] = taken[-1].offset + 1

    def end(self) -> None:
        self._progress.end()


def main(argv: list[str]) -> int:
    """Run `odradek consume …`; returns the exit code."""
    return run(consume, argv)


def consume(argv: list[str]) -> int:
    """Print records until there are enough."""
    chosen = _parser().parse_args(argv)
    order = _order(chosen)
    output = Output(order)
    with client(chosen) as connected:
        try:
            if chosen.group is None:
                _alone(connected, order, output)
            else:
                from odradek.io.cli.joined import read_as_member  # noqa: PLC0415 - start-up time

                read_as_member(connected, chosen.group, order, output)
        finally:
            output.end()
    return 0


def _alone(connected: Client, order: Order, output: Output) -> None:
    places = places_of(connected, order)
    fetcher = Fetcher(connected, positions_of(connected, order, places), committed=order.committed)
    while not output.is_full and not (order.exit_at_end and fetcher.at_end()):
        chunks = fetcher.poll()
        complain(fetcher)
        output.write(chunks)


def complain(fetcher: Fetcher) -> None:
    """Say which records were gone."""
    while fetcher.skipped:
        print(f"odradek: {fetcher.skipped.pop(0)}", file=sys.stderr)


def places_of(connected: Client, order: Order) -> list[Place]:
    """The partitions that were asked for."""
    found = []
    for name, topic in connected.topics(order.topics).items():
        there = [partition.number for partition in topic.partitions]
        for wanted in order.partitions:
            if wanted not in there:
                raise Usage(f"topic {name} has no partition {wanted}: it has {len(there)}")
        found += [Place(name, index) for index in order.partitions or there]
    return found


def positions_of(connected: Client, order: Order, places: Sequence[Place]) -> dict[Place, int]:
    """Where to begin in each place."""
    begin = order.begin
    if begin.kind == AT:
        return dict.fromkeys(places, begin.number)
    if begin.kind == TIME:
        found = offsets_at(connected, dict.fromkeys(places, begin.number))
        late = [place for place, offset in found.items() if offset < 0]
        return {**found, **offsets_at(connected, dict.fromkeys(late, LATEST), committed=order.committed)}
    first = offsets_at(connected, dict.fromkeys(places, EARLIEST)) if begin.kind != END else {}
    ends = dict.fromkeys(places, LATEST)
    last = offsets_at(connected, ends, committed=order.committed) if begin.kind != START else {}
    return {place: resolved(begin, first.get(place, 0), last.get(place, 0)) for place in places}


def _order(chosen: argparse.Namespace) -> Order:
    begin, json = _places_and_forms(chosen.output)
    text = "json" if json or chosen.json else chosen.format
    if (json or chosen.json) and chosen.format not in (None, "json"):
        raise Usage("-f FORMAT and JSON exclude each other")
    try:
        show = record_line if text == "json" else printer(text or "%v\\n", chosen.null.encode())
    except BadFormat as error:
        raise Usage(f"-f: {error}") from None
    if chosen.group is not None:
        if chosen.partition:
            raise Usage("-g and -p exclude each other: a group shares its partitions out itself")
        if begin is not None and begin.kind not in (START, END):
            raise Usage("with -g, -o is start or end; `odradek group reset-offsets` moves a group anywhere")
    isolation = chosen.isolation
    for setting in chosen.setting:
        name, _, isolation = setting.partition("=")
        if name != "isolation.level" or isolation not in ISOLATION:
            raise Usage(f"-X {setting}: only isolation.level={'|'.join(ISOLATION)} is known")
    return Order(
        topics=tuple(dict.fromkeys(chosen.topics)),
        begin=begin or Moment(START),
        show=show,
        most=EVERYTHING if chosen.count is None else chosen.count,
        exit_at_end=chosen.exit,
        partitions=tuple(dict.fromkeys([index for each in chosen.partition for index in each])),
        committed=isolation == "read_committed",
    )


def _places_and_forms(values: list[str]) -> tuple[Moment | None, bool]:
    """What the repeatable `-o` says: where to begin, and whether the output is JSON."""
    begin = None
    json = False
    for value in values:
        if value in OUTPUT_FORMS:
            json = value == "json"
            continue
        if begin is not None:
            raise Usage("-o names two places to begin")
        try:
            begin = moment(value, int(time() * 1000))
        except BadMoment as error:
            raise Usage(f"-o: {error}; or json for the output") from None
    return begin, json


def partitions(text: str) -> list[int]:
    """A type for argparse: `0` or `0,3,5`."""
    return [counted(0, 2**31 - 1)(part) for part in text.split(",")]


def _parser() -> Parser:
    parser = Parser("odradek consume", "Print the records of topics.", EXAMPLES)
    add = parser.add_argument
    add("topics", nargs="+", metavar="TOPIC")
    add(
        "-o",
        "--offset",
        dest="output",
        action="append",
        default=[],
        metavar="PLACE|json",
        help="where to begin (start), and json for the output; see below",
    )
    add("-n", "--count", "--num", type=counted(0, EVERYTHING), metavar="N", help="stop after N records in all")
    add("-e", "--exit", action="store_true", help="stop when the end of every partition is reached")
    add("-p", "--partition", type=partitions, action="append", default=[], metavar="N[,N…]", help="only these (all)")
    add("-g", "--group", metavar="NAME", help="read as a member of this consumer group")
    add("-f", "--format", metavar="FORMAT", help="how records are printed, see below; or json")
    add("--json", action="store_true", help="the same as -o json")
    add("--null", default="", metavar="TEXT", help="print this for a key or value that is null ('')")
    add("--isolation", choices=ISOLATION, default=ISOLATION[0], help="whether open and aborted transactions are read")
    add("-X", dest="setting", action="append", default=[], metavar="K=V", help="isolation.level=read_committed")
    reaching(parser)
    return parser
