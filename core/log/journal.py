"""The format of the commit journal: frames of entries about the files of a data directory.

Knows: bytes.  Does not know: when a frame is written, or what to do with one (`commit`, `replay`).
Invariant: a frame is believed whole or not at all; `parse` never reads past a frame that its CRC does not vouch for.

A frame, big-endian:      magic 4s | salt i64 | sequence i64 | payload bytes u32 | CRC-32C u32 | payload
The CRC covers salt, sequence, length and payload.  The salt is the journal's own random number, so that bytes a client
once sent can never pass for a frame.  The payload is entries:
                          kind u8 | name bytes u16 | base i64 | position i64 | data bytes u32 | name | data
"""

import re
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from crc32c import crc32c

from odradek.core.log.segment import Mark
from odradek.core.types import Buffer, FileName, Offset

_FRAME: Final = struct.Struct(">4sqqII")
_SEALED: Final = struct.Struct(">qqI")
_ENTRY: Final = struct.Struct(">BHqqI")
_CERTIFICATE: Final = struct.Struct(">qqIi")
_MAGIC: Final = b"OJF1"

RANGE: Final = 1
CERTIFICATE: Final = 2
CUT: Final = 3
GONE: Final = 4
START: Final = 5
STATE: Final = 6
DROP: Final = 7
QUARANTINED: Final = 8


class Entry(NamedTuple):
    """One thing said about a log; which fields mean something depends on `kind`.

    RANGE        `data` lies at `position` of the segment at `base`
    CERTIFICATE  the segment is durable up to `position`; `data` has the end offset, last batch and epoch
    CUT          the segment was truncated to `position`
    GONE         the segment was removed
    START        the log start offset is `position` now
    STATE        what the log was when this journal began (`state`)
    DROP         the whole log was removed
    QUARANTINED  the log holds rot, `data` says where; until a DROP it is not opened
    """

    kind: int
    name: str
    base: Offset
    position: int
    data: Buffer


class Frame(NamedTuple):
    """`size` bytes in `chunks`."""

    chunks: tuple[Buffer, ...]
    size: int


class Parsed(NamedTuple):
    """`torn` says why the last frame is not whole, `rotten` that whole frames follow one that is not."""

    entries: list[Entry]
    end: int
    torn: bool
    rotten: bool


JOURNAL_NAME: Final = re.compile(r"journal/(\d{20})-([0-9a-f]{16})")


def journal_file(journal_id: int, salt: int) -> FileName:
    """The name tells the salt, so that rot in the first frame is told from a torn one."""
    return f"journal/{journal_id:020}-{salt:016x}"


def certificate(name: str, base: Offset, mark: Mark, epoch: int) -> Entry:
    """The proof that a file is durable up to `mark`: end offset, last batch's position and CRC, leader epoch."""
    data = _CERTIFICATE.pack(mark.end, mark.last_at, mark.last_crc, epoch)
    return Entry(CERTIFICATE, name, base, mark.position, data)


def mark_of(entry: Entry) -> Mark:
    end, last_at, last_crc, _epoch = _CERTIFICATE.unpack(entry.data)
    return Mark(entry.position, end, last_at, last_crc)


def frame(salt: int, sequence: int, entries: list[Entry]) -> Frame:
    """Pack entries; their data is referenced, not copied."""
    payload: list[Buffer] = []
    length = 0
    for kind, name, base, position, data in entries:
        label = name.encode()
        size = len(data)
        payload.append(_ENTRY.pack(kind, len(label), base, position, size) + label)
        payload.append(data)
        length += _ENTRY.size + len(label) + size
    crc = crc32c(_SEALED.pack(salt, sequence, length))
    for chunk in payload:
        crc = crc32c(chunk, crc)
    head = _FRAME.pack(_MAGIC, salt, sequence, length, crc)
    return Frame((head, *payload), _FRAME.size + length)


def parse(data: Buffer, salt: int) -> Parsed:
    """All entries of all whole frames, in order."""
    view = memoryview(data)
    entries: list[Entry] = []
    at, last, torn, rotten = 0, -1, False, False
    while at < len(view):
        found = _frame_at(view, at, salt, last)
        if found is None:
            torn = True
            following = _next_frame(data, view, at + 1, salt, last)
            if following is None:
                break
            rotten = True
            at = following
            continue
        last, payload = found
        entries.extend(_entries(payload))
        at += _FRAME.size + len(payload)
        torn = False
    return Parsed(entries, at, torn, rotten)


def _frame_at(view: memoryview, at: int, salt: int, last: int) -> tuple[int, memoryview] | None:
    if len(view) - at < _FRAME.size:
        return None
    magic, owner, sequence, length, crc = _FRAME.unpack_from(view, at)
    if magic != _MAGIC or owner != salt or sequence <= last or len(view) - at - _FRAME.size < length:
        return None
    payload = view[at + _FRAME.size : at + _FRAME.size + length]
    if crc32c(payload, crc32c(_SEALED.pack(owner, sequence, length))) != crc:
        return None
    return sequence, payload


def _next_frame(data: Buffer, view: memoryview, at: int, salt: int, last: int) -> int | None:
    """A whole frame behind a broken one: then it is rot, not a torn tail."""
    needle = _MAGIC + struct.pack(">q", salt)
    whole = data if isinstance(data, bytes | bytearray) else bytes(view)
    while True:
        at = whole.find(needle, at)
        if at < 0:
            return None
        if _frame_at(view, at, salt, last) is not None:
            return at
        at += 1


def _entries(payload: memoryview) -> Iterator[Entry]:
    at = 0
    while at < len(payload):
        kind, label, base, position, size = _ENTRY.unpack_from(payload, at)
        at += _ENTRY.size
        name = bytes(payload[at : at + label]).decode()
        at += label
        yield Entry(kind, name, base, position, payload[at : at + size])
        at += size
