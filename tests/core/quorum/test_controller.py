"""The controller: producer ids, registrations, and that replaying the log is living through it."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odradek.core.errors import ErrorCode, Refused
from odradek.core.quorum import records as r
from odradek.core.quorum.image import Endpoint, Image
from odradek.core.types import NodeId
from odradek.core.wire import configs as wire
from odradek.core.wire.schema import shape
from odradek.core.wire.topics import CreatableTopic, CreatePartitionsTopic, DeleteTopicState

ENDPOINT = Endpoint("PLAINTEXT", "localhost", 9092)


def element(message: Any, array: str) -> Any:
    """The class of the elements of an array in a message."""
    return next(field.of for field in shape(message).fields if field.name == array)


CHANGE = element(wire.IncrementalAlterConfigsRequest, "resources")
OPERATION = element(CHANGE, "configs")


def test_producer_ids_come_in_blocks_that_never_overlap(cluster: Any) -> None:
    blocks = [cluster.commit(cluster.controller.allocate_producer_ids(NodeId(0), 1)) for _ in range(3)]
    assert [(one.first, one.size) for one in blocks] == [(0, 1000), (1000, 1000), (2000, 1000)]
    assert cluster.image.producer_ids.next_id == 3000


def test_a_block_that_was_not_committed_was_not_given(cluster: Any) -> None:
    first = cluster.controller.allocate_producer_ids(NodeId(0), 1)
    assert cluster.controller.allocate_producer_ids(NodeId(0), 1).reply == first.reply


def test_only_a_registered_broker_of_this_epoch_gets_producer_ids(cluster: Any) -> None:
    with pytest.raises(Refused) as unknown:
        cluster.controller.allocate_producer_ids(NodeId(9), 1)
    assert unknown.value.code is ErrorCode.BROKER_ID_NOT_REGISTERED
    with pytest.raises(Refused) as stale:
        cluster.controller.allocate_producer_ids(NodeId(0), 0)
    assert stale.value.code is ErrorCode.STALE_BROKER_EPOCH


def test_producer_ids_do_not_wrap_around(cluster: Any) -> None:
    cluster.image.apply(r.ProducerIdsRecord(broker_id=0, broker_epoch=1, next_producer_id=2**63 - 1000))
    with pytest.raises(Refused) as caught:
        cluster.controller.allocate_producer_ids(NodeId(0), 1)
    assert caught.value.code is ErrorCode.UNKNOWN_SERVER_ERROR


def test_a_broker_registers_again_with_a_larger_epoch_only(cluster: Any) -> None:
    with pytest.raises(Refused) as caught:
        cluster.controller.register_broker(NodeId(0), bytes(16), (ENDPOINT,), None, 1)
    assert caught.value.code is ErrorCode.STALE_BROKER_EPOCH
    moved = ENDPOINT._replace(port=9093)
    assert cluster.commit(cluster.controller.register_broker(NodeId(0), bytes(16), (moved,), "r", 2)) == 2
    broker = cluster.image.brokers[NodeId(0)]
    assert (broker.epoch, broker.endpoints, broker.rack, broker.fenced) == (2, (moved,), "r", False)


def test_a_broker_without_an_endpoint_is_refused(cluster: Any) -> None:
    with pytest.raises(Refused) as caught:
        cluster.controller.register_broker(NodeId(1), bytes(16), (), None, 2)
    assert caught.value.code is ErrorCode.INVALID_REGISTRATION


def test_coming_back_is_an_election_in_every_partition_that_was_led(cluster_of: Callable[..., Any]) -> None:
    cluster = cluster_of(2)
    cluster.commit(cluster.controller.create_topics([CreatableTopic(name="t", num_partitions=4, replication_factor=1)]))
    before = list(cluster.image.topics["t"].partitions)
    assert cluster.commit(cluster.controller.take_leadership(NodeId(0))) == 2
    for old, new in zip(before, cluster.image.topics["t"].partitions, strict=True):
        assert new.leader == old.leader
        assert new.leader_epoch == old.leader_epoch + (old.leader == 0)


def test_a_partition_without_leader_is_led_by_an_in_sync_replica_that_comes_up(cluster: Any) -> None:
    cluster.commit(cluster.controller.auto_create(["t"]))
    topic_id = cluster.image.topics["t"].topic_id
    cluster.image.apply(r.PartitionChangeRecord(partition_id=0, topic_id=topic_id, leader=-1))
    assert cluster.commit(cluster.controller.take_leadership(NodeId(0))) == 1
    assert cluster.image.topics["t"].partitions[0].leader == 0


def test_features_are_written_once(cluster: Any) -> None:
    cluster.commit(cluster.controller.bootstrap({"metadata.version": 25, "group.version": 1}))
    assert cluster.image.features == {"metadata.version": 25, "group.version": 1}
    assert cluster.controller.bootstrap({"metadata.version": 25}).records == ()


# Replay --------------------------------------------------------------------------------------------------------------

NAMES = st.sampled_from(["a", "a.b", "a_b", "c", "bad name", "__consumer_offsets"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("create"), st.lists(st.tuples(NAMES, st.integers(-2, 4), st.integers(-1, 4)), max_size=3)),
        st.tuples(st.just("auto"), st.lists(NAMES, max_size=2)),
        st.tuples(st.just("delete"), st.lists(NAMES, max_size=2)),
        st.tuples(st.just("grow"), st.tuples(NAMES, st.integers(0, 8))),
        st.tuples(
            st.just("alter"),
            st.tuples(
                st.sampled_from([2, 4]),
                st.sampled_from(["a", "c", "", "0", "2"]),
                st.sampled_from(["retention.ms", "log.retention.ms", "durability", "cleanup.policy"]),
                st.sampled_from(["1", "sync", "delete", "x"]),
                st.integers(0, 3),
            ),
        ),
        st.tuples(st.just("ids"), st.integers(0, 3)),
        st.tuples(st.just("register"), st.tuples(st.integers(0, 4), st.booleans())),
        st.tuples(st.just("lead"), st.integers(0, 3)),
        st.tuples(st.just("feature"), st.integers(0, 2)),
    ),
    max_size=12,
)


def take(cluster: Any, kind: str, what: Any) -> Any:
    """One random decision."""
    c = cluster.controller
    if kind == "create":
        return c.create_topics([CreatableTopic(name=n, num_partitions=p, replication_factor=f) for n, p, f in what])
    if kind == "auto":
        return c.auto_create(what)
    if kind == "delete":
        return c.delete_topics([DeleteTopicState(name=name) for name in what])
    if kind == "grow":
        return c.create_partitions([CreatePartitionsTopic(name=what[0], count=what[1], assignments=None)])
    if kind == "alter":
        one = OPERATION(name=what[2], value=what[3], config_operation=what[4])
        resource = CHANGE(resource_type=what[0], resource_name=what[1], configs=(one,))
        return c.incremental_alter_configs([resource])
    if kind == "ids":
        return c.allocate_producer_ids(NodeId(what), what + 1)
    if kind == "register":
        return c.register_broker(NodeId(what[0]), bytes(16), (ENDPOINT,), None, len(cluster.log) + 9, what[1])
    if kind == "lead":
        return c.take_leadership(NodeId(what))
    assert kind == "feature"
    return c.bootstrap({"metadata.version": what})


def replayed(records: Any) -> Image:
    image = Image("a-cluster")
    for record in records:
        image.apply(r.decode(r.encode(record)))
    return image


@settings(max_examples=80, deadline=None)
@given(steps=STEPS)
def test_replaying_the_log_or_a_snapshot_gives_the_image_that_was_lived(
    steps: Any, cluster_of: Callable[..., Any]
) -> None:
    cluster = cluster_of(3)
    for kind, what in steps:
        before = list(cluster.image.records())
        try:
            decision = take(cluster, kind, what)
        except Refused:
            continue
        assert list(cluster.image.records()) == before, "deciding changed the image"
        cluster.commit(decision)

    snapshot = list(cluster.image.records())
    assert replayed(cluster.log) == cluster.image
    assert replayed(snapshot) == cluster.image
    assert list(replayed(snapshot).records()) == snapshot
    assert cluster.image.partition_count == sum(len(one.partitions) for one in cluster.image.topics.values())
