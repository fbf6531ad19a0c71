"""Bugs the field has had, by the number they carry in the list of known bugs."""

from typing import Any

from odradek.core.errors import ErrorCode


def test_g6_a_commit_delayed_past_a_rebalance_is_fenced_by_its_generation(lab: Any) -> None:
    (first, second), generation = lab.stable(2)
    lab.commit({("t", 0): 10}, first, generation)
    lab.join(member=second, topics=("other",))
    lab.join(member=first)
    lab.sync(second, generation + 1)
    lab.sync(first, generation + 1, {second: b"t-0"})
    assert lab.commit_code({("t", 0): 20}, second, generation + 1) == ErrorCode.NONE
    assert lab.commit_code({("t", 0): 11}, first, generation) == ErrorCode.ILLEGAL_GENERATION
    assert lab.offsets() == {("t", 0): 20}


def test_g6_a_commit_of_a_member_that_was_removed_is_refused(lab: Any) -> None:
    (_first, second), generation = lab.stable(2)
    lab.leave(second)
    assert lab.commit_code({("t", 0): 11}, second, generation) == ErrorCode.UNKNOWN_MEMBER_ID


def test_g7_a_member_that_dies_between_join_and_sync_does_not_stall_the_group(lab: Any) -> None:
    # KAFKA-9752, KAFKA-12890: its heartbeats could even go on while it never syncs.
    first = lab.joined(rebalance_ms=20_000).member_id
    second = lab.join(rebalance_ms=20_000)
    lab.join(member=first, rebalance_ms=20_000)
    follower = lab.answers[second].member_id
    waiting = lab.sync(follower, 2)
    for _ in range(7):
        lab.wait(3_000)
        lab.heartbeat(first, 2)
    assert lab.answers[waiting].error_code == ErrorCode.REBALANCE_IN_PROGRESS
    assert lab.heartbeat(first, 2) == ErrorCode.UNKNOWN_MEMBER_ID
    body = lab.joined(member=follower, rebalance_ms=20_000)
    assert (body.generation_id, body.leader) == (3, follower)


def test_g7_a_follower_that_never_syncs_is_removed_from_a_stable_group(lab: Any) -> None:
    first = lab.joined(rebalance_ms=20_000).member_id
    second = lab.join(rebalance_ms=20_000)
    lab.join(member=first, rebalance_ms=20_000)
    follower = lab.answers[second].member_id
    lab.sync(first, 2, {first: b"1", follower: b"2"})
    assert lab.state() == "Stable"
    for _ in range(7):
        lab.wait(3_000)
        lab.heartbeat(first, 2)
        lab.heartbeat(follower, 2)
    assert "member never synced" in lab.notes
    assert lab.heartbeat(follower, 2) == ErrorCode.UNKNOWN_MEMBER_ID
    assert lab.heartbeat(first, 2) == ErrorCode.REBALANCE_IN_PROGRESS


def test_g9_nothing_is_served_while_the_shard_is_loading(lab: Any) -> None:
    (first,), generation = lab.stable()
    lab.commit({("t", 0): 5}, first, generation)
    lab.shard = lab.new_shard()
    loading = ErrorCode.COORDINATOR_LOAD_IN_PROGRESS
    assert lab.joined().error_code == loading
    assert lab.answers[lab.sync(first, generation)].error_code == loading
    assert lab.heartbeat(first, generation) == loading
    assert lab.leave(first).error_code == loading
    assert lab.commit_code({("t", 0): 6}) == loading
    assert lab.answers[lab.ask_offsets({"t": (0,)})].error_code == loading
    assert lab.delete_offsets({"t": (0,)}).error_code == loading
    assert lab.describe().error_code == loading
    assert lab.delete() == loading
    assert lab.shard.groups == {}


def test_g9_offsets_read_after_loading_are_no_older_than_what_was_acknowledged(lab: Any) -> None:
    (first,), generation = lab.stable()
    for offset in range(5):
        assert lab.commit_code({("t", 0): offset}, first, generation) == ErrorCode.NONE
    lab.fail_over()
    assert lab.offsets() == {("t", 0): 4}


def test_g10_of_two_members_with_one_static_id_the_older_is_fenced(lab: Any) -> None:
    # KIP-345, KAFKA-8225: the old instance comes back after the new one took its place.
    (old,), generation = lab.stable(instances=("i",))
    new = lab.joined(instance="i", version=5).member_id
    assert lab.heartbeat(old, generation, instance="i") == ErrorCode.FENCED_INSTANCE_ID
    assert lab.commit_code({("t", 0): 1}, old, generation, instance="i") == ErrorCode.FENCED_INSTANCE_ID
    assert lab.heartbeat(new, generation, instance="i") == ErrorCode.NONE
    assert list(lab.shard.groups["g"].members) == [new]


def test_g10_the_fence_holds_after_a_fail_over(lab: Any) -> None:
    (old,), generation = lab.stable(instances=("i",))
    new = lab.joined(instance="i", version=5).member_id
    lab.fail_over(snapshot=True)
    assert lab.heartbeat(old, generation, instance="i") == ErrorCode.FENCED_INSTANCE_ID
    assert lab.heartbeat(new, generation, instance="i") == ErrorCode.NONE
