"""Security row 13: names a client chooses become no path, and no name is taken for another."""

import re

import pytest

from odradek.core.errors import ErrorCode
from odradek.core.records.build import Record, build
from odradek.core.wire.commits import OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic
from odradek.core.wire.membership import JoinGroupRequest, JoinGroupRequestProtocol
from odradek.core.wire.metadata import MetadataRequest, MetadataRequestTopic

ILLEGAL = (
    *("../x", "..", ".", "/", "/etc/passwd", "a/b", "a\\b", "a\0b", "\0", "", "x" * 250, "a b", "a\nb", "a\rb", "~"),
    *("\x1b[31m", "%s", "${jndi:ldap://x}", "а", "ｔ", "é", "\u202e", "\u2024\u2024/x", "t\u200b", ".\u2215."),
)
LEGAL = ("...", ".x", "a..b", "-", "_", "x" * 249, "CON", "nul", "a.log", "journal", "metadata")
FILE = re.compile(r"[0-9a-f]{32}-\d+/[0-9a-z.-]+|journal/[0-9a-f-]+|[a-z.-]+(\.\d+)?")
"""Ids and numbers in the directory of a partition; a few fixed names above it."""


def files_are_named_by_ids(victim):
    odd = [name for name in victim.lab.files if not FILE.fullmatch(name) or ".." in name or name.startswith("/")]
    assert not odd
    return True


@pytest.mark.parametrize("name", ILLEGAL)
def test_an_illegal_topic_name_is_refused_by_create_topics_and_not_created_by_metadata(victim, name):
    before = victim.state()

    assert victim.create(name).error_code == ErrorCode.INVALID_TOPIC_EXCEPTION
    asked = MetadataRequest(topics=(MetadataRequestTopic(name=name),), allow_auto_topic_creation=True)
    assert victim.bystander.ask(asked).topics[0].error_code == ErrorCode.INVALID_TOPIC_EXCEPTION
    assert victim.state() == before


@pytest.mark.parametrize("name", LEGAL)
def test_a_legal_topic_name_is_in_no_file_name(victim, name):
    before = set(victim.lab.files)
    assert victim.create(name).error_code == 0
    victim.produce(build([Record(0, victim.lab.wall, b"k", b"v")]), name)

    assert set(victim.lab.files) > before
    assert files_are_named_by_ids(victim)
    if len(name) > 3:
        assert not [file for file in set(victim.lab.files) - before if name in file]


def test_topics_that_differ_only_in_dots_and_underscores_are_not_confused(victim):
    assert victim.create("a.b").error_code == 0
    assert victim.create("a_b").error_code == ErrorCode.INVALID_TOPIC_EXCEPTION


@pytest.mark.parametrize("name", [*ILLEGAL, *LEGAL])
def test_group_and_client_ids_are_in_no_file_name(victim, name):
    client = victim.lab.connect("10.6.6.6")
    before = set(victim.lab.files)
    join = JoinGroupRequest(
        group_id=name,
        session_timeout_ms=10_000,
        rebalance_timeout_ms=10_000,
        protocol_type="consumer",
        protocols=(JoinGroupRequestProtocol(name=name, metadata=name.encode()),),
        group_instance_id=name,
    )
    client.send(join, 5, client_id=name)
    partition = OffsetCommitRequestPartition(partition_index=0, committed_offset=1, committed_metadata=name)
    client.send(
        OffsetCommitRequest(
            group_id=name, member_id=name, topics=(OffsetCommitRequestTopic(name="t", partitions=(partition,)),)
        ),
        7,
        client_id=name,
    )

    assert client.answers() == 2 or client.is_closed
    assert all(file.endswith(".log") for file in set(victim.lab.files) - before)
    assert files_are_named_by_ids(victim)
    assert victim.unharmed()


def test_groups_whose_names_look_alike_do_not_share_offsets(victim):
    from odradek.core.wire.commits import OffsetFetchRequest, OffsetFetchRequestGroup  # noqa: PLC0415

    partition = OffsetCommitRequestPartition(partition_index=0, committed_offset=41, committed_metadata="")
    topics = (OffsetCommitRequestTopic(name="t", partitions=(partition,)),)
    victim.bystander.ask(OffsetCommitRequest(group_id="g", topics=topics, generation_id_or_member_epoch=-1), 9)
    for other in ("ｇ", "G", "g\0", "g ", " g", "g\u200b"):
        asked = OffsetFetchRequest(groups=(OffsetFetchRequestGroup(group_id=other, topics=None),))
        assert victim.bystander.ask(asked, 9).groups[0].topics == (), other
