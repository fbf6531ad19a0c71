"""From a fuzzer's bytes to request frames: some well-formed, some a little wrong, some nothing but bytes.

Knows: the declarations of the wire.  Does not know: the node.
Invariant: the same bytes give the same frames.
"""

from typing import NamedTuple

from odradek.core.records.build import Record, build
from odradek.core.requests.dispatch import SERVED
from odradek.core.wire.frames import encode_request
from odradek.core.wire.primitives import EncodeError
from odradek.core.wire.registry import APIS
from odradek.core.wire.schema import shape

ITEMS_MAX = 3
WORDS = (
    *("", "t", "g", "m", "new-topic", "__consumer_offsets", "__cluster_metadata", "a/b", "..", "é", "x" * 300),
    *("consumer", "range", "cleanup.policy", "compact", "retention.ms", "-1", "max.message.bytes", "1"),
    *("compression.type", "zstd"),
)
NUMBERS = {
    "int8": (0, 1, -1, 2, 3, 4, 127, -128),
    "int16": (0, 1, -1, 2, 3, 32767, -32768),
    "uint16": (0, 1, 9092, 65535),
    "int32": (0, 1, -1, 2, 7, 1000, 60000, 2**31 - 1, -(2**31)),
    "uint32": (0, 1, 2**32 - 1),
    "int64": (0, 1, -1, -2, -3, 5, 1_700_000_000_000, 2**63 - 1, -(2**63)),
    "float64": (0.0, 1.5, -1.0, float("inf"), float("nan")),
    "boolean": (False, True),
}
BATCHES = tuple(
    bytes(build([Record(offset, 5, b"k", b"v" * 9, ()) for offset in range(count)], compression=codec))
    for count, codec in ((1, 0), (3, 0), (3, 1), (3, 2), (3, 3), (3, 4))
)
KEYS = sorted(SERVED)
LIKELY_WORDS = {
    "protocol_type": ("consumer",),
    "protocol_name": ("range",),
    "group_instance_id": ("i", "j"),
    "client_software_name": ("fuzz",),
    "client_software_version": ("1",),
}
LIKELY_NUMBERS = {
    "acks": (-1, 1, 0),
    "replica_id": (-1, -2),
    "resource_type": (2, 4),
    "partition": (0, 1),
    "partition_index": (0, 1),
    "index": (0, 1),
    "fetch_offset": (0, 1, 3),
    "timestamp": (-1, -2, -3, 5),
    "generation_id": (-1, 1, 2),
    "generation_id_or_member_epoch": (-1, 1),
    "session_timeout_ms": (6000, 10_000),
    "session_epoch": (-1, 0, 1, 2),
    "max_wait_ms": (0, 1, 60_000),
    "replication_factor": (1, -1),
    "key_type": (0,),
    "config_operation": (0, 1, 2, 3),
}


class Known(NamedTuple):
    """What a client could have learnt of the node by asking."""

    topic_id: bytes
    members: tuple[str, ...] = ()
    sessions: tuple[int, ...] = ()


class Draw:
    """Choices out of a string of bytes; when that is used up, always the first."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    @property
    def left(self):
        return len(self.data) - self.at

    def byte(self):
        self.at += 1
        return self.data[self.at - 1] if self.at <= len(self.data) else 0

    def choice(self, options):
        return options[self.byte() % len(options)]

    def piece(self, size):
        self.at += size
        return bytes(self.data[self.at - size : self.at])


def frames_from(data, known):
    draw = Draw(data)
    frames = []
    while draw.left > 0 and len(frames) < 8:
        match draw.byte() % 4:
            case 0:
                frames.append(draw.piece(draw.byte()))
            case 1:
                frames.append(header(draw) + draw.piece(draw.byte()))
            case 2:
                frames.append(spoiled(request(draw, known), draw))
            case _:
                frames.append(request(draw, known))
    return frames


def header(draw):
    key = draw.choice(KEYS)
    return key.to_bytes(2, "big") + version_of(key, draw).to_bytes(2, "big") + draw.piece(4).ljust(4) + b"\xff\xff"


def version_of(key, draw):
    api = APIS[key]
    return api.lowest + draw.byte() % (api.highest - api.lowest + 1)


def request(draw, known):
    """A request any client could send, or an empty one where this version cannot carry what was drawn."""
    key = draw.choice(KEYS)
    return request_of(key, version_of(key, draw), draw, known)


def request_of(key, version, draw, known):
    """A request of one API and version."""
    try:
        body = struct_of(APIS[key].request, version, draw, known)
        chunks = encode_request(key, version, draw.byte(), draw.choice((None, "", "client")), body)
    except EncodeError:
        return b""
    return b"".join(map(bytes, chunks))[4:]


def spoiled(frame, draw):
    """One byte changed, or the end cut off, or something put in."""
    if not frame:
        return frame
    at = (draw.byte() << 8 | draw.byte()) % len(frame)
    match draw.byte() % 3:
        case 0:
            return frame[:at] + bytes([draw.byte()]) + frame[at + 1 :]
        case 1:
            return frame[:at]
        case _:
            return frame[:at] + draw.piece(4) + frame[at:]


def struct_of(cls, version, draw, known):
    fields = [field for field in shape(cls).fields if field.carried(version)]
    return cls(**{field.name: value_of(field, version, draw, known) for field in fields})


def value_of(field, version, draw, known):
    if field.is_nullable(version) and draw.byte() % 4 == 0:
        return None
    match field.kind:
        case "string":
            return draw.choice(likely(field.name, known)) if draw.byte() % 4 else draw.choice(WORDS)
        case "bytes_":
            return draw.piece(draw.byte() % 40)
        case "records":
            return spoiled(draw.choice(BATCHES), draw) if draw.byte() % 4 == 0 else draw.choice(BATCHES)
        case "uuid":
            return draw.choice((known.topic_id, bytes(16), bytes(15) + b"\x01", b"\x07" * 16))
        case "nested":
            return struct_of(field.of, version, draw, known)
        case "array":
            return tuple(element_of(field, version, draw, known) for _ in range(draw.byte() % (ITEMS_MAX + 1)))
        case kind:
            if field.name in LIKELY_NUMBERS and draw.byte() % 4:
                return draw.choice(LIKELY_NUMBERS[field.name])
            if field.name == "session_id" and known.sessions and draw.byte() % 4:
                return draw.choice(known.sessions)
            return draw.choice(NUMBERS[kind])


def likely(name, known):
    """What a client would put there: only with the right names does a request get far."""
    if "member_id" in name:
        return ("", *known.members)
    if name in LIKELY_WORDS:
        return LIKELY_WORDS[name]
    return ("g", "h") if "group" in name or "key" in name else ("t",)


def element_of(field, version, draw, known):
    if isinstance(field.of, type):
        return struct_of(field.of, version, draw, known)
    return value_of(field.of(), version, draw, known)
