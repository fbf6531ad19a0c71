"""Which brokers hold a new partition."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odradek.core.errors import ErrorCode, Refused
from odradek.core.quorum.image import Broker
from odradek.core.quorum.placement import assigned, place
from odradek.core.types import NodeId


def brokers(up: int, fenced: int = 0) -> dict[NodeId, Broker]:
    return {
        NodeId(node): Broker(NodeId(node), 1, bytes(16), (), (), None, node >= up, False, ())
        for node in range(up + fenced)
    }


@given(st.integers(1, 6), st.integers(0, 3), st.integers(1, 20), st.data())
def test_replicas_are_different_brokers_and_the_leader_is_up(
    up: int, fenced: int, count: int, data: st.DataObject
) -> None:
    known = brokers(up, fenced)
    factor = data.draw(st.integers(1, up + fenced))
    placed = place(known, count, factor, data.draw(st.randoms(use_true_random=False)))
    assert len(placed) == count
    for one in placed:
        assert len(dict.fromkeys(one.replicas)) == factor
        assert one.leader == one.isr[0] == one.replicas[0]
        assert not any(known[node].fenced for node in one.isr)
    leaders = [one.leader for one in placed]
    loads = [leaders.count(NodeId(node)) for node in range(up)]
    assert max(loads) - min(loads) <= 1


def test_too_few_brokers_are_named_as_kafka_does() -> None:
    with pytest.raises(Refused) as caught:
        place(brokers(1), 1, 3, Random(1))
    assert caught.value.code is ErrorCode.INVALID_REPLICATION_FACTOR
    assert caught.value.message == (
        "Unable to replicate the partition 3 time(s): The target replication factor of 3 cannot be reached because "
        "only 1 broker(s) are registered."
    )


def test_nothing_is_placed_on_brokers_that_are_fenced() -> None:
    with pytest.raises(Refused, match="All brokers are currently fenced"):
        place(brokers(0, 2), 1, 1, Random(1))


@pytest.mark.parametrize(
    ("assignments", "words"),
    [
        ([[]], "empty replica list"),
        ([[0, 0]], "the broker 0 more than once"),
        ([[9]], "includes broker 9, but no such broker is registered"),
        ([[0], [0, 1]], "not consistent with previous partitions, which have 1 replica"),
        ([[2]], "partition 5 are fenced"),
    ],
)
def test_an_assignment_that_cannot_be_is_refused(assignments: list[list[int]], words: str) -> None:
    with pytest.raises(Refused, match=words) as caught:
        assigned(brokers(2, 1), assignments, None, 5)
    assert caught.value.code is ErrorCode.INVALID_REPLICA_ASSIGNMENT


def test_an_assigned_replica_that_is_fenced_is_not_in_sync() -> None:
    (one,) = assigned(brokers(2, 1), [[2, 1]], None, 0)
    assert (one.replicas, one.isr, one.leader) == ((2, 1), (1,), 1)
