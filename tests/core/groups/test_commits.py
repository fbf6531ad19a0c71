from typing import Any

import pytest

from odradek.core.errors import ErrorCode
from odradek.core.groups.commits import asked_groups, fetch_response
from odradek.core.limits import Limits
from odradek.core.wire.commits import (
    OffsetFetchRequest,
    OffsetFetchRequestTopic,
    OffsetFetchResponseGroup,
    OffsetFetchResponsePartitions,
    OffsetFetchResponseTopics,
)


def test_what_was_committed_is_fetched(lab: Any) -> None:
    (first,), generation = lab.stable()
    assert lab.commit_code({("t", 0): 5, ("t", 1): 7}, first, generation) == ErrorCode.NONE
    assert lab.offsets({"t": (0, 1)}) == {("t", 0): 5, ("t", 1): 7}


def test_metadata_and_leader_epoch_come_back(lab: Any) -> None:
    lab.commit({("t", 0): 5}, metadata="me", leader_epoch=3)
    lab.fail_over()
    part = lab.answers[lab.ask_offsets({"t": (0,)})].topics[0].partitions[0]
    assert (part.committed_offset, part.metadata, part.committed_leader_epoch) == (5, "me", 3)


def test_null_metadata_comes_back_empty(lab: Any) -> None:
    lab.commit({("t", 0): 5}, metadata=None)
    assert lab.answers[lab.ask_offsets({"t": (0,)})].topics[0].partitions[0].metadata == ""


def test_a_commit_is_acknowledged_only_once_it_is_committed(lab: Any) -> None:
    lab.holding = True
    ticket = lab.commit({("t", 0): 5})
    assert ticket not in lab.answers
    lab.committed()
    assert lab.answers[ticket].topics[0].partitions[0].error_code == 0


def test_a_fetch_never_shows_what_could_still_be_lost(lab: Any) -> None:
    lab.holding = True
    lab.commit({("t", 0): 5})
    ticket = lab.ask_offsets({"t": (0,)})
    assert ticket not in lab.answers
    lab.committed()
    assert lab.answers[ticket].topics[0].partitions[0].committed_offset == 5


def test_an_unknown_group_has_no_offsets_and_that_is_no_error(lab: Any) -> None:
    body = lab.answers[lab.ask_offsets({"t": (0,)}, group="none")]
    part = body.topics[0].partitions[0]
    assert (body.error_code, part.error_code, part.committed_offset, part.committed_leader_epoch) == (0, 0, -1, -1)
    assert part.metadata == ""
    assert lab.offsets(None, group="none") == {}


def test_null_topics_ask_for_all_offsets(lab: Any) -> None:
    lab.commit({("b", 1): 1, ("a", 0): 2, ("b", 0): 3})
    assert lab.offsets() == {("a", 0): 2, ("b", 0): 3, ("b", 1): 1}


def test_a_plain_consumer_commits_without_a_generation(lab: Any) -> None:
    assert lab.commit_code({("t", 0): 5}) == ErrorCode.NONE
    assert lab.commit_code({("t", 0): 6}, group="") == ErrorCode.NONE
    assert lab.offsets(group="") == {("t", 0): 6}


def test_a_plain_consumer_cannot_commit_while_the_group_has_members(lab: Any) -> None:
    (first,), _ = lab.stable()
    assert lab.commit_code({("t", 0): 5}) == ErrorCode.UNKNOWN_MEMBER_ID
    assert lab.commit_code({("t", 0): 5}, first) == ErrorCode.ILLEGAL_GENERATION
    lab.leave(first)
    assert lab.commit_code({("t", 0): 5}) == ErrorCode.NONE


def test_a_commit_with_a_generation_to_a_group_that_does_not_exist_came_too_late(lab: Any) -> None:
    assert lab.commit_code({("t", 0): 5}, "m", 3) == ErrorCode.ILLEGAL_GENERATION
    assert lab.commit_code({("t", 0): 5}, "m", 3, version=9) == ErrorCode.GROUP_ID_NOT_FOUND
    assert lab.listing() == []


def test_strangers_and_past_generations_cannot_commit(lab: Any) -> None:
    (first,), generation = lab.stable()
    assert lab.commit_code({("t", 0): 5}, "stranger", generation) == ErrorCode.UNKNOWN_MEMBER_ID
    assert lab.commit_code({("t", 0): 5}, first, generation - 1) == ErrorCode.ILLEGAL_GENERATION
    assert lab.offsets() == {}


def test_a_member_may_commit_what_it_gives_up_while_a_rebalance_is_prepared(lab: Any) -> None:
    (first,), generation = lab.stable()
    lab.join()
    assert lab.commit_code({("t", 0): 5}, first, generation) == ErrorCode.NONE


def test_no_commit_while_the_assignment_is_awaited(lab: Any) -> None:
    first = lab.joined().member_id
    assert lab.commit_code({("t", 0): 5}, first, 1) == ErrorCode.REBALANCE_IN_PROGRESS


def test_a_commit_is_a_sign_of_life(lab: Any) -> None:
    (first,), generation = lab.stable()
    for offset in range(4):
        lab.wait(9_000)
        assert lab.commit_code({("t", 0): offset}, first, generation) == ErrorCode.NONE


def test_metadata_above_the_bound_is_refused_for_its_partition_only(make_lab: Any) -> None:
    lab = make_lab(offset_metadata_max_bytes=4)
    assert lab.commit_code({("t", 0): 5}, metadata="12345") == ErrorCode.OFFSET_METADATA_TOO_LARGE
    assert lab.commit_code({("t", 0): 5}, metadata="ééé") == ErrorCode.OFFSET_METADATA_TOO_LARGE
    assert lab.commit_code({("t", 0): 5}, metadata="1234") == ErrorCode.NONE


def test_a_commit_that_does_not_fit_one_batch_is_refused_whole(make_lab: Any) -> None:
    lab = make_lab(batch_bytes_max=1_000)
    many = {("t", partition): 1 for partition in range(50)}
    assert lab.commit_code(many) == ErrorCode.INVALID_COMMIT_OFFSET_SIZE
    assert (lab.offsets(), lab.listing(), lab.log) == ({}, [], [])


def test_offsets_of_a_group_are_bounded(make_lab: Any) -> None:
    lab = make_lab(limits=Limits(offsets_per_group=2))
    body = lab.answers[lab.commit({("t", 0): 1, ("t", 1): 1, ("t", 2): 1})]
    assert [part.error_code for part in body.topics[0].partitions] == [0, 0, ErrorCode.POLICY_VIOLATION]
    assert lab.commit_code({("t", 1): 2}) == ErrorCode.NONE
    assert lab.offsets() == {("t", 0): 1, ("t", 1): 2}


@pytest.mark.parametrize(
    ("log_says", "client_hears"),
    [
        (ErrorCode.NOT_ENOUGH_REPLICAS, ErrorCode.COORDINATOR_NOT_AVAILABLE),
        (ErrorCode.REQUEST_TIMED_OUT, ErrorCode.COORDINATOR_NOT_AVAILABLE),
        (ErrorCode.NOT_LEADER_OR_FOLLOWER, ErrorCode.NOT_COORDINATOR),
        (ErrorCode.MESSAGE_TOO_LARGE, ErrorCode.INVALID_COMMIT_OFFSET_SIZE),
    ],
)
def test_a_refused_commit_is_undone_and_told_in_the_coordinators_words(
    lab: Any, log_says: ErrorCode, client_hears: ErrorCode
) -> None:
    lab.commit({("t", 0): 1})
    lab.refusing = log_says
    assert lab.commit_code({("t", 0): 2, ("t", 1): 2}) == client_hears
    assert lab.offsets() == {("t", 0): 1}


def test_a_refused_first_commit_leaves_no_group(lab: Any) -> None:
    lab.refusing = ErrorCode.NOT_ENOUGH_REPLICAS
    lab.commit({("t", 0): 2})
    assert lab.listing() == []


# OffsetDelete --------------------------------------------------------------------------------------------------------


def test_offsets_of_topics_nobody_subscribes_to_can_be_deleted(lab: Any) -> None:
    (first,), generation = lab.stable(topics=("t",))
    lab.commit({("t", 0): 1, ("u", 0): 1}, first, generation)
    body = lab.delete_offsets({"t": (0,), "u": (0, 9)})
    codes = {topic.name: [part.error_code for part in topic.partitions] for topic in body.topics}
    assert codes == {"t": [ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC], "u": [0, 0]}
    assert lab.offsets() == {("t", 0): 1}


def test_offsets_of_an_empty_group_can_be_deleted_whatever_it_was(lab: Any) -> None:
    (first,), generation = lab.stable(protocol_type="connect")
    lab.commit({("t", 0): 1, ("t", 1): 1}, first, generation)
    assert lab.delete_offsets({"t": (0,)}).error_code == ErrorCode.NON_EMPTY_GROUP
    lab.leave(first)
    assert lab.delete_offsets({"t": (0,)}).error_code == 0
    assert lab.offsets() == {("t", 1): 1}


def test_a_subscription_that_cannot_be_read_protects_every_topic(lab: Any) -> None:
    (first,), generation = lab.stable(protocols={"range": b"?"})
    lab.commit({("u", 0): 1}, first, generation)
    body = lab.delete_offsets({"u": (0,)})
    assert body.topics[0].partitions[0].error_code == ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC


def test_offsets_of_a_group_that_does_not_exist_cannot_be_deleted(lab: Any) -> None:
    assert lab.delete_offsets({"t": (0,)}).error_code == ErrorCode.GROUP_ID_NOT_FOUND
    assert lab.delete_offsets({"t": (0,)}, group="").error_code == ErrorCode.INVALID_GROUP_ID


def test_deletions_beyond_one_batch_are_split(make_lab: Any) -> None:
    lab = make_lab(batch_bytes_max=1_000)
    for partition in range(40):
        lab.commit({("t", partition): 1})
    lab.delete_offsets({"t": tuple(range(40))})
    assert lab.offsets() == {}


# OffsetFetch below version 8 -----------------------------------------------------------------------------------------


def flat(topics: tuple[OffsetFetchRequestTopic, ...] | None) -> OffsetFetchRequest:
    return OffsetFetchRequest(group_id="g", topics=topics)


def test_old_requests_ask_for_one_group() -> None:
    (group,) = asked_groups(flat((OffsetFetchRequestTopic(name="t", partition_indexes=(0, 1)),)), 7)
    assert (group.group_id, group.topics[0].name, group.topics[0].partition_indexes) == ("g", "t", (0, 1))
    assert asked_groups(flat(None), 5)[0].topics is None


def test_old_responses_have_the_topics_at_the_top() -> None:
    part = OffsetFetchResponsePartitions(partition_index=0, committed_offset=4, metadata="m")
    group = OffsetFetchResponseGroup(group_id="g", topics=(OffsetFetchResponseTopics(name="t", partitions=(part,)),))
    body = fetch_response(flat(None), 7, (group,))
    assert body.groups == ()
    assert (body.topics[0].name, body.topics[0].partitions[0].committed_offset) == ("t", 4)


def test_version_1_carries_a_groups_error_in_every_partition() -> None:
    request = flat((OffsetFetchRequestTopic(name="t", partition_indexes=(0,)),))
    group = OffsetFetchResponseGroup(group_id="g", error_code=ErrorCode.NOT_COORDINATOR)
    old, newer = fetch_response(request, 1, (group,)), fetch_response(request, 2, (group,))
    assert old.topics[0].partitions[0].error_code == ErrorCode.NOT_COORDINATOR
    assert (newer.topics, newer.error_code) == ((), ErrorCode.NOT_COORDINATOR)
