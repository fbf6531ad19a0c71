"""The records of the metadata log: Kafka's bytes, there and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odradek.core.quorum import records as r
from odradek.core.wire.primitives import WireError

TOPIC_ID = bytes(range(16))
EXAMPLES = [
    r.RegisterBrokerRecord(
        broker_id=1,
        incarnation_id=TOPIC_ID,
        broker_epoch=9,
        end_points=(r.BrokerEndpoint(name="PLAINTEXT", host="h", port=65_535, security_protocol=0),),
        features=(r.BrokerFeature(name="metadata.version", min_supported_version=1, max_supported_version=2),),
        rack="r",
        fenced=False,
        log_dirs=(TOPIC_ID,),
    ),
    r.UnregisterBrokerRecord(broker_id=1, broker_epoch=9),
    r.TopicRecord(name="t", topic_id=TOPIC_ID),
    r.PartitionRecord(partition_id=3, topic_id=TOPIC_ID, replicas=(1, 2), isr=(1,), leader=1, leader_epoch=0),
    r.ConfigRecord(resource_type=2, resource_name="t", name="retention.ms", value="1"),
    r.ConfigRecord(resource_type=4, resource_name="", name="retention.ms", value=None),
    r.PartitionChangeRecord(partition_id=3, topic_id=TOPIC_ID, isr=(2,), leader=2),
    r.PartitionChangeRecord(
        partition_id=3, topic_id=TOPIC_ID, replicas=(), removing_replicas=(1,), adding_replicas=(2,)
    ),
    r.RemoveTopicRecord(topic_id=TOPIC_ID),
    r.FeatureLevelRecord(name="metadata.version", feature_level=25),
    r.ProducerIdsRecord(broker_id=1, broker_epoch=9, next_producer_id=1000),
    r.BrokerRegistrationChangeRecord(broker_id=1, broker_epoch=9, fenced=-1, in_controlled_shutdown=1),
    r.NoOpRecord(),
]


@pytest.mark.parametrize("record", EXAMPLES, ids=lambda one: type(one).__name__)
def test_a_record_comes_back_as_it_was(record: r.Metadata) -> None:
    assert r.decode(r.encode(record)) == record


def test_every_record_has_an_example() -> None:
    assert {type(one) for one in EXAMPLES} == {cls for cls, _ in r._TYPES.values()}


def test_the_bytes_are_those_of_kafka() -> None:
    """By KIP-631: frame version 1, type, version; then the flexible encoding of the record."""
    assert r.encode(r.TopicRecord(name="foo", topic_id=TOPIC_ID)) == b"\x01\x02\x00" + b"\x04foo" + TOPIC_ID + b"\x00"
    assert r.encode(r.RemoveTopicRecord(topic_id=TOPIC_ID)) == b"\x01\x09\x00" + TOPIC_ID + b"\x00"
    assert r.encode(r.ProducerIdsRecord(broker_id=1, broker_epoch=2, next_producer_id=1000)) == (
        b"\x01\x0f\x00" + b"\x00\x00\x00\x01" + b"\x00" * 7 + b"\x02" + b"\x00" * 6 + b"\x03\xe8" + b"\x00"
    )
    change = r.PartitionChangeRecord(partition_id=0, topic_id=TOPIC_ID, leader=1)
    assert r.encode(change) == b"\x01\x05\x00" + bytes(4) + TOPIC_ID + b"\x01" + b"\x01\x04" + b"\x00\x00\x00\x01"
    assert r.encode(r.ConfigRecord(resource_type=2, resource_name="t", name="n", value=None)) == (
        b"\x01\x04\x00" + b"\x02" + b"\x02t" + b"\x02n" + b"\x00" + b"\x00"
    )


@pytest.mark.parametrize(
    "value",
    [b"", b"\x00\x02\x00", b"\x02\x02\x00", b"\x01\x7f\x00", b"\x01\x02\x01", b"\x01\x02", b"\x01\x14\x00\x00x"],
    ids=["empty", "frame 0", "frame 2", "unknown type", "newer version", "cut", "more behind"],
)
def test_what_is_no_record_of_this_release_is_refused(value: bytes) -> None:
    with pytest.raises(WireError):
        r.decode(value)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_record_or_refused(value: bytes) -> None:
    try:
        record = r.decode(b"\x01" + value)
    except WireError:
        return
    assert type(record) in {cls for cls, _ in r._TYPES.values()}


@pytest.mark.parametrize("record", EXAMPLES, ids=lambda one: type(one).__name__)
def test_a_record_that_was_cut_short_is_refused(record: r.Metadata) -> None:
    whole = r.encode(record)
    for size in range(len(whole)):
        with pytest.raises(WireError):
            r.decode(whole[:size])
