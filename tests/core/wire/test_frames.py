"""Headers in front of bodies: golden bytes of each quirk, and what is refused."""

import pytest

from odradek.core.effects import FileSlice
from odradek.core.limits import Limits
from odradek.core.wire import frames
from odradek.core.wire.fetch import FetchableTopicResponse, FetchRequest, FetchResponse, PartitionData
from odradek.core.wire.membership import HeartbeatRequest, HeartbeatResponse
from odradek.core.wire.primitives import EncodeError, WireError
from odradek.core.wire.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from odradek.core.wire.versions import ApiVersion, ApiVersionsResponse


def joined(chunks: tuple[object, ...]) -> bytes:
    return b"".join(bytes(chunk) for chunk in chunks)  # type: ignore[call-overload]


def test_an_old_request_header_has_no_tag_section() -> None:
    body = HeartbeatRequest(group_id="g", generation_id=7, member_id="m")
    frame = joined(frames.encode_request(12, 3, 5, "me", body))
    assert frame == b"\0\0\0\x18" b"\0\x0c\0\3\0\0\0\5\0\2me" b"\0\1g\0\0\0\7\0\1m\xff\xff"
    assert frames.decode_request(memoryview(frame)[4:])[:5] == (12, 3, 5, "me", body)


def test_the_client_id_stays_an_old_string_in_the_flexible_header() -> None:
    body = HeartbeatRequest(group_id="g", generation_id=7, member_id="m")
    frame = joined(frames.encode_request(12, 4, 5, "me", body))
    assert frame == b"\0\0\0\x17" b"\0\x0c\0\4\0\0\0\5\0\2me\0" b"\2g\0\0\0\7\2m\0\0"
    assert frames.decode_request(memoryview(frame)[4:])[:5] == (12, 4, 5, "me", body)


@pytest.mark.parametrize("version", [3, 4])
def test_a_client_id_may_be_null(version: int) -> None:
    frame = joined(frames.encode_request(12, version, 5, None, HeartbeatRequest()))
    assert frame[12:14] == b"\xff\xff"
    assert frames.decode_request(memoryview(frame)[4:]).client_id is None


def test_a_flexible_response_header_has_a_tag_section() -> None:
    assert joined(frames.encode_response(12, 4, 5, HeartbeatResponse(error_code=27))) == (
        b"\0\0\0\x0c" b"\0\0\0\5\0" b"\0\0\0\0\0\x1b\0"
    )


@pytest.mark.parametrize("version", range(5))
def test_the_answer_to_api_versions_has_the_old_header_in_every_version(version: int) -> None:
    body = ApiVersionsResponse(error_code=35, api_keys=(ApiVersion(api_key=18, max_version=4),))
    frame = joined(frames.encode_response(18, version, 9, body))
    assert frame[4:10] == b"\0\0\0\x09\0\x23"
    assert frames.decode_response(18, version, memoryview(frame)[4:]) == (9, body)


def test_peek_reads_the_correlation_id_of_a_version_nobody_knows() -> None:
    assert frames.peek(b"\0\x12\0\x63\0\0\0\x2a\xff\xff") == (18, 99, 42)
    with pytest.raises(WireError):
        frames.peek(b"\0\x12\0\x63\0\0\0")


@pytest.mark.parametrize(("key", "version"), [(18, 99), (18, -1), (4, 0), (-1, 0), (0, 2), (32767, 32767)])
def test_an_undeclared_api_is_told_apart_from_wrong_bytes(key: int, version: int) -> None:
    frame = key.to_bytes(2, "big", signed=True) + version.to_bytes(2, "big", signed=True) + b"\0\0\0\7\xff\xff"
    with pytest.raises(frames.UnsupportedApi) as caught:
        frames.decode_request(memoryview(frame))
    assert (caught.value.api_key, caught.value.api_version, caught.value.correlation_id) == (key, version, 7)
    assert not isinstance(caught.value, WireError)


def test_the_three_bytes_that_librdkafka_sends_behind_metadata_13_are_passed_over() -> None:
    frame = bytes.fromhex("0003000d 00000003 0007") + b"rdkafka" + bytes.fromhex("00 00000000 010000")
    request = frames.decode_request(memoryview(frame))
    assert request.body.topics is None
    assert not request.body.allow_auto_topic_creation


def test_produced_records_are_slices_of_the_frame() -> None:
    body = ProduceRequest(topic_data=(TopicProduceData(partition_data=(PartitionProduceData(records=b"batch"),)),))
    frame = bytearray(joined(frames.encode_request(0, 9, 1, None, body))[4:])
    records = frames.decode_request(memoryview(frame)).body.topic_data[0].partition_data[0].records
    assert bytes(records) == b"batch"
    frame[frame.index(b"batch")] = ord("c")
    assert bytes(records) == b"catch"


def test_fetched_records_leave_as_chunks_and_count_in_the_size() -> None:
    piece = FileSlice("0/1.log", 100, 1000)
    partitions = (
        PartitionData(records=(b"head", piece)),
        PartitionData(records=memoryview(b"view")),
        PartitionData(records=b""),
        PartitionData(records=None),
    )
    body = FetchResponse(responses=(FetchableTopicResponse(topic="t", partitions=partitions),))
    chunks = frames.encode_response(1, 12, 3, body)

    assert [type(chunk) for chunk in chunks] == [bytes, bytes, FileSlice, bytes, memoryview, bytes]
    assert chunks[2] is piece
    flat = b"".join(bytes(1000) if chunk is piece else bytes(chunk) for chunk in chunks)  # type: ignore[arg-type]
    assert int.from_bytes(flat[:4], "big") == len(flat) - 4
    back = frames.decode_response(1, 12, memoryview(flat)[4:])[1].responses[0].partitions
    assert [one.records for one in back] == [b"head" + bytes(1000), b"view", b"", None]


def test_a_whole_file_slice_can_stand_for_the_records() -> None:
    body = FetchResponse(
        responses=(FetchableTopicResponse(partitions=(PartitionData(records=(FileSlice("f", 0, 5),)),)),)
    )
    chunks = frames.encode_response(1, 4, 3, body)
    assert chunks[0][-4:] == b"\0\0\0\5"  # type: ignore[index]
    assert chunks[1:] == (FileSlice("f", 0, 5),)


def test_an_empty_record_set_is_not_null() -> None:
    """librdkafka takes a compact null for a size of -1 and gives up."""
    body = FetchResponse(responses=(FetchableTopicResponse(partitions=(PartitionData(records=b""),)),))
    old = joined(frames.encode_response(1, 11, 3, body))
    new = joined(frames.encode_response(1, 12, 3, body))
    assert old.endswith(b"\0\0\0\0")
    assert new.endswith(b"\1\0\0\0")


def test_a_frame_that_cannot_be_announced_is_refused() -> None:
    huge = (FileSlice("f", 0, 1 << 30), FileSlice("f", 1 << 30, 1 << 30))
    body = FetchResponse(responses=(FetchableTopicResponse(partitions=(PartitionData(records=huge),)),))
    with pytest.raises(EncodeError):
        frames.encode_response(1, 11, 3, body)


def test_a_client_id_too_long_for_its_length_is_refused() -> None:
    with pytest.raises(EncodeError):
        frames.encode_request(12, 3, 5, "x" * 0x8000, HeartbeatRequest())


def test_limits_are_taken_from_the_caller() -> None:
    frame = memoryview(joined(frames.encode_request(1, 12, 1, None, FetchRequest()))[4:])
    assert frames.decode_request(frame, Limits()).body == FetchRequest()
    with pytest.raises(WireError, match="budget"):
        frames.decode_request(frame, Limits(decoded_bytes_factor=0, decoded_bytes_floor=0))
