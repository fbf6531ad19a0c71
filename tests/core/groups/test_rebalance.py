from typing import Any

from odradek.core.errors import ErrorCode


def test_a_member_that_sends_no_heartbeat_is_removed(lab: Any) -> None:
    (first, second), generation = lab.stable(2)
    lab.wait(6_000)
    lab.heartbeat(first, generation)
    lab.wait(4_000)
    assert "session expired" in lab.notes
    assert lab.heartbeat(second, generation) == ErrorCode.UNKNOWN_MEMBER_ID
    assert lab.heartbeat(first, generation) == ErrorCode.REBALANCE_IN_PROGRESS


def test_a_heartbeat_begins_the_session_anew(lab: Any) -> None:
    (first,), generation = lab.stable()
    for _ in range(5):
        lab.wait(9_999)
        assert lab.heartbeat(first, generation) == ErrorCode.NONE


def test_a_heartbeat_counts_during_a_rebalance_too(lab: Any) -> None:
    (first,), generation = lab.stable()
    waiting = lab.join()
    for _ in range(3):
        lab.wait(9_999)
        assert lab.heartbeat(first, generation) == ErrorCode.REBALANCE_IN_PROGRESS
    lab.join(member=first)
    assert lab.answers[waiting].generation_id == 2


def test_members_that_do_not_rejoin_are_removed_when_the_rebalance_times_out(lab: Any) -> None:
    (first, second), generation = lab.stable(2, rebalance_ms=20_000, session_ms=30_000)
    again = lab.join(member=first, rebalance_ms=20_000, session_ms=30_000)
    lab.wait(19_999)
    assert lab.heartbeat(second, generation) == ErrorCode.REBALANCE_IN_PROGRESS
    lab.wait(1)
    assert len(lab.answers[again].members) == 1
    assert lab.heartbeat(second, generation) == ErrorCode.UNKNOWN_MEMBER_ID


def test_the_most_patient_member_decides_the_rebalance_timeout(lab: Any) -> None:
    first = lab.joined(rebalance_ms=5_000, session_ms=1_000_000).member_id
    lab.join(rebalance_ms=40_000, session_ms=1_000_000)
    lab.wait(39_999)
    assert first in lab.shard.groups["g"].members
    lab.wait(1)
    assert first not in lab.shard.groups["g"].members


def test_a_leader_that_does_not_rejoin_is_replaced(lab: Any) -> None:
    (first, second), _ = lab.stable(2)
    again = lab.join(member=second, topics=("other",))
    lab.leave(first)
    assert lab.answers[again].leader == second


def test_who_waits_for_a_rebalance_is_not_silent(lab: Any) -> None:
    (first, second), generation = lab.stable(2)
    waiting = lab.join(member=second, topics=("other",))
    lab.keep_alive([first], generation, 30_000)
    assert waiting not in lab.answers
    lab.join(member=first)
    assert lab.answers[waiting].generation_id == generation + 1


def test_a_new_member_whose_client_vanished_is_removed_after_five_minutes(lab: Any) -> None:
    (first,), generation = lab.stable(rebalance_ms=1_000_000)
    waiting = lab.join(rebalance_ms=1_000_000)
    lab.keep_alive([first], generation, 297_000)
    assert waiting not in lab.answers
    lab.keep_alive([first], generation, 6_000)
    assert lab.answers[waiting].error_code == ErrorCode.UNKNOWN_MEMBER_ID


def test_a_group_whose_last_member_goes_is_empty_and_its_generation_goes_on(lab: Any) -> None:
    (first,), generation = lab.stable()
    lab.leave(first)
    assert lab.state() == "Empty"
    assert lab.shard.ledger.metadata["g"].generation == generation + 1
    assert lab.joined().generation_id == generation + 2


def test_an_empty_group_takes_any_protocol_type(lab: Any) -> None:
    (first,), _ = lab.stable()
    lab.leave(first)
    assert lab.joined(protocol_type="connect", protocols={"v1": b"x"}).protocol_type == "connect"


def test_a_waiting_sync_is_told_when_a_rebalance_begins(lab: Any) -> None:
    first = lab.joined().member_id
    second = lab.join()
    lab.join(member=first)
    waiting = lab.sync(lab.answers[second].member_id, 2)
    lab.join()
    assert lab.answers[waiting].error_code == ErrorCode.REBALANCE_IN_PROGRESS


def test_every_generation_leaves_a_line_in_the_groups_history(lab: Any) -> None:
    lab.stable(2)
    lines = [told.text for told in lab.shard.history("g")]
    assert lines.count("generation begun") == 2
    assert [told.fields["generation"] for told in lab.shard.history("g") if told.text == "generation begun"] == [1, 2]


def test_a_groups_history_is_bounded(lab: Any) -> None:
    (first,), _ = lab.stable()
    for turn in range(100):
        lab.join(member=first, topics=(f"t{turn % 2}",))
    assert len(lab.shard.history("g")) == lab.limits.group_history
    assert lab.shard.history("other") == ()


def test_who_was_kept_waiting_longer_than_its_session_has_a_whole_session_again(lab: Any) -> None:
    (first, second), generation = lab.stable(2, rebalance_ms=1_000_000)
    lab.join(member=second, topics=("other",), rebalance_ms=1_000_000)
    lab.keep_alive([first], generation, 30_000)
    lab.join(member=first, rebalance_ms=1_000_000)
    lab.wait(9_999)
    assert second in lab.shard.groups["g"].members
    lab.wait(1)
    assert lab.state() == "Empty"


def test_who_waited_for_an_assignment_longer_than_its_session_has_a_whole_session_again(lab: Any) -> None:
    (first, second), generation = lab.stable(2)
    lab.join(member=second, topics=("other",))
    lab.join(member=first)
    waiting = lab.sync(second, generation + 1)
    lab.keep_alive([first], generation + 1, 15_000)
    lab.sync(first, generation + 1, {})
    assert lab.answers[waiting].error_code == 0
    lab.keep_alive([first], generation + 1, 9_000)
    assert second in lab.shard.groups["g"].members
    lab.keep_alive([first], generation + 1, 3_000)
    assert second not in lab.shard.groups["g"].members


def test_who_waited_for_an_assignment_that_never_came_has_a_session_again(lab: Any) -> None:
    (first, second), generation = lab.stable(2)
    lab.join(member=second, topics=("other",))
    lab.join(member=first)
    lab.sync(second, generation + 1)
    lab.keep_alive([first], generation + 1, 15_000)
    lab.join()
    lab.keep_alive([first], generation + 1, 12_000)
    assert second not in lab.shard.groups["g"].members


def test_a_rebalance_timeout_of_zero_does_not_keep_the_shard_busy_for_ever(lab: Any) -> None:
    (first, _), _ = lab.stable(instances=("a", "b"), rebalance_ms=0)
    lab.leave((first, "a"))
    lab.step(lab.shard.wake)
    assert lab.shard.deadline > lab.mono
    lab.wait(10_000)
    assert lab.state() == "Empty"
