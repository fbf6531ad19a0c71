from typing import Any

from odradek.core.errors import ErrorCode
from odradek.core.groups.out import ShardOut
from odradek.core.wire.groups import ListGroupsRequest


def test_a_stable_group_shows_what_its_members_said_and_got(lab: Any, subscribe: Any) -> None:
    ids, _ = lab.stable(2)
    body = lab.describe()
    assert (body.group_state, body.protocol_type, body.protocol_data) == ("Stable", "consumer", "range")
    assert sorted([member.member_id for member in body.members]) == sorted(ids)
    member = body.members[0]
    assert (member.client_id, member.client_host, member.member_metadata) == ("c", "/127.0.0.1", subscribe("t"))
    assert member.member_assignment == member.member_id.encode()


def test_a_group_in_a_rebalance_shows_its_members_only(lab: Any) -> None:
    (_first,), _ = lab.stable()
    lab.join()
    body = lab.describe()
    assert (body.group_state, body.protocol_data) == ("PreparingRebalance", "")
    assert [(m.member_metadata, m.member_assignment) for m in body.members] == [(b"", b""), (b"", b"")]


def test_a_missing_group_is_dead_and_from_version_6_an_error(lab: Any) -> None:
    old, new = lab.describe("none", version=5), lab.describe("none", version=6)
    assert (old.error_code, old.group_state) == (0, "Dead")
    assert (new.error_code, new.group_state) == (ErrorCode.GROUP_ID_NOT_FOUND, "Dead")
    assert "none" in new.error_message


def test_listing_filters_by_state_and_type_without_regard_to_case(lab: Any) -> None:
    lab.stable(group="busy")
    lab.commit({("t", 0): 1}, group="plain")
    assert lab.listing() == ["busy", "plain"]
    assert lab.listing(states=("stable",)) == ["busy"]
    assert lab.listing(states=("EMPTY", "Dead")) == ["plain"]
    assert lab.listing(types=("Classic",)) == ["busy", "plain"]
    assert lab.listing(types=("consumer",)) == []


def test_a_description_is_not_shown_before_it_is_committed(lab: Any) -> None:
    first = lab.joined().member_id
    lab.holding = True
    lab.sync(first, 1, {first: b"1"})
    out = ShardOut()
    lab.shard.describe("g", 5, "ticket", out)
    lab.shard.list_groups(ListGroupsRequest(), "other", out)
    assert [(act.ticket, act.after_commit) for act in out.acts] == [("ticket", True), ("other", True)]


def test_a_group_with_members_cannot_be_deleted(lab: Any) -> None:
    (first,), _ = lab.stable()
    assert lab.delete() == ErrorCode.NON_EMPTY_GROUP
    lab.leave(first)
    assert lab.delete() == ErrorCode.NONE
    assert lab.delete() == ErrorCode.GROUP_ID_NOT_FOUND


def test_a_deleted_group_is_forgotten_with_its_offsets(lab: Any) -> None:
    lab.commit({("t", 0): 1, ("t", 1): 1})
    assert lab.delete() == ErrorCode.NONE
    assert lab.offsets() == {}
    lab.fail_over()
    assert (lab.offsets(), lab.listing(), lab.shard.snapshot()) == ({}, [], [])


def test_a_refused_deletion_leaves_the_group_as_it_was(lab: Any) -> None:
    (first,), generation = lab.stable()
    lab.commit({("t", 0): 1}, first, generation)
    lab.leave(first)
    before = lab.shard.snapshot()
    lab.refusing = ErrorCode.NOT_ENOUGH_REPLICAS
    assert lab.delete() == ErrorCode.COORDINATOR_NOT_AVAILABLE
    assert sorted(lab.shard.snapshot()) == sorted(before)
    assert lab.joined().generation_id == generation + 2
