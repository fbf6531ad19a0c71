import pytest

from odradek.core.groups.group import Group
from odradek.core.groups.member import Client, Member, Waiting
from odradek.core.groups.schema import GroupMetadataValue, MemberMetadata
from odradek.core.groups.states import State


def member(name: str, *protocols: str, instance: str | None = None) -> Member:
    return Member(name, instance, Client("c", "h"), 10, 10, dict.fromkeys(protocols, name.encode()))


def group(*members: Member) -> Group:
    made = Group("g", 0, 8)
    for one in members:
        made.add(one, "consumer")
    return made


def test_a_member_votes_for_the_first_of_its_protocols_that_everyone_supports() -> None:
    assert group(member("a", "x", "y"), member("b", "z", "y", "x"), member("c", "y", "x")).elected_protocol() == "y"


def test_a_tie_goes_to_the_protocol_voted_for_first() -> None:
    assert group(member("a", "x", "y"), member("b", "y", "x")).elected_protocol() == "x"
    assert group(member("b", "y", "x"), member("a", "x", "y")).elected_protocol() == "y"


def test_when_the_leader_goes_the_member_that_joined_next_leads() -> None:
    first, second = member("a", "x"), member("b", "x")
    made = group(first, second)
    made.remove(first)
    assert made.leader == "b"
    made.remove(second)
    assert made.leader is None


def test_only_one_who_joined_again_can_lead_the_next_generation() -> None:
    made = group(member("a", "x"), member("b", "x"))
    assert not made.elect_joined_leader()
    made.park_join(made.members["b"], Waiting("ticket", 5))
    assert made.elect_joined_leader()
    assert made.leader == "b"


def test_a_member_cannot_go_while_a_request_of_it_waits() -> None:
    made = group(member("a", "x"))
    made.park_join(made.members["a"], Waiting("ticket", 5))
    with pytest.raises(AssertionError):
        made.remove(made.members["a"])


def test_a_generation_of_members_waits_for_its_assignment_and_one_of_nobody_is_empty() -> None:
    made = group(member("a", "x"))
    made.move(State.PREPARING, 5)
    made.next_generation(6)
    assert (made.state, made.generation, made.protocol, made.since) == (State.COMPLETING, 1, "x", 6)
    made.move(State.PREPARING, 7)
    made.remove(made.members["a"])
    made.next_generation(8)
    assert (made.state, made.generation, made.protocol, made.since) == (State.EMPTY, 2, None, 8)


def test_after_the_largest_generation_comes_the_first_again() -> None:
    made = group(member("a", "x"))
    made.generation = 0x7FFFFFFF
    made.move(State.PREPARING, 0)
    made.next_generation(0)
    assert made.generation == 1


def test_what_is_stored_restores_an_equal_group() -> None:
    made = group(member("a", "x", instance="i"), member("b", "x"))
    made.move(State.PREPARING, 5)
    made.next_generation(6)
    made.members["b"].assignment = b"b's"
    stored = made.stored()
    other = Group("g", 0, 8)
    other.restore(stored, 99)
    assert other.stored() == stored
    assert (other.state, other.static, other.supporters) == (State.STABLE, {"i": "a"}, {"x": 2})


def test_a_stored_leader_who_is_no_member_is_replaced() -> None:
    other = Group("g", 0, 8)
    stored = MemberMetadata(member_id="a")
    other.restore(GroupMetadataValue(protocol="x", leader="gone", members=(stored,)), 99)
    assert (other.leader, other.since) == ("a", 99)


def test_a_move_the_table_does_not_know_is_a_bug() -> None:
    with pytest.raises(AssertionError):
        group().move(State.STABLE, 0)
