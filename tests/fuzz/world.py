"""A whole node with its files in memory, and strangers who send it what a fuzzer drew.

Knows: the node's border (events in, effects out) and what must hold whatever a client sends.  Does not know: the
fuzzer.
Invariant: after each visit of strangers the node is as it was for everyone else: it serves, the bystander writes and
reads what it wrote, no table is past its limit, and nothing is left of the strangers.
"""

from collections import deque
from random import Random

import attrs
from drawn import Known

from odradek.core import effects as do
from odradek.core import events as ev
from odradek.core.configs import parse_broker
from odradek.core.limits import KIB, MIB, Limits
from odradek.core.node import Node, Stage
from odradek.core.records.build import Record, build, records
from odradek.core.types import Now
from odradek.core.wire.fetch import FetchPartition, FetchRequest, FetchTopic
from odradek.core.wire.frames import decode_response, encode_request, peek
from odradek.core.wire.membership import FindCoordinatorRequest
from odradek.core.wire.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from odradek.core.wire.registry import APIS
from odradek.core.wire.topics import CreatableTopic, CreatableTopicConfig, CreateTopicsRequest
from odradek.core.wire.versions import ApiVersionsRequest

BYSTANDER = 1
FIRST_STRANGER = 2
FRAMES_PER_VISIT = 8
STEPS_PER_VISIT = 20_000
FAR_MS = 86_400_000 * 50
"""Further ahead than any request can ask to be woken: 2^31 milliseconds."""
PRODUCE, FETCH, FIND_COORDINATOR, API_VERSIONS, CREATE_TOPICS = 0, 1, 10, 18, 19
ITS_OWN = "the-topic-of-the-bystander"
NO_SURPRISES = ("max.message.bytes", "1048576"), ("retention.ms", "-1"), ("retention.bytes", "-1")
"""What a stranger might lawfully change for the whole broker, and the bystander would notice."""
KNOWN = ApiVersionsRequest(client_software_name="bystander", client_software_version="1")
PEER, LOCAL = ("127.0.0.1", 50000), ("127.0.0.1", 9092)
SMALL = attrs.evolve(
    Limits(),
    frame_bytes_max=MIB,
    requests_in_flight_per_conn=4,
    queued_request_bytes=2 * MIB,
    fetch_sessions=4,
    fetch_session_partitions=64,
    partitions_max=200,
    partitions_per_request=8,
    groups_per_shard=16,
    group_members_max=8,
    group_metadata_bytes_max=KIB,
    offsets_per_group=32,
    producers_per_partition=8,
    parked_requests=8,
    fetch_partitions_max=32,
    configs_per_resource=16,
)


class Files:
    """The disk, as far as the contract of `effects` goes: it never fails and never crashes."""

    def __init__(self):
        self.content = {}

    def perform(self, effect):
        """Do it; returns what `Done.value` is."""
        match effect:
            case do.Append(file, chunks):
                self.content.setdefault(file, bytearray()).extend(b"".join(chunks))
            case do.Read(file, at, size):
                return bytes(self.content.get(file, b"")[at : at + size])
            case do.Truncate(file, size):
                del self.content.setdefault(file, bytearray())[size:]
            case do.Replace(file, data):
                self.content[file] = bytearray(data)
            case do.Remove(file):
                self.content.pop(file, None)
            case do.List():
                return tuple(sorted((file, len(data)) for file, data in self.content.items()))
            case do.Sync():
                pass
        return None

    def bytes_of(self, chunk):
        if isinstance(chunk, do.FileSlice):
            return bytes(self.content.get(chunk.file, b"")[chunk.at : chunk.at + chunk.size])
        return bytes(chunk)


class World:
    """One node, serving, with a topic "t" of two partitions and a bystander connected."""

    def __init__(self):
        self.files = Files()
        self.mono = 1_000_000_000
        self.completions = deque()
        self.sent = {}
        self.closed = set()
        self.next_stranger = FIRST_STRANGER
        self.halted = None
        self.begin()
        self.topic_id = self.create(CreatableTopic(name="t", num_partitions=2, replication_factor=1))
        configs = tuple(CreatableTopicConfig(name=name, value=value) for name, value in NO_SURPRISES)
        self.create(CreatableTopic(name=ITS_OWN, num_partitions=1, replication_factor=1, configs=configs))
        self.ask_as_bystander(FIND_COORDINATOR, 4, FindCoordinatorRequest(coordinator_keys=("g",)))
        self.said = 0

    def begin(self):
        """A new process on the files there are, and the bystander connects."""
        config = parse_broker({"num.partitions": "2", "offsets.topic.num.partitions": "2"})
        self.node = Node(config, SMALL, Random(1), "a-cluster-of-the-fuzzer")
        self.step(ev.Started())
        self.run_out()
        assert self.node.stage is Stage.SERVING, self.node.stage
        self.step(ev.Opened(BYSTANDER, PEER, LOCAL))

    def begin_anew(self, clean):
        """Stop, or die, and come back: nothing that strangers had written may keep a node from starting."""
        before = sorted(self.node.broker.topics)
        if clean:
            self.halted = ""
            self.step(ev.Stopping())
            self.run_out()
            self.halted = None
        self.completions.clear()
        self.sent.clear()
        self.closed.clear()
        self.begin()
        assert sorted(self.node.broker.topics) == before
        assert not [leader.name for leader in self.node.broker.leaders.values() if leader.failure is not None]
        assert all(host.shard.serving for host in self.node.broker.coordinator.hosts)
        self.check_bystander()

    # -- the driver's part

    def step(self, event):
        self.mono += 1000
        for effect in self.node.step(event, Now(self.mono, 1_700_000_000_000 + self.mono // 1_000_000)):
            match effect:
                case do.Send(conn, chunks):
                    assert conn not in self.closed, "an answer after the connection was closed"
                    self.sent.setdefault(conn, []).append(b"".join(map(self.files.bytes_of, chunks)))
                case do.Close(conn):
                    self.closed.add(conn)
                case do.Halt(why):
                    assert why == self.halted, f"the node halted: {why}"
                case do.Note() | do.Pause() | do.Resume():
                    pass
                case _:
                    self.completions.append(ev.Done(effect.then, self.files.perform(effect)))

    def run_out(self):
        """Complete effects until none is left."""
        for _ in range(STEPS_PER_VISIT):
            if not self.completions:
                return
            self.step(self.completions.popleft())
        raise AssertionError(f"one visit took more than {STEPS_PER_VISIT} steps")

    def pass_time(self, milliseconds):
        self.mono += milliseconds * 1_000_000
        for _ in range(100):
            if self.node.deadline is None or self.node.deadline > self.mono:
                return
            self.step(ev.Woke())
            self.run_out()
        raise AssertionError("the deadline does not move on")

    # -- clients

    def ask_as_bystander(self, key, version, body):
        frame = b"".join(map(bytes, encode_request(key, version, 7, "bystander", body)))[4:]
        self.step(ev.Received(BYSTANDER, memoryview(bytearray(frame))))
        self.run_out()
        assert BYSTANDER not in self.closed, "the bystander was thrown out"
        (answer,) = self.sent.pop(BYSTANDER)
        correlation_id, decoded = decode_response(key, version, memoryview(answer)[4:])
        assert correlation_id == 7
        return decoded

    def create(self, topic):
        (result,) = self.ask_as_bystander(CREATE_TOPICS, 7, CreateTopicsRequest(topics=(topic,))).topics
        assert result.error_code == 0, result
        return result.topic_id

    def known(self):
        """What a stranger may have learnt: members that wait in groups, fetch sessions that are open."""
        broker = self.node.broker
        groups = [group for host in broker.coordinator.hosts for group in host.shard.groups.values()]
        members = [member for group in groups for member in (*group.members, *group.pending)]
        return Known(self.topic_id, tuple(members[:8]), tuple(list(broker.fetch_sessions._by_use)[:8]))

    def visit(self, *strangers):
        """Strangers connect, send their frames in turn until they are thrown out, and leave."""
        asked = {}
        for _ in strangers:
            asked[self.next_stranger] = []
            self.step(ev.Opened(self.next_stranger, PEER, LOCAL))
            self.next_stranger += 1
        for turn in range(FRAMES_PER_VISIT):
            for conn, frames in zip(asked, strangers, strict=True):
                if turn < len(frames) and conn not in self.closed:
                    frame = bytearray(frames[turn])
                    frame[4:8] = turn.to_bytes(4, "big")[: len(frame[4:8])]  # so that each answer tells its request
                    asked[conn].append(bytes(frame[:8]))
                    self.step(ev.Received(conn, memoryview(frame)))
                    self.run_out()
        self.check_bystander()
        self.pass_time(50)
        self.check_bounds()
        for conn, heads in asked.items():
            self.check_answers(heads, self.sent.pop(conn, []))
            self.step(ev.Closed(conn))
            self.closed.discard(conn)
            self.run_out()
        self.check_nothing_is_left_of(asked)

    def check_bystander(self):
        """It writes one record, and reads that record and no other."""
        value = b"said %d" % self.said
        batch = bytes(build([Record(0, 1_700_000_000_000, b"k", value)]))
        part = PartitionProduceData(index=0, records=batch)
        data = (TopicProduceData(name=ITS_OWN, partition_data=(part,)),)
        told = self.ask_as_bystander(PRODUCE, 9, ProduceRequest(acks=-1, timeout_ms=1000, topic_data=data))
        written = told.responses[0].partition_responses[0]
        assert (written.error_code, written.base_offset) == (0, self.said), written
        wanted = FetchPartition(partition=0, fetch_offset=self.said, partition_max_bytes=MIB)
        topics = (FetchTopic(topic=ITS_OWN, partitions=(wanted,)),)
        found = self.ask_as_bystander(FETCH, 12, FetchRequest(max_bytes=MIB, topics=topics)).responses[0].partitions[0]
        assert [record.value for record in records(found.records)] == [value]
        self.said += 1

    def check_bounds(self):
        node, broker = self.node, self.node.broker
        assert node.deadline is None or self.mono < node.deadline < self.mono + FAR_MS * 1_000_000
        assert len(broker.parked) <= SMALL.parked_requests
        assert len(broker.fetch_sessions) <= broker.config.max_incremental_fetch_session_cache_slots
        assert sum(len(topic.leaders) for topic in broker.topics.values()) <= SMALL.partitions_max
        for leader in broker.leaders.values():
            assert len(leader.log.producers.by_id) <= SMALL.producers_per_partition
        for host in broker.coordinator.hosts:
            assert len(host.shard.groups) <= SMALL.groups_per_shard
            for group in host.shard.groups.values():
                assert len(group.members) <= SMALL.group_members_max
                assert len(group.pending) <= SMALL.group_members_max
            for held in host.shard.ledger.offsets.values():
                assert len(held) <= SMALL.offsets_per_group

    def check_answers(self, asked, answers):
        """Each answers one request, in order, and can be decoded at the version that was asked."""
        heads = [peek(head) for head in asked if len(head) == 8]
        for answer in answers:
            assert int.from_bytes(answer[:4], "big") == len(answer) - 4
            found = int.from_bytes(answer[4:8], "big", signed=True)
            while heads and heads[0][2] != found:
                heads.pop(0)  # a produce with acks=0 has no answer
            assert heads, f"an answer to nothing that was asked, correlation id {found}"
            key, version, _ = heads.pop(0)
            known = key == API_VERSIONS and not APIS[key].has(version)
            decode_response(key, 0 if known else version, memoryview(answer)[4:])

    def check_nothing_is_left_of(self, conns):
        broker = self.node.broker
        assert list(broker.sessions) == [BYSTANDER]
        assert broker.backlog.bytes == 0
        assert not [call for call in broker.parked if call.session.conn in conns]
        assert not broker._readers, "a read that nobody waits for"
        assert not any(leader.listeners for leader in broker.leaders.values())
        assert self.ask_as_bystander(API_VERSIONS, 3, KNOWN).error_code == 0
