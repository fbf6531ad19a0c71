"""The command `odradek produce`: lines, formats or JSON in, records out.

Knows: its options, where input comes from.  Does not know: batches, the wire.
Invariant: what was read before an error is written before the error is told; values are the bytes that were read.
"""

import argparse
import os
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from time import time
from typing import BinaryIO

from odradek.core.records.batch import CODEC_NAMES
from odradek.core.records.read import Record, RecordHeader
from odradek.io.cli.formats import HELP, BadFormat, literal, printer
from odradek.io.cli.jsonlines import Wanted, record_line
from odradek.io.cli.progress import Progress
from odradek.io.cli.reading import BadInput, LineFormat, Source, json_lines, lines
from odradek.io.cli.terminal import Failed, Parser, Usage, client, counted, put, reaching, run
from odradek.io.client_producer import Delivery, Producer

ACKS = {"all": -1, "-1": -1, "0": 0, "1": 1}
CODECS = {**{name: number for number, name in enumerate(CODEC_NAMES)}, "none": 0}
TOLD = "Produced to partition %p at offset %o with timestamp %d.\\n"
READ_BYTES = 256 * 1024
LINGER_S = 0.005

EXAMPLES = (
    "examples:\n"
    "  echo hello | odradek produce events\n"
    "  odradek produce events -K: -z lz4 users.txt       # lines such as alice:hello\n"
    "  odradek consume events -e -o json | odradek produce copy --json\n"
    "\n"
    "input: a value per line, from FILEs or standard input; only the newline is taken off.\n"
    "  -f 'FORMAT' reads other forms: a field reaches to the text that follows it, and where %K or %V came\n"
    "  before, %k and %v are that many bytes (-1: null): -f '%k\\t%v\\n', -f '%T %v\\n', -f '%K,%V,%k%v'.\n"
    "  -f '%v' makes each FILE one value.  %o and %H cannot be read.\n"
    "  --json reads what `odradek consume -o json` writes; TOPIC may then be left out.\n"
    "partition: -p, or what the input says, or Kafka's hash of the key, or any.\n"
    "\n"
    f"fields of -f and -o:\n{HELP}"
)


def main(argv: list[str]) -> int:
    """Run `odradek produce …`; returns the exit code."""
    return run(produce, argv)


def produce(argv: list[str]) -> int:
    """Write the records of the input."""
    chosen = _parser().parse_args(argv)
    read = _reader(chosen)
    told = _teller(chosen)
    progress = Progress("produced", quiet=told is not None and sys.stdout.isatty())

    def delivered(delivery: Delivery) -> None:
        progress.add(len(delivery.records), sum([_size(record) for record in delivery.records]))
        if told is not None:
            told(delivery)

    with ExitStack() as stack:
        files = [_opened(stack, name) for name in chosen.files or ["-"]]
        connected = stack.enter_context(client(chosen))
        producer = Producer(
            connected,
            acks=ACKS[chosen.acks],
            compression=CODECS[chosen.compression],
            idempotent=not chosen.no_idempotence,
            told=delivered,
        )
        if chosen.topic is not None and not chosen.files:
            connected.any()  # Someone who types wants to know before the first line.
        try:
            for file in files:
                _write(read(_source(file, producer)), producer, chosen)
        finally:
            producer.flush()
            progress.end()
    return 0


def _write(wanted: Iterator[Wanted], producer: Producer, chosen: argparse.Namespace) -> None:
    key = None if chosen.key is None else os.fsencode(chosen.key)
    try:
        for each in wanted:
            topic = chosen.topic if chosen.topic is not None else each.topic
            if topic is None:
                raise Failed("the input names no topic: give TOPIC")
            partition = chosen.partition if chosen.partition is not None else each.partition
            record = Record(
                offset=0,
                timestamp=int(time() * 1000) if each.timestamp is None else each.timestamp,
                key=each.key if key is None else key,
                value=None if chosen.tombstone and not each.value else each.value,
                headers=(*each.headers, *chosen.header),
            )
            producer.put(topic, None if partition == -1 else partition, record)
    except BadInput as error:
        raise Failed(f"the input cannot be read: {error}") from None


def _reader(chosen: argparse.Namespace) -> Callable[[Source], Iterator[Wanted]]:
    if chosen.json or chosen.format == "json":
        if chosen.separator is not None:
            raise Usage("-K is for lines, not for JSON")
        return json_lines
    if chosen.format is not None:
        if chosen.separator is not None:
            raise Usage("-K and -f exclude each other: put the separator into the format")
        try:
            form = LineFormat(chosen.format)
        except BadFormat as error:
            raise Usage(f"-f: {error}") from None
        if chosen.topic is None:
            raise Usage("TOPIC is missing (see odradek produce --help)")
        return form.records
    if chosen.topic is None:
        raise Usage("TOPIC is missing (see odradek produce --help)")
    return lambda source: lines(source, chosen.separator)


def _teller(chosen: argparse.Namespace) -> Callable[[Delivery], None] | None:
    """What is printed for each record: nothing, unless it was asked for or a person types the lines."""
    text = chosen.output
    if text is None:
        if not chosen.verbose and (chosen.files or sys.stdin is None or not sys.stdin.isatty()):
            return None
        text = TOLD
    try:
        show = record_line if text == "json" else printer(text)
    except BadFormat as error:
        raise Usage(f"-o: {error}") from None

    def tell(delivery: Delivery) -> None:
        out = []
        for index, record in enumerate(delivery.records):
            offset = -1 if delivery.base_offset < 0 else delivery.base_offset + index
            timestamp = record.timestamp if delivery.append_time < 0 else delivery.append_time
            out.append(show(delivery.place, record._replace(offset=offset, timestamp=timestamp)))
        put(b"".join(out))

    return tell


def _opened(stack: ExitStack, name: str) -> BinaryIO:
    if name == "-":
        if sys.stdin is None:
            raise Failed("standard input is closed: give FILEs")
        return sys.stdin.buffer
    return stack.enter_context(open(name, "rb", buffering=0))


def _source(file: BinaryIO, producer: Producer) -> Source:
    """The file as a source.  When nothing more comes for now, what has come is written: a pipe may be slow."""
    number = file.fileno()

    def idle() -> None:
        if not select.select([number], [], [], LINGER_S)[0]:
            producer.flush()

    return Source(lambda: os.read(number, READ_BYTES), idle)


def _size(record: Record) -> int:
    return len(record.key or b"") + len(record.value or b"")


def header(text: str) -> RecordHeader:
    """A type for argparse: `name:value` (rpk's form) or `name=value` (kcat's)."""
    at = min([index for index in (text.find(":"), text.find("=")) if index > 0], default=-1)
    if at < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form name:value")
    return os.fsencode(text[:at]), os.fsencode(text[at + 1 :])


def separator(text: str) -> bytes:
    """A type for argparse: bytes between a key and its value."""
    try:
        found = literal(text)
    except BadFormat as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if not found or b"\n" in found:
        raise argparse.ArgumentTypeError("a separator has at least one byte and no newline")
    return found


def _parser() -> Parser:
    parser = Parser("odradek produce", "Write records to a topic.", EXAMPLES)
    add = parser.add_argument
    add("topic", nargs="?", metavar="TOPIC")
    add("files", nargs="*", metavar="FILE", help="read these instead of standard input (-)")
    add("-k", "--key", help="the key of all records")
    add("-K", "--separator", type=separator, metavar="SEP", help="a line is key, SEP, value; without SEP it has no key")
    add(
        "-H",
        "--header",
        type=header,
        action="append",
        default=[],
        metavar="NAME:VALUE",
        help="a header for all records; may be repeated",
    )
    add(
        "-z",
        "--compression",
        choices=("none", "gzip", "snappy", "lz4", "zstd"),
        default="none",
        help="of batches (none)",
    )
    add(
        "-p",
        "--partition",
        type=counted(-1, 2**31 - 1),
        metavar="N",
        help="write to this one; -1: by the key, whatever the input says",
    )
    add("-f", "--format", metavar="FORMAT", help="how records are read, see below; json is the same as --json")
    add("--json", action="store_true", help="read one JSON object per line")
    add("-Z", "--tombstone", action="store_true", help="an empty value is null")
    add("-o", "--output", metavar="FORMAT", help="print this for each record written, or json")
    add("-v", "--verbose", action="store_true", help="say where each record went; so it is when a person types them")
    add("--acks", choices=tuple(ACKS), default="all", help="who must have a record before it counts as written (all)")
    add("--no-idempotence", action="store_true", help="without a producer id: repeated requests may double records")
    reaching(parser)
    return parser
