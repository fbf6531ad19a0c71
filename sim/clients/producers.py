"""Producers: one that sends and hopes, one that is idempotent and tries for ever.

Knows: acks, sequences, retries.  Does not know: what the broker does with them.
Invariant: what a producer reports as written it was told; what it does not know it reports as unknown, under a process
that is never heard of again.
"""

from collections.abc import Generator
from typing import Any

from odradek.core.errors import ErrorCode
from odradek.core.wire.producers import InitProducerIdRequest
from odradek.sim.chance import between, chosen
from odradek.sim.clients import words
from odradek.sim.clients.client import RETRIABLE, Ask, Client, Program, Sleep, Wish
from odradek.sim.host import EPOCH_WALL_MS
from odradek.sim.model import Model, Payload, Place
from odradek.sim.world import Violation

SEQUENCES = 1 << 31
REFUSED_FOR_SURE = frozenset(
    {
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        ErrorCode.MESSAGE_TOO_LARGE,
        ErrorCode.INVALID_RECORD,
        ErrorCode.CORRUPT_MESSAGE,
        ErrorCode.INVALID_TIMESTAMP,
        ErrorCode.RECORD_LIST_TOO_LARGE,
    }
)


class Outgoing:
    """One batch and what became of it."""

    __slots__ = ("base", "data", "payloads", "place", "sequence")

    def __init__(self, place: Place, payloads: list[Payload], data: bytes, sequence: int) -> None:
        self.place = place
        self.payloads = payloads
        self.data = data
        self.sequence = sequence
        self.base = -1

    @property
    def texts(self) -> list[str]:
        return [payload.text for payload in self.payloads]


class Producing:
    """What both kinds share: naming records, and writing down what was sent and told."""

    def __init__(self, client: Client, model: Model) -> None:
        self.client = client
        self.model = model
        self.made = 0
        self.process = client.history.process()
        options = client.plan.options
        self.places: list[Place] = [(topic, index) for topic, count in options["topics"] for index in range(count)]
        self.records_max = int(options["records_max"])
        self.pad_max = int(options["pad_max"])
        self.acks = int(options["acks"])
        self.codec = int(options["codec"])

    def draw(self) -> tuple[Place, list[Payload]]:
        """Where the next batch goes, and its records."""
        rng = self.client.rng
        place = chosen(rng, self.places)
        count = between(rng, 1, self.records_max)
        payloads = []
        for _ in range(count):
            self.made += 1
            payloads.append(Payload(f"{self.client.name}-{self.made}", between(rng, 0, self.pad_max)))
        self.model.send(place, [payload.text for payload in payloads])
        return place, payloads

    def batch(self, payloads: list[Payload], **more: Any) -> bytes:
        time_ms = EPOCH_WALL_MS + self.client.world.now // 1_000_000
        return words.batch(payloads, time_ms, self.client.name.encode(), compression=self.codec, **more)

    def invoke(self, batches: list[Outgoing]) -> None:
        value = [["send", self._key(one), text] for one in batches if self._judged(one) for text in one.texts]
        if value:
            self.client.history.add("invoke", self.process, "send", value)

    def complete(self, kind: str, batches: list[Outgoing]) -> None:
        """Write down the outcome of what `invoke` wrote down; an unknown one ends this logical process."""
        value: list[Any] = []
        for one in batches:
            if self._judged(one):
                for place, text in enumerate(one.texts):
                    offset = one.base + place if one.base >= 0 else None
                    value.append(["send", self._key(one), [offset, text]])
        if value:
            self.client.history.add(kind, self.process, "send", value)
        if kind == "info":
            self.process = self.client.history.process()

    def _judged(self, one: Outgoing) -> bool:
        return self.model.places[one.place].judged

    def _key(self, one: Outgoing) -> int:
        return self.client.history.key(*one.place)


def plain(client: Client, model: Model) -> Program:
    """Sends each batch once; what is not answered is unknown."""
    producing = Producing(client, model)
    for number in range(client.plan.ops):
        client.doing = f"op {number} of {client.plan.ops}"
        yield client.gap()
        yield from client.connected()
        place, payloads = producing.draw()
        one = Outgoing(place, payloads, producing.batch(payloads), -1)
        producing.invoke([one])
        request = words.produce(place, one.data, producing.acks)
        (answer,) = yield Ask((request,), 10_000, words.BY_NAME, answered=producing.acks != 0)
        client.world.count("client operations")
        if answer is None:
            producing.complete("info", [one])
            continue
        told = words.produced(answer)
        if told.error_code == 0:
            committed = producing.acks == -1
            one.base = told.base_offset
            model.ack(place, one.base, one.texts, committed, once=False)
            # Under acks=1 the leader alone had it: a power cut may take it back.
            one.base = one.base if committed else -1
            producing.complete("ok" if committed else "info", [one])
        else:
            client.world.count(f"produce refused: {ErrorCode(told.error_code).name}")
            producing.complete("fail" if told.error_code in REFUSED_FOR_SURE else "info", [one])


def idempotent(client: Client, model: Model) -> Program:
    """Sends up to five batches at once and repeats them, with the same sequences, until each is acknowledged."""
    producing = Producing(client, model)
    producer_id, epoch = yield from _identity(client)
    first = int(client.plan.options["first_sequence"])
    sequences = dict.fromkeys(producing.places, first)
    in_flight = int(client.plan.options["in_flight"])
    left = client.plan.ops
    while left > 0:
        client.doing = f"{left} batches left of {client.plan.ops}"
        yield client.gap()
        batches: list[Outgoing] = []
        for _ in range(min(left, between(client.rng, 1, in_flight))):
            place, payloads = producing.draw()
            sequence = sequences[place]
            sequences[place] = (sequence + len(payloads)) % SEQUENCES
            data = producing.batch(payloads, producer_id=producer_id, producer_epoch=epoch, base_sequence=sequence)
            batches.append(Outgoing(place, payloads, data, sequence))
        left -= len(batches)
        producing.invoke(batches)
        lost = yield from _until_acked(client, model, batches)
        client.world.count("client operations", len(batches))
        producing.complete("info" if lost else "ok", batches)
        if lost:
            client.world.count("idempotent producer began anew")
            producer_id, epoch = yield from _identity(client)
            sequences = dict.fromkeys(producing.places, first)


def _until_acked(client: Client, model: Model, batches: list[Outgoing]) -> Generator[Wish, Any, bool]:
    """Repeat what is not acknowledged.  True when the broker has forgotten this producer, where it may."""
    open_batches = list(batches)
    while open_batches:
        yield from client.connected()
        requests = tuple(words.produce(one.place, one.data, -1) for one in open_batches)
        answers = yield Ask(requests, 10_000, words.BY_NAME)
        still: list[Outgoing] = []
        stopped: dict[Place, None] = {}
        for one, answer in zip(open_batches, answers, strict=True):
            code = None if answer is None else words.produced(answer).error_code
            if code == 0:
                one.base = words.produced(answer).base_offset
                model.ack(one.place, one.base, one.texts, committed=True, once=True)
                continue
            if code == ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER and one.place not in stopped:
                if model.beyond or model.places[one.place].forgiven or model.places[one.place].shrinks:
                    return True
                raise Violation(
                    "NoGap", f"{client.name}: sequence {one.sequence} of {one.place} refused as out of order"
                )
            if code is not None and code not in RETRIABLE and code != ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER:
                raise Violation("RetryIsAnswered", f"{client.name}: {ErrorCode(code).name} for a repeated batch")
            stopped[one.place] = None
            still.append(one)
        open_batches = still
        if still:
            client.world.count("batches sent again", len(still))
            yield Sleep(between(client.rng, 50, 500))
    return False


def _identity(client: Client) -> Generator[Wish, Any, tuple[int, int]]:
    """A producer id."""
    while True:
        request = InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=60_000)
        answer = yield from client.one(request, version=4)
        if answer is not None and answer.error_code == 0:
            return answer.producer_id, answer.producer_epoch
        yield Sleep(between(client.rng, 50, 500))
