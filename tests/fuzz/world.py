"""A whole node with its files in memory, and one stranger who sends it what a fuzzer drew.

Knows: the node's border (events in, effects out) and what must hold whatever a client sends.  Does not know: the
fuzzer.
Invariant: after each visit of the stranger the node is as it was for everyone else: it serves, answers the bystander,
and holds nothing of the stranger's any more.
"""

from collections import deque
from random import Random

import attrs
from odradek.core import effects as do
from odradek.core import events as ev
from odradek.core.configs import parse_broker
from odradek.core.limits import KIB, MIB, Limits
from odradek.core.node import Node, Stage
from odradek.core.types import Now
from odradek.core.wire.frames import decode_response, encode_request, peek
from odradek.core.wire.registry import APIS
from odradek.core.wire.topics import CreatableTopic, CreateTopicsRequest
from odradek.core.wire.versions import ApiVersionsRequest

BYSTANDER = 1
FIRST_STRANGER = 2
FRAMES_PER_VISIT = 8
STEPS_PER_VISIT = 20_000
API_VERSIONS, CREATE_TOPICS = 18, 19
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
        config = parse_broker({"num.partitions": "2", "offsets.topic.num.partitions": "2"})
        self.node = Node(config, SMALL, Random(1), "a-cluster-of-the-fuzzer")
        self.step(ev.Started())
        self.run_out()
        assert self.node.stage is Stage.SERVING, self.node.stage
        self.step(ev.Opened(BYSTANDER, PEER, LOCAL))
        topics = (CreatableTopic(name="t", num_partitions=2, replication_factor=1),)
        self.topic_id = self.ask_as_bystander(CREATE_TOPICS, 7, CreateTopicsRequest(topics=topics)).topics[0].topic_id

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
                    raise AssertionError(f"the node halted: {why}")
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

    def visit(self, frames):
        """A stranger connects, sends these frames until it is thrown out, and leaves."""
        conn, self.next_stranger = self.next_stranger, self.next_stranger + 1
        self.step(ev.Opened(conn, PEER, LOCAL))
        asked = []
        for frame in frames[:FRAMES_PER_VISIT]:
            if conn in self.closed:
                break
            asked.append(bytes(frame[:8]))
            self.step(ev.Received(conn, memoryview(bytearray(frame))))
            self.run_out()
        self.pass_time(50)
        self.check_answers(asked, self.sent.pop(conn, []))
        self.step(ev.Closed(conn))
        self.closed.discard(conn)
        self.run_out()
        self.check_nothing_is_left_of(conn)

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

    def check_nothing_is_left_of(self, conn):
        broker = self.node.broker
        assert list(broker.sessions) == [BYSTANDER]
        assert broker.backlog.bytes == 0
        assert not [call for call in broker.parked if call.session.conn == conn]
        assert self.ask_as_bystander(API_VERSIONS, 3, KNOWN).error_code == 0
