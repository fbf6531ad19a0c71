from odradek.core.groups.member import Client, Member, protocols_of, restored
from odradek.core.wire.membership import JoinGroupRequest, JoinGroupRequestProtocol


def member(**protocols: bytes) -> Member:
    return Member("m", "i", Client("c", "/h"), 10, 20, protocols)


def test_the_order_of_protocols_is_part_of_what_a_member_says() -> None:
    one = member(a=b"1", b=b"2")
    assert one.says_the_same({"a": b"1", "b": b"2"})
    assert not one.says_the_same({"b": b"2", "a": b"1"})
    assert not one.says_the_same({"a": b"1", "b": b"3"})
    assert not one.says_the_same({"a": b"1"})


def test_a_member_says_nothing_for_a_protocol_it_does_not_support() -> None:
    assert (member(a=b"1").metadata("b"), member(a=b"1").metadata(None)) == (b"", b"")


def test_a_stored_member_comes_back_with_the_chosen_protocol_only() -> None:
    one = member(a=b"1", b=b"2")
    one.assignment = b"mine"
    again = restored(one.stored("b"), "b")
    assert (again.id, again.instance_id, again.client, again.assignment) == ("m", "i", Client("c", "/h"), b"mine")
    assert (again.session_timeout_ms, again.rebalance_timeout_ms, again.protocols) == (10, 20, {"b": b"2"})
    assert not again.is_new


def test_of_two_protocols_with_one_name_the_first_counts() -> None:
    twice = tuple([JoinGroupRequestProtocol(name="a", metadata=data) for data in (b"1", b"2")])
    assert protocols_of(JoinGroupRequest(protocols=twice)) == {"a": b"1"}
