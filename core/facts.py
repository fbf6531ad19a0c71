"""What a partition's leader tells the node.  (What logs tell is in `log.facts`.)

Invariant: a fact states what is already true of its teller.
"""

from typing import NamedTuple

from odradek.core.types import Offset, TopicPartition


class HighMoved(NamedTuple):
    """The high watermark of this partition is now `high`: records below it may be read and acknowledged."""

    partition: TopicPartition
    high: Offset
