"""One member of a classic group, as long as its coordinator lives.

Knows: what the member said when it joined, and which of its requests wait.  Does not know: the other members.
Invariant: at most one JoinGroup and one SyncGroup of a member wait at any time.
"""

from typing import NamedTuple

from odradek.core.groups.out import Ticket
from odradek.core.groups.schema import MemberMetadata
from odradek.core.wire.membership import JoinGroupRequest

Protocols = dict[str, bytes]
"""The protocols a member supports, in its order of preference, with its metadata for each."""


class Client(NamedTuple):
    """Who sent a request: the client id of its header and the peer's address."""

    id: str
    host: str


class Waiting(NamedTuple):
    """A request that waits, and the version its answer is written in."""

    ticket: Ticket
    version: int


class Member:
    """`is_new`: it has not yet been told its first generation, so it cannot have sent a heartbeat."""

    __slots__ = (
        "assignment",
        "client",
        "id",
        "instance_id",
        "is_new",
        "join",
        "protocols",
        "rebalance_timeout_ms",
        "session_timeout_ms",
        "sync",
    )

    def __init__(
        self,
        member_id: str,
        instance_id: str | None,
        client: Client,
        session_timeout_ms: int,
        rebalance_timeout_ms: int,
        protocols: Protocols,
    ) -> None:
        self.id = member_id
        self.instance_id = instance_id
        self.client = client
        self.session_timeout_ms = session_timeout_ms
        self.rebalance_timeout_ms = rebalance_timeout_ms
        self.protocols = protocols
        self.assignment = b""
        self.is_new = False
        self.join: Waiting | None = None
        self.sync: Waiting | None = None

    def metadata(self, protocol: str | None) -> bytes:
        """What this member said for a protocol; nothing for one it does not support."""
        return b"" if protocol is None else self.protocols.get(protocol, b"")

    def says_the_same(self, protocols: Protocols) -> bool:
        """Whether it would join with exactly what it joined with, preference included."""
        return list(self.protocols.items()) == list(protocols.items())

    def stored(self, protocol: str | None) -> MemberMetadata:
        """The member as the group's record holds it."""
        return MemberMetadata(
            member_id=self.id,
            group_instance_id=self.instance_id,
            client_id=self.client.id,
            client_host=self.client.host,
            rebalance_timeout=self.rebalance_timeout_ms,
            session_timeout=self.session_timeout_ms,
            subscription=self.metadata(protocol),
            assignment=self.assignment,
        )


def restored(stored: MemberMetadata, protocol: str | None) -> Member:
    """The member of a group that was loaded: of its protocols only the chosen one is known."""
    member = Member(
        stored.member_id,
        stored.group_instance_id,
        Client(stored.client_id, stored.client_host),
        stored.session_timeout,
        stored.rebalance_timeout,
        {} if protocol is None else {protocol: bytes(stored.subscription)},
    )
    member.assignment = bytes(stored.assignment)
    return member


def protocols_of(request: JoinGroupRequest) -> Protocols:
    """The request's protocols; of two with one name the first counts, as in Kafka."""
    protocols: Protocols = {}
    for protocol in request.protocols:
        protocols.setdefault(protocol.name, bytes(protocol.metadata))
    return protocols
