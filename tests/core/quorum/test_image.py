"""The metadata image."""

import pytest

from odradek.core.quorum import records as r
from odradek.core.quorum.image import Image, Partition
from odradek.core.types import TopicPartition

ID = bytes([1] * 16)


def image(*records: r.Metadata) -> Image:
    made = Image("c")
    for record in records:
        made.apply(record)
    return made


TOPIC = (
    r.TopicRecord(name="a.b", topic_id=ID),
    r.PartitionRecord(
        partition_id=0, topic_id=ID, replicas=(1, 2), isr=(1, 2), leader=1, leader_epoch=0, partition_epoch=0
    ),
    r.ConfigRecord(resource_type=2, resource_name="a.b", name="retention.ms", value="1"),
)


def test_a_topic_is_found_by_name_and_by_id() -> None:
    one = image(*TOPIC)
    assert one.topics["a.b"] is one.topics_by_id[ID]
    assert one.partition(TopicPartition(ID, 0)) == Partition((1, 2), (1, 2), 1, 0, 0)
    assert one.partition(TopicPartition(ID, 1)) is None
    assert one.partition(TopicPartition(ID, -1)) is None
    assert one.partition(TopicPartition(bytes(16), 0)) is None
    assert one.partition_count == 1


def test_a_topic_that_is_removed_leaves_nothing_behind() -> None:
    one = image(*TOPIC)
    removed = one.apply(r.RemoveTopicRecord(topic_id=ID))
    assert removed is not None and removed.name == "a.b"
    assert one == Image("c")


def test_naming_a_leader_is_an_election_and_changing_the_isr_is_not() -> None:
    one = image(*TOPIC)
    one.apply(r.PartitionChangeRecord(partition_id=0, topic_id=ID, isr=(1,)))
    assert one.topics["a.b"].partitions[0] == Partition((1, 2), (1,), 1, 0, 1)
    one.apply(r.PartitionChangeRecord(partition_id=0, topic_id=ID, leader=1))
    assert one.topics["a.b"].partitions[0] == Partition((1, 2), (1,), 1, 1, 2)
    one.apply(r.PartitionChangeRecord(partition_id=0, topic_id=ID, leader=-1))
    assert one.topics["a.b"].partitions[0] == Partition((1, 2), (1,), -1, 2, 3)


def test_a_setting_without_value_goes_back_to_its_default() -> None:
    one = image(*TOPIC)
    assert one.settings(2, "a.b") == {"retention.ms": "1"}
    one.apply(r.ConfigRecord(resource_type=2, resource_name="a.b", name="retention.ms", value=None))
    assert one.settings(2, "a.b") == {}
    assert one.configs == {}


def test_a_feature_at_level_zero_is_off() -> None:
    one = image(r.FeatureLevelRecord(name="f", feature_level=2))
    assert one.features == {"f": 2}
    one.apply(r.FeatureLevelRecord(name="f", feature_level=0))
    assert one.features == {}


def test_a_broker_registers_is_fenced_and_goes() -> None:
    one = image(r.RegisterBrokerRecord(broker_id=1, broker_epoch=5, fenced=False))
    assert one.live_brokers() == [1]
    one.apply(r.BrokerRegistrationChangeRecord(broker_id=1, broker_epoch=5, fenced=1))
    assert one.live_brokers() == []
    one.apply(r.BrokerRegistrationChangeRecord(broker_id=1, broker_epoch=5, fenced=-1))
    assert one.live_brokers() == [1]
    one.apply(r.BrokerRegistrationChangeRecord(broker_id=1, broker_epoch=5, in_controlled_shutdown=1))
    assert one.live_brokers() == []
    one.apply(r.UnregisterBrokerRecord(broker_id=1, broker_epoch=5))
    assert one.brokers == {}


@pytest.mark.parametrize(
    "record",
    [
        r.TopicRecord(name="a.b", topic_id=bytes([2] * 16)),
        r.TopicRecord(name="other", topic_id=ID),
        r.TopicRecord(name="other", topic_id=bytes(16)),
        r.TopicRecord(name="a_b", topic_id=bytes([2] * 16)),
        r.PartitionRecord(partition_id=2, topic_id=ID),
    ],
    ids=["name is taken", "id is taken", "no id", "name collides", "a gap"],
)
def test_a_record_that_does_not_fit_is_a_bug(record: r.Metadata) -> None:
    with pytest.raises(AssertionError):
        image(*TOPIC).apply(record)


def test_images_of_different_content_differ() -> None:
    assert image(*TOPIC) != image(*TOPIC[:2])
    assert Image("c") != Image("d")
