"""What a connection may do to the driver, and what the driver does about it."""

import socket

import pytest

from odradek.core import events as ev
from odradek.core.effects import Remove

MIB = 1 << 20


def hungry(hub):
    return hub.inside(lambda: (hub.hub.net.receiver.partial_bytes, len(hub.hub.net.starving)))


@pytest.mark.parametrize("size", [1, 100, 16 * 1024, 256 * 1024 - 4, 256 * 1024, 300_000, 5 * MIB])
def test_a_frame_of_any_size_arrives_whole(serve, size):
    payload = bytes(range(256)) * (size // 256 + 1)

    assert serve().client().ask("echo", payload[:size]) == b"echo    " + payload[:size]


@pytest.mark.parametrize("step", [1, 3, 1000])
def test_frames_cut_at_any_byte_arrive_whole(serve, step):
    client = serve().client()
    frames = [b"echo    " + bytes([n]) * (n * 9 * step) for n in range(8)]
    stream = b"".join(len(frame).to_bytes(4, "big") + frame for frame in frames)
    for at in range(0, len(stream), step):
        client.sock.sendall(stream[at : at + step])

    assert [client.answer() for _ in frames] == frames


@pytest.mark.parametrize("size", [-(2**31), -1, 0, 7, 1001, 2**31 - 1])
def test_a_length_that_no_request_has_closes_the_connection(serve, size):
    hub = serve(frame_bytes_max=1000)
    client = hub.client()
    client.sock.sendall(size.to_bytes(4, "big", signed=True) + b"echo    ")

    assert client.answer() is None
    assert ev.Received not in [type(event) for event in hub.node.seen]


def test_frames_before_a_bad_length_are_still_answered_or_lost_with_the_connection_but_delivered(serve):
    hub = serve()
    client = hub.client()
    client.sock.sendall((8).to_bytes(4, "big") + b"append  " + b"\xff" * 8)

    assert client.answer() is None
    received = [bytes(event.frame) for event in hub.node.seen if isinstance(event, ev.Received)]
    assert received == [b"append  "]


def test_an_announced_length_takes_no_memory_until_bytes_come(serve):
    hub = serve(frame_bytes_max=100 * MIB)
    client = hub.client()
    client.sock.sendall((100 * MIB).to_bytes(4, "big") + bytes(20))
    hub.client().ask("echo")

    assert hungry(hub)[0] == 0


def test_room_for_a_frame_is_at_most_four_times_what_came(serve):
    hub = serve(frame_bytes_max=100 * MIB)
    client = hub.client()
    client.sock.sendall((100 * MIB).to_bytes(4, "big") + bytes(1 * MIB))
    while hub.inside(lambda: sum(inbox.filled for inbox in hub.hub.net.receiver.growing)) < MIB:
        hub.client().ask("echo")

    assert hungry(hub)[0] <= 4 * MIB


def test_room_of_an_unfinished_frame_is_given_back_when_its_connection_ends(serve):
    hub = serve()
    client = hub.client()
    client.sock.sendall((5 * MIB).to_bytes(4, "big") + bytes(100_000))
    client.sock.shutdown(socket.SHUT_WR)

    assert client.answer() is None
    assert hungry(hub) == (0, 0)


def test_unfinished_frames_beyond_the_bound_wait_for_the_oldest_and_all_arrive(serve):
    hub = serve(partial_bytes_total=100_000)
    clients = [hub.client() for _ in range(4)]
    frame = b"echo    " + bytes(MIB)
    stream = len(frame).to_bytes(4, "big") + frame
    for client in clients:
        client.sock.sendall(stream[:200_000])
    hub.client().ask("echo")
    for client in clients:
        client.sock.setblocking(False)
    left = dict.fromkeys(clients, stream[200000:])
    while any(left.values()):
        for client in clients:
            try:
                left[client] = left[client][client.sock.send(left[client]) :] if left[client] else b""
            except BlockingIOError:
                continue
        assert hungry(hub)[0] <= 100_000 + 2 * MIB
    for client in clients:
        client.sock.settimeout(20)

    assert [client.answer() == frame for client in clients] == [True] * 4
    assert hungry(hub) == (0, 0)


def test_a_frame_that_comes_too_slowly_closes_its_connection(serve):
    hub = serve(partial_grace_ms=20)
    client = hub.client()
    client.sock.sendall(b"\0\0")

    assert client.answer() is None
    assert "too slow with a frame" in [fields.get("why") for _, fields in hub.notes]


def test_a_silent_connection_is_closed(serve):
    hub = serve(idle_ms_max=20)

    assert hub.client().answer() is None
    assert "idle" in [fields.get("why") for _, fields in hub.notes]


def test_a_peer_that_takes_no_answers_is_not_read_from_and_then_closed(serve):
    hub = serve(send_timeout_ms=300)
    client = hub.client()
    client.send(b"flood   64")
    while not hub.inside(lambda: [conn for conn in hub.hub.net.by_id.values() if conn.stuck]):
        hub.client().ask("echo")
    client.send(*[b"echo    " + bytes(1000)] * 100)
    while not any(isinstance(event, ev.Closed) for event in hub.node.seen):
        hub.client().ask("echo")

    assert sum(isinstance(event, ev.Received) and len(event.frame) > 1000 for event in hub.node.seen) == 0
    assert "takes no answers" in [fields.get("why") for _, fields in hub.notes]


def test_answers_kept_for_peers_that_do_not_read_are_bounded(serve):
    hub = serve(send_bytes_total=8 * MIB)
    client = hub.client()
    client.send(b"flood   64")
    while not any(isinstance(event, ev.Closed) for event in hub.node.seen):
        hub.client().ask("echo")

    assert hub.inside(lambda: hub.hub.net.memory) == 0
    reasons = [fields.get("why") for _, fields in hub.notes]
    assert "takes no answers, and there is no room to keep them" in reasons


def test_a_slow_reader_gets_everything(serve):
    client = serve().client()
    client.send(b"flood   40", b"echo    ")

    assert all(client.answer() == bytes(MIB) for _ in range(40))
    assert client.answer() == b"echo    "


def test_a_paused_connection_delivers_nothing_until_it_is_resumed(serve):
    hub = serve()
    client, other = hub.client(), hub.client()
    client.send(b"pause   ", b"echo    1", b"echo    2")
    client.send(b"echo    3")
    assert other.ask("echo") == b"echo    "
    before = [bytes(event.frame) for event in hub.node.seen if isinstance(event, ev.Received) and event.conn == 1]
    other.send(b"resume  ")

    assert [client.answer() for _ in range(3)] == [b"echo    1", b"echo    2", b"echo    3"]
    assert before in ([b"pause   "], [])


def test_close_lets_everything_sent_before_leave(serve):
    client = serve().client()
    client.send(b"flood   20", b"bye     ", b"echo    ")

    assert [client.answer() for _ in range(20)] == [bytes(MIB)] * 20
    assert client.answer() == b"bye"
    assert client.answer() is None


def test_one_connection_too_many_is_closed_at_once(serve):
    hub = serve(connections_max=2)
    first, second = hub.client(), hub.client()
    first.ask("echo")
    second.ask("echo")

    assert hub.client().answer() is None
    assert first.ask("echo") == b"echo    "


def test_one_connection_of_a_host_too_many_is_closed_at_once(serve):
    hub = serve(connections_per_host=1)
    first = hub.client()
    first.ask("echo")
    assert hub.client().answer() is None
    first.sock.close()

    while not any(isinstance(event, ev.Closed) for event in hub.node.seen):
        hub.inside(lambda: None)
    assert hub.client().ask("echo") == b"echo    "


@pytest.mark.parametrize("size", [5, 40_000, 3 * MIB])
def test_a_slice_of_a_file_is_sent(serve, size):
    hub = serve()
    client = hub.client()
    data = bytes(range(251)) * (size // 251 + 1)
    client.ask("append", data)

    assert client.ask("slice", b"%d" % size) == data[:size]


def test_a_slice_of_a_removed_file_is_still_sent(serve):
    hub = serve()
    client = hub.client()
    client.ask("append", bytes(20 * MIB))
    client.send(b"slice   %d" % (20 * MIB))
    other = hub.client()
    other.ask("echo")
    other.ask("cut", b"%d" % (20 * MIB))
    hub.inside(lambda: hub.hub.disk.remove(Remove("toy/log", None)))

    assert client.answer() == bytes(20 * MIB)


def test_a_slice_whose_bytes_were_cut_off_ends_the_connection(serve):
    hub = serve()
    client, other = hub.client(), hub.client()
    client.ask("append", bytes(20 * MIB))
    client.send(b"slice   %d" % (20 * MIB))
    other.ask("echo")
    assert other.ask("cut", b"0") == b"done"
    other.ask("append", b"\1" * (20 * MIB))

    head = client.exactly(4)
    data = b""
    while more := client.sock.recv(1 << 20):
        data += more
    assert head == (20 * MIB).to_bytes(4, "big")
    assert len(data) < 20 * MIB
    assert not data.strip(b"\0")


def test_a_slice_of_a_missing_file_ends_the_connection(serve):
    assert serve().client().ask("slice", b"10") is None


