"""A member of a classic group: joins, is given partitions, polls them, commits, and joins again when told to.

Knows: the group protocol as a client must follow it, static membership too.  Does not know: the coordinator's state.
Invariant: it polls and commits only what the generation it is in gave it; what it was given it writes down.
"""

from collections.abc import Generator
from typing import Any

from odradek.core.errors import ErrorCode
from odradek.core.types import MS
from odradek.core.wire.membership import (
    FindCoordinatorRequest,
    HeartbeatRequest,
    JoinGroupRequest,
    JoinGroupRequestProtocol,
    LeaveGroupRequest,
    MemberIdentity,
    SyncGroupRequest,
    SyncGroupRequestAssignment,
)
from odradek.sim.chance import between
from odradek.sim.clients import words
from odradek.sim.clients.client import RETRIABLE, Client, Program, Sleep, Wish
from odradek.sim.clients.consumers import Consuming
from odradek.sim.model import Model, Place
from odradek.sim.owners import Owners
from odradek.sim.world import Violation

REJOIN = (ErrorCode.REBALANCE_IN_PROGRESS, ErrorCode.ILLEGAL_GENERATION)


class Member:
    """One member, through all its generations."""

    def __init__(self, client: Client, model: Model, owners: Owners) -> None:
        options = client.plan.options
        self.client = client
        self.model = model
        self.owners = owners
        self.group = str(options["group"])
        self.instance: str | None = str(options["instance"]) or None
        self.session_ms = int(options["session_ms"])
        self.rebalance_ms = int(options["rebalance_ms"])
        self.topics: list[str] = [topic for topic, _ in options["topics"]]
        self.places: list[Place] = [(topic, index) for topic, count in options["topics"] for index in range(count)]
        self.member = ""
        self.generation = -1
        self.consuming: Consuming | None = None
        self.fenced = False
        self.heard = 0
        """When the coordinator last answered: beyond the session it may have given the partitions to another."""

    @property
    def who(self) -> words.Membership:
        return words.Membership(self.group, self.member, self.generation, self.instance)

    def join(self) -> Generator[Wish, Any, bool]:
        """Join, be synced and find the positions; False when it must be tried again."""
        client = self.client
        client.doing = f"joining {self.group}"
        yield from client.connected()
        yield from client.one(FindCoordinatorRequest(coordinator_keys=(self.group,)))
        request = JoinGroupRequest(
            group_id=self.group,
            session_timeout_ms=self.session_ms,
            rebalance_timeout_ms=self.rebalance_ms,
            member_id=self.member,
            group_instance_id=self.instance,
            protocol_type="consumer",
            protocols=(JoinGroupRequestProtocol(name="range", metadata=words.subscription(self.topics)),),
        )
        answer = yield from client.one(request, self.rebalance_ms + self.session_ms + 5000)
        if answer is None:
            return False
        if answer.error_code == ErrorCode.MEMBER_ID_REQUIRED:
            self.member = answer.member_id
            return False
        if not self._accepted(answer.error_code, "join"):
            return False
        self.member, self.generation = answer.member_id, answer.generation_id
        return (yield from self._sync(answer))

    def _sync(self, joined: Any) -> Generator[Wish, Any, bool]:
        plan: tuple[SyncGroupRequestAssignment, ...] = ()
        if joined.leader == self.member and not joined.skip_assignment:
            plan = self._shared_out([one.member_id for one in joined.members])
        request = SyncGroupRequest(
            group_id=self.group,
            generation_id=self.generation,
            member_id=self.member,
            group_instance_id=self.instance,
            protocol_type="consumer",
            protocol_name="range",
            assignments=plan,
        )
        answer = yield from self.client.one(request, self.rebalance_ms + self.session_ms + 5000)
        if answer is None or not self._accepted(answer.error_code, "sync"):
            return False
        self.heard = self.client.world.now
        places = words.assigned(answer.assignment)
        self.owners.given(self.group, self.generation, self.instance or self.member, places)
        return (yield from self._take_over(places))

    def _shared_out(self, members: list[str]) -> tuple[SyncGroupRequestAssignment, ...]:
        """Round robin over the members in the order of their names."""
        if self.client.rng.random() < float(self.client.plan.options["vanish"]):
            # A leader that dies between Join and Sync: its silence must not stop the group for ever.
            self.fenced = True
        shares: dict[str, list[Place]] = {member: [] for member in sorted(members)}
        for number, place in enumerate(self.places):
            shares[sorted(members)[number % len(members)]].append(place)
        return tuple(
            SyncGroupRequestAssignment(member_id=member, assignment=words.assignment(places))
            for member, places in shares.items()
        )

    def _take_over(self, places: list[Place]) -> Generator[Wish, Any, bool]:
        """Begin where the group was."""
        found: dict[Place, tuple[int, int]] = {}
        if places:
            answer = yield from self.client.one(words.fetch_offsets(self.group, places), version=9)
            if answer is None:
                return False
            code, found = words.offsets_fetched(answer)
            if code != 0 or any(error for error, _ in found.values()):
                return False
        consuming = Consuming(self.client, self.model, places)
        for place, (_, offset) in found.items():
            self.owners.fetched(self.group, place, offset)
            consuming.positions[place] = max(0, offset)
        consuming.assign(from_start=False)
        consuming.seek()
        keys = [consuming.key(place) for place in consuming.judged()]
        if keys:
            consuming.rebalance_log = [
                {
                    "keys": keys,
                    "group": self.group,
                    "generation": self.generation,
                    "member": self.instance or self.member,
                }
            ]
        self.consuming = consuming
        return True

    def _accepted(self, code: int, what: str) -> bool:
        """Whether an answer lets it go on in its generation; what else it must do is noted."""
        if code == 0:
            return True
        self.client.world.count(f"{what} refused: {ErrorCode(code).name}")
        if code == ErrorCode.UNKNOWN_MEMBER_ID:
            self.member = ""
        elif code == ErrorCode.FENCED_INSTANCE_ID:
            self.fenced = True
        elif code not in REJOIN and code not in RETRIABLE and code != ErrorCode.GROUP_MAX_SIZE_REACHED:
            raise Violation("GroupAnswers", f"{self.client.name}: {ErrorCode(code).name} for a {what}")
        return False

    def heartbeat(self) -> Generator[Wish, Any, bool]:
        request = HeartbeatRequest(
            group_id=self.group,
            generation_id=self.generation,
            member_id=self.member,
            group_instance_id=self.instance,
        )
        answer = yield from self.client.one(request, self.session_ms)
        if answer is None:
            return True
        if self._accepted(answer.error_code, "heartbeat"):
            self.heard = self.client.world.now
            return True
        return answer.error_code in RETRIABLE

    def commit(self) -> Generator[Wish, Any, bool]:
        """Commit the positions; False when it must join again."""
        consuming = self.consuming
        assert consuming is not None
        offsets = {place: at for place, at in consuming.positions.items() if at > 0}
        if not offsets:
            return True
        client = self.client
        judged = {str(consuming.key(place)): at for place, at in offsets.items()}
        more = {"group": self.group, "generation": self.generation, "member": self.instance or self.member}
        process = client.history.process()
        client.history.add("invoke", process, "commit", judged, **more)
        began = self.owners.commit_asked(self.group, self.generation, offsets)
        answer = yield from client.one(words.commit(self.who, offsets), 5000, version=9)
        client.world.count("client operations")
        codes = [] if answer is None else [part.error_code for topic in answer.topics for part in topic.partitions]
        if answer is not None and not any(codes):
            client.history.add("ok", process, "commit", judged, **more)
            self.owners.commit_acked(self.group, self.generation, offsets, began)
            client.world.count("offsets committed", len(offsets))
            return True
        client.history.add("info", process, "commit", judged, **more)
        bad = [code for code in codes if code]
        return not bad or self._accepted(bad[0], "commit") or bad[0] in RETRIABLE

    def leave(self) -> Generator[Wish, Any, None]:
        who = MemberIdentity(member_id=self.member, group_instance_id=self.instance)
        yield from self.client.one(LeaveGroupRequest(group_id=self.group, members=(who,)))
        self.member, self.generation, self.consuming = "", -1, None

    @property
    def stale(self) -> bool:
        """Whether it heard nothing for a whole session: it must not act as if it were still in."""
        return self.client.world.now - self.heard > self.session_ms * MS


def member(client: Client, model: Model, owners: Owners) -> Program:
    """`ops` polls long, over as many generations as it takes."""
    one = Member(client, model, owners)
    options = client.plan.options
    left = client.plan.ops
    while left > 0:
        if one.fenced:
            # A new instance would go on under the same name; this process ends, another begins.
            client.world.count("member began anew")
            one = Member(client, model, owners)
            yield Sleep(between(client.rng, 10, 3 * one.session_ms))
        joined = yield from one.join()
        if not joined:
            yield Sleep(between(client.rng, 20, 300))
            continue
        client.world.count("generations lived through")
        while left > 0 and not one.fenced:
            client.doing = f"{left} polls left, generation {one.generation} of {one.group}"
            left -= 1
            if not (yield from _one_round(client, one)):
                break
            if client.rng.random() < 0.01 * int(options["leaves"]):
                yield from one.leave()
                break
    if one.generation >= 0 and one.instance is None:
        yield from one.leave()


def _one_round(client: Client, one: Member) -> Generator[Wish, Any, bool]:
    """Heartbeat, poll, commit; False when the generation is over for this member."""
    assert one.consuming is not None
    if not (yield from one.heartbeat()) or one.stale:
        return False
    if one.consuming.positions:
        wait = between(client.rng, 0, 50 if client.final else 300)
        yield from one.consuming.poll(wait, 1, 1 << 16)
    else:
        client.world.count("client operations")
    yield client.gap()
    if client.rng.random() < 0.1 and not client.final:
        # Silence for about a session: the commit that follows may come after this member was given up.
        yield Sleep(between(client.rng, 0, 2 * one.session_ms))
    if client.rng.random() < 0.6:
        return bool((yield from one.commit()))
    return True
