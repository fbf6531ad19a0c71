"""The command `odradek topic`: create, list, describe, alter, delete.

Knows: its options, and Kafka's sentences for the outcome.  Does not know: the wire.
Invariant: the exit code is 0 exactly when all topics that were named are as asked for.
"""

import argparse
import sys
from base64 import urlsafe_b64encode
from collections.abc import Sequence

from odradek.core.errors import ErrorCode
from odradek.io.cli.jsonlines import row_line
from odradek.io.cli.tables import shown, table
from odradek.io.cli.terminal import Parser, Usage, client, counted, pair, put, reaching, run, verbs
from odradek.io.client import Topic
from odradek.io.client_admin import (
    Eligible,
    Outcomes,
    Setting,
    alter_configs,
    create_topics,
    delete_topics,
    eligible_replicas,
    grow_topic,
    topic_configs,
)

PROG = "odradek topic"
PARTITIONS_MAX = 2**31 - 1


def main(argv: list[str]) -> int:
    """Run `odradek topic …`; returns the exit code."""
    table = {
        "create": (create, "make topics"),
        "list": (listing, "name the topics there are"),
        "describe": (describe, "show partitions, replicas and settings"),
        "alter": (alter, "change settings or the number of partitions"),
        "delete": (delete, "remove topics and all their records"),
    }
    return run(lambda rest: verbs(PROG, "Topics: where records are kept.", table, rest), argv)


def create(argv: list[str]) -> int:
    """`topic create NAME…`."""
    parser = Parser(
        f"{PROG} create",
        "Create topics.",
        "examples:\n"
        "  odradek topic create events\n"
        "  odradek topic create events logs -p 12 -r 3 -c retention.ms=86400000\n"
        "  odradek topic create events --if-not-exists -c cleanup.policy=delete -c max.message.bytes=2097152",
    )
    parser.add_argument("names", nargs="+", metavar="NAME")
    parser.add_argument(
        "-p",
        "--partitions",
        type=counted(-1, PARTITIONS_MAX),
        default=-1,
        metavar="N",
        help="(the broker's num.partitions)",
    )
    parser.add_argument(
        "-r",
        "--replicas",
        "--replication-factor",
        type=counted(-1, 32767),
        default=-1,
        metavar="N",
        help="(the broker's default.replication.factor)",
    )
    _settings(parser, "a setting of the topic; may be repeated")
    parser.add_argument("--if-not-exists", action="store_true", help="a topic that exists is no error")
    parser.add_argument("--dry-run", action="store_true", help="only find out whether it would work")
    reaching(parser)
    chosen = parser.parse_args(argv)
    if chosen.partitions == 0 or chosen.replicas == 0:
        raise Usage("-p and -r are at least 1 (-1: the broker's default)")
    with client(chosen) as connected:
        outcomes = create_topics(
            connected,
            dict.fromkeys(chosen.names),
            partitions=chosen.partitions,
            replicas=chosen.replicas,
            configs=dict(chosen.config),
            dry=chosen.dry_run,
        )
    passing = (ErrorCode.TOPIC_ALREADY_EXISTS,) if chosen.if_not_exists else ()
    sentence = "Topic {} can be created." if chosen.dry_run else "Created topic {}."
    return _report(outcomes, sentence, passing, "Topic {} exists already.")


def delete(argv: list[str]) -> int:
    """`topic delete NAME…`."""
    parser = Parser(
        f"{PROG} delete",
        "Delete topics with all their records.  There is no way back.",
        "examples:\n  odradek topic delete events\n  odradek topic delete events logs --if-exists",
    )
    parser.add_argument("names", nargs="+", metavar="NAME")
    parser.add_argument("--if-exists", action="store_true", help="a topic that is not there is no error")
    reaching(parser)
    chosen = parser.parse_args(argv)
    with client(chosen) as connected:
        outcomes = delete_topics(connected, dict.fromkeys(chosen.names))
    passing = (ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,) if chosen.if_exists else ()
    return _report(outcomes, "Deleted topic {}.", passing, "Topic {} does not exist.")


def _report(outcomes: Outcomes, sentence: str, passing: Sequence[ErrorCode], excuse: str) -> int:
    code = 0
    for name, error in outcomes.items():
        if error is None:
            print(sentence.format(shown(name)))
        elif error.code in passing:
            print(excuse.format(shown(name)))
        else:
            sys.stdout.flush()
            print(f"odradek: {error}", file=sys.stderr)
            code = 1
    return code


def listing(argv: list[str]) -> int:
    """`topic list`."""
    parser = Parser(
        f"{PROG} list",
        "Name the topics there are, one per line.",
        "examples:\n"
        "  odradek topic list\n"
        "  odradek topic list -v --exclude-internal\n"
        "  odradek topic list -o json | jq -r 'select(.partitions > 8).topic'",
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="a table with partitions and replicas")
    parser.add_argument("--exclude-internal", action="store_true", help="leave out topics such as __consumer_offsets")
    _output(parser)
    reaching(parser)
    chosen = parser.parse_args(argv)
    with client(chosen) as connected:
        found = connected.persist(lambda: connected.cluster(None)).topics
    topics = [found[name] for name in sorted(found) if not (chosen.exclude_internal and found[name].internal)]
    if chosen.output == "json":
        lines = [row_line({**_summary(topic), "internal": topic.internal}) for topic in topics]
        put("".join(lines))
    elif chosen.verbose:
        rows = [(topic.name, len(topic.partitions), _replicas(topic)) for topic in topics]
        put(table(("TOPIC", "PARTITIONS", "REPLICAS"), rows))
    else:
        put("".join([f"{shown(topic.name)}\n" for topic in topics]))
    return 0


def describe(argv: list[str]) -> int:
    """`topic describe [NAME…]`."""
    parser = Parser(
        f"{PROG} describe",
        "Show topics in Kafka's form: a line for the topic, one for each partition.",
        "examples:\n  odradek topic describe events\n  odradek topic describe            # all of them\n"
        "  odradek topic describe events -o json | jq .configs",
    )
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--all-configs", action="store_true", help="also the settings that nobody set")
    _output(parser)
    reaching(parser)
    chosen = parser.parse_args(argv)
    with client(chosen) as connected:
        names = list(dict.fromkeys(chosen.names))
        found = connected.topics(names) if names else connected.persist(lambda: connected.cluster(None)).topics
        names = names or sorted(found)
        settings = topic_configs(connected, names)
        eligible = connected.persist(lambda: eligible_replicas(connected, names))
    for name in names:
        wanted = [row for row in settings[name] if chosen.all_configs or not row.default] if name in settings else []
        if chosen.output == "json":
            put(row_line(_object(found[name], wanted)))
        else:
            put(_sentences(found[name], wanted, eligible))
    return 0


def _sentences(topic: Topic, settings: list[Setting], eligible: Eligible) -> str:
    configs = ",".join([f"{setting.name}={'' if setting.value is None else setting.value}" for setting in settings])
    name = shown(topic.name)
    head = [
        f"Topic: {name}",
        f"TopicId: {_id(topic)}",
        f"PartitionCount: {len(topic.partitions)}",
        f"ReplicationFactor: {_replicas(topic)}",
        f"Configs: {shown(configs)}",
    ]
    lines = ["\t".join(head)]
    for partition in topic.partitions:
        elr = eligible.get((topic.name, partition.number))
        cells = [
            f"\tTopic: {name}",
            f"Partition: {partition.number}",
            f"Leader: {partition.leader if partition.leader >= 0 else 'none'}",
            f"Replicas: {_joined(partition.replicas)}",
            f"Isr: {_joined(partition.isr)}",
            f"Elr: {'N/A' if elr is None else _joined(elr[0])}",
            f"LastKnownElr: {'N/A' if elr is None else _joined(elr[1])}",
        ]
        lines.append("\t".join(cells))
    return "\n".join(lines) + "\n"


def _object(topic: Topic, settings: list[Setting]) -> dict[str, object]:
    partitions = [
        {"partition": p.number, "leader": p.leader, "replicas": list(p.replicas), "isr": list(p.isr)}
        for p in topic.partitions
    ]
    configs = {setting.name: setting.value for setting in settings}
    return {
        "topic": topic.name,
        "topic_id": _id(topic),
        "internal": topic.internal,
        "replication_factor": _replicas(topic),
        "configs": configs,
        "partitions": partitions,
    }


def _summary(topic: Topic) -> dict[str, object]:
    return {"topic": topic.name, "partitions": len(topic.partitions), "replicas": _replicas(topic)}


def _replicas(topic: Topic) -> int:
    return len(topic.partitions[0].replicas) if topic.partitions else 0


def _id(topic: Topic) -> str:
    return urlsafe_b64encode(topic.id).decode().rstrip("=")


def _joined(nodes: Sequence[int]) -> str:
    return ",".join([str(node) for node in nodes])


def alter(argv: list[str]) -> int:
    """`topic alter NAME`."""
    parser = Parser(
        f"{PROG} alter",
        "Change a topic's settings, or raise its number of partitions.",
        "examples:\n"
        "  odradek topic alter events -c retention.ms=3600000\n"
        "  odradek topic alter events --delete-config retention.ms\n"
        "  odradek topic alter events -p 24      # keys may move to other partitions",
    )
    parser.add_argument("name", metavar="NAME")
    _settings(parser, "set this; may be repeated")
    parser.add_argument(
        "--delete-config", action="append", default=[], metavar="KEY", help="back to the default; may be repeated"
    )
    parser.add_argument("-p", "--partitions", type=counted(1, PARTITIONS_MAX), metavar="N", help="the new number")
    reaching(parser)
    chosen = parser.parse_args(argv)
    if not chosen.config and not chosen.delete_config and chosen.partitions is None:
        raise Usage("nothing to change: use -c KEY=VALUE, --delete-config KEY or -p N")
    name = shown(chosen.name)
    with client(chosen) as connected:
        if chosen.config or chosen.delete_config:
            alter_configs(connected, chosen.name, dict(chosen.config), chosen.delete_config)
            print(f"Completed updating config for topic {name}.")
        if chosen.partitions is not None:
            error = grow_topic(connected, chosen.name, chosen.partitions)
            if error is not None:
                raise error
            print(f"Topic {name} has {chosen.partitions} partitions now.")
    return 0


def _settings(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument(
        "-c",
        "--config",
        "--topic-config",
        dest="config",
        type=pair,
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help=text,
    )


def _output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o", "--output", choices=("text", "json"), default="text", help="json: one object per line (text)"
    )
