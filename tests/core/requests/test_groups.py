"""Groups over the wire: joining, what administrators ask, and what happens when the shard's log is in trouble."""

from typing import Any

import pytest
from lab import Client, Lab
from talk import booted, commit, committed, create, find, join_alone, joining

from odradek.core import effects as ef
from odradek.core.errors import ErrorCode
from odradek.core.wire.groups import DeleteGroupsRequest, DescribeGroupsRequest, ListGroupsRequest
from odradek.core.wire.membership import (
    HeartbeatRequest,
    JoinGroupRequest,
    JoinGroupRequestProtocol,
    LeaveGroupRequest,
    MemberIdentity,
    SyncGroupRequest,
    SyncGroupRequestAssignment,
)

MEMBER_ID_REQUIRED = ErrorCode.MEMBER_ID_REQUIRED


def bench() -> tuple[Lab, Client]:
    lab, client = booted()
    create(client, "t")
    find(client, "g")
    return lab, client


def join(client: Client, version: int, member: str = "") -> Any:
    request = joining("g", member)
    answer = client.ask(request, version)
    if answer.error_code == MEMBER_ID_REQUIRED:
        answer = client.ask(joining("g", answer.member_id), version)
    return answer


def sync(client: Client, version: int, joined: Any, assignment: bytes = b"x") -> Any:
    mine = SyncGroupRequestAssignment(member_id=joined.member_id, assignment=assignment)
    request = SyncGroupRequest(
        group_id="g", generation_id=joined.generation_id, member_id=joined.member_id, assignments=(mine,)
    )
    if version >= 5:
        request.protocol_type, request.protocol_name = "consumer", "range"
    return client.ask(request, version)


def beat(client: Client, joined: Any, version: int = 4) -> int:
    request = HeartbeatRequest(group_id="g", generation_id=joined.generation_id, member_id=joined.member_id)
    return client.ask(request, version).error_code  # type: ignore[no-any-return]


def leave(client: Client, member: str, version: int = 5) -> Any:
    if version >= 3:
        return client.ask(LeaveGroupRequest(group_id="g", members=(MemberIdentity(member_id=member),)), version)
    return client.ask(LeaveGroupRequest(group_id="g", member_id=member), version)


def described(client: Client, *names: str, version: int = 6) -> Any:
    return client.ask(DescribeGroupsRequest(groups=names), version).groups


# Living --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", range(10))
def test_one_member_joins_in_every_version(version: int) -> None:
    _, client = bench()
    joined = join(client, version)
    assert (joined.error_code, joined.generation_id, joined.protocol_name) == (0, 1, "range")
    assert joined.leader == joined.member_id == joined.members[0].member_id


@pytest.mark.parametrize("version", range(10))
def test_members_without_an_id_are_given_one_first_from_version_4_on(version: int) -> None:
    _, client = bench()
    answer = client.ask(joining("g"), version)
    assert answer.error_code == (MEMBER_ID_REQUIRED if version >= 4 else 0)
    assert answer.member_id


@pytest.mark.parametrize("version", range(6))
def test_the_leaders_assignment_comes_back_in_every_version(version: int) -> None:
    _, client = bench()
    synced = sync(client, version, join(client, 5), b"mine")
    assert (synced.error_code, bytes(synced.assignment)) == (0, b"mine")


@pytest.mark.parametrize("version", range(5))
def test_a_member_heartbeats_in_every_version(version: int) -> None:
    _, client = bench()
    joined = join(client, 5)
    sync(client, 3, joined)
    assert beat(client, joined, version) == 0


@pytest.mark.parametrize("version", range(6))
def test_a_member_leaves_in_every_version(version: int) -> None:
    _, client = bench()
    joined = join(client, 5)
    sync(client, 3, joined)
    answer = leave(client, joined.member_id, version)
    assert answer.error_code == 0
    assert [one.error_code for one in answer.members] == ([0] if version >= 3 else [])
    assert beat(client, joined) == ErrorCode.UNKNOWN_MEMBER_ID


def test_two_members_share_a_generation() -> None:
    lab, one = bench()
    two = lab.connect()
    first = join(one, 5)
    sync(one, 3, first)
    given = two.ask(joining("g"), 5)
    two.send(joining("g", given.member_id), 5)
    assert two.answers() == 0
    assert beat(one, first) == ErrorCode.REBALANCE_IN_PROGRESS
    again = one.ask(joining("g", first.member_id), 5)
    other = two.take()
    assert (again.generation_id, other.generation_id, len(again.members), other.members) == (2, 2, 2, ())


def test_a_member_that_falls_silent_is_taken_out() -> None:
    lab, client = bench()
    joined = join(client, 5)
    sync(client, 3, joined)
    lab.sleep(10_001)
    assert described(client, "g")[0].group_state == "Empty"


def test_a_member_that_dies_between_join_and_sync_does_not_hold_the_others_up() -> None:
    # KAFKA-12890, KAFKA-9752
    lab, one = bench()
    two = lab.connect()
    first = join(one, 5)
    given = two.ask(joining("g"), 5)
    two.send(joining("g", given.member_id), 5)
    one.close()
    lab.sleep(60_000)
    assert two.take().error_code == 0
    assert described(two, "g")[0].group_state in ("CompletingRebalance", "Empty")
    assert first.member_id not in [member.member_id for member in described(two, "g")[0].members]


def test_no_member_hears_of_its_assignment_before_it_is_stored() -> None:
    lab, client = bench()
    joined = join(client, 5)
    lab.hold = lambda effect: isinstance(effect, ef.Sync)
    mine = SyncGroupRequestAssignment(member_id=joined.member_id, assignment=b"x")
    client.send(
        SyncGroupRequest(group_id="g", generation_id=1, member_id=joined.member_id, assignments=(mine,)), 3
    )
    assert client.answers() == 0
    lab.release()
    assert client.take().error_code == 0


@pytest.mark.parametrize("clean", [True, False])
def test_a_generation_survives_a_restart(clean: bool) -> None:
    lab, client = bench()
    member, generation = join_alone(client, "g")
    lab = Lab(files=lab.stop() if clean else lab.files).boot()
    client = lab.connect()
    request = HeartbeatRequest(group_id="g", generation_id=generation, member_id=member)
    assert client.ask(request).error_code == 0
    assert commit(client, "g", "t", 5, generation=generation, member=member) == 0


def test_a_new_generation_fences_the_old_one_also_after_a_restart() -> None:
    lab, client = bench()
    member, generation = join_alone(client, "g")
    client.ask(joining("g", member), 5)
    client = Lab(files=lab.files).boot().connect()
    assert commit(client, "g", "t", 5, generation=generation + 5, member=member) == ErrorCode.ILLEGAL_GENERATION


# Without a coordinator -----------------------------------------------------------------------------------------------


def test_before_the_offsets_topic_there_is_no_coordinator() -> None:
    _, client = booted()
    missing = ErrorCode.COORDINATOR_NOT_AVAILABLE
    assert client.ask(joining("g")).error_code == missing
    assert client.ask(HeartbeatRequest(group_id="g", generation_id=1, member_id="m")).error_code == missing
    assert client.ask(SyncGroupRequest(group_id="g", generation_id=1, member_id="m")).error_code == missing
    assert leave(client, "m").error_code == missing
    assert described(client, "g")[0].error_code == missing
    assert client.ask(DeleteGroupsRequest(groups_names=("g",))).results[0].error_code == missing
    assert client.ask(ListGroupsRequest()).groups == ()


# What administrators ask ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", range(7))
def test_groups_are_described_in_every_version(version: int) -> None:
    _, client = bench()
    member, _ = join_alone(client, "g")
    found = described(client, "g", "none", version=version)
    assert (found[0].group_state, found[0].protocol_data, found[0].members[0].member_id) == ("Stable", "range", member)
    assert found[0].members[0].client_host == "/127.0.0.1"
    assert found[1].group_state == "Dead"
    assert found[1].error_code == (ErrorCode.GROUP_ID_NOT_FOUND if version >= 6 else 0)


def test_what_may_be_done_with_a_group_is_told_to_who_asks() -> None:
    _, client = bench()
    join_alone(client, "g")
    (group,) = client.ask(DescribeGroupsRequest(groups=("g",), include_authorized_operations=True)).groups
    assert group.authorized_operations > 0


def test_a_description_of_nothing_is_empty() -> None:
    _, client = bench()
    assert described(client) == ()


@pytest.mark.parametrize("version", range(6))
def test_groups_of_all_shards_are_listed_in_every_version(version: int) -> None:
    _, client = bench()
    for number in range(8):
        commit(client, f"g{number}", "t", 1)
    found = {group.group_id for group in client.ask(ListGroupsRequest(), version).groups}
    assert found == {f"g{number}" for number in range(8)}


def test_groups_are_listed_by_state() -> None:
    _, client = bench()
    join_alone(client, "g")
    commit(client, "other", "t", 1)
    answer = client.ask(ListGroupsRequest(states_filter=("Stable",)), 5)
    assert [group.group_id for group in answer.groups] == ["g"]


@pytest.mark.parametrize("version", range(3))
def test_groups_are_deleted_in_every_version(version: int) -> None:
    _, client = bench()
    commit(client, "g", "t", 7)
    join_alone(client, "busy")
    results = client.ask(DeleteGroupsRequest(groups_names=("g", "busy", "none")), version).results
    codes = {result.group_id: result.error_code for result in results}
    assert codes == {"g": 0, "busy": ErrorCode.NON_EMPTY_GROUP, "none": ErrorCode.GROUP_ID_NOT_FOUND}
    assert committed(client, "g", "t").committed_offset == -1


def test_a_group_named_twice_is_deleted_once() -> None:
    _, client = bench()
    commit(client, "g", "t", 7)
    results = client.ask(DeleteGroupsRequest(groups_names=("g", "g"))).results
    assert [result.error_code for result in results] == [0]


# Faults --------------------------------------------------------------------------------------------------------------


def test_members_that_wait_when_the_disk_is_full_are_sent_to_look_again() -> None:
    lab, one = bench()
    two = lab.connect()
    first = join(one, 5)
    sync(one, 3, first)
    given = two.ask(joining("g"), 5)
    two.send(joining("g", given.member_id), 5)
    lab.fail = lambda effect: "ENOSPC" if isinstance(effect, ef.Append) else None
    assert commit(one, "g", "t", 1, generation=1, member=first.member_id) != 0
    lab.fail = lambda effect: None
    assert two.take().error_code == ErrorCode.NOT_COORDINATOR
    lab.sleep(1)
    assert one.ask(joining("g", first.member_id), 5).error_code == 0


def test_a_group_lives_on_after_a_full_disk() -> None:
    lab, client = bench()
    assert commit(client, "g", "t", 5) == 0
    lab.fail = lambda effect: "ENOSPC" if isinstance(effect, ef.Append) else None
    assert commit(client, "g", "t", 6) == ErrorCode.COORDINATOR_NOT_AVAILABLE
    lab.fail = lambda effect: None
    assert committed(client, "g", "t").committed_offset == 5
    assert commit(client, "g", "t", 7) == 0
    client = Lab(files=lab.files).boot().connect()
    assert committed(client, "g", "t").committed_offset == 7


def test_an_impossible_member_is_refused() -> None:
    _, client = bench()
    request = JoinGroupRequest(
        group_id="g",
        session_timeout_ms=1,
        rebalance_timeout_ms=1,
        protocol_type="consumer",
        protocols=(JoinGroupRequestProtocol(name="range", metadata=b""),),
    )
    assert client.ask(request).error_code == ErrorCode.INVALID_SESSION_TIMEOUT
