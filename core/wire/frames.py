"""Whole frames: the header in front of a body, on both ways.

Knows: which header version a message has, and its quirks.  Does not know: sockets, served APIs, what bodies mean.
Invariant: a frame is decoded whole or refused.  Bytes behind a request are passed over, as Kafka does: librdkafka
2.16 sends three with Metadata 13.  Bytes behind a response are an error.

Two quirks of the headers: the client id stays an old-style nullable string even in the flexible request header
(KIP-482), and the response to ApiVersions has the old header in every version, because its reader does not know yet
what it talks to (KIP-511).
"""

from struct import Struct
from typing import Any, Final, NamedTuple

from odradek.core.effects import Chunks
from odradek.core.limits import Limits
from odradek.core.types import Buffer
from odradek.core.wire.compile import Decode, Encode, decoder, encoder
from odradek.core.wire.primitives import EncodeError, WireError, budget_of
from odradek.core.wire.reading import skip_tags
from odradek.core.wire.registry import APIS, Api

API_VERSIONS: Final = 18
FRAME_BYTES_MAX: Final = 0x7FFFFF00
"""Largest frame that is written: what four bytes can announce, less room for a header."""

DEFAULT_LIMITS: Final = Limits()
RESPONSE_LIMITS: Final = Limits(decoded_bytes_factor=64)
"""Responses come from nodes of the same cluster, which are trusted; still nothing is unbounded."""

_peek = Struct(">hhi").unpack_from
_head = Struct(">hhih").unpack_from
_pack_head = Struct(">ihhih").pack
_pack_size_and_id = Struct(">ii").pack


class UnsupportedApi(Exception):
    """A good header asks for an API or version that is not declared: answer with UNSUPPORTED_VERSION, or close."""

    def __init__(self, api_key: int, api_version: int, correlation_id: int) -> None:
        super().__init__(f"API {api_key} has no version {api_version} here")
        self.api_key = api_key
        self.api_version = api_version
        self.correlation_id = correlation_id


class Request(NamedTuple):
    """One decoded request.  `body` is an instance of the API's request class; records in it are slices of the frame.

    `size` is what it holds while it is served: the bytes of its frame, and of the objects made of it.
    """

    api_key: int
    api_version: int
    correlation_id: int
    client_id: str | None
    body: Any
    size: int


class _Way(NamedTuple):
    """How one (key, version) is read and written in one direction."""

    decode: Decode
    encode: Encode
    flexible_header: bool


_requests: dict[tuple[int, int], _Way] = {}
_responses: dict[tuple[int, int], _Way] = {}


def _declared(key: int, version: int) -> Api:
    api = APIS.get(key)
    if api is None or not api.has(version):
        raise UnsupportedApi(key, version, -1)
    return api


def _request_way(key: int, version: int) -> _Way:
    api = _declared(key, version)
    way = _Way(decoder(api.request, version), encoder(api.request, version), api.is_flexible(version))
    _requests[key, version] = way
    return way


def _response_way(key: int, version: int) -> _Way:
    api = _declared(key, version)
    flexible = api.is_flexible(version) and key != API_VERSIONS
    way = _Way(decoder(api.response, version), encoder(api.response, version), flexible)
    _responses[key, version] = way
    return way


def peek(frame: Buffer) -> tuple[int, int, int]:
    """(API key, version, correlation id) of a request frame without its size.  Raises `WireError` below 8 bytes."""
    if len(frame) < 8:
        raise WireError(f"frame of {len(frame)} bytes is too short for a request header")
    key, version, correlation_id = _peek(frame)
    return key, version, correlation_id


def decode_request(frame: memoryview, limits: Limits = DEFAULT_LIMITS) -> Request:
    """Decode a request frame, without its size prefix.

    Raises `WireError` for wrong bytes (close the connection), `UnsupportedApi` for a key or version not declared.
    The body's records, and nothing else of it, are slices of `frame`.
    """
    end = len(frame)
    if end < 10:
        raise WireError(f"frame of {end} bytes is too short for a request header")
    key, version, correlation_id, size = _head(frame)
    way = _requests.get((key, version))
    if way is None:
        if key not in APIS or not APIS[key].has(version):
            raise UnsupportedApi(key, version, correlation_id)
        way = _request_way(key, version)
    budget = budget_of(limits, end)
    granted = budget.left
    client_id: str | None = None
    pos = 10
    if size != -1:
        client_id, pos = _client_id(frame, size, end)
    if way.flexible_header:
        if pos >= end:
            raise WireError("request header is cut short")
        if frame[pos]:
            pos = _skip_header_tags(frame, pos, end, budget)
        else:
            pos += 1
    body, pos = way.decode(frame, pos, end, budget)
    return Request(key, version, correlation_id, client_id, body, end + granted - budget.left)


def _client_id(frame: memoryview, size: int, end: int) -> tuple[str, int]:
    """(client id, position behind it); its length has been read and ends at byte 10."""
    stop = 10 + size
    if not 10 <= stop <= end:
        raise WireError(f"client id of {size} bytes, {end - 10} are left")
    try:
        return str(frame[10:stop], "utf-8"), stop
    except UnicodeDecodeError:
        raise WireError("client id is not UTF-8") from None


def _skip_header_tags(frame: memoryview, pos: int, end: int, budget: Any) -> int:
    try:
        return skip_tags(frame, pos, end, budget)
    except IndexError:
        raise WireError("header is cut short") from None


def encode_response(key: int, version: int, correlation_id: int, body: Any) -> Chunks:
    """A whole response frame in chunks, the four bytes of its size first.

    Raises `EncodeError` when the version cannot carry the body, `UnsupportedApi` when it is not declared.
    """
    way = _responses.get((key, version)) or _response_way(key, version)
    chunks, size = way.encode(body)
    _check_size(size)
    if way.flexible_header:
        head = _pack_size_and_id(size + 5, correlation_id) + b"\0"
    else:
        head = _pack_size_and_id(size + 4, correlation_id)
    return _framed(head, chunks)


def encode_request(key: int, version: int, correlation_id: int, client_id: str | None, body: Any) -> Chunks:
    """A whole request frame in chunks, the four bytes of its size first; errors as in `encode_response`."""
    way = _requests.get((key, version)) or _request_way(key, version)
    chunks, body_bytes = way.encode(body)
    name = b"" if client_id is None else client_id.encode()
    if len(name) > 0x7FFF:
        raise EncodeError(f"client id of {len(name)} bytes, at most 32767 are allowed")
    tail = name + (b"\0" if way.flexible_header else b"")
    size = 10 + len(tail) + body_bytes
    _check_size(size)
    name_bytes = -1 if client_id is None else len(name)
    return _framed(_pack_head(size, key, version, correlation_id, name_bytes) + tail, chunks)


def _check_size(size: int) -> None:
    if size > FRAME_BYTES_MAX:
        raise EncodeError(f"frame of {size} bytes, at most {FRAME_BYTES_MAX} can be announced")


def _framed(head: bytes, chunks: list[Any]) -> Chunks:
    """The header joined to the first chunk when that is made of our own bytes, and the rest as it is."""
    if chunks and type(chunks[0]) is bytes:
        return (head + chunks[0], *chunks[1:])
    return (head, *chunks)


def decode_response(key: int, version: int, frame: memoryview, limits: Limits = RESPONSE_LIMITS) -> tuple[int, Any]:
    """(correlation id, body) of a response frame, without its size prefix, to a request of this key and version.

    Raises `WireError` for wrong bytes and `UnsupportedApi` when the version is not declared.
    """
    end = len(frame)
    if end < 5:
        raise WireError(f"frame of {end} bytes is too short for a response")
    way = _responses.get((key, version)) or _response_way(key, version)
    budget = budget_of(limits, end)
    correlation_id = int.from_bytes(frame[:4], "big", signed=True)
    pos = _skip_header_tags(frame, 4, end, budget) if way.flexible_header else 4
    body, pos = way.decode(frame, pos, end, budget)
    if pos != end:
        raise WireError(f"{end - pos} bytes are left over behind the response {APIS[key].name} v{version}")
    return correlation_id, body
