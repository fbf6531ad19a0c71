"""Which brokers hold a new partition.

Knows: the brokers that are up.  Does not know: topics, requests, settings.
Invariant: replicas of one partition are different brokers, the first is up, and leaders go round the brokers.
"""

from collections.abc import Mapping, Sequence
from random import Random

from odradek.core.errors import ErrorCode, Refused
from odradek.core.quorum.image import Broker, Partition
from odradek.core.types import NodeId


def place(brokers: Mapping[NodeId, Broker], count: int, factor: int, rng: Random) -> list[Partition]:
    """`count` new partitions with `factor` replicas each.  Raises INVALID_REPLICATION_FACTOR if there are too "
    "few brokers."""
    live = _live(brokers)
    if not live:
        why = "All brokers are currently fenced." if brokers else "there are no registered brokers."
        raise _unplaceable(factor, why)
    if factor > len(brokers):
        known = f"only {len(brokers)} broker(s) are registered."
        raise _unplaceable(factor, f"The target replication factor of {factor} cannot be reached because {known}")

    asleep = [node for node in sorted(brokers) if node not in live]
    start = rng.randrange(len(live))
    placed = []
    for number in range(count):
        turn = (start + number) % len(live)
        replicas = (live[turn:] + live[:turn] + asleep)[:factor]
        placed.append(_new_partition(replicas, live))
    return placed


def assigned(
    brokers: Mapping[NodeId, Broker], assignments: Sequence[Sequence[int]], factor: int | None, first: int
) -> list[Partition]:
    """New partitions with the replicas a client chose, the first one numbered `first`.

    `factor` is the number of replicas the topic's other partitions have, or None.  Raises INVALID_REPLICA_ASSIGNMENT.
    """
    live = _live(brokers)
    placed = []
    for number, replicas in enumerate(assignments, first):
        _check(brokers, replicas, factor)
        factor = len(replicas)
        partition = _new_partition([NodeId(one) for one in replicas], live)
        if not partition.isr:
            raise Refused(
                ErrorCode.INVALID_REPLICA_ASSIGNMENT,
                f"All brokers specified in the manual partition assignment for partition {number} are fenced or "
                f"in controlled "
                "shutdown.",
            )
        placed.append(partition)
    return placed


def _new_partition(replicas: Sequence[NodeId], live: Sequence[NodeId]) -> Partition:
    isr = tuple(one for one in replicas if one in live)
    leader = isr[0] if isr else NodeId(-1)
    return Partition(replicas=tuple(replicas), isr=isr, leader=leader, leader_epoch=0, partition_epoch=0)


def _live(brokers: Mapping[NodeId, Broker]) -> list[NodeId]:
    return [node for node in sorted(brokers) if not brokers[node].fenced and not brokers[node].in_controlled_shutdown]


def _check(brokers: Mapping[NodeId, Broker], replicas: Sequence[int], factor: int | None) -> None:
    code = ErrorCode.INVALID_REPLICA_ASSIGNMENT
    start = "The manual partition assignment includes"
    if not replicas:
        raise Refused(code, f"{start} an empty replica list.")
    seen: dict[int, None] = {}
    for one in replicas:
        if one in seen:
            raise Refused(code, f"{start} the broker {one} more than once.")
        if NodeId(one) not in brokers:
            raise Refused(code, f"{start} broker {one}, but no such broker is registered.")
        seen[one] = None
    if factor is not None and factor != len(replicas):
        raise Refused(
            code,
            f"{start} a partition with {len(replicas)} replica(s), but this is not consistent with previous "
            f"partitions, which "
            f"have {factor} replica(s).",
        )


def _unplaceable(factor: int, why: str) -> Refused:
    return Refused(ErrorCode.INVALID_REPLICATION_FACTOR, f"Unable to replicate the partition {factor} time(s): {why}")
