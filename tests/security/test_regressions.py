"""What fuzzing and review found, one test each."""

import pytest

from odradek.core.wire.commits import OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic
from odradek.core.wire.membership import JoinGroupRequest, JoinGroupRequestProtocol


def join(instance=None):
    return JoinGroupRequest(
        group_id="g",
        group_instance_id=instance,
        session_timeout_ms=10_000,
        rebalance_timeout_ms=10_000,
        protocol_type="consumer",
        protocols=(JoinGroupRequestProtocol(name="range", metadata=b""),),
    )


@pytest.mark.parametrize("retention_ms", [2**63 - 1, 2**62])
def test_offsets_committed_to_be_kept_for_ever_are_stored(victim, retention_ms):
    """The fuzzer's: now + 2^63-1 ms is no int64, and the node died encoding it."""
    partition = OffsetCommitRequestPartition(partition_index=0, committed_offset=3, committed_metadata="")
    topics = (OffsetCommitRequestTopic(name="t", partitions=(partition,)),)
    body = OffsetCommitRequest(group_id="g", member_id="", retention_time_ms=retention_ms, topics=topics)

    assert victim.bystander.ask(body, 2).topics[0].partitions[0].error_code == 0
    assert victim.unharmed()


@pytest.mark.parametrize("version", range(10))
def test_a_client_id_of_the_largest_size_makes_a_member_id_that_can_be_sent(victim, version):
    """Review's: the member id is the client id and 37 characters more, too long for a string; the node died."""
    client = victim.lab.connect("10.6.6.6")
    client.send(join(), version, client_id="c" * 32_767)
    victim.lab.sleep(100)

    assert client.take().member_id.startswith("c" * 255 + "-")
    assert victim.unharmed()


@pytest.mark.parametrize("version", range(5, 10))
def test_an_instance_id_of_the_largest_size_makes_a_member_id_that_can_be_sent(victim, version):
    client = victim.lab.connect("10.6.6.6")
    client.send(join("é" * 16_000), version)
    victim.lab.sleep(100)

    assert client.take().member_id.startswith("é" * 255 + "-")
    assert victim.unharmed()
