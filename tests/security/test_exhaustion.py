"""Security rows 17 to 19 on a whole node: every table stays at its cap, with an honest error, and those who were there
before are served on."""

import attrs
import pytest
from victim import Victim

from odradek.core import events as ev
from odradek.core.effects import Read
from odradek.core.errors import ErrorCode
from odradek.core.limits import Limits
from odradek.core.records.build import Record, build
from odradek.core.types import ConnId
from odradek.core.wire.commits import OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic
from odradek.core.wire.configs import IncrementalAlterConfigsRequest
from odradek.core.wire.configs import IncrementalAlterConfigsRequestAlterableConfig as Change
from odradek.core.wire.configs import IncrementalAlterConfigsRequestAlterConfigsResource as Resource
from odradek.core.wire.fetch import FetchPartition, FetchRequest, FetchTopic
from odradek.core.wire.membership import JoinGroupRequest, JoinGroupRequestProtocol
from odradek.core.wire.metadata import MetadataRequest, MetadataRequestTopic
from odradek.core.wire.producers import InitProducerIdRequest
from odradek.core.wire.topics import CreatePartitionsRequest, CreatePartitionsTopic
from odradek.core.wire.versions import ApiVersionsRequest

SMALL = attrs.evolve(
    Limits(),
    connections_max=8,
    requests_in_flight_per_conn=4,
    queued_request_bytes=4096,
    partitions_max=20,
    partitions_per_request=8,
    configs_per_resource=6,
    groups_per_shard=4,
    group_members_max=3,
    group_metadata_bytes_max=1000,
    offsets_per_group=5,
    producers_per_partition=6,
    fetch_partitions_max=10,
    fetch_session_partitions=12,
    parked_requests=5,
)


@pytest.fixture
def victim():
    return Victim(limits=SMALL, config={"max.incremental.fetch.session.cache.slots": "3"})


def join(group, member="", instance=None, metadata=b""):
    return JoinGroupRequest(
        group_id=group,
        member_id=member,
        group_instance_id=instance,
        session_timeout_ms=10_000,
        rebalance_timeout_ms=10_000,
        protocol_type="consumer",
        protocols=(JoinGroupRequestProtocol(name="range", metadata=metadata),),
    )


def commit(group, partitions, topic="t"):
    parts = tuple(
        OffsetCommitRequestPartition(partition_index=index, committed_offset=1, committed_metadata="")
        for index in partitions
    )
    topics = (OffsetCommitRequestTopic(name=topic, partitions=parts),)
    return OffsetCommitRequest(group_id=group, generation_id_or_member_epoch=-1, topics=topics)


def tail_fetch(max_wait_ms=60_000, partitions=1, **fields):
    parts = tuple(
        FetchPartition(partition=index, fetch_offset=0, partition_max_bytes=100) for index in range(partitions)
    )
    return FetchRequest(
        max_wait_ms=max_wait_ms, min_bytes=1, max_bytes=100, topics=(FetchTopic(topic="t", partitions=parts),), **fields
    )


def fetch_of(partition, offset, min_bytes=1):
    part = FetchPartition(partition=partition, fetch_offset=offset, partition_max_bytes=100)
    topics = (FetchTopic(topic="t", partitions=(part,)),)
    return FetchRequest(max_wait_ms=60_000, min_bytes=min_bytes, max_bytes=100, topics=topics)


# Row 17 ---------------------------------------------------------------------------------------------------------------


def test_a_connection_beyond_the_bound_is_closed_and_the_others_stay(victim):
    strangers = [victim.lab.connect("10.6.6.6") for _ in range(50)]

    assert sum(not stranger.is_closed for stranger in strangers) == SMALL.connections_max - 1
    assert len(victim.lab.node.broker.sessions) == SMALL.connections_max
    assert victim.unharmed()


def test_one_host_cannot_take_every_connection():
    victim = Victim(config={"max.connections.per.ip": "3"})
    strangers = [victim.lab.connect("10.6.6.6") for _ in range(20)]

    assert sum(not stranger.is_closed for stranger in strangers) == 3
    assert not victim.lab.connect("10.0.0.2").is_closed
    strangers[0].close()
    assert not victim.lab.connect("10.6.6.6").is_closed
    assert victim.unharmed()


def test_connections_that_come_and_go_leave_nothing(victim):
    for _ in range(500):
        victim.lab.connect("10.6.6.6").close()

    assert len(victim.lab.node.broker.sessions) == 1
    assert list(victim.lab.node.broker.hosts) == ["10.0.0.1"]


# Row 18 ---------------------------------------------------------------------------------------------------------------


def test_a_client_id_for_each_request_leaves_nothing_behind(victim):
    """There are no quotas to evade yet; there is no table by client id to fill either."""
    client = victim.lab.connect("10.6.6.6")
    broker = victim.lab.node.broker
    tables = (broker.parked, broker.sessions, broker.hosts, broker.timers, broker.fetch_sessions, broker.topics)
    before = [len(table) for table in tables]
    for number in range(300):
        client.send(ApiVersionsRequest(client_software_name="a", client_software_version="1"), 3, f"client-{number}")
        client.take()

    assert [len(table) for table in tables] == before
    assert victim.unharmed()


# Row 16 ---------------------------------------------------------------------------------------------------------------


def test_a_connection_with_too_many_requests_in_flight_is_not_read_from(victim):
    client = victim.lab.connect("10.6.6.6")
    for _ in range(SMALL.requests_in_flight_per_conn):
        client.send(tail_fetch(), 12)

    assert client.conn in victim.lab.paused
    victim.lab.sleep(60_000)
    assert client.answers() == SMALL.requests_in_flight_per_conn
    assert client.conn not in victim.lab.paused


def test_requests_in_flight_of_all_connections_are_bounded_in_bytes(victim):
    clients = [victim.lab.connect("10.6.6.6") for _ in range(5)]
    for client in clients:
        body = tail_fetch()
        body.rack_id = "r" * 1200
        client.send(body, 12)

    assert victim.lab.paused
    victim.lab.sleep(60_000)
    assert not victim.lab.paused
    assert victim.lab.node.broker.backlog.bytes == 0


def test_the_backlog_of_a_connection_that_ends_is_given_back(victim):
    client = victim.lab.connect("10.6.6.6")
    for _ in range(4):
        client.send(tail_fetch(), 12)
    client.close()

    assert victim.lab.node.broker.backlog.bytes == 0
    assert not victim.lab.node.broker.parked
    assert not any(leader.listeners for leader in victim.lab.node.broker.leaders.values())


# Row 19 ---------------------------------------------------------------------------------------------------------------


def test_topics_stop_at_the_cap_on_partitions(victim):
    codes = [victim.create(f"topic-{number}").error_code for number in range(40)]

    assert sum(len(topic.leaders) for topic in victim.lab.node.broker.topics.values()) <= SMALL.partitions_max
    assert set(codes) == {0, ErrorCode.POLICY_VIOLATION}
    assert victim.unharmed()


def test_topics_that_are_merely_asked_for_stop_at_the_same_cap(victim):
    client = victim.lab.connect("10.6.6.6")
    for number in range(40):
        names = tuple(MetadataRequestTopic(name=f"asked-{number}-{n}") for n in range(3))
        client.ask(MetadataRequest(topics=names, allow_auto_topic_creation=True))

    assert sum(len(topic.leaders) for topic in victim.lab.node.broker.topics.values()) <= SMALL.partitions_max
    assert victim.unharmed()


def test_one_request_creates_only_so_many_topics_by_naming_them():
    """Found here: 20,000 names in one Metadata request held the node for twelve seconds."""
    victim = Victim(limits=attrs.evolve(Limits(), auto_created_topics_per_request=10))
    names = tuple(MetadataRequestTopic(name=f"asked-{number}") for number in range(25))
    body = MetadataRequest(topics=names, allow_auto_topic_creation=True)
    created = []
    for _ in range(4):
        codes = [topic.error_code for topic in victim.bystander.ask(body).topics]
        assert set(codes) <= {0, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION}
        created.append(codes.count(0))

    assert created == [10, 20, 25, 25]
    assert victim.unharmed()


@pytest.mark.parametrize("count", [11, 1000, 2**31 - 1, 0, -2, -(2**31)])
def test_a_topic_of_too_many_partitions_costs_nothing(victim, count):
    before = victim.state()

    assert victim.create("big", partitions=count).error_code != 0
    grow = CreatePartitionsRequest(topics=(CreatePartitionsTopic(name="t", count=count, assignments=None),))
    assert victim.bystander.ask(grow).results[0].error_code != 0
    assert victim.state() == before


def test_settings_of_one_resource_stop_at_their_cap(victim):
    names = (
        *(
            "retention.ms",
            "segment.bytes",
            "max.message.bytes",
            "flush.messages",
            "index.interval.bytes",
            "flush.ms",
            "retention.bytes",
            "segment.ms",
        ),
    )
    codes = []
    for name in names:
        change = Change(name=name, config_operation=0, value="1048576")
        resource = Resource(resource_type=2, resource_name="t", configs=(change,))
        codes.append(
            victim.bystander.ask(IncrementalAlterConfigsRequest(resources=(resource,))).responses[0].error_code
        )

    assert codes.count(0) == SMALL.configs_per_resource
    assert len(victim.lab.node.broker.metadata.image.settings(2, "t")) == SMALL.configs_per_resource


def test_groups_stop_at_their_cap(victim):
    codes = [victim.bystander.ask(commit(f"group-{n}", [0]), 9).topics[0].partitions[0].error_code for n in range(40)]

    assert all(len(host.shard.groups) <= SMALL.groups_per_shard for host in victim.lab.node.broker.coordinator.hosts)
    assert codes.count(0) == 2 * SMALL.groups_per_shard
    assert victim.unharmed()


def test_groups_that_only_begin_to_join_stop_at_the_same_cap(victim):
    client = victim.lab.connect("10.6.6.6")
    for number in range(40):
        client.send(join(f"group-{number}"), 9)

    assert all(len(host.shard.groups) <= SMALL.groups_per_shard for host in victim.lab.node.broker.coordinator.hosts)
    victim.lab.sleep(120_000)
    assert all(not host.shard.groups for host in victim.lab.node.broker.coordinator.hosts)
    assert victim.unharmed()


@pytest.mark.parametrize("named", [False, True])
def test_members_of_a_group_stop_at_their_cap(victim, named):
    for number in range(20):
        client = victim.lab.connect("10.6.6.6")
        client.send(join("g", instance=f"instance-{number}" if named else None), 9)

    for host in victim.lab.node.broker.coordinator.hosts:
        for group in host.shard.groups.values():
            assert len(group.members) <= SMALL.group_members_max
            assert len(group.pending) <= SMALL.group_members_max
    assert victim.unharmed()


def test_what_a_member_says_of_itself_stops_at_its_cap(victim):
    client = victim.lab.connect("10.6.6.6")
    client.send(join("g", metadata=bytes(1001)), 3)

    assert client.take().error_code != 0
    assert all(not host.shard.groups for host in victim.lab.node.broker.coordinator.hosts)


def test_offsets_of_a_group_stop_at_their_cap(victim):
    victim.create("wide", partitions=8)
    answer = victim.bystander.ask(commit("g", range(8), "wide"), 9)
    codes = [part.error_code for part in answer.topics[0].partitions]

    assert any(codes)
    hosts = victim.lab.node.broker.coordinator.hosts
    kept = [len(held) for host in hosts for held in host.shard.ledger.offsets.values()]
    assert sum(kept) == codes.count(0) <= SMALL.offsets_per_group


def test_producers_of_a_partition_stop_at_their_cap(victim):
    for producer in range(50):
        batch = build([Record(0, victim.lab.wall, b"k", b"v")], producer_id=producer, producer_epoch=0, base_sequence=0)
        assert victim.produce(batch, client=victim.bystander).error_code == 0

    leader = victim.lab.node.broker.topics["t"].leaders[0]
    assert len(leader.log.producers.by_id) <= SMALL.producers_per_partition


def test_producer_ids_leave_nothing_behind(victim):
    client = victim.lab.connect("10.6.6.6")
    before = len(b"".join(map(bytes, victim.lab.files.values())))
    body = InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=1)
    ids = [client.ask(body, 4).producer_id for _ in range(900)]

    assert len(set(ids)) == 900
    assert len(b"".join(map(bytes, victim.lab.files.values()))) < before + 1000


def test_fetch_sessions_stop_at_their_slots(victim):
    client = victim.lab.connect("10.6.6.6")
    ids = [client.ask(tail_fetch(0, session_epoch=0), 12).session_id for _ in range(50)]

    assert len(victim.lab.node.broker.fetch_sessions) == 3
    assert sum(1 for one in ids if one) == 3, "beyond the cap a fetch is served without a session"


def test_partitions_in_fetch_sessions_stop_at_their_cap(victim):
    client = victim.lab.connect("10.6.6.6")
    first = client.ask(tail_fetch(0, partitions=10, session_epoch=0), 12)
    second = client.ask(tail_fetch(0, partitions=10, session_epoch=0), 12)
    too_many = client.ask(tail_fetch(0, partitions=11, session_epoch=0), 12)
    grown = client.ask(tail_fetch(0, partitions=10, session_id=first.session_id, session_epoch=1), 12)

    assert first.session_id != 0
    assert second.session_id == 0
    assert too_many.error_code == ErrorCode.INVALID_REQUEST
    assert grown.error_code == ErrorCode.FETCH_SESSION_ID_NOT_FOUND


def test_requests_that_wait_stop_at_their_cap_and_are_answered_at_once_beyond_it(victim):
    clients = [victim.lab.connect("10.6.6.6") for _ in range(4)]
    for client in clients:
        for _ in range(3):
            client.send(tail_fetch(), 12)

    assert len(victim.lab.node.broker.parked) == SMALL.parked_requests
    assert sum(client.answers() for client in clients) > 0
    victim.lab.sleep(60_000)
    assert sum(client.answers() for client in clients) == 12
    assert not victim.lab.node.broker.parked
    assert victim.unharmed()


def test_a_fetch_that_must_look_at_a_file_is_answered_though_there_is_no_room_to_wait(victim):
    """Found in review: it waited for ever, since nothing had set a timer for it."""
    client = victim.lab.connect("10.6.6.6")
    for _ in range(300):
        victim.produce(build([Record(0, victim.lab.wall, b"k", bytes(500))]), client=victim.bystander)
    waiting = [victim.lab.connect("10.6.6.6") for _ in range(2)]
    for one in waiting:
        for _ in range(3):
            one.send(fetch_of(partition=1, offset=0), 12)
    assert len(victim.lab.node.broker.parked) == SMALL.parked_requests
    reads = []
    victim.lab.hold = lambda effect: reads.append(effect) if isinstance(effect, Read) else False
    client.send(fetch_of(partition=0, offset=50, min_bytes=1 << 20), 12)

    assert reads, "it did not have to look at a file"
    assert client.answers() == 1


def test_an_idle_connection_is_closed_and_a_waiting_one_is_not(victim):
    idle, waiting = victim.lab.connect("10.6.6.6"), victim.lab.connect("10.6.6.6")
    waiting.send(tail_fetch(max_wait_ms=2**31 - 1), 12)
    for _ in range(11):
        victim.lab.sleep(60_000)
        assert victim.unharmed()

    assert idle.is_closed
    assert not waiting.is_closed


def test_events_of_connections_that_are_gone_are_passed_over(victim):
    client = victim.lab.connect("10.6.6.6")
    client.close()
    client.raw(b"\0\x12\0\0\0\0\0\1\xff\xff")
    victim.lab.feed(ev.Closed(ConnId(client.conn)), ev.Closed(ConnId(999_999)))

    assert client.answers() == 0
    assert victim.unharmed()
