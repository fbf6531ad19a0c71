"""Each of these has bitten somebody: the hard requirements of the protocol, by their numbers.

What needs a feature that is not served yet (SASL mechanisms, transactional ids) is pinned as refused.
"""

import struct
from typing import Any

import pytest
from lab import Client, Lab
from talk import (
    TOPIC,
    alter,
    ask_metadata,
    batch,
    booted,
    commit,
    committed,
    create,
    creation,
    fetch,
    fetched,
    fetching,
    find,
    joining,
    offset_fetching,
    produce,
    produced,
    production,
    told,
    values,
)

from odradek.core import effects as ef
from odradek.core.configs import topic_config
from odradek.core.errors import ErrorCode
from odradek.core.records.batch import GZIP, LZ4, SNAPPY, ZSTD, parse
from odradek.core.wire.membership import LeaveGroupRequest, MemberIdentity
from odradek.core.wire.metadata import MetadataRequest
from odradek.core.wire.producers import InitProducerIdRequest
from odradek.core.wire.topics import CreatePartitionsRequest, CreatePartitionsTopic
from odradek.core.wire.versions import ApiVersionsRequest


def advertised(client: Client) -> dict[int, tuple[int, int]]:
    return {one.api_key: (one.min_version, one.max_version) for one in client.ask(ApiVersionsRequest(), 0).api_keys}


def bench(**settings: str) -> tuple[Lab, Client]:
    lab, client = booted()
    create(client, "t", 2, **settings)
    return lab, client


@pytest.mark.parametrize("version", [0, 1, 2, 3, 4])
def test_every_client_can_open_with_its_own_version_of_api_versions(version: int) -> None:
    """1: aiokafka opens with 0, kafkajs with 2, librdkafka with 3, Java with 4."""
    _, client = booted()
    request = ApiVersionsRequest()
    if version >= 3:
        request.client_software_name, request.client_software_version = "c", "1"
    assert client.ask(request, version).error_code == 0


def test_an_unknown_version_of_api_versions_falls_back() -> None:
    """1, KIP-511: error 35 in the body of version 0, with the range of key 18."""
    lab, client = booted()
    client.raw(struct.pack(">hhih", 18, 77, 1, -1))
    frame = bytes(lab.sent[client.conn].popleft())
    assert frame[8:] == struct.pack(">hihhh", 35, 1, 18, 0, 4)


def test_produce_is_advertised_from_0() -> None:
    """2, KAFKA-18659: else librdkafka before 2.11.1 sends everything uncompressed."""
    _, client = booted()
    assert advertised(client)[0][0] == 0


@pytest.mark.parametrize("version", [0, 1, 2])
def test_produce_0_to_2_is_refused_all_the_same(version: int) -> None:
    """2: those versions carry old message formats."""
    _, client = booted()
    client.raw(struct.pack(">hhih", 0, version, 1, -1) + struct.pack(">hii", 1, 1000, 0))
    assert (client.is_closed, client.answers()) == (True, 0)


def test_join_group_is_advertised_from_0() -> None:
    """2, KAFKA-19444: old librdkafka ties features to JoinGroup 0."""
    _, client = booted()
    assert advertised(client)[11][0] == 0


def test_the_versions_that_features_of_librdkafka_hang_on_are_advertised() -> None:
    """3: zstd needs Produce 7 and Fetch 10, MsgVer2 Produce 3 and Fetch 4, KIP-848 OffsetCommit and OffsetFetch 9."""
    _, client = booted()
    ranges = advertised(client)
    assert ranges[0][1] >= 7
    assert ranges[1][0] <= 4
    assert ranges[1][1] >= 10
    assert ranges[8][1] >= 9
    assert ranges[9][1] >= 9


def test_what_is_not_served_is_not_advertised() -> None:
    """4: without mechanisms to list there is no SaslHandshake; nor transactions, nor telemetry."""
    _, client = booted()
    assert advertised(client).keys().isdisjoint({17, 24, 25, 26, 27, 28, 36, 68, 71, 72})


@pytest.mark.parametrize("version", range(4, 19))
def test_a_fetch_of_an_empty_partition_has_zero_bytes_and_not_null(version: int) -> None:
    """5: librdkafka takes a compact null for a broken message set."""
    _, client = booted()
    topic_id = create(client, "t")
    data = fetched(client.ask(fetching("t", (0, 0), topic_id=topic_id), version))
    assert data.records is not None
    assert len(data.records) == 0


@pytest.mark.parametrize("version", range(4, 19))
def test_an_error_of_a_fetch_has_zero_bytes_and_not_null(version: int) -> None:
    """5"""
    _, client = booted()
    data = fetched(client.ask(fetching("t", (0, 0), topic_id=b"x" * 16), version))
    assert data.error_code
    assert data.records is not None


@pytest.mark.parametrize("offset", range(5))
def test_a_fetch_in_the_middle_of_a_batch_gets_the_whole_batch(offset: int) -> None:
    """6: the client skips what it did not ask for; else it hangs."""
    _, client = bench()
    produce(client, "t", batch(b"a", b"b", b"c", b"d", b"e"))
    data = fetch(client, "t", offset, part_bytes=1)
    assert parse(data.records).base_offset == 0
    assert [record.offset for record in told(data)] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("version", [8, 9])
def test_offsets_of_an_unknown_group_are_minus_one_and_no_error(version: int) -> None:
    """7"""
    _, client = bench()
    find(client, "any")
    answer = client.ask(offset_fetching("never heard of", "t", 0, 1), version)
    assert answer.groups[0].error_code == 0
    assert [(p.committed_offset, p.error_code) for p in answer.groups[0].topics[0].partitions] == [(-1, 0)] * 2


def test_a_first_init_producer_id_may_name_0_and_0() -> None:
    """8: platformatic sends producer id 0 and epoch 0."""
    _, client = booted()
    request = InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=0, producer_id=0, producer_epoch=0)
    assert client.ask(request, 5).error_code == 0


@pytest.mark.parametrize("version", range(3, 13))
@pytest.mark.parametrize("name", ["none", "t"])
def test_an_error_of_a_produce_has_base_offset_minus_one(version: int, name: str) -> None:
    """9"""
    _, client = bench()
    result = produce(client, name, b"not a batch", version=version)
    assert result.error_code
    assert (result.base_offset, result.log_append_time_ms) == (-1, -1)


def test_a_record_that_is_refused_is_named() -> None:
    """10, KIP-467: the error says which record of the batch was bad.  Here: a time too far ahead."""
    lab, client = bench(message_timestamp_after_max_ms="1000")
    result = produce(client, "t", batch(b"a", b"b", ts=[lab.wall, lab.wall + 100_000]))
    assert result.error_code == ErrorCode.INVALID_TIMESTAMP
    assert [error.batch_index for error in result.record_errors] == [1]


def test_a_keyless_record_to_a_compacted_topic_fails_by_record() -> None:
    """10: until there is compaction no user topic is compacted; the rule is in force where the topic says so."""
    lab, client = bench()
    topic = lab.node.broker.topics["t"]
    topic.configure(topic_config({"cleanup.policy": "compact"}, lab.node.broker.config), lab.node.limits)
    result = produce(client, "t", batch(b"a", b"b", key=None))
    assert result.error_code == ErrorCode.INVALID_RECORD
    assert [error.batch_index for error in result.record_errors] == [0, 1]


def test_the_largest_batch_is_enforced() -> None:
    """11"""
    _, client = bench(max_message_bytes="200")
    codes = [produce(client, "t", batch(b"x" * size)).error_code for size in (50, 300)]
    assert codes == [0, ErrorCode.MESSAGE_TOO_LARGE]


@pytest.mark.parametrize("note", ["", "a note", "ünïcode", "x" * 4096])
def test_the_metadata_of_a_commit_comes_back(note: str) -> None:
    """11"""
    lab, client = bench()
    find(client, "g")
    code = commit(client, "g", "t", 5, metadata=note)
    if code == ErrorCode.OFFSET_METADATA_TOO_LARGE:
        assert len(note.encode()) > lab.node.broker.config.offset_metadata_max_bytes
    else:
        assert committed(client, "g", "t").metadata == note


def test_create_partitions_answers_with_its_topics() -> None:
    """11"""
    _, client = bench()
    topics = tuple(CreatePartitionsTopic(name=name, count=3, assignments=None) for name in ("t", "none"))
    results = client.ask(CreatePartitionsRequest(topics=topics)).results
    assert [(result.name, bool(result.error_code)) for result in results] == [("t", False), ("none", True)]


def test_impossible_names_are_refused_also_on_auto_creation() -> None:
    """11, librdkafka 0057"""
    _, client = booted()
    assert client.ask(creation("a topic")).topics[0].error_code == ErrorCode.INVALID_TOPIC_EXCEPTION
    (topic,) = ask_metadata(client, "a topic", create_missing=True).topics
    assert topic.error_code == ErrorCode.INVALID_TOPIC_EXCEPTION


@pytest.mark.parametrize("codec", [GZIP, SNAPPY, LZ4, ZSTD])
def test_every_codec_passes_through_and_can_be_unpacked(codec: int) -> None:
    """12"""
    _, client = bench()
    produce(client, "t", batch(b"x" * 999, b"y", compression=codec))
    data = fetch(client, "t", 0)
    assert parse(data.records).compression == codec
    assert values(data) == [b"x" * 999, b"y"]


@pytest.mark.parametrize("codec", [GZIP, SNAPPY, LZ4, ZSTD])
def test_every_codec_is_turned_into_the_topics_own(codec: int) -> None:
    """12"""
    _, client = bench(compression_type="gzip")
    produce(client, "t", batch(b"x" * 999, b"y", compression=codec))
    assert parse(fetch(client, "t", 0).records).compression == GZIP


def test_every_produced_batch_is_checked_against_its_crc() -> None:
    """13"""
    _, client = bench()
    data = bytearray(batch(b"abcdef"))
    data[70] ^= 1
    assert produce(client, "t", bytes(data)).error_code == ErrorCode.CORRUPT_MESSAGE


def test_topics_are_created_on_metadata_with_as_many_partitions_as_configured() -> None:
    """14: client suites run with four."""
    _, client = booted(config={"num.partitions": "4"})
    (topic,) = ask_metadata(client, "new", create_missing=True).topics
    assert (topic.error_code, len(topic.partitions)) == (0, 4)


def test_answers_of_one_connection_come_in_the_order_asked_behind_a_long_poll() -> None:
    """15"""
    lab, client = bench()
    client.send(fetching("t", (0, 0), wait_ms=500), 12)
    client.send(MetadataRequest(topics=()))
    assert client.answers() == 0
    lab.sleep(500)
    assert client.answers() == 2
    assert fetched(client.take()).error_code == 0
    assert client.take().topics == ()


def test_a_long_poll_does_not_hold_up_another_connection() -> None:
    """15"""
    lab, client = bench()
    client.send(fetching("t", (0, 0), wait_ms=500), 12)
    assert lab.connect().ask(MetadataRequest(topics=())).topics == ()


def test_a_produce_behind_a_produce_is_answered_behind_it() -> None:
    """15: also when the second one is ready first."""
    lab, client = bench()
    create(client, "fast", durability="replicated")
    lab.hold = lambda effect: isinstance(effect, ef.Sync)
    client.send(production("t", batch(b"slow")), 12)
    client.send(production("fast", batch(b"fast")), 12)
    assert client.answers() == 0
    lab.release()
    assert [client.take().responses[0].name for _ in range(2)] == ["t", "fast"]


def test_requests_are_taken_up_in_the_order_asked() -> None:
    """15: pipelined produces to one partition are appended in their order."""
    _, client = bench()
    for number in range(20):
        client.send(production("t", batch(b"%d" % number)), 12)
    assert [produced(client.take()).base_offset for _ in range(20)] == list(range(20))


def test_too_many_requests_in_flight_pause_the_connection_until_they_drain() -> None:
    """15"""
    lab, client = bench()
    for _ in range(lab.node.limits.requests_in_flight_per_conn):
        client.send(fetching("t", (0, 0), wait_ms=500), 12)
    assert client.conn in lab.paused
    lab.sleep(500)
    assert client.conn not in lab.paused


def join(client: Client, instance: str | None, member: str = "") -> Any:
    return client.ask(joining("g", member, instance), 5)


def test_a_static_member_joins_without_being_asked_for_an_id() -> None:
    """16, KIP-345 and KIP-394"""
    _, client = bench()
    find(client, "g")
    assert join(client, "me").error_code == 0
    assert join(client, None).error_code == ErrorCode.MEMBER_ID_REQUIRED


def test_a_static_member_that_comes_back_replaces_itself_and_fences_the_old_one() -> None:
    """16, KAFKA-8225"""
    lab, client = bench()
    find(client, "g")
    first = join(client, "me")
    second = join(lab.connect(), "me")
    assert (second.error_code, first.member_id != second.member_id) == (0, True)
    assert join(client, "me", first.member_id).error_code == ErrorCode.FENCED_INSTANCE_ID


def test_a_static_member_is_taken_out_by_its_instance_id() -> None:
    """16, KIP-345"""
    _, client = bench()
    find(client, "g")
    join(client, "me")
    answer = client.ask(LeaveGroupRequest(group_id="g", members=(MemberIdentity(group_instance_id="me"),)))
    assert (answer.error_code, answer.members[0].error_code) == (0, 0)


def test_a_batch_too_large_for_a_changed_topic_is_refused_at_once() -> None:
    """11: the dynamic setting, not that of the topic's creation"""
    _, client = bench()
    alter(client, TOPIC, "t", max_message_bytes="100")
    assert produce(client, "t", batch(b"x" * 300)).error_code == ErrorCode.MESSAGE_TOO_LARGE
