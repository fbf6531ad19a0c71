"""What a decision looks at, and what it gives.

Knows: nothing of its own.
Invariant: a decision reads a `View` and changes nothing but the state of its `rng`.
"""

from random import Random
from typing import Generic, NamedTuple, TypeVar

from odradek.core.configs import BrokerConfig
from odradek.core.limits import Limits
from odradek.core.quorum.image import Image
from odradek.core.quorum.records import Metadata

Reply = TypeVar("Reply")


class View(NamedTuple):
    """The image, this node's settings in force (`configs.with_dynamic`), the bounds, and the randomness."""

    image: Image
    config: BrokerConfig
    limits: Limits
    rng: Random


class Decision(NamedTuple, Generic[Reply]):
    """Records to write, as one batch, and the reply to give once they are committed.  No records: reply at once."""

    records: tuple[Metadata, ...]
    reply: Reply
