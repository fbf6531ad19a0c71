"""Security rows 1, 2, 16, 17 and 20 on a real broker: what anybody who reaches the port may try.

Memory is what the kernel says of the broker's process; bounds are generous, times are never asserted.
"""

import contextlib
import socket
import time

import pytest
from outside import ALIVE, Peer, request, resident

from odradek.core.records.build import Record, build
from odradek.core.wire.fetch import FetchPartition, FetchRequest, FetchTopic
from odradek.core.wire.metadata import MetadataRequest
from odradek.core.wire.offsets import ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic
from odradek.core.wire.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from odradek.core.wire.topics import CreatableTopic, CreateTopicsRequest

KIB, MIB = 1 << 10, 1 << 20
FRAME_MAX = 1_000_000
PRODUCE, FETCH, LIST_OFFSETS, METADATA, API_VERSIONS, CREATE_TOPICS = 0, 1, 2, 3, 18, 19


def size_of(size):
    return size.to_bytes(4, "big", signed=True)


def settle(condition):
    """Wait until it holds; a broker may need a moment to notice that a connection is gone."""
    for _ in range(600):
        if condition():
            return True
        time.sleep(0.05)
    return False


# Row 1, CVE-2022-34917 ------------------------------------------------------------------------------------------------


def test_a_size_that_no_request_has_ends_the_connection_and_allocates_nothing(attacked):
    broker, healthy = attacked(socket_request_max_bytes=FRAME_MAX)
    assert healthy.is_served()
    before = resident(broker)
    for size in (-(2**31), -(2**31) + 1, -1, 0, 1, 7, FRAME_MAX + 1, 100 * MIB + 1, 2**31 - 1):
        for _ in range(20):
            peer = Peer(broker)
            peer.send(size_of(size))
            assert peer.exactly(1) is None, size
            peer.close()

    assert healthy.is_served()
    assert resident(broker) - before < 4 * MIB


def test_a_request_of_exactly_the_largest_size_is_read_and_one_more_byte_is_not(attacked):
    """Bytes behind the body are passed over, as Kafka does."""
    broker, healthy = attacked(socket_request_max_bytes=FRAME_MAX)
    frame = request(API_VERSIONS, ALIVE, 3)[4:]
    for size, answered in ((FRAME_MAX, True), (FRAME_MAX + 1, False)):
        peer = Peer(broker)
        with contextlib.suppress(ConnectionError):
            peer.send(size_of(size) + frame + bytes(size - len(frame)))
        assert (peer.frame() is not None) is answered
    assert healthy.is_served()


# Row 2 ----------------------------------------------------------------------------------------------------------------


def test_announcing_100_megabytes_and_sending_nothing_costs_next_to_nothing(attacked):
    broker, healthy = attacked()
    assert healthy.is_served()
    before = resident(broker)
    peers = [Peer(broker) for _ in range(200)]
    for peer in peers:
        peer.send(size_of(100 * MIB) + b"\0\0\0\x0c\0\0\0\1")
    assert all(healthy.is_served() for _ in range(20))

    assert resident(broker) - before < len(peers) * 64 * KIB + 8 * MIB
    for peer in peers:
        peer.close()
    assert healthy.is_served()


def test_memory_follows_the_bytes_that_came(attacked):
    broker, healthy = attacked()
    assert healthy.is_served()
    before = resident(broker)
    peers = [Peer(broker) for _ in range(20)]
    for peer in peers:
        peer.send(size_of(100 * MIB) + bytes(200 * KIB))
    assert all(healthy.is_served() for _ in range(20))

    assert resident(broker) - before < len(peers) * 4 * 200 * KIB + 8 * MIB
    for peer in peers:
        peer.close()


def test_requests_that_come_byte_by_byte_are_answered_and_hold_up_nobody(attacked):
    broker, healthy = attacked()
    peers = [Peer(broker) for _ in range(50)]
    for byte in request(API_VERSIONS, ALIVE, 3):
        for peer in peers:
            peer.send(bytes([byte]))
        assert healthy.is_served()

    assert all(peer.frame()[4:6] == b"\0\0" for peer in peers)


# Row 16 ---------------------------------------------------------------------------------------------------------------


def wide_topic(healthy, partitions=1000):
    topic = CreatableTopic(name="wide", num_partitions=partitions, replication_factor=1)
    assert healthy.ask(CREATE_TOPICS, CreateTopicsRequest(topics=(topic,))).topics[0].error_code == 0


FLOODS = {
    "Metadata": request(METADATA, MetadataRequest(topics=None), 12),
    "ApiVersions": request(API_VERSIONS, ALIVE, 3),
    "ListOffsets": request(
        LIST_OFFSETS,
        ListOffsetsRequest(
            topics=(
                ListOffsetsTopic(
                    name="wide",
                    partitions=tuple(ListOffsetsPartition(partition_index=n, timestamp=-1) for n in range(1000)),
                ),
            )
        ),
        7,
    ),
    "Fetch": request(
        FETCH,
        FetchRequest(
            max_bytes=2**31 - 1,
            max_wait_ms=0,
            topics=(
                FetchTopic(
                    topic="wide",
                    partitions=tuple(
                        FetchPartition(partition=n, fetch_offset=0, partition_max_bytes=2**31 - 1) for n in range(1000)
                    ),
                ),
            ),
        ),
        12,
    ),
}


@pytest.mark.parametrize("flood", FLOODS)
def test_requests_whose_answers_are_never_read_do_not_fill_memory(attacked, flood):
    """Found here: one read of 256 KiB holds 8,000 Metadata requests, and all were answered before any was sent."""
    broker, healthy = attacked()
    wide_topic(healthy)
    before = resident(broker)
    peers = [Peer(broker) for _ in range(3)]
    for peer in peers:
        peer.stuff(FLOODS[flood] * (1 + 64 * KIB // len(FLOODS[flood])), 8 * MIB)
        assert healthy.is_served()

    assert resident(broker, "VmHWM") - before < 48 * MIB
    for peer in peers:
        peer.close()
    assert healthy.is_served()


def test_a_flood_that_is_read_late_is_answered_whole_and_in_order(attacked):
    broker, healthy = attacked()
    wide_topic(healthy)
    peer, count = Peer(broker), 400
    flood = b"".join(
        FLOODS["Metadata"][:8] + number.to_bytes(4, "big") + FLOODS["Metadata"][12:] for number in range(count)
    )
    peer.send(flood)
    assert healthy.is_served()

    assert [int.from_bytes(peer.frame()[:4], "big") for _ in range(count)] == list(range(count))
    assert peer.is_served()


# Row 17 ---------------------------------------------------------------------------------------------------------------


def is_open(sock):
    sock.settimeout(0.2)
    try:
        return sock.recv(1) != b""
    except TimeoutError:
        return True
    except ConnectionError:
        return False


def test_a_flood_of_connections_is_bounded_and_those_before_it_are_served(attacked):
    broker, healthy = attacked(max_connections=20)
    assert healthy.is_served()
    flood = [socket.create_connection((broker.host, broker.port)) for _ in range(200)]
    assert healthy.is_served()

    assert settle(lambda: healthy.is_served() and broker.log().count("too many") == 181)
    assert sum(is_open(sock) for sock in flood) == 19
    for sock in flood:
        sock.close()
    assert settle(lambda: Peer(broker).is_served())


def test_connections_that_come_and_go_leave_no_memory_behind(attacked):
    broker, healthy = attacked()
    for sock in [socket.create_connection((broker.host, broker.port)) for _ in range(300)]:
        sock.close()
    assert healthy.is_served()
    before = resident(broker)
    for _ in range(5):
        for sock in [socket.create_connection((broker.host, broker.port)) for _ in range(300)]:
            sock.close()
        assert healthy.is_served()

    assert resident(broker) - before < 4 * MIB


# Row 20 ---------------------------------------------------------------------------------------------------------------


def test_fetches_of_everything_by_peers_that_never_read_do_not_fill_memory(attacked):
    broker, healthy = attacked()
    wide_topic(healthy, 20)
    batch = bytes(build([Record(0, int(time.time() * 1000), b"k", bytes(900_000))]))
    for index in range(20):
        part = PartitionProduceData(index=index, records=batch)
        data = TopicProduceData(name="wide", partition_data=(part,))
        told = healthy.ask(PRODUCE, ProduceRequest(acks=-1, timeout_ms=9000, topic_data=(data,)), 8)
        assert told.responses[0].partition_responses[0].error_code == 0
    before = resident(broker)
    peers = [Peer(broker) for _ in range(20)]
    for peer in peers:
        peer.stuff(FLOODS["Fetch"], 4 * len(FLOODS["Fetch"]))
    assert healthy.is_served()

    assert resident(broker, "VmHWM") - before < 32 * MIB
    for peer in peers:
        peer.close()


# Row 21 ---------------------------------------------------------------------------------------------------------------


def test_no_client_writes_a_line_of_its_own_into_the_log(attacked):
    broker, healthy = attacked(log_level="debug")
    for text in ("x\r\n2026-01-01T00:00:00Z ERROR forged", "\x1b[2J\x1b[31mred", "\u2028ERROR forged", "%s%n{0}"):
        peer = Peer(broker)
        peer.send(request(METADATA, MetadataRequest(topics=()), 12, client_id=text))
        peer.send(size_of(60) + b"\0\x03\0\x0c\0\0\0\1" + text.encode()[:40].ljust(52, b"\n"))
        peer.exactly(10_000)
        with contextlib.suppress(ConnectionError):
            Peer(broker).send(text.encode())
    assert healthy.is_served()

    lines = broker.log().split("\n")
    assert all(line.isprintable() for line in lines)
    assert not [line for line in lines if line.startswith(("2026-01-01T00:00:00Z ERROR", "ERROR"))]
