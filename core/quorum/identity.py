"""Ids that are drawn: of topics and of clusters.

Knows: the form Kafka expects of them.  Does not know: what they are for.
Invariant: an id is a version-4 UUID and its text does not begin with '-', which command lines would take for an option.
"""

from base64 import urlsafe_b64encode
from collections.abc import Container
from random import Random

from odradek.core.types import TopicId


def new_topic_id(rng: Random, taken: Container[TopicId]) -> TopicId:
    """A topic id that is not `taken`.  Zero and the reserved ids (0 and 1) cannot come up: they are not version 4."""
    while True:
        drawn = bytearray(rng.randbytes(16))
        drawn[6] = drawn[6] & 0x0F | 0x40
        drawn[8] = drawn[8] & 0x3F | 0x80
        topic_id = bytes(drawn)
        if topic_id not in taken and not id_text(topic_id).startswith("-"):
            return topic_id


def new_cluster_id(rng: Random) -> str:
    """A cluster id in Kafka's form: 22 characters."""
    return id_text(new_topic_id(rng, ()))


def id_text(topic_id: TopicId) -> str:
    """An id as Kafka prints it: unpadded URL-safe base64."""
    return urlsafe_b64encode(topic_id).rstrip(b"=").decode("ascii")
