"""What a log was at one moment, as bytes: the journal begins with it, the clean-shutdown marker is made of it.

Knows: the layout.  Does not know: whether the log still was that after a crash (`recovery` decides).
Invariant: `decode(encode(log))` is what `of(log)` says; whoever stores the bytes protects them by a CRC.
"""

import struct
from typing import Final, NamedTuple

from odradek.core.log.index import Summary
from odradek.core.log.log import Log
from odradek.core.log.producers import decode as decode_producers
from odradek.core.log.producers import encode as encode_producers
from odradek.core.log.segment import Mark
from odradek.core.types import Buffer, Offset

_HEAD: Final = struct.Struct(">qqIII")
_SEGMENT: Final = struct.Struct(">qqqqqqqqqqI")
_EPOCH: Final = struct.Struct(">iq")


class LogState(NamedTuple):
    """`end` is where the log's appends were done: perhaps ahead of what a power cut leaves."""

    start: Offset
    end: Offset
    segments: tuple[tuple[Summary, Mark], ...]
    """Each with the mark up to which its file was durable."""
    epochs: tuple[tuple[int, Offset], ...]
    producers: bytes


def of(log: Log) -> LogState:
    """The log as far as it is written: what is still asked of the disk may never happen."""
    end = log.written
    segments = []
    for segment in log.segments:
        mark = segment.written
        if mark.position > 0:
            summary = segment.summary._replace(size=mark.position, next=mark.end)
            segments.append((summary, segment.durable))
        if mark.position < segment.size:
            break
    producers = encode_producers(end, log.producers.at(end)) if log.producers.by_id else b""
    epochs = tuple(pair for pair in log.epochs.entries if pair[1] < end)
    return LogState(log.start, end, tuple(segments), epochs, producers)


def encode(state: LogState) -> bytes:
    parts = [_HEAD.pack(state.start, state.end, len(state.segments), len(state.epochs), len(state.producers))]
    parts.extend(_SEGMENT.pack(*summary, *mark) for summary, mark in state.segments)
    parts.extend(_EPOCH.pack(*pair) for pair in state.epochs)
    parts.append(state.producers)
    return b"".join(parts)


def decode(data: Buffer) -> LogState:
    """The bytes are trusted: they lay under a CRC."""
    start, end, segments, epochs, producers = _HEAD.unpack_from(data)
    at = _HEAD.size
    found = []
    for _ in range(segments):
        numbers = _SEGMENT.unpack_from(data, at)
        found.append((Summary._make(numbers[:7]), Mark._make(numbers[7:])))
        at += _SEGMENT.size
    pairs = []
    for _ in range(epochs):
        pairs.append(_EPOCH.unpack_from(data, at))
        at += _EPOCH.size
    snapshot = bytes(memoryview(data)[at : at + producers])
    assert not snapshot or decode_producers(snapshot) is not None
    return LogState(start, end, tuple(found), tuple(pairs), snapshot)
