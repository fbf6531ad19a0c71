from typing import Any

from odradek.core.errors import ErrorCode
from odradek.core.limits import Limits


def test_the_first_member_of_a_group_leads_generation_one(lab: Any) -> None:
    body = lab.joined()
    assert (body.error_code, body.generation_id, body.leader) == (0, 1, body.member_id)
    assert [member.member_id for member in body.members] == [body.member_id]
    assert body.protocol_name == "range"
    assert lab.state() == "CompletingRebalance"


def test_member_ids_are_the_client_id_a_dash_and_a_uuid(lab: Any) -> None:
    member = lab.joined(client="app").member_id
    assert member.startswith("app-")
    assert len(member) == len("app-") + 36


def test_the_same_seed_gives_the_same_member_ids(make_lab: Any) -> None:
    assert make_lab(seed=7).joined().member_id == make_lab(seed=7).joined().member_id


def test_from_version_4_on_a_dynamic_member_must_come_back_with_its_id(lab: Any) -> None:
    body = lab.joined(version=4)
    assert body.error_code == ErrorCode.MEMBER_ID_REQUIRED
    again = lab.joined(member=body.member_id, version=4)
    assert (again.error_code, again.member_id, again.generation_id) == (0, body.member_id, 1)


def test_a_static_member_need_not_come_back_with_its_id(lab: Any) -> None:
    body = lab.joined(version=5, instance="i")
    assert body.error_code == 0
    assert body.member_id.startswith("i-")


def test_a_pending_member_id_expires_with_its_session_timeout(lab: Any) -> None:
    body = lab.joined(version=4, session_ms=6_000)
    lab.wait(6_000)
    assert "pending member never joined" in lab.notes
    assert lab.joined(member=body.member_id, version=4).error_code == ErrorCode.UNKNOWN_MEMBER_ID


def test_a_group_that_only_had_a_pending_member_leaves_nothing_behind(lab: Any) -> None:
    lab.joined(version=4)
    assert lab.listing() == ["g"]
    lab.wait(10_000)
    assert lab.listing() == []
    assert lab.log == []


def test_a_rebalance_waits_for_a_pending_member(lab: Any) -> None:
    (first,), _ = lab.stable()
    pending = lab.joined(version=4).member_id
    again = lab.join(member=first)
    assert again not in lab.answers
    second = lab.join(member=pending, version=4)
    assert lab.answers[again].generation_id == lab.answers[second].generation_id == 2


def test_a_pending_member_that_never_joins_holds_a_rebalance_up_only_for_its_session(lab: Any) -> None:
    (first,), _ = lab.stable()
    lab.joined(version=4, session_ms=6_000)
    again = lab.join(member=first)
    lab.wait(5_999)
    assert again not in lab.answers
    lab.wait(1)
    assert lab.answers[again].generation_id == 2


def test_an_empty_group_id_is_invalid_for_join(lab: Any) -> None:
    assert lab.joined(group="").error_code == ErrorCode.INVALID_GROUP_ID


def test_a_session_timeout_must_be_within_the_brokers_bounds(lab: Any) -> None:
    assert lab.joined(session_ms=5_999).error_code == ErrorCode.INVALID_SESSION_TIMEOUT
    assert lab.joined(session_ms=1_800_001).error_code == ErrorCode.INVALID_SESSION_TIMEOUT
    assert lab.joined(session_ms=1_800_000).error_code == 0


def test_a_member_id_nobody_handed_out_is_unknown(lab: Any) -> None:
    assert lab.joined(member="stranger").error_code == ErrorCode.UNKNOWN_MEMBER_ID
    lab.stable()
    assert lab.joined(member="stranger").error_code == ErrorCode.UNKNOWN_MEMBER_ID


def test_a_member_must_share_a_protocol_with_all_the_others(lab: Any) -> None:
    lab.stable()
    assert lab.joined(protocols={"sticky": b""}).error_code == ErrorCode.INCONSISTENT_GROUP_PROTOCOL
    assert lab.joined(protocol_type="connect").error_code == ErrorCode.INCONSISTENT_GROUP_PROTOCOL
    assert lab.state() == "Stable"


def test_a_member_without_protocols_or_protocol_type_is_refused(lab: Any) -> None:
    assert lab.joined(protocols={}).error_code == ErrorCode.INCONSISTENT_GROUP_PROTOCOL
    assert lab.joined(protocol_type="").error_code == ErrorCode.INCONSISTENT_GROUP_PROTOCOL
    assert lab.listing() == []


def test_refusals_name_no_protocol_with_null_from_version_7_and_empty_before(lab: Any) -> None:
    assert lab.joined(member="x", version=7).protocol_name is None
    assert lab.joined(member="x", version=6).protocol_name == ""


def test_the_protocol_most_members_prefer_is_chosen_among_those_all_support(lab: Any, subscribe: Any) -> None:
    data = subscribe("t")
    first = lab.joined(protocols={"a": data, "b": data, "c": data}).member_id
    tickets = [lab.join(protocols={"b": data, "a": data}) for _ in range(2)]
    lab.join(member=first, protocols={"a": data, "b": data, "c": data})
    assert lab.answers[tickets[0]].protocol_name == "b"


def test_only_the_leader_is_told_the_members(lab: Any) -> None:
    first = lab.joined().member_id
    second = lab.join()
    again = lab.join(member=first)
    assert len(lab.answers[again].members) == 2
    assert lab.answers[second].members == ()


def test_a_join_in_a_stable_group_waits_until_the_others_joined_again(lab: Any) -> None:
    (first,), _ = lab.stable()
    second = lab.join()
    assert second not in lab.answers
    assert lab.state() == "PreparingRebalance"
    lab.join(member=first)
    assert lab.answers[second].generation_id == 2


def test_a_follower_that_joins_a_stable_group_unchanged_is_told_the_present_generation(lab: Any) -> None:
    ids, generation = lab.stable(2)
    body = lab.joined(member=ids[1])
    assert (body.generation_id, body.leader, body.members) == (generation, ids[0], ())
    assert lab.state() == "Stable"


def test_a_follower_that_joins_with_another_subscription_begins_a_rebalance(lab: Any) -> None:
    ids, _ = lab.stable(2)
    lab.join(member=ids[1], topics=("other",))
    assert lab.state() == "PreparingRebalance"


def test_a_leader_that_joins_again_begins_a_rebalance(lab: Any) -> None:
    ids, _ = lab.stable(2)
    lab.join(member=ids[0])
    assert lab.state() == "PreparingRebalance"


def test_a_member_whose_join_answer_was_lost_is_told_again_while_the_assignment_is_awaited(lab: Any) -> None:
    first = lab.joined()
    again = lab.joined(member=first.member_id)
    assert (again.generation_id, len(again.members)) == (1, 1)
    assert lab.state() == "CompletingRebalance"


def test_a_changed_join_while_the_assignment_is_awaited_begins_a_new_rebalance(lab: Any) -> None:
    first = lab.joined()
    again = lab.joined(member=first.member_id, topics=("other",))
    assert again.generation_id == 2


def test_a_second_join_of_a_waiting_member_takes_the_place_of_the_first(lab: Any) -> None:
    (first, second), _ = lab.stable(2)
    old = lab.join(member=second, topics=("other",))
    new = lab.join(member=second, topics=("other",))
    assert lab.answers[old].error_code == ErrorCode.REBALANCE_IN_PROGRESS
    lab.join(member=first)
    assert lab.answers[new].generation_id == 2 + 1


def test_a_full_group_takes_nobody_in(make_lab: Any) -> None:
    lab = make_lab(group_max_size=2)
    lab.stable(2)
    assert lab.joined().error_code == ErrorCode.GROUP_MAX_SIZE_REACHED
    assert lab.state() == "Stable"


def test_who_joins_a_rebalance_first_is_in_when_the_group_is_full(make_lab: Any) -> None:
    lab = make_lab(group_max_size=2)
    (first, second), _ = lab.stable(2)
    lab.join(member=first, topics=("other",))
    newcomer = lab.join()
    assert newcomer not in lab.answers
    assert lab.joined(member=second).error_code == ErrorCode.GROUP_MAX_SIZE_REACHED
    assert lab.answers[newcomer].error_code == 0


def test_member_ids_handed_out_are_bounded(make_lab: Any) -> None:
    lab = make_lab(limits=Limits(group_members_max=3))
    codes = [lab.joined(version=4).error_code for _ in range(4)]
    assert codes == [ErrorCode.MEMBER_ID_REQUIRED] * 3 + [ErrorCode.GROUP_MAX_SIZE_REACHED]


def test_groups_of_a_shard_are_bounded(make_lab: Any) -> None:
    lab = make_lab(limits=Limits(groups_per_shard=1))
    lab.stable(group="a")
    assert lab.joined(group="b").error_code == ErrorCode.POLICY_VIOLATION
    assert lab.commit_code({("t", 0): 1}, group="b") == ErrorCode.POLICY_VIOLATION


def test_the_metadata_of_a_member_is_bounded(make_lab: Any) -> None:
    lab = make_lab(limits=Limits(group_metadata_bytes_max=10))
    assert lab.joined(protocols={"range": bytes(6)}).error_code == ErrorCode.MESSAGE_TOO_LARGE
    assert lab.joined(protocols={"range": bytes(5)}).error_code == 0


def test_a_first_rebalance_waits_for_the_initial_delay(make_lab: Any) -> None:
    lab = make_lab(group_initial_rebalance_delay_ms=3_000)
    first = lab.join()
    lab.wait(2_999)
    assert first not in lab.answers
    lab.wait(1)
    assert lab.answers[first].generation_id == 1


def test_a_first_rebalance_is_delayed_again_while_members_arrive_up_to_the_rebalance_timeout(make_lab: Any) -> None:
    lab = make_lab(group_initial_rebalance_delay_ms=3_000)
    tickets = [lab.join(rebalance_ms=8_000)]
    for _ in range(3):
        lab.wait(2_000)
        tickets.append(lab.join(rebalance_ms=8_000))
    lab.wait(1_999)
    assert not any(ticket in lab.answers for ticket in tickets)
    lab.wait(1)
    assert {lab.answers[ticket].generation_id for ticket in tickets} == {1}


def test_in_version_0_the_session_timeout_is_the_rebalance_timeout(lab: Any) -> None:
    lab.joined(version=0, rebalance_ms=-1, session_ms=7_000)
    assert lab.shard.groups["g"].rebalance_timeout_ms == 7_000
