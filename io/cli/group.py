"""The command `odradek group`: list, describe, delete; `reset-offsets` is in a file of its own.

Knows: its options, and the columns of Kafka's tool.  Does not know: the wire.
Invariant: a number that is not known is shown as `-`, never as 0.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence

from odradek.core.errors import ErrorCode
from odradek.io.cli.jsonlines import row_line
from odradek.io.cli.tables import shown, table
from odradek.io.cli.terminal import Parser, client, put, reaching, run, verbs
from odradek.io.client import Client, Place
from odradek.io.client_errors import ServerError
from odradek.io.client_groups import (
    EMPTY,
    Group,
    Member,
    by_topic,
    committed_offsets,
    delete_groups,
    describe_group,
    list_groups,
)
from odradek.io.client_offsets import LATEST, offsets_at

PROG = "odradek group"
COLUMNS = (
    "GROUP",
    "TOPIC",
    "PARTITION",
    "CURRENT-OFFSET",
    "LOG-END-OFFSET",
    "LAG",
    "CONSUMER-ID",
    "HOST",
    "CLIENT-ID",
)
FIELDS = ("group", "topic", "partition", "current_offset", "log_end_offset", "lag", "consumer_id", "host", "client_id")

Row = tuple[object, ...]


def main(argv: list[str]) -> int:
    """Run `odradek group …`; returns the exit code."""
    table = {
        "list": (listing, "name the groups there are"),
        "describe": (describe, "show offsets, lag and members"),
        "reset-offsets": (reset, "move the committed offsets of a group without members"),
        "delete": (delete, "remove groups without members, and their offsets"),
    }
    return run(lambda rest: verbs(PROG, "Consumer groups: who has read how far.", table, rest), argv)


def reset(argv: list[str]) -> int:
    """`group reset-offsets NAME`."""
    from odradek.io.cli.reset import reset_offsets  # noqa: PLC0415 - start-up time

    return reset_offsets(argv)


def listing(argv: list[str]) -> int:
    """`group list`."""
    parser = Parser(
        f"{PROG} list",
        "Name the consumer groups there are, one per line.",
        "examples:\n  odradek group list\n  odradek group list --state\n  odradek group list -o json",
    )
    parser.add_argument("--state", action="store_true", help="a table with type, protocol and state")
    output_option(parser)
    reaching(parser)
    chosen = parser.parse_args(argv)
    with client(chosen) as connected:
        groups = list_groups(connected)
    if chosen.output == "json":
        rows = [{"group": g.name, "type": g.type, "protocol": g.protocol, "state": g.state} for g in groups]
        put("".join([row_line(row) for row in rows]))
    elif chosen.state:
        cells = [(g.name, g.type, g.protocol, g.state) for g in groups]
        put(table(("GROUP", "TYPE", "PROTOCOL", "STATE"), cells))
    else:
        put("".join([f"{shown(group.name)}\n" for group in groups]))
    return 0


def describe(argv: list[str]) -> int:
    """`group describe NAME…`."""
    parser = Parser(
        f"{PROG} describe",
        "Show how far groups have read, with the columns of Kafka's own tool; LAG is what they have not read yet.",
        "examples:\n"
        "  odradek group describe readers\n"
        "  odradek group describe readers --members --verbose\n"
        "  odradek group describe readers -o json | jq 'select(.lag > 0)'",
    )
    parser.add_argument("names", nargs="+", metavar="NAME")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--offsets", action="store_true", help="offsets and lag (this is the default)")
    which.add_argument("--members", action="store_true", help="who is in the group")
    which.add_argument("--state", action="store_true", help="the group's state and coordinator")
    parser.add_argument("-v", "--verbose", action="store_true", help="with --members: which partitions each has")
    output_option(parser)
    reaching(parser)
    chosen = parser.parse_args(argv)
    with client(chosen) as connected:
        for index, name in enumerate(dict.fromkeys(chosen.names)):
            group = describe_group(connected, name)
            if chosen.output == "text" and index:
                print()
            if chosen.state:
                _show(chosen, *_state(group))
            elif chosen.members:
                if not group.members:
                    print(f"Consumer group '{shown(name)}' has no active members.", file=sys.stderr)
                _show(chosen, *_members(group, chosen.verbose))
            else:
                _describe_offsets(chosen, connected, group)
    return 0


def _describe_offsets(chosen: argparse.Namespace, connected: Client, group: Group) -> None:
    committed = committed_offsets(connected, group.name)
    if group.state == EMPTY and not committed:
        print(f"Consumer group '{shown(group.name)}' has no committed offsets and no members.", file=sys.stderr)
    elif group.state == EMPTY:
        print(f"Consumer group '{shown(group.name)}' has no active members.", file=sys.stderr)
    elif group.state != "Stable":
        print(f"Warning: Consumer group '{shown(group.name)}' is rebalancing.", file=sys.stderr)
    places = {place for member in group.members for place in member.assigned or ()} | set(committed)
    rows = offset_rows(group, committed, log_ends(connected, sorted(places)))
    _show(chosen, COLUMNS, FIELDS, rows)


def log_ends(connected: Client, places: Sequence[Place]) -> dict[Place, int]:
    """The ends of the logs; places of topics that are gone are left out."""
    there = connected.cluster(dict.fromkeys([place.topic for place in places])).topics if places else {}
    known = [
        place
        for place in places
        if place.topic in there
        and any(p.number == place.partition and p.leader >= 0 for p in there[place.topic].partitions)
    ]
    return offsets_at(connected, dict.fromkeys(known, LATEST)) if known else {}


def offset_rows(group: Group, committed: Mapping[Place, int], ends: Mapping[Place, int]) -> list[Row]:
    """A row for each partition that is assigned or has an offset, and for each member without any."""
    owners: dict[Place, Member] = {}
    idle = []
    for member in group.members:
        for place in member.assigned or ():
            owners[place] = member
        if not member.assigned:
            idle.append(member)
    rows: list[Row] = []
    for place in sorted({**owners, **committed}):
        current = committed.get(place)
        end = ends.get(place)
        lag = None if current is None or end is None else max(0, end - current)
        rows.append((group.name, place.topic, place.partition, current, end, lag, *_who(owners.get(place))))
    rows += [(group.name, None, None, None, None, None, *_who(member)) for member in idle]
    return rows


def _who(member: Member | None) -> tuple[str | None, str | None, str | None]:
    return (None, None, None) if member is None else (member.id, member.host, member.client_id)


def _state(group: Group) -> tuple[Sequence[str], Sequence[str], list[Row]]:
    columns = ("GROUP", "COORDINATOR", "ASSIGNMENT-STRATEGY", "STATE", "#MEMBERS")
    fields = ("group", "coordinator", "assignment_strategy", "state", "members")
    return columns, fields, [(group.name, group.coordinator, group.strategy, group.state, len(group.members))]


def _members(group: Group, verbose: bool) -> tuple[Sequence[str], Sequence[str], list[Row]]:
    columns = ["GROUP", "CONSUMER-ID", "GROUP-INSTANCE-ID", "HOST", "CLIENT-ID", "#PARTITIONS"]
    fields = ["group", "consumer_id", "group_instance_id", "host", "client_id", "partitions"]
    rows: list[Row] = []
    for member in group.members:
        count = None if member.assigned is None else len(member.assigned)
        rows.append((group.name, member.id, member.instance, member.host, member.client_id, count))
    if verbose:
        columns.append("ASSIGNMENT")
        fields.append("assignment")
        rows = [(*row, _assignment(member)) for row, member in zip(rows, group.members, strict=True)]
    return columns, fields, rows


def _assignment(member: Member) -> str | None:
    if not member.assigned:
        return None
    return ", ".join([f"{topic}({','.join(map(str, indexes))})" for topic, indexes in by_topic(member.assigned)])


def _show(chosen: argparse.Namespace, columns: Sequence[str], fields: Sequence[str], rows: list[Row]) -> None:
    if chosen.output == "json":
        put("".join([row_line(dict(zip(fields, row, strict=True))) for row in rows]))
    elif rows:
        put(table(columns, rows))


def delete(argv: list[str]) -> int:
    """`group delete NAME…`."""
    parser = Parser(
        f"{PROG} delete",
        "Delete groups that have no members, with their committed offsets.",
        "examples:\n  odradek group delete readers\n  odradek group delete readers writers",
    )
    parser.add_argument("names", nargs="+", metavar="NAME")
    reaching(parser)
    chosen = parser.parse_args(argv)
    with client(chosen) as connected:
        outcomes = delete_groups(connected, dict.fromkeys(chosen.names))
    for name, error in outcomes.items():
        if error is None:
            print(f"Deletion of requested consumer groups ('{shown(name)}') was successful.")
            continue
        sys.stdout.flush()
        print(f"odradek: {_said(error)}", file=sys.stderr)
    return 1 if any(outcomes.values()) else 0


def _said(error: ServerError) -> str:
    if error.code == ErrorCode.NON_EMPTY_GROUP:
        return f"{error.what} was not deleted: it has members: stop its consumers first ({error.code.name})"
    return str(error)


def output_option(parser: argparse.ArgumentParser) -> None:
    """Add `-o json`."""
    parser.add_argument(
        "-o", "--output", choices=("text", "json"), default="text", help="json: one object per line (text)"
    )
