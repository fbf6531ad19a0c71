"""One connection, against peers that are old, strange or broken."""

import socket
import threading
from contextlib import contextmanager

import pytest

from odradek.core.wire.frames import encode_response
from odradek.core.wire.metadata import MetadataRequest, MetadataResponse
from odradek.core.wire.versions import ApiVersion, ApiVersionsResponse
from odradek.io.client_errors import Garbled, Unreachable, Unsupported
from odradek.io.client_link import Address, Link


@contextmanager
def peer(*answers):
    """A listener that takes one frame for each answer; an answer is bytes, or a function of the request's frame."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(10)
    requests = []

    def serve():
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(10)
            for answer in answers:
                size = int.from_bytes(connection.recv(4, socket.MSG_WAITALL), "big")
                requests.append(connection.recv(size, socket.MSG_WAITALL))
                connection.sendall(answer(requests[-1]) if callable(answer) else answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield Address(*listener.getsockname()), requests
    finally:
        thread.join()
        listener.close()


def answer(key, version, body, extra=b""):
    def made(request):
        frame = b"".join(encode_response(key, version, int.from_bytes(request[4:8], "big"), body))
        return (len(frame) - 4 + len(extra)).to_bytes(4, "big") + frame[4:] + extra

    return made


def ranges(*rows):
    return ApiVersionsResponse(api_keys=tuple(ApiVersion(api_key=k, min_version=a, max_version=b) for k, a, b in rows))


def version_of(request):
    return int.from_bytes(request[2:4], "big")


def test_the_highest_version_both_have_is_used():
    metadata = MetadataResponse(cluster_id="c")
    with peer(answer(18, 4, ranges((3, 0, 5))), answer(3, 5, metadata)) as (address, requests):
        link = Link(address, "me")
        assert link.ask(MetadataRequest(topics=None)).cluster_id == "c"
        link.close()

    assert [version_of(request) for request in requests] == [4, 5]


def test_a_version_from_the_brokers_future_is_not_used():
    with peer(answer(18, 4, ranges((3, 0, 99), (22, 0, 99)))) as (address, _):
        link = Link(address, "me")
        assert link.version(3) == 13
        assert link.version(22) == 5  # 6 is not stable yet
        link.close()


def test_an_older_broker_names_its_version_of_the_first_question_and_is_asked_with_that():
    refusal = ranges((18, 0, 2))
    refusal.error_code = 35
    with peer(answer(18, 0, refusal), answer(18, 2, ranges((3, 0, 1)))) as (address, requests):
        link = Link(address, "me")
        assert link.version(3) == 1
        link.close()

    assert [version_of(request) for request in requests] == [4, 2]


def test_bytes_behind_an_answer_are_let_pass():
    metadata = MetadataResponse(cluster_id="c")
    with peer(answer(18, 4, ranges((3, 0, 9))), answer(3, 9, metadata, extra=b"\0")) as (address, _):
        link = Link(address, "me")
        assert link.ask(MetadataRequest(topics=None)).cluster_id == "c"
        link.close()


def test_what_the_broker_does_not_serve_is_told():
    with peer(answer(18, 4, ranges((3, 14, 20)))) as (address, _):
        link = Link(address, "me")
        with pytest.raises(Unsupported, match="versions 14 to 20"):
            link.ask(MetadataRequest())
        with pytest.raises(Unsupported, match="does not serve"):
            link.version(19)
        link.close()


def test_a_peer_of_another_protocol_is_recognised():
    with (
        peer(b"HTTP/1.1 400 Bad Request\r\n\r\n") as (address, _),
        pytest.raises(Garbled, match="does not speak Kafka"),
    ):
        Link(address, "me")


def test_an_answer_to_another_request_ends_the_connection():
    wrong = b"".join(encode_response(18, 4, 77, ranges((3, 0, 1))))
    with peer(wrong) as (address, _), pytest.raises(Garbled, match="another request"):
        Link(address, "me")


def test_a_broker_that_goes_away_is_unreachable_and_that_may_pass():
    with peer(answer(18, 4, ranges((3, 0, 1))), b"") as (address, _):
        link = Link(address, "me")
        with pytest.raises(Unreachable) as caught:
            link.ask(MetadataRequest(topics=None))
        assert caught.value.retriable
        assert not link.usable


def test_an_answer_that_does_not_come_is_not_waited_for_longer_than_asked():
    release = threading.Event()

    def late(request):
        release.wait(10)
        return b""

    with peer(answer(18, 4, ranges((3, 0, 1))), late) as (address, _):
        link = Link(address, "me")
        with pytest.raises(Unreachable, match="no answer to Metadata"):
            link.ask(MetadataRequest(topics=None), timeout_s=0.05)
        release.set()
