"""The words every room shares: plain names for plain values.

Knows: nothing but how the protocol names its numbers.  Does not know: any machine, message or file.
"""

from typing import NamedTuple, NewType

Instant = int
"""Monotonic nanoseconds.  Only differences mean anything."""

WallMs = int
"""Milliseconds since the epoch, as a client would print them.  They label records and decide nothing else."""

Offset = int
NodeId = NewType("NodeId", int)
ConnId = NewType("ConnId", int)
FileName = str
"""A path inside the data directory, with forward slashes, made of ids and numbers only, never of a client's text."""

TopicId = bytes
"""Sixteen bytes.  Kafka prints them as unpadded URL-safe base64."""

NO_TOPIC_ID: TopicId = bytes(16)
NO_OFFSET: Offset = -1
NO_EPOCH = -1
NO_TIMESTAMP = -1
NO_PRODUCER = -1
NO_SEQUENCE = -1

MS = 1_000_000
"""Nanoseconds in a millisecond."""

Buffer = bytes | bytearray | memoryview


class Now(NamedTuple):
    """The time of one step: `mono` orders and measures, `wall` labels records."""

    mono: Instant
    wall: WallMs


class TopicPartition(NamedTuple):
    """One partition by the topic's id: names can be used again, ids cannot (KIP-516)."""

    topic_id: TopicId
    partition: int
