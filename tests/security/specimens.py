"""Requests made from the declarations of the wire: whole ones, ones with odd arrays, and where their lengths are.

Knows: fields and versions.  Does not know: the node.
Invariant: what is made here is what a client could send, but for the one thing that the caller asked to be odd.
"""

from typing import NamedTuple

from odradek.core.records.build import Record, build
from odradek.core.requests.dispatch import SERVED
from odradek.core.wire import interpret, structs
from odradek.core.wire.frames import encode_request
from odradek.core.wire.primitives import uvarint
from odradek.core.wire.registry import APIS
from odradek.core.wire.schema import shape

VERSIONS = [(key, version) for key in sorted(SERVED) for version in range(APIS[key].lowest, APIS[key].highest + 1)]
WORDS = {
    "group_id": "g",
    "member_id": "",
    "protocol_type": "consumer",
    "protocol_name": "range",
    "client_software_name": "attacker",
    "client_software_version": "1",
}
SMALL = {"acks": -1, "timeout_ms": 1, "session_timeout_ms": 10_000, "rebalance_timeout_ms": 10_000, "max_wait_ms": 0}
EXTREMES = {
    "int8": (-(2**7), 2**7 - 1, -1),
    "int16": (-(2**15), 2**15 - 1, -1),
    "int32": (-(2**31), 2**31 - 1, -1, 2**20),
    "int64": (-(2**63), 2**63 - 1, -1, 2**40),
    "string": ("x" * 32_767, "é" * 16_383, "\0", "", "\U0001f600" * 8000),
    "bytes_": (b"", b"\0" * 100_000, b"\xff" * 40_000),
    "uuid": (bytes(16), b"\xff" * 16, bytes(15) + b"\1"),
}
NEVER_REPLICAS = ("replica_id",)
BATCH = bytes(build([Record(0, 1_700_000_000_000, b"k", b"v")]))
IDS = [f"{APIS[key].name}-v{version}" for key, version in VERSIONS]


def whole(cls, version, topic_id, odd=(), value=None):
    """An instance with one element in each array; the field at the end of the path `odd` is `value(element)` for an
    array, `value(None)` for anything else."""
    values = {}
    for field in shape(cls).fields:
        if not field.carried(version):
            continue
        here = bool(odd) and odd[0] is field
        if here and len(odd) == 1 and field.kind != "array":
            values[field.name] = value(None)
        elif field.kind == "nested":
            if field.tag is None or here:
                values[field.name] = whole(field.of, version, topic_id, odd[1:] if here else (), value)
        elif field.kind == "array":
            element = (
                whole(field.of, version, topic_id, odd[1:] if here else (), value)
                if isinstance(field.of, type)
                else scalar(field.of(), field.name, topic_id)
            )
            values[field.name] = value(element) if here and len(odd) == 1 else (element,)
        elif field.name not in NEVER_REPLICAS:
            values[field.name] = scalar(field, field.name, topic_id)
    return cls(**values)


def scalar(field, name, topic_id):
    match field.kind:
        case "string":
            return WORDS.get(name, "g" if "group" in name else "t")
        case "bytes_":
            return b"bytes"
        case "records":
            return BATCH
        case "uuid":
            return topic_id
        case _:
            return SMALL.get(name, field.default or 0)


def arrays(cls, version, path=()):
    """The paths of fields from a message to each of its arrays."""
    found = []
    for field in shape(cls).fields:
        if field.carried(version):
            if field.kind == "array":
                found.append((*path, field))
            if isinstance(field.of, type):
                found += arrays(field.of, version, (*path, field))
    return found


def scalars(cls, version, path=()):
    """The paths of fields from a message to each of its numbers and texts."""
    found = []
    for field in shape(cls).fields:
        if field.carried(version):
            if isinstance(field.of, type):
                found += scalars(field.of, version, (*path, field))
            elif field.kind in EXTREMES:
                found.append((*path, field))
    return found


def frame_of(key, version, body, client_id="attacker"):
    """A request as it comes behind its size."""
    return b"".join(bytes(chunk) for chunk in encode_request(key, version, 1, client_id, body))[4:]


class Length(NamedTuple):
    """Where the length or count of a field stands in an encoded body."""

    field: object
    start: int
    stop: int


class Marking(interpret.Reader):
    """Remembers where each length was read."""

    def length(self, field):
        start = self.pos
        size = super().length(field)
        self.lengths = [*getattr(self, "lengths", []), Length(field, start, self.pos)]
        return size


def lengths_in(key, version, body):
    """(head of the frame, encoded body, its lengths)."""
    data = structs.encode_struct(body, version)
    reader = Marking(data, version, APIS[key].is_flexible(version))
    reader.struct(APIS[key].request)
    frame = frame_of(key, version, body)
    assert frame.endswith(data)
    return frame[: len(frame) - len(data)], data, getattr(reader, "lengths", [])


def lie(key, version, data, length, size):
    """The encoded body with one length replaced."""
    if APIS[key].is_flexible(version) and length.field.flexible:
        written = uvarint((size + 1) & 0xFFFFFFFF)
    else:
        written = (size & 0xFFFFFFFF).to_bytes(4, "big")[-(2 if length.field.kind == "string" else 4) :]
    return data[: length.start] + written + data[length.stop :]
