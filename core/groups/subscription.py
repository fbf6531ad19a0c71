"""What a consumer's subscription says, as far as the coordinator must know it.

Knows: the first fields of ConsumerProtocolSubscription, alike in all its versions.  Does not know: groups.
Invariant: bytes that are no subscription read as None, never as an empty one: nothing expires for want of a reader.
"""

from struct import Struct, error
from typing import Final

CONSUMER: Final = "consumer"
"""The protocol type of consumers; Connect uses "connect", Schema Registry "sr"."""

_INT16: Final = Struct(">h")
_INT32: Final = Struct(">i")


def subscribed_topics(metadata: bytes) -> tuple[str, ...] | None:
    """The topics a member subscribed to, None when the bytes are no subscription.

    Versions above those known are read like the newest: the protocol promises to append only.
    """
    try:
        version = _INT16.unpack_from(metadata, 0)[0]
        count = _INT32.unpack_from(metadata, 2)[0]
        if version < 0 or not 0 <= count <= len(metadata) // 2:
            return None
        topics = []
        at = 6
        for _ in range(count):
            size = _INT16.unpack_from(metadata, at)[0]
            at += 2
            if size < 0 or at + size > len(metadata):
                return None
            topics.append(metadata[at : at + size].decode())
            at += size
    except (error, UnicodeDecodeError):
        return None
    return tuple(topics)
