"""The bytes of `__consumer_offsets`, as tools that read the topic expect them."""

import pytest

from odradek.core.groups.schema import (
    ForeignKey,
    GroupKey,
    GroupMetadataValue,
    MemberMetadata,
    OffsetCommitValue,
    OffsetKey,
    group_record,
    offset_record,
    read_group,
    read_key,
    read_offset,
)
from odradek.core.wire.structs import encode_struct

KEY = OffsetKey("g", "topic", 3)


def test_an_offset_is_written_in_the_version_lag_monitors_read() -> None:
    key, value = offset_record(
        KEY, OffsetCommitValue(offset=8372, leader_epoch=2, metadata="data", commit_timestamp=1637)
    )
    assert key == b"\x00\x01" + b"\x00\x01g" + b"\x00\x05topic" + b"\x00\x00\x00\x03"
    assert value == (
        b"\x00\x03" + (8372).to_bytes(8, "big") + b"\x00\x00\x00\x02" + b"\x00\x04data" + (1637).to_bytes(8, "big")
    )


def test_an_offset_with_an_expiry_of_its_own_is_written_in_version_1() -> None:
    _, value = offset_record(KEY, OffsetCommitValue(offset=1, metadata="", commit_timestamp=5, expire_timestamp=6))
    assert value == b"\x00\x01" + (1).to_bytes(8, "big") + b"\x00\x00" + (5).to_bytes(8, "big") + (6).to_bytes(8, "big")


def test_a_group_is_written_in_version_3() -> None:
    member = MemberMetadata(
        member_id="m",
        group_instance_id=None,
        client_id="c",
        client_host="/h",
        rebalance_timeout=7,
        session_timeout=8,
        subscription=b"sub",
        assignment=b"as",
    )
    value = GroupMetadataValue(
        protocol_type="consumer",
        generation=2,
        protocol="range",
        leader="m",
        current_state_timestamp=9,
        members=(member,),
    )
    assert group_record("g", value) == (
        b"\x00\x02\x00\x01g",
        b"\x00\x03\x00\x08consumer\x00\x00\x00\x02\x00\x05range\x00\x01m"
        + (9).to_bytes(8, "big")
        + b"\x00\x00\x00\x01\x00\x01m\xff\xff\x00\x01c\x00\x02/h\x00\x00\x00\x07\x00\x00\x00\x08"
        + b"\x00\x00\x00\x03sub\x00\x00\x00\x02as",
    )


def test_tombstones_have_no_value() -> None:
    assert offset_record(KEY, None)[1] is None
    assert group_record("g", None) == (b"\x00\x02\x00\x01g", None)


@pytest.mark.parametrize("version", [0, 1, 2, 3, 4])
def test_every_version_of_an_offset_is_read_and_written_again_with_its_meaning(version: int) -> None:
    wanted = OffsetCommitValue(offset=4, metadata="m", commit_timestamp=5)
    if version == 1:
        wanted.expire_timestamp = 77
    if version >= 3:
        wanted.leader_epoch = 6
    if version == 4:
        wanted.topic_id = bytes(range(16))
    found = read_offset(version.to_bytes(2, "big") + encode_struct(wanted, version))
    assert found == wanted
    _, again = offset_record(KEY, found)
    assert again is not None
    assert read_offset(again) == wanted


@pytest.mark.parametrize("version", [0, 1, 2, 3, 4])
def test_every_version_of_a_group_is_read(version: int) -> None:
    member = MemberMetadata(member_id="m", session_timeout=8, rebalance_timeout=9)
    value = GroupMetadataValue(protocol_type="consumer", protocol="range", leader="m", members=(member,))
    found = read_group(version.to_bytes(2, "big") + encode_struct(value, version))
    assert found.members[0].member_id == "m"
    assert found.members[0].rebalance_timeout == (8 if version == 0 else 9)


def test_both_kinds_of_offset_keys_name_the_same() -> None:
    key, _ = offset_record(KEY, None)
    assert read_key(key) == read_key(b"\x00\x00" + key[2:]) == KEY
    assert read_key(b"\x00\x02\x00\x01g") == GroupKey("g")
    assert read_key(b"\x00\x09?") == ForeignKey(b"\x00\x09?")
