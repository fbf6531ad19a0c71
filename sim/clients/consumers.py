"""Consumers that choose their own partitions: they poll in fetch sessions, wait long, and begin again where they were.

Knows: positions, sessions, resets.  Does not know: groups (`members`), how records are kept.
Invariant: a position moves only over records that were read, whole and in order, or by a reset that is written down.
"""

from collections.abc import Generator
from typing import Any

from odradek.core.errors import ErrorCode
from odradek.sim.chance import between
from odradek.sim.clients import words
from odradek.sim.clients.client import RETRIABLE, Client, Program, Sleep, Wish
from odradek.sim.model import Model, Place, read_payload
from odradek.sim.world import Violation

SESSION_GONE = (ErrorCode.FETCH_SESSION_ID_NOT_FOUND, ErrorCode.INVALID_FETCH_SESSION_EPOCH)


class Consuming:
    """Positions in some partitions, and one fetch session."""

    def __init__(self, client: Client, model: Model, places: list[Place]) -> None:
        self.client = client
        self.model = model
        self.positions: dict[Place, int] = dict.fromkeys(places, 0)
        self.process = client.history.process()
        self.session = 0
        self.epoch = 0
        self.told: dict[Place, int] = {}
        """What the session was last told of each position."""
        self.rebalance_log: list[dict[str, Any]] = []
        self.highs: dict[Place, int] = {}
        self.starts: dict[Place, int] = {}
        self.lives: dict[Place, int] = {place: model.places[place].forgiven for place in places}

    def judged(self) -> list[Place]:
        return [place for place in self.positions if self.model.places[place].judged]

    def key(self, place: Place) -> int:
        return self.client.history.key(*place)

    def assign(self, from_start: bool) -> None:
        """Write down which partitions are read from now on."""
        keys = [self.key(place) for place in self.judged()]
        self.client.history.add("invoke", self.process, "assign", keys, seek_to_beginning=from_start)
        self.client.history.add("ok", self.process, "assign", keys, seek_to_beginning=from_start)

    def seek(self) -> None:
        """Write down the positions as they are."""
        value = {str(self.key(place)): self.positions[place] for place in self.judged()}
        self.client.history.add("invoke", self.process, "seek", value)
        self.client.history.add("ok", self.process, "seek", value)

    def poll(self, max_wait_ms: int, min_bytes: int, part_bytes: int) -> Generator[Wish, Any, int]:
        """One fetch; how many records it brought.  Resets positions that are out of range."""
        client = self.client
        yield from client.connected()
        if self.epoch == 0:
            self.told.clear()
        news = [(place, at) for place, at in self.positions.items() if self.told.get(place) != at]
        request = words.fetch(news, max_wait_ms, min_bytes, part_bytes, (self.session, self.epoch))
        self._forgive()
        client.history.add("invoke", self.process, "poll", [["poll"]])
        answer = yield from client.one(request, max_wait_ms + 8000, words.BY_NAME)
        client.world.count("client operations")
        if answer is None or answer.error_code != 0:
            self._no_answer(answer)
            return 0
        self.told.update(news)
        if self.epoch == 0:
            self.session = answer.session_id
        self.epoch = self.epoch % 0x7FFFFFFF + 1 if self.session else 0
        return (yield from self._take(answer))

    def _no_answer(self, answer: Any) -> None:
        """Nothing was read: the session begins anew."""
        self._done({})
        if answer is not None and answer.error_code not in SESSION_GONE and answer.error_code not in RETRIABLE:
            raise Violation("FetchAnswers", f"{self.client.name}: {ErrorCode(answer.error_code).name} for a fetch")
        self.client.world.count("fetch session begun anew")
        self.session = self.epoch = 0

    def _forgive(self) -> None:
        """A power cut took away what was not promised: positions behind it mean nothing any more."""
        for place in self.positions:
            forgiven = self.model.places[place].forgiven
            if forgiven != self.lives.get(place):
                self.lives[place] = forgiven
                self.positions[place] = 0
                self.epoch = self.session = 0

    def _take(self, answer: Any) -> Generator[Wish, Any, int]:
        came: dict[Place, list[tuple[int, str]]] = {}
        lost: list[Place] = []
        for topic in answer.responses:
            for part in topic.partitions:
                place = (topic.topic, part.partition_index)
                if place not in self.positions:
                    raise Violation("FetchAnswers", f"{self.client.name} was given {place}, which it does not read")
                if part.error_code == ErrorCode.OFFSET_OUT_OF_RANGE:
                    lost.append(place)
                elif part.error_code == 0:
                    self._records(place, part, came)
                elif part.error_code not in RETRIABLE:
                    raise Violation("FetchAnswers", f"{self.client.name}: {ErrorCode(part.error_code).name} for {place}")
        self._done(came)
        for place in lost:
            yield from self._reset(place)
        return sum(map(len, came.values()))

    def _records(self, place: Place, part: Any, came: dict[Place, list[tuple[int, str]]]) -> None:
        model = self.model
        kept = model.places[place]
        if self.lives.get(place, 0) != kept.forgiven:
            return
        model.highs(place, part.high_watermark)
        self.highs[place] = part.high_watermark
        self.starts[place] = part.log_start_offset
        try:
            found = words.fetched(part.records, self.positions[place])
        except words.Torn as torn:
            self.client.world.count("damage seen by a client")
            if not model.beyond:
                raise Violation("NeverWrongData", f"{self.client.name} read from {place}: {torn}") from None
            return
        for record in found:
            at = self.positions[place]
            if record.offset != at and not kept.shrinks and not model.beyond:
                raise Violation("NoHole", f"{place}: {self.client.name} was given {record.offset} where {at} is next")
            if record.offset >= part.high_watermark:
                raise Violation("ConsistentRead", f"{place}: {record.offset} read, the high is {part.high_watermark}")
            payload = read_payload(record.value)
            if payload is None or record.headers != ((b"n", payload.text.encode()),):
                raise Violation("NeverWrongData", f"{place} at {record.offset}: {record.value!r:.80} was never sent")
            model.read(place, record.offset, payload.text)
            self.positions[place] = record.offset + 1
            came.setdefault(place, []).append((record.offset, payload.text))

    def _done(self, came: dict[Place, list[tuple[int, str]]]) -> None:
        value = {
            str(self.key(place)): [[offset, text] for offset, text in found]
            for place, found in came.items()
            if self.model.places[place].judged
        }
        more = {"rebalance_log": self.rebalance_log} if self.rebalance_log else {}
        self.rebalance_log = []
        self.client.history.add("ok", self.process, "poll", [["poll", value]], **more)

    def _reset(self, place: Place) -> Generator[Wish, Any, None]:
        """Out of range: go to the first record that is left."""
        kept = self.model.places[place]
        if not kept.shrinks and not kept.forgiven and not self.model.beyond:
            raise Violation("PositionStays", f"{self.client.name} at {self.positions[place]} of {place} is out of range")
        self.client.world.count("position reset")
        answer = yield from self.client.one(words.list_offsets([place], words.EARLIEST))
        if answer is None:
            return
        ((_, code, offset),) = words.listed(answer)
        if code == 0:
            self.positions[place] = offset
            self.session = self.epoch = 0
            self.seek()


def _places(client: Client) -> list[Place]:
    return [(topic, index) for topic, count in client.plan.options["topics"] for index in range(count)]


def consumer(client: Client, model: Model) -> Program:
    """Reads its partitions from their start, `ops` polls long; a few times it begins again from the start."""
    options = client.plan.options
    consuming = Consuming(client, model, _places(client))
    consuming.assign(from_start=True)
    for number in range(client.plan.ops):
        client.doing = f"poll {number} of {client.plan.ops}"
        if client.rng.random() < 0.01 * int(options["rewinds"]):
            consuming = Consuming(client, model, _places(client))
            consuming.assign(from_start=True)
        wait = between(client.rng, 0, 0 if client.final else int(options["wait_ms_max"]))
        came = yield from consuming.poll(wait, int(options["min_bytes"]), int(options["part_bytes"]))
        if not came:
            yield client.gap()


def final_reader(client: Client, model: Model) -> Program:
    """After all is healed: every partition from its start to its high watermark, and nothing acknowledged is missing."""
    client.history.add("info", 0, "final", None)
    places = sorted(model.places)
    consuming = Consuming(client, model, places)
    starts = yield from _positions(client, places, words.EARLIEST)
    ends = yield from _positions(client, places, words.LATEST)
    consuming.assign(from_start=True)
    consuming.positions.update(starts)
    read: dict[Place, dict[int, str]] = {place: {} for place in places}
    idle = 0
    while idle < 200 and any(consuming.positions[place] < ends[place] for place in places):
        client.doing = "reading " + str([p for p in places if consuming.positions[p] < ends[p]][:3])
        came = yield from consuming.poll(10, 1, 1 << 18)
        idle = 0 if came else idle + 1
        if not came:
            yield Sleep(20)
    for place in places:
        kept = model.places[place]
        read[place] = {offset: text for offset, text in kept.seen.items() if offset >= starts[place]}
        if not model.beyond and kept.high > ends[place]:
            raise Violation("HwMonotone", f"{place} ends at {ends[place]}, a client was told {kept.high}")
        if consuming.positions[place] >= ends[place]:
            model.whole(place, starts[place], read[place])
        elif not model.beyond:
            raise Violation("LsoReachesHw", f"{place} cannot be read beyond {consuming.positions[place]}")


def _positions(client: Client, places: list[Place], timestamp: int) -> Generator[Wish, Any, dict[Place, int]]:
    """The offset that ListOffsets gives for each partition; 0 where damage beyond the budget makes it refuse."""
    found: dict[Place, int] = {}
    for place in places:
        for _ in range(40):
            client.doing = f"asking for the offsets of {place}"
            answer = yield from client.one(words.list_offsets([place], timestamp))
            listed = [] if answer is None else words.listed(answer)
            if listed and listed[0][1] == 0:
                found[place] = listed[0][2]
                break
            yield Sleep(100)
        else:
            found[place] = 0
    return found
