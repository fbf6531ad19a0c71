"""Security row 20 on a whole node, and what one small request can make of it: answers are bounded by what there is, not
by how often it is asked for; work is linear in the request."""

import attrs
import pytest
from victim import Victim

from odradek.core.errors import ErrorCode
from odradek.core.limits import Limits
from odradek.core.records.build import Record, build
from odradek.core.wire.commits import OffsetFetchRequest, OffsetFetchRequestGroup
from odradek.core.wire.configs import DescribeConfigsRequest, DescribeConfigsResource
from odradek.core.wire.fetch import FetchPartition, FetchRequest, FetchTopic, ForgottenTopic, ReplicaState
from odradek.core.wire.groups import DescribeGroupsRequest
from odradek.core.wire.metadata import (
    DescribeTopicPartitionsRequest,
    MetadataRequest,
    MetadataRequestTopic,
)
from odradek.core.wire.metadata import TopicRequest as PartitionsOf
from odradek.core.wire.offsets import ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic
from odradek.core.wire.producers import DescribeProducersRequest, TopicRequest

TIMES = 2000
INT32_MAX = 2**31 - 1


def answer_bytes(victim, body, version=None):
    client = victim.lab.connect("10.6.6.6")
    client.send(body, version)
    assert client.answers() == 1, [note for note in victim.lab.notes if "malformed" in note.text]
    return len(victim.lab.sent[client.conn].pop())


def config_resource():
    return DescribeConfigsResource(resource_type=2, resource_name="t", configuration_keys=None)


REPEATED = {
    "Metadata": (lambda n: MetadataRequest(topics=(MetadataRequestTopic(name="t"),) * n), 12),
    "DescribeGroups": (lambda n: DescribeGroupsRequest(groups=("g",) * n), 5),
    "OffsetFetch": (lambda n: OffsetFetchRequest(groups=(OffsetFetchRequestGroup(group_id="g", topics=None),) * n), 9),
    "DescribeConfigs": (
        lambda n: DescribeConfigsRequest(resources=(config_resource(),) * n, include_documentation=True),
        4,
    ),
    "DescribeProducers": (
        lambda n: DescribeProducersRequest(topics=(TopicRequest(name="t", partition_indexes=(0,) * n),)),
        0,
    ),
    "DescribeProducers, topics": (
        lambda n: DescribeProducersRequest(topics=(TopicRequest(name="t", partition_indexes=(0,)),) * n),
        0,
    ),
    "DescribeTopicPartitions": (
        lambda n: DescribeTopicPartitionsRequest(topics=(PartitionsOf(name="t"),) * n, response_partition_limit=2000),
        0,
    ),
}


@pytest.mark.parametrize("api", REPEATED)
def test_asking_for_one_thing_many_times_gets_it_once(victim, api):
    """Else a request of 100 kB names a topic of 10,000 partitions 20,000 times, and its answer is the end of memory."""
    body, version = REPEATED[api]

    assert answer_bytes(victim, body(TIMES), version) == answer_bytes(victim, body(1), version)
    assert victim.unharmed()


def list_offsets(partitions, timestamp=-1):
    parts = tuple(ListOffsetsPartition(partition_index=index, timestamp=timestamp) for index in partitions)
    return ListOffsetsRequest(topics=(ListOffsetsTopic(name="t", partitions=parts),))


def test_list_offsets_of_one_partition_thousands_of_times_is_refused_in_linear_time(victim):
    """It was quadratic: 60,000 partitions, each twice, held the node for minutes.  A quadratic search of this request
    is 3.6 * 10^9 comparisons, which no timeout of this suite would sit through."""
    client = victim.lab.connect("10.6.6.6")
    client.send(list_offsets([*range(30_000), *range(30_000)]), 7)
    parts = client.take().topics[0].partitions

    assert len(parts) == 60_000
    assert {part.error_code for part in parts} == {ErrorCode.INVALID_REQUEST}
    assert victim.unharmed()


@pytest.mark.parametrize("timestamp", [-1, -2, -3, 0, 2**63 - 1])
def test_a_storm_of_list_offsets_leaves_nothing_behind(victim, timestamp):
    for n in range(20):
        victim.produce(build([Record(0, victim.lab.wall + n, b"k", b"v")]), client=victim.bystander)
    client = victim.lab.connect("10.6.6.6")
    for _ in range(300):
        client.send(list_offsets([0, 1], timestamp), 7)
    assert client.answers() == 300

    assert not victim.lab.node.broker.parked
    assert not victim.lab.node.broker._readers
    assert victim.unharmed()


def fetch_all(partitions, max_bytes=INT32_MAX, **fields):
    parts = tuple(
        FetchPartition(partition=index, fetch_offset=0, partition_max_bytes=INT32_MAX) for index in partitions
    )
    return FetchRequest(max_bytes=max_bytes, min_bytes=1, topics=(FetchTopic(topic="t", partitions=parts),), **fields)


def fill(victim, size, count):
    for _ in range(count):
        victim.produce(build([Record(0, victim.lab.wall, b"k", bytes(size))]), client=victim.bystander)


def test_a_fetch_answers_no_more_than_the_brokers_own_budget():
    victim = Victim(limits=attrs.evolve(Limits(), fetch_bytes_max=100_000))
    fill(victim, 20_000, 20)

    assert answer_bytes(victim, fetch_all([0]), 12) < 100_000 + 21_000
    assert answer_bytes(victim, fetch_all([0], max_bytes=-1), 12) < 21_000


def test_a_fetch_of_one_partition_over_and_over_is_answered_once(victim):
    fill(victim, 10_000, 1)

    assert answer_bytes(victim, fetch_all([0] * 5000), 12) < 11_000


def test_a_fetch_of_thousands_of_partitions_that_do_not_exist_is_answered(victim):
    client = victim.lab.connect("10.6.6.6")
    client.send(fetch_all(range(2, 19_000), max_wait_ms=60_000), 12)
    parts = client.take().responses[0].partitions

    assert {part.error_code for part in parts} == {ErrorCode.UNKNOWN_TOPIC_OR_PARTITION}
    assert not victim.lab.node.broker.parked


def test_a_fetch_of_more_partitions_than_the_bound_is_refused(victim):
    client = victim.lab.connect("10.6.6.6")

    assert client.ask(fetch_all(range(20_001)), 12).error_code == ErrorCode.INVALID_REQUEST


def test_forgetting_what_was_never_fetched_is_harmless(victim):
    client = victim.lab.connect("10.6.6.6")
    first = client.ask(fetch_all([0], session_epoch=0), 12)
    forgotten = (ForgottenTopic(topic="t", partitions=(0, 0, 5, -1)), ForgottenTopic(topic="", partitions=()))
    body = FetchRequest(session_id=first.session_id, session_epoch=1, forgotten_topics_data=forgotten, max_wait_ms=0)

    assert client.ask(body, 12).responses == ()
    assert victim.lab.node.broker.fetch_sessions._partitions == 0


def test_one_produce_of_thousands_of_batches_is_answered_whole(victim):
    from odradek.core.wire.produce import PartitionProduceData, ProduceRequest, TopicProduceData  # noqa: PLC0415

    batch = bytes(build([Record(0, victim.lab.wall, b"k", b"v")]))
    data = TopicProduceData(name="t", partition_data=(PartitionProduceData(index=0, records=batch),) * 12_000)
    client = victim.lab.connect("10.6.6.6")
    parts = (
        client.ask(ProduceRequest(acks=-1, timeout_ms=1000, topic_data=(data,)), 12).responses[0].partition_responses
    )

    assert [part.base_offset for part in parts] == list(range(12_000))
    assert victim.unharmed()


# CVE-2018-1288 --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", range(4, 19))
@pytest.mark.parametrize("replica", [0, 1, INT32_MAX])
def test_a_client_that_fetches_as_a_replica_moves_no_high_watermark(victim, version, replica):
    """CVE-2018-1288: a fetch in a follower's name says how far that follower has come."""
    fill(victim, 10, 3)
    leader = victim.lab.node.broker.topics["t"].leaders[0]
    before = (leader.high, leader.isr, leader.epoch)
    part = FetchPartition(partition=0, fetch_offset=2, partition_max_bytes=1000, high_watermark=1)
    topic = FetchTopic(topic="t" if version < 13 else "", topic_id=victim.topic_id, partitions=(part,))
    body = FetchRequest(max_bytes=1000, topics=(topic,), max_wait_ms=0)
    if version < 15:
        body.replica_id = replica
    else:
        body.replica_state = ReplicaState(replica_id=replica, replica_epoch=0)
    answer = victim.lab.connect("10.6.6.6").ask(body, version)
    codes = [answer.error_code] + [part.error_code for topic in answer.responses for part in topic.partitions]

    assert ErrorCode.CLUSTER_AUTHORIZATION_FAILED in codes
    assert all(not part.records for topic in answer.responses for part in topic.partitions)
    assert (leader.high, leader.isr, leader.epoch) == before
    assert victim.unharmed()
