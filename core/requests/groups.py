"""JoinGroup, SyncGroup, Heartbeat, LeaveGroup, and what administrators ask about groups.

Knows: which shard a group belongs to, and how a shard's answer becomes a response.  Does not know: the rules of groups.
Invariant: a request is answered by its group's shard alone; one over several groups, when all of their shards have
answered.
"""

from collections.abc import Callable
from typing import Any

from odradek.core.broker import Broker
from odradek.core.coordinator import Host
from odradek.core.errors import ErrorCode, Refused
from odradek.core.groups.answers import join_error, sync_error
from odradek.core.groups.member import Client
from odradek.core.groups.out import ShardOut
from odradek.core.machine import Out
from odradek.core.session import Call
from odradek.core.types import Now
from odradek.core.wire.groups import (
    DeletableGroupResult,
    DeleteGroupsRequest,
    DeleteGroupsResponse,
    DescribedGroup,
    DescribeGroupsRequest,
    DescribeGroupsResponse,
    ListGroupsRequest,
    ListGroupsResponse,
)
from odradek.core.wire.membership import (
    HeartbeatRequest,
    HeartbeatResponse,
    JoinGroupRequest,
    LeaveGroupRequest,
    LeaveGroupResponse,
    SyncGroupRequest,
)

GROUP_OPERATIONS = sum(1 << operation for operation in (3, 6, 8))
"""READ, DELETE, DESCRIBE (KIP-430): without ACLs, everything a group knows."""


class Asking:
    """The ticket of a request that one shard answers."""

    __slots__ = ("broker", "call")

    def __init__(self, broker: Broker, call: Call) -> None:
        self.broker = broker
        self.call = call

    def told(self, body: Any, out: Out) -> None:
        """The shard's answer is the response."""
        self.broker.reply(self.call, body, out)


Combine = Callable[[Call, list[Any]], Any]
"""A function of a module: the response to a call, from the answers in the order asked."""


class Gathering:
    """A request that several shards answer, or one shard several times."""

    __slots__ = ("broker", "call", "combine", "missing", "parts")

    def __init__(self, broker: Broker, call: Call, count: int, combine: Combine) -> None:
        self.broker = broker
        self.call = call
        self.combine = combine
        self.parts: list[Any] = [None] * count
        self.missing = count

    def part(self, index: int) -> "Part":
        """The ticket of one answer."""
        return Part(self, index)

    def put(self, index: int, body: Any, out: Out) -> None:
        """One answer is here."""
        assert self.parts[index] is None, "a shard answers a ticket once"
        self.parts[index] = body
        self.missing -= 1
        if self.missing == 0:
            self.broker.reply(self.call, self.combine(self.call, self.parts), out)

    def nothing_to_ask(self, out: Out) -> None:
        """There was nobody to ask."""
        self.broker.reply(self.call, self.combine(self.call, []), out)


class Part:
    """The ticket of one of several answers."""

    __slots__ = ("gathering", "index")

    def __init__(self, gathering: Gathering, index: int) -> None:
        self.gathering = gathering
        self.index = index

    def told(self, body: Any, out: Out) -> None:
        """One shard's answer."""
        self.gathering.put(self.index, body, out)


def client_of(call: Call) -> Client:
    """Who asks, as groups remember it."""
    return Client(call.client_id or "", f"/{call.session.peer[0]}")


def join(broker: Broker, call: Call, now: Now, out: Out) -> None:
    """Answer a JoinGroup request (key 11) once the generation begins."""
    body: JoinGroupRequest = call.body
    try:
        host = broker.coordinator.host_of(body.group_id)
    except Refused as refused:
        broker.reply(call, join_error(refused.code, call.version, body.member_id), out)
        return
    step = ShardOut()
    host.shard.join(body, call.version, client_of(call), Asking(broker, call), now, step)
    host.perform(step, now, out)


def sync(broker: Broker, call: Call, now: Now, out: Out) -> None:
    """Answer a SyncGroup request (key 14) once the leader's assignment is stored."""
    body: SyncGroupRequest = call.body
    try:
        host = broker.coordinator.host_of(body.group_id)
    except Refused as refused:
        broker.reply(call, sync_error(refused.code), out)
        return
    step = ShardOut()
    host.shard.sync(body, call.version, Asking(broker, call), now, step)
    host.perform(step, now, out)


def heartbeat(broker: Broker, call: Call, now: Now, out: Out) -> None:
    """Answer a Heartbeat request (key 12)."""
    body: HeartbeatRequest = call.body
    try:
        host = broker.coordinator.host_of(body.group_id)
    except Refused as refused:
        broker.reply(call, HeartbeatResponse(error_code=refused.code), out)
        return
    step = ShardOut()
    host.shard.heartbeat(body, Asking(broker, call), now, step)
    host.perform(step, now, out)


def leave(broker: Broker, call: Call, now: Now, out: Out) -> None:
    """Answer a LeaveGroup request (key 13)."""
    body: LeaveGroupRequest = call.body
    try:
        host = broker.coordinator.host_of(body.group_id)
    except Refused as refused:
        broker.reply(call, LeaveGroupResponse(error_code=refused.code), out)
        return
    step = ShardOut()
    host.shard.leave(body, call.version, Asking(broker, call), now, step)
    host.perform(step, now, out)


def describe(broker: Broker, call: Call, now: Now, out: Out) -> None:
    """Answer a DescribeGroups request (key 15)."""
    body: DescribeGroupsRequest = call.body
    names = list(dict.fromkeys(body.groups))
    gathering = Gathering(broker, call, len(names), _described)
    for index, group in enumerate(names):
        ticket = gathering.part(index)
        host = _host_or_answer(broker, group, DescribedGroup, ticket, out)
        if host is not None:
            step = ShardOut()
            host.shard.describe(group, call.version, ticket, step)
            host.perform(step, now, out)
    if not names:
        gathering.nothing_to_ask(out)


def _described(call: Call, parts: list[DescribedGroup]) -> DescribeGroupsResponse:
    body: DescribeGroupsRequest | None = call.body
    if body is not None and body.include_authorized_operations:
        for part in parts:
            if not part.error_code:
                part.authorized_operations = GROUP_OPERATIONS
    return DescribeGroupsResponse(groups=tuple(parts))


def delete(broker: Broker, call: Call, now: Now, out: Out) -> None:
    """Answer a DeleteGroups request (key 42)."""
    body: DeleteGroupsRequest = call.body
    names = list(dict.fromkeys(body.groups_names))
    gathering = Gathering(broker, call, len(names), _deleted)
    for index, group in enumerate(names):
        ticket = gathering.part(index)
        host = _host_or_answer(broker, group, DeletableGroupResult, ticket, out)
        if host is not None:
            step = ShardOut()
            host.shard.delete_group(group, ticket, now, step)
            host.perform(step, now, out)
    if not names:
        gathering.nothing_to_ask(out)


def _deleted(call: Call, parts: list[DeletableGroupResult]) -> DeleteGroupsResponse:
    return DeleteGroupsResponse(results=tuple(parts))


def _host_or_answer(broker: Broker, group: str, failure: type[Any], ticket: Part, out: Out) -> Host | None:
    """The shard to ask; without one the ticket is answered here."""
    try:
        return broker.coordinator.host_of(group)
    except Refused as refused:
        ticket.told(failure(group_id=group, error_code=refused.code), out)
        return None


def list_groups(broker: Broker, call: Call, now: Now, out: Out) -> None:
    """Answer a ListGroups request (key 16) from all shards."""
    body: ListGroupsRequest = call.body
    hosts = broker.coordinator.hosts
    gathering = Gathering(broker, call, len(hosts), _listed)
    for index, host in enumerate(list(hosts)):
        step = ShardOut()
        host.shard.list_groups(body, gathering.part(index), step)
        host.perform(step, now, out)
    if not hosts:
        gathering.nothing_to_ask(out)


def _listed(call: Call, parts: list[ListGroupsResponse]) -> ListGroupsResponse:
    code = next((part.error_code for part in parts if part.error_code), int(ErrorCode.NONE))
    return ListGroupsResponse(error_code=code, groups=tuple(group for part in parts for group in part.groups))
