"""The file that says how the last life of a data directory ended.

Knows: its two contents.  Does not know: who reads them.
Invariant: "clean" is replaced by "open", durably, before anything is loaded (KAFKA-10471): before the first write.
"""

import struct
from typing import Final

from crc32c import crc32c

from odradek.core.types import FileName

MARKER: Final[FileName] = "clean"
_HEAD: Final = struct.Struct(">4sqI")
_ITEM: Final = struct.Struct(">HI")
_CRC: Final = struct.Struct(">I")
_MAGIC: Final = b"OCL1"
OPEN: Final = b"open"


def clean_marker(journal_id: int, states: list[tuple[str, bytes]]) -> bytes:
    """The journal in use, and what every log was: magic, journal id, count, (name, state)*, CRC-32C."""
    parts = [_HEAD.pack(_MAGIC, journal_id, len(states))]
    for name, data in states:
        label = name.encode()
        parts += (_ITEM.pack(len(label), len(data)), label, data)
    body = b"".join(parts)
    return body + _CRC.pack(crc32c(body))


def read_marker(data: bytes) -> tuple[int, dict[str, bytes]] | None:
    """None unless the last life ended cleanly and the marker is whole."""
    size = len(data) - _CRC.size
    if size < _HEAD.size or data[:4] != _MAGIC or crc32c(data[:size]) != _CRC.unpack_from(data, size)[0]:
        return None
    _, journal_id, count = _HEAD.unpack_from(data)
    at = _HEAD.size
    states = {}
    for _ in range(count):
        label, length = _ITEM.unpack_from(data, at)
        at += _ITEM.size
        states[data[at : at + label].decode()] = data[at + label : at + label + length]
        at += label + length
    return journal_id, states
