from typing import Any

from odradek.core.errors import ErrorCode


def two_joined(lab: Any) -> tuple[str, str]:
    first = lab.joined().member_id
    second = lab.join()
    lab.join(member=first)
    return first, lab.answers[second].member_id


def test_followers_wait_for_the_leaders_assignment(lab: Any) -> None:
    first, second = two_joined(lab)
    waiting = lab.sync(second, 2)
    assert waiting not in lab.answers
    lab.sync(first, 2, {first: b"1", second: b"2"})
    assert lab.answers[waiting].assignment == b"2"


def test_an_assignment_is_given_out_only_once_it_is_committed(lab: Any) -> None:
    first, second = two_joined(lab)
    lab.holding = True
    tickets = [lab.sync(second, 2), lab.sync(first, 2, {first: b"1", second: b"2"}), lab.sync(second, 2)]
    assert not any(ticket in lab.answers for ticket in tickets)
    lab.committed()
    assert [lab.answers[ticket].assignment for ticket in tickets] == [b"2", b"1", b"2"]


def test_a_member_the_leader_forgot_is_assigned_nothing(lab: Any) -> None:
    first, second = two_joined(lab)
    waiting = lab.sync(second, 2)
    lab.sync(first, 2, {first: b"1", "stranger": b"3"})
    assert (lab.answers[waiting].error_code, lab.answers[waiting].assignment) == (0, b"")


def test_a_stable_group_gives_the_assignment_again(lab: Any) -> None:
    (first,), generation = lab.stable()
    body = lab.answers[lab.sync(first, generation)]
    assert (body.assignment, body.protocol_type, body.protocol_name) == (first.encode(), "consumer", "range")


def test_a_sync_of_another_generation_is_refused(lab: Any) -> None:
    (first,), generation = lab.stable()
    assert lab.answers[lab.sync(first, generation - 1)].error_code == ErrorCode.ILLEGAL_GENERATION
    assert lab.answers[lab.sync(first, generation + 1)].error_code == ErrorCode.ILLEGAL_GENERATION


def test_a_sync_that_names_another_protocol_is_refused(lab: Any) -> None:
    (first,), generation = lab.stable()
    wrong_type = lab.answers[lab.sync(first, generation, protocol_type="connect", protocol_name="range")]
    wrong_name = lab.answers[lab.sync(first, generation, protocol_type="consumer", protocol_name="sticky")]
    right = lab.answers[lab.sync(first, generation, protocol_type="consumer", protocol_name="range")]
    assert wrong_type.error_code == wrong_name.error_code == ErrorCode.INCONSISTENT_GROUP_PROTOCOL
    assert right.error_code == 0


def test_a_sync_during_a_rebalance_must_join_again(lab: Any) -> None:
    (first,), generation = lab.stable()
    lab.join()
    assert lab.answers[lab.sync(first, generation)].error_code == ErrorCode.REBALANCE_IN_PROGRESS


def test_strangers_cannot_sync_nor_send_heartbeats(lab: Any) -> None:
    assert lab.answers[lab.sync("x", 1)].error_code == ErrorCode.UNKNOWN_MEMBER_ID
    assert lab.heartbeat("x", 1) == ErrorCode.UNKNOWN_MEMBER_ID
    _, generation = lab.stable()
    assert lab.answers[lab.sync("x", generation)].error_code == ErrorCode.UNKNOWN_MEMBER_ID
    assert lab.heartbeat("x", generation) == ErrorCode.UNKNOWN_MEMBER_ID
    assert lab.heartbeat("", generation, group="") == ErrorCode.INVALID_GROUP_ID


def test_an_assignment_too_large_to_store_is_refused_and_the_group_joins_again(make_lab: Any) -> None:
    lab = make_lab(batch_bytes_max=1_000)
    first, second = two_joined(lab)
    waiting = lab.sync(second, 2)
    leaders = lab.sync(first, 2, {first: bytes(2_000)})
    assert lab.answers[waiting].error_code == lab.answers[leaders].error_code == ErrorCode.UNKNOWN_SERVER_ERROR
    assert lab.state() == "PreparingRebalance"
    assert "g" not in lab.shard.ledger.metadata


def test_a_refused_generation_is_unknown_to_the_ledger_and_the_group_joins_again(lab: Any) -> None:
    first, second = two_joined(lab)
    waiting = lab.sync(second, 2)
    lab.refusing = ErrorCode.NOT_ENOUGH_REPLICAS
    leaders = lab.sync(first, 2, {first: b"1"})
    assert lab.answers[waiting].error_code == ErrorCode.COORDINATOR_NOT_AVAILABLE
    assert lab.answers[leaders].error_code == ErrorCode.COORDINATOR_NOT_AVAILABLE
    assert "g" not in lab.shard.ledger.metadata
    assert lab.state() == "PreparingRebalance"


def test_a_heartbeat_while_the_assignment_is_awaited_is_welcome(lab: Any) -> None:
    first, second = two_joined(lab)
    assert lab.heartbeat(first, 2) == ErrorCode.NONE
    assert lab.heartbeat(second, 1) == ErrorCode.ILLEGAL_GENERATION


def test_leaving_begins_a_rebalance_of_the_others(lab: Any) -> None:
    (first, second), generation = lab.stable(2)
    assert lab.leave(second, version=1).error_code == 0
    assert lab.heartbeat(first, generation) == ErrorCode.REBALANCE_IN_PROGRESS
    assert lab.heartbeat(second, generation) == ErrorCode.UNKNOWN_MEMBER_ID


def test_below_version_3_the_outcome_of_leaving_is_the_responses_own(lab: Any) -> None:
    lab.stable()
    assert lab.leave("stranger", version=2).error_code == ErrorCode.UNKNOWN_MEMBER_ID
    body = lab.leave("stranger", version=3)
    assert (body.error_code, body.members[0].error_code) == (0, ErrorCode.UNKNOWN_MEMBER_ID)


def test_leaving_a_group_that_does_not_exist_is_refused_as_a_whole(lab: Any) -> None:
    assert lab.leave("x", group="none").error_code == ErrorCode.UNKNOWN_MEMBER_ID
    assert lab.leave("x", group="").error_code == ErrorCode.INVALID_GROUP_ID


def test_several_members_leave_at_once(lab: Any) -> None:
    ids, _ = lab.stable(3)
    body = lab.leave(*ids)
    assert [member.error_code for member in body.members] == [0, 0, 0]
    assert lab.state() == "Empty"


def test_a_member_that_leaves_while_it_waits_is_answered(lab: Any) -> None:
    _first, second = two_joined(lab)
    waiting = lab.sync(second, 2)
    lab.leave(second)
    assert lab.answers[waiting].error_code == ErrorCode.UNKNOWN_MEMBER_ID


def test_a_pending_member_can_leave(lab: Any) -> None:
    (first,), _ = lab.stable()
    pending = lab.joined(version=4).member_id
    again = lab.join(member=first)
    assert lab.leave(pending).members[0].error_code == 0
    assert lab.answers[again].generation_id == 2


def test_a_second_sync_of_a_waiting_member_takes_the_place_of_the_first(lab: Any) -> None:
    first, second = two_joined(lab)
    old, new = lab.sync(second, 2), lab.sync(second, 2)
    assert lab.answers[old].error_code == ErrorCode.REBALANCE_IN_PROGRESS
    lab.sync(first, 2, {second: b"2"})
    assert lab.answers[new].assignment == b"2"
