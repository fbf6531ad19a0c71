from random import Random
from typing import Any

import pytest

from odradek.core.errors import ErrorCode, Refused
from odradek.core.groups.config import GroupConfig
from odradek.core.groups.out import ShardOut
from odradek.core.groups.shard import Shard
from odradek.core.limits import Limits
from odradek.core.types import MS, Now

FOREIGN = (b"\x00\x03\x00\x01g", b"\x00\x00whatever")


def test_members_of_a_loaded_group_go_on_undisturbed(lab: Any) -> None:
    ids, generation = lab.stable(2)
    lab.fail_over()
    assert [lab.heartbeat(member, generation) for member in ids] == [0, 0]
    assert lab.answers[lab.sync(ids[1], generation)].assignment == ids[1].encode()
    assert lab.commit_code({("t", 0): 1}, ids[0], generation) == ErrorCode.NONE


def test_members_of_a_loaded_group_begin_new_sessions(lab: Any) -> None:
    (_first,), _ = lab.stable()
    lab.wait(9_000)
    lab.fail_over()
    lab.wait(9_999)
    assert lab.state() == "Stable"
    lab.wait(1)
    assert lab.state() == "Empty"


def test_who_waits_when_the_shard_moves_is_sent_away(lab: Any) -> None:
    first = lab.joined().member_id
    second = lab.join()
    lab.join(member=first)
    syncing = lab.sync(lab.answers[second].member_id, 2)
    lab.stable(group="other")
    joining = lab.join(group="other")
    lab.fail_over()
    assert lab.answers[syncing].error_code == lab.answers[joining].error_code == ErrorCode.NOT_COORDINATOR


def test_a_generation_that_was_not_stored_is_gone_after_a_fail_over(lab: Any) -> None:
    first = lab.joined().member_id
    lab.fail_over()
    assert lab.answers[lab.sync(first, 1, {first: b""})].error_code == ErrorCode.UNKNOWN_MEMBER_ID


def test_the_log_the_snapshot_and_the_living_shard_agree(lab: Any) -> None:
    lab.stable(2)
    (first, *_), generation = lab.stable(3, group="h")
    lab.commit({("t", 0): 1, ("u", 3): 9}, first, generation, group="h", metadata="é")
    lab.commit({("t", 0): 1}, group="plain", version=4, retention_ms=1_000_000)
    lab.commit({("t", 1): 1}, group="plain")
    lab.delete_offsets({"t": (1,)}, group="plain")
    for records in (lab.log, lab.shard.snapshot()):
        other = lab.new_shard()
        for key, value in records:
            other.load(key, value)
        assert other.ledger.metadata == lab.shard.ledger.metadata
        assert other.ledger.offsets == lab.shard.ledger.offsets
        assert sorted(other.snapshot()) == sorted(lab.shard.snapshot())


def test_records_of_unknown_kinds_are_kept_and_restated(lab: Any) -> None:
    lab.log.append(FOREIGN)
    lab.fail_over()
    assert lab.shard.snapshot() == [FOREIGN]
    lab.log.append((FOREIGN[0], None))
    lab.fail_over()
    assert lab.shard.snapshot() == []


def test_records_of_unknown_kinds_are_bounded(make_lab: Any) -> None:
    shard = make_lab(limits=Limits(foreign_records_per_shard=1)).new_shard()
    shard.load(*FOREIGN)
    shard.load(*FOREIGN)
    with pytest.raises(Refused, match="foreign_records_per_shard"):
        shard.load(b"\x00\x03other", b"")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"", b""),
        (b"\x00\x01\x00\x05g", None),
        (b"\x00\x02\x00\x01g", b"\x00\x05"),
        (b"\x00\x02\x00\x01g", b"\x00\x03\x00"),
        (b"\x00\x02\x00\x01g", b""),
        (b"\x00\x01\x00\x01g\x00\x01t\x00\x00\x00\x00", b"\x00\x07" + bytes(40)),
    ],
)
def test_records_of_known_kinds_that_cannot_be_read_are_refused(lab: Any, key: bytes, value: bytes | None) -> None:
    with pytest.raises(Refused) as refused:
        lab.new_shard().load(key, value)
    assert refused.value.code == ErrorCode.CORRUPT_MESSAGE


def test_a_group_loaded_with_too_many_members_rebalances(make_lab: Any) -> None:
    lab = make_lab()
    ids, _ = lab.stable(3)
    lab.config = GroupConfig(group_max_size=2, group_initial_rebalance_delay_ms=0)
    lab.fail_over()
    assert lab.state() == "PreparingRebalance"
    tickets = [lab.join(member=member) for member in ids]
    lab.wait(60_000)
    codes = [lab.answers[ticket].error_code for ticket in tickets]
    assert sorted(codes) == [0, 0, ErrorCode.GROUP_MAX_SIZE_REACHED]


def test_a_shard_without_groups_wakes_only_to_look_for_expired_offsets() -> None:
    shard = Shard(0, GroupConfig(), Limits(), Random(1))
    assert shard.deadline is None
    shard.loaded(Now(5 * MS, 0), ShardOut())
    assert shard.deadline == 600_005 * MS


def test_every_request_is_answered_with_its_own_error_when_its_records_fail(lab: Any) -> None:
    lab.stable(instances=("a",))
    lab.refusing = ErrorCode.NOT_LEADER_OR_FOLLOWER
    body = lab.joined(instance="a", version=5)
    assert (body.error_code, body.generation_id) == (ErrorCode.NOT_COORDINATOR, -1)


def test_answers_to_readers_fail_as_well(lab: Any) -> None:
    lab.stable()
    described = lab.shard.failed(lab.describe(), ErrorCode.NOT_LEADER_OR_FOLLOWER)
    assert (described.group_id, described.error_code) == ("g", ErrorCode.NOT_COORDINATOR)
    fetched = lab.shard.failed(lab.answers[lab.ask_offsets()], ErrorCode.REQUEST_TIMED_OUT)
    assert (fetched.group_id, fetched.error_code) == ("g", ErrorCode.COORDINATOR_NOT_AVAILABLE)
