"""A small blocking client: which brokers there are, who leads and coordinates what, and trying again.

Knows: metadata, routing, patience.  Does not know: what is produced, fetched or administered (the files beside it).
Invariant: whatever it tries again, it tries for a bounded time.
"""

from collections.abc import Callable, Iterable
from time import monotonic, sleep
from types import TracebackType
from typing import Any, NamedTuple, TypeVar

from odradek.core.errors import ErrorCode
from odradek.core.types import NO_TOPIC_ID
from odradek.core.wire.metadata import MetadataRequest, MetadataRequestTopic
from odradek.io.client_errors import ClientError, ServerError, Unreachable, check
from odradek.io.client_link import Address, Link, addresses

METADATA = 3
FIND_COORDINATOR = 10
PATIENCE_S = 30.0
"""How long one act is tried again."""

PAUSE_S_FIRST = 0.05
PAUSE_S_MAX = 1.0

T = TypeVar("T")


class Place(NamedTuple):
    """One partition, by name: what a person means, and what offsets are committed for."""

    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}-{self.partition}"


class Partition(NamedTuple):
    """A partition and who has it; `leader` is -1 while there is none."""

    number: int
    leader: int
    replicas: tuple[int, ...]
    isr: tuple[int, ...]
    error: int


class Topic(NamedTuple):
    """A topic as metadata shows it.  Its partitions are in order."""

    name: str
    id: bytes
    internal: bool
    partitions: tuple[Partition, ...]
    error: int


class Cluster(NamedTuple):
    """An answer to a metadata request."""

    id: str | None
    controller: int
    nodes: dict[int, Address]
    topics: dict[str, Topic]


class Patience:
    """The time there is for trying something again."""

    def __init__(self, seconds: float) -> None:
        self._by = monotonic() + seconds
        self._pause = PAUSE_S_FIRST

    def wait(self, why: ClientError) -> None:
        """Pause before the next try.  Raises `why` when it will not pass, or when the time is up."""
        if not why.retriable or monotonic() + self._pause > self._by:
            raise why
        sleep(self._pause)
        self._pause = min(2 * self._pause, PAUSE_S_MAX)


class Client:
    """Connections to a cluster, opened when they are needed.

    Methods raise `ClientError`.  The first contact is tried once: a person who named the wrong address should not wait.
    """

    def __init__(self, brokers: str, *, client_id: str = "odradek", patience_s: float = PATIENCE_S) -> None:
        self.client_id = client_id
        self.patience_s = patience_s
        self._seeds = addresses(brokers)
        self._links: dict[Address, Link] = {}
        self._nodes: dict[int, Address] = {}
        self._controller = -1
        self._topics: dict[str, Topic] = {}
        self._coordinators: dict[str, Address] = {}
        self._met = False

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        for link in self._links.values():
            link.close()
        self._links.clear()

    # -- connections

    def any(self) -> Link:
        """A connection to whichever broker can be reached, those already connected first."""
        for link in self._links.values():
            if link.usable:
                return link
        whys = []
        for address in (*self._seeds, *self._nodes.values()):
            try:
                return self._link(address)
            except Unreachable as error:
                whys.append(str(error))
        text = "; ".join(dict.fromkeys(whys))
        if self._met:
            raise Unreachable(text)
        raise Unreachable(f"{text}: is a broker running there? -b names another", retriable=False)

    def node(self, number: int) -> Link:
        """A connection to the broker of that id."""
        if number not in self._nodes:
            self.cluster(())
        address = self._nodes.get(number)
        if address is None:
            raise Unreachable(f"broker {number} is not there now")
        try:
            return self._link(address)
        except Unreachable as error:
            text = f"{error} (broker {number} says it is reached there: check its advertised listener)"
            raise Unreachable(text) from None

    def nodes(self) -> dict[int, Address]:
        """All brokers, asked anew."""
        return self.persist(lambda: self.cluster(())).nodes

    def controller(self) -> Link:
        """A connection to the controller, or to any broker where none is told: brokers of today forward."""
        if self._controller < 0:
            self.cluster(())
        if self._controller in self._nodes:
            return self.node(self._controller)
        return self.any()

    def coordinator(self, group: str) -> Link:
        """A connection to the broker that coordinates the group."""
        from odradek.core.wire.membership import FindCoordinatorRequest  # noqa: PLC0415 - start-up time

        address = self._coordinators.get(group)
        if address is None:
            link = self.any()
            if link.version(FIND_COORDINATOR) >= 4:
                answer = link.ask(FindCoordinatorRequest(coordinator_keys=(group,)))
                found = answer.coordinators[0] if answer.coordinators else None
            else:
                found = link.ask(FindCoordinatorRequest(key=group))
            if found is None:
                raise ServerError(ErrorCode.COORDINATOR_NOT_AVAILABLE, f"group {group}")
            check(found.error_code, f"group {group}", found.error_message)
            address = self._coordinators[group] = Address(found.host, found.port)
        return self._link(address)

    def _link(self, address: Address) -> Link:
        link = self._links.get(address)
        if link is None or not link.usable:
            link = self._links[address] = Link(address, self.client_id)
            self._met = True
        return link

    # -- trying again

    def persist(self, act: Callable[[], T], *, passing: Iterable[ErrorCode] | None = None) -> T:
        """Do `act` until it works, its error will not pass, or the time is up.  In between it forgets what it knew.

        `passing` narrows the error codes that are tried again.
        """
        patience = Patience(self.patience_s)
        while True:
            try:
                return act()
            except ClientError as error:
                if passing is not None and isinstance(error, ServerError) and error.code not in passing:
                    raise
                patience.wait(error)
                self.forget()

    def forget(self) -> None:
        """Ask again who leads and coordinates, when that is next needed."""
        self._topics.clear()
        self._coordinators.clear()
        self._controller = -1

    # -- metadata

    def cluster(self, topics: Iterable[str] | None, *, create: bool = False) -> Cluster:
        """Ask for the brokers and the named topics (None: all).  `create`: a broker that is set so may create them."""
        link = self.any()
        if topics is None:
            wanted = None
        else:
            wanted = tuple([MetadataRequestTopic(name=name) for name in topics])
        if link.version(METADATA) < 4:
            answer = link.ask(MetadataRequest(topics=wanted))
        else:
            answer = link.ask(MetadataRequest(topics=wanted, allow_auto_topic_creation=create))
        check(answer.error_code, "metadata")
        nodes = {broker.node_id: Address(broker.host, broker.port) for broker in answer.brokers}
        found = [_topic(topic) for topic in answer.topics]
        if nodes:
            self._nodes = nodes
        self._controller = answer.controller_id
        return Cluster(answer.cluster_id, answer.controller_id, nodes, {topic.name: topic for topic in found})

    def topics(self, names: Iterable[str]) -> dict[str, Topic]:
        """The named topics, which must exist.  Raises `ServerError` at once for one that does not."""
        names = tuple(names)

        def act() -> dict[str, Topic]:
            cluster = self.cluster(names)
            for name in names:
                check(cluster.topics[name].error if name in cluster.topics else 3, f"topic {name}")
            return {name: cluster.topics[name] for name in names}

        found = self.persist(act, passing=(ErrorCode.LEADER_NOT_AVAILABLE,))
        self._topics.update(found)
        return found

    def topic(self, name: str, *, create: bool = False) -> Topic:
        """One topic, remembered until `forget`.  Raises `ServerError` when it is not there (now)."""
        topic = self._topics.get(name)
        if topic is None:
            topic = self.cluster((name,), create=create).topics.get(name)
            check(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION if topic is None else topic.error, f"topic {name}")
            assert topic is not None
            self._topics[name] = topic
        return topic

    def leader(self, place: Place) -> int:
        """The id of the partition's leader.  Raises a retriable `ServerError` while there is none."""
        topic = self.topic(place.topic)
        for partition in topic.partitions:
            if partition.number == place.partition:
                if partition.leader < 0:
                    raise ServerError(ErrorCode.LEADER_NOT_AVAILABLE, str(place))
                return partition.leader
        raise ClientError(f"topic {place.topic} has no partition {place.partition}: it has {len(topic.partitions)}")

    def by_leader(self, places: Iterable[Place]) -> dict[int, list[Place]]:
        """The places, by the id of their leader."""
        found: dict[int, list[Place]] = {}
        for place in places:
            found.setdefault(self.leader(place), []).append(place)
        return found

    def id_of(self, topic: str) -> bytes:
        """The topic's id; sixteen zeros from brokers that have none."""
        return self.topic(topic).id


def _topic(answer: Any) -> Topic:
    partitions = [
        Partition(p.partition_index, p.leader_id, tuple(p.replica_nodes), tuple(p.isr_nodes), p.error_code)
        for p in answer.partitions
    ]
    partitions.sort()
    topic_id = answer.topic_id or NO_TOPIC_ID
    return Topic(answer.name or "", topic_id, answer.is_internal, tuple(partitions), answer.error_code)
