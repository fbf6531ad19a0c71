"""Static membership (KIP-345, KIP-814)."""

from typing import Any

from odradek.core.errors import ErrorCode


def test_a_static_member_that_restarts_does_not_begin_a_rebalance(lab: Any) -> None:
    ids, generation = lab.stable(instances=("a", "b"))
    body = lab.joined(instance="b", version=5)
    assert (body.error_code, body.generation_id) == (0, generation)
    assert body.member_id not in ids
    assert lab.state() == "Stable"


def test_a_restarted_static_member_gets_the_assignment_it_had(lab: Any) -> None:
    ids, generation = lab.stable(instances=("a", "b"))
    new = lab.joined(instance="b", version=5).member_id
    assert lab.answers[lab.sync(new, generation, instance="b")].assignment == ids[1].encode()


def test_the_new_id_of_a_static_member_is_stored_before_it_is_told(lab: Any) -> None:
    lab.stable(instances=("a", "b"))
    lab.holding = True
    ticket = lab.join(instance="b", version=5)
    assert ticket not in lab.answers
    lab.committed()
    new = lab.answers[ticket].member_id
    lab.fail_over()
    assert new in lab.shard.groups["g"].members


def test_the_old_instance_is_fenced_everywhere(lab: Any) -> None:
    ids, generation = lab.stable(instances=("a", "b"))
    lab.joined(instance="b", version=5)
    old = ids[1]
    assert lab.heartbeat(old, generation, instance="b") == ErrorCode.FENCED_INSTANCE_ID
    assert lab.answers[lab.sync(old, generation, instance="b")].error_code == ErrorCode.FENCED_INSTANCE_ID
    assert lab.commit_code({("t", 0): 1}, old, generation, instance="b") == ErrorCode.FENCED_INSTANCE_ID
    assert lab.joined(member=old, instance="b", version=5).error_code == ErrorCode.FENCED_INSTANCE_ID
    assert lab.leave((old, "b")).members[0].error_code == ErrorCode.FENCED_INSTANCE_ID


def test_the_old_instance_without_its_static_id_is_just_unknown(lab: Any) -> None:
    ids, generation = lab.stable(instances=("a", "b"))
    lab.joined(instance="b", version=5)
    assert lab.heartbeat(ids[1], generation) == ErrorCode.UNKNOWN_MEMBER_ID


def test_a_static_id_nobody_has_is_unknown_not_fenced(lab: Any) -> None:
    ids, generation = lab.stable(instances=("a",))
    assert lab.heartbeat(ids[0], generation, instance="other") == ErrorCode.UNKNOWN_MEMBER_ID


def test_a_waiting_join_of_the_old_instance_is_fenced_at_once(lab: Any) -> None:
    (_first, second), _ = lab.stable(instances=("a", "b"))
    waiting = lab.join(member=second, instance="b", topics=("other",), version=5)
    assert waiting not in lab.answers
    lab.join(instance="b", version=5)
    assert lab.answers[waiting].error_code == ErrorCode.FENCED_INSTANCE_ID


def test_a_waiting_sync_of_the_old_instance_is_fenced_at_once(lab: Any) -> None:
    first = lab.joined(instance="a", version=5).member_id
    second = lab.join(instance="b", version=5)
    lab.join(member=first, instance="a", version=5)
    waiting = lab.sync(lab.answers[second].member_id, 2, instance="b")
    lab.join(instance="b", version=5)
    assert lab.answers[waiting].error_code == ErrorCode.FENCED_INSTANCE_ID


def test_a_restart_while_the_assignment_is_awaited_begins_a_new_rebalance(lab: Any) -> None:
    first = lab.joined(instance="a", version=5).member_id
    second = lab.join(instance="b", version=5)
    lab.join(member=first, instance="a", version=5)
    assert lab.answers[second].generation_id == 2
    lab.join(instance="b", version=5)
    assert lab.state() == "PreparingRebalance"


def test_a_restarted_leader_below_version_9_is_shown_its_old_id_as_leader(lab: Any) -> None:
    ids, _ = lab.stable(instances=("a", "b"))
    body = lab.joined(instance="a", version=8)
    assert body.leader == ids[0] != body.member_id
    assert (body.members, body.skip_assignment) == ((), False)


def test_a_restarted_leader_from_version_9_on_leads_but_assigns_nothing(lab: Any) -> None:
    lab.stable(instances=("a", "b"))
    body = lab.joined(instance="a", version=9)
    assert body.leader == body.member_id
    assert (len(body.members), body.skip_assignment) == (2, True)


def test_a_restarted_follower_is_never_told_to_skip(lab: Any) -> None:
    ids, _ = lab.stable(instances=("a", "b"))
    body = lab.joined(instance="b", version=9)
    assert (body.leader, body.members, body.skip_assignment) == (ids[0], (), False)


def test_a_restart_that_changes_the_chosen_protocol_begins_a_rebalance(lab: Any, subscribe: Any) -> None:
    both = {"range": subscribe("t"), "sticky": subscribe("t")}
    lab.stable(instances=("a",), protocols=both)
    body = lab.joined(instance="a", version=5, protocols=dict(reversed(both.items())))
    assert (body.generation_id, body.protocol_name) == (2, "sticky")


def test_a_restart_with_other_topics_begins_a_rebalance(lab: Any) -> None:
    lab.stable(instances=("a", "b"))
    lab.join(instance="b", topics=("t", "new"), version=5)
    assert lab.state() == "PreparingRebalance"


def test_a_restart_of_a_member_that_owned_partitions_is_no_other_subscription(lab: Any, subscribe: Any) -> None:
    lab.stable(instances=("a",), protocols={"range": subscribe("t") + b"what it owned then"})
    assert lab.joined(instance="a", version=5, protocols={"range": subscribe("t")}).generation_id == 1
    assert lab.state() == "Stable"


def test_a_late_static_member_stays_until_its_session_ends(lab: Any) -> None:
    ids, _ = lab.stable(instances=("a", "b"), rebalance_ms=6_000, session_ms=30_000)
    again = lab.join(member=ids[0], instance="a", rebalance_ms=6_000, session_ms=30_000)
    lab.wait(6_000)
    assert lab.answers[again].generation_id == 3
    assert len(lab.answers[again].members) == 2


def test_a_rebalance_with_only_late_static_members_waits_until_their_sessions_end(lab: Any) -> None:
    (first, _), _ = lab.stable(instances=("a", "b"), rebalance_ms=6_000, session_ms=30_000)
    assert lab.leave((first, "a")).members[0].error_code == 0
    lab.wait(29_999)
    assert lab.state() == "PreparingRebalance"
    lab.wait(1)
    assert lab.state() == "Empty"


def test_a_static_member_does_not_leave_by_closing_but_by_its_session(lab: Any) -> None:
    lab.stable(instances=("a",), session_ms=30_000)
    lab.wait(29_999)
    assert lab.state() == "Stable"
    lab.wait(1)
    assert lab.state() == "Empty"


def test_an_administrator_removes_static_members_by_their_names(lab: Any) -> None:
    lab.stable(instances=("a", "b"))
    body = lab.leave(("", "a"), ("", "nobody"))
    assert [member.error_code for member in body.members] == [0, ErrorCode.UNKNOWN_MEMBER_ID]
    assert list(lab.shard.groups["g"].static) == ["b"]


def test_static_ids_survive_a_fail_over(lab: Any) -> None:
    (first,), generation = lab.stable(instances=("a",))
    lab.fail_over()
    assert lab.joined(instance="a", version=5).generation_id == generation
    assert lab.heartbeat(first, generation, instance="a") == ErrorCode.FENCED_INSTANCE_ID


def test_a_static_member_that_restarts_before_its_first_generation_need_not_send_heartbeats(lab: Any) -> None:
    (first,), generation = lab.stable(rebalance_ms=1_000_000)
    lab.join(instance="b", version=5, rebalance_ms=1_000_000)
    waiting = lab.join(instance="b", version=5, rebalance_ms=1_000_000)
    lab.keep_alive([first], generation, 60_000)
    assert waiting not in lab.answers
    lab.join(member=first, rebalance_ms=1_000_000)
    assert lab.answers[waiting].generation_id == generation + 1
