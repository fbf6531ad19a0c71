"""Producer ids: handed out from blocks that the metadata log has reserved.

Knows: the block in use, and who waits for the next one.  Does not know: what a producer writes.
Invariant: an id is handed out at most once in the life of a cluster: a block is used only once its record is committed,
and what is left of a block is forgotten by a crash (KIP-730).
"""

from collections import deque
from typing import Protocol

from odradek.core.broker import Broker
from odradek.core.errors import ErrorCode, Refused
from odradek.core.machine import Out
from odradek.core.quorum.controller import ProducerIdBlock
from odradek.core.types import NodeId, Now


class Wanting(Protocol):
    """One who waits for a producer id."""

    def given(self, producer_id: int, out: Out) -> None:
        """This one is yours."""

    def denied(self, code: ErrorCode, out: Out) -> None:
        """There is none to be had now."""


class ProducerIds:
    """The ids of this broker."""

    __slots__ = ("_block", "_broker", "_coming", "_waiting")

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._block = ProducerIdBlock(0, 0)
        self._coming: ProducerIdBlock | None = None
        self._waiting: deque[Wanting] = deque()

    def want(self, wanting: Wanting, now: Now, out: Out) -> None:
        """Give a producer id, at once or when a new block is committed."""
        if self._block.size:
            self._give(wanting, out)
            return
        self._waiting.append(wanting)
        if self._coming is not None:
            return
        broker = self._broker
        try:
            decision = broker.controller.allocate_producer_ids(NodeId(broker.config.node_id), broker.epoch)
            self._coming = decision.reply
            broker.metadata.propose(decision.records, self, now, out)
        except Refused as refused:
            self.failed(refused.code, out)

    def _give(self, wanting: Wanting, out: Out) -> None:
        first, size = self._block
        self._block = ProducerIdBlock(first + 1, size - 1)
        wanting.given(first, out)

    def committed(self, now: Now, out: Out) -> None:
        """The block is ours (see `Decided`)."""
        assert self._coming is not None
        self._block, self._coming = self._coming, None
        while self._waiting and self._block.size:
            self._give(self._waiting.popleft(), out)
        if self._waiting:
            self.want(self._waiting.popleft(), now, out)

    def failed(self, code: ErrorCode, out: Out) -> None:
        """The block could not be reserved (see `Decided`)."""
        self._coming = None
        while self._waiting:
            self._waiting.popleft().denied(code, out)
