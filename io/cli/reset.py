"""The command `odradek group reset-offsets`: where a group is to go on reading.

Knows: its options, Kafka's rules for new offsets.  Does not know: the wire.
Invariant: without --execute nothing is changed; an offset is never set outside of its log.
"""

import argparse
import sys
from collections.abc import Mapping
from time import time

from odradek.core.errors import ErrorCode
from odradek.io.cli.group import PROG, output_option
from odradek.io.cli.jsonlines import row_line
from odradek.io.cli.moments import AT, END, START, TIME, TIME_FORMS, BadMoment, Moment, duration_ms, moment
from odradek.io.cli.tables import table
from odradek.io.cli.terminal import Failed, Parser, Usage, client, put, reaching
from odradek.io.client import Client, Place
from odradek.io.client_errors import ServerError
from odradek.io.client_groups import EMPTY, commit, committed_offsets, describe_group
from odradek.io.client_offsets import EARLIEST, LATEST, offsets_at

COLUMNS = ("GROUP", "TOPIC", "PARTITION", "NEW-OFFSET", "OLD-OFFSET")
CURRENT = "current"
SHIFT = "shift"

EXAMPLES = (
    "examples:\n"
    "  odradek group reset-offsets readers --to earliest --topic events\n"
    "  odradek group reset-offsets readers --to @2024-05-01T12:00:00Z --all-topics --execute\n"
    "  odradek group reset-offsets readers --shift-by -100 --topic events:0,1 --execute\n"
    "\n"
    "Without --execute it only shows what would be.  The group must have no members.\n"
    f"TIME: {TIME_FORMS}."
)


def reset_offsets(argv: list[str]) -> int:
    """`group reset-offsets NAME`."""
    chosen = _parser().parse_args(argv)
    wish = _wish(chosen)
    if bool(chosen.topic) == chosen.all_topics:
        raise Usage("say which topics: --topic TOPIC[:PARTITION,…], or --all-topics for those with committed offsets")
    with client(chosen) as connected:
        _require_empty(connected, chosen.group)
        committed = committed_offsets(connected, chosen.group)
        places = sorted(committed) if chosen.all_topics else _places(connected, chosen.topic)
        if not places:
            raise Failed(f"group {chosen.group} has no committed offsets: name topics with --topic")
        news = new_offsets(connected, wish, places, committed)
        if chosen.execute:
            commit(connected, chosen.group, news)
    rows = [(chosen.group, place.topic, place.partition, news[place], committed.get(place)) for place in places]
    if chosen.output == "json":
        names = [column.lower().replace("-", "_") for column in COLUMNS]
        put("".join([row_line(dict(zip(names, row, strict=True))) for row in rows]))
    else:
        put(table(COLUMNS, rows))
    if not chosen.execute:
        sys.stdout.flush()
        print("Nothing was changed: add --execute to do it.", file=sys.stderr)
    return 0


def _require_empty(connected: Client, name: str) -> None:
    try:
        group = describe_group(connected, name)
    except ServerError as error:
        if error.code != ErrorCode.GROUP_ID_NOT_FOUND:
            raise
        return  # Committing for it makes it.
    if group.state != EMPTY or group.members:
        raise Failed(
            f"Assignments can only be reset if the group '{name}' is inactive, but the current state is {group.state}: "
            "stop its consumers first"
        )


def _places(connected: Client, wanted: list[str]) -> list[Place]:
    found: dict[Place, None] = {}
    for text in wanted:
        name, colon, numbers = text.partition(":")
        topic = connected.topics((name,))[name]
        there = [partition.number for partition in topic.partitions]
        for number in numbers.split(",") if colon else map(str, there):
            if not number.isascii() or not number.isdecimal() or int(number) not in there:
                raise Usage(f"--topic {text}: topic {name} has no partition {number!r}: it has {len(there)}")
            found[Place(name, int(number))] = None
    return sorted(found)


def new_offsets(
    connected: Client, wish: Moment, places: list[Place], committed: Mapping[Place, int]
) -> dict[Place, int]:
    """The offset each place gets, brought into its log as Kafka's tool does."""
    first = offsets_at(connected, dict.fromkeys(places, EARLIEST))
    last = offsets_at(connected, dict.fromkeys(places, LATEST))
    times = offsets_at(connected, dict.fromkeys(places, wish.number)) if wish.kind == TIME else {}
    found = {}
    for place in places:
        wanted = _wanted(wish, place, committed.get(place), times)
        if wanted is None:
            wanted = first[place] if wish.kind == START else last[place]
        found[place] = min(max(wanted, first[place]), last[place])
        if found[place] != wanted:
            print(f"Warning: {place} has no offset {wanted}: {found[place]} is taken instead.", file=sys.stderr)
    return found


def _wanted(wish: Moment, place: Place, current: int | None, times: Mapping[Place, int]) -> int | None:
    """The offset that was asked for; None: an end of the log."""
    if wish.kind == AT:
        return wish.number
    if wish.kind == TIME:
        return times[place] if times[place] >= 0 else None
    if wish.kind == CURRENT:
        return current
    if wish.kind == SHIFT:
        if current is None:
            raise Failed(f"{place} has no committed offset to shift: use --to, or name other partitions")
        return current + wish.number
    return None


def _wish(chosen: argparse.Namespace) -> Moment:
    now_ms = int(time() * 1000)
    given = [chosen.to is not None, chosen.shift_by is not None, chosen.by_duration is not None]
    if sum(given) != 1:
        raise Usage("say where to: one of --to, --shift-by, --by-duration")
    try:
        if chosen.by_duration is not None:
            return Moment(TIME, now_ms - duration_ms(chosen.by_duration))
        if chosen.shift_by is not None:
            return Moment(SHIFT, chosen.shift_by)
        if chosen.to == CURRENT:
            return Moment(CURRENT)
        found = moment(chosen.to, now_ms)
    except BadMoment as error:
        raise Usage(str(error)) from None
    if found.kind not in (START, END, AT, TIME):
        raise Usage(f"--to {chosen.to}: use earliest, latest, current, an offset or @TIME; or --shift-by N")
    return found


def _parser() -> Parser:
    parser = Parser(f"{PROG} reset-offsets", "Set the committed offsets of a group.", EXAMPLES)
    add = parser.add_argument
    add("group", metavar="NAME")
    add("--to", metavar="PLACE", help="earliest, latest, current, an offset, or @TIME")
    add("--shift-by", type=int, metavar="N", help="this many records on, or back when negative")
    add("--by-duration", metavar="SPAN", help="to where the log was that long ago: 90s, 2h, P1DT2H")
    add("--topic", action="append", default=[], metavar="TOPIC[:N,N…]", help="these partitions; may be repeated")
    add("--all-topics", action="store_true", help="all partitions with committed offsets")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--dry-run", action="store_true", help="only show what would be (this is the default)")
    which.add_argument("--execute", action="store_true", help="do it")
    for name, place in (("earliest", "earliest"), ("latest", "latest"), ("current", CURRENT)):
        add(f"--to-{name}", dest="to", action="store_const", const=place, help=argparse.SUPPRESS)
    add("--to-offset", dest="to", help=argparse.SUPPRESS)
    add("--to-datetime", dest="to", type=lambda text: f"@{text}", help=argparse.SUPPRESS)
    output_option(parser)
    reaching(parser)
    return parser
