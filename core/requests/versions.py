"""ApiVersions: what this node serves, and the one answer that must work for any client.

Knows: the versions advertised and why some differ from those declared.  Does not know: how a request is served.
Invariant: an API is advertised exactly when a handler for it is registered.
"""

from collections.abc import Iterable

from odradek.core.broker import Broker
from odradek.core.errors import ErrorCode
from odradek.core.machine import Out
from odradek.core.session import Call
from odradek.core.types import Now
from odradek.core.wire.frames import API_VERSIONS, encode_response
from odradek.core.wire.registry import APIS
from odradek.core.wire.versions import ApiVersion, ApiVersionsResponse

ADVERTISED_MIN = {0: 0}
"""Produce is advertised from 0, though 0 to 2 are refused: librdkafka before 2.11.1 sends everything uncompressed where
it does not see them (KAFKA-18659)."""

SERVED_MAX = {22: 5}
"""Versions that exist and are not served: InitProducerId 6 is unstable (KIP-939)."""


def served_range(key: int) -> tuple[int, int]:
    """First and last version of an API that this node answers."""
    declared = APIS[key]
    return declared.lowest, min(declared.highest, SERVED_MAX.get(key, declared.highest))


def advertised(keys: Iterable[int]) -> tuple[ApiVersion, ...]:
    """The ranges a client is told, by ascending key."""
    ranges = []
    for key in sorted(keys):
        low, high = served_range(key)
        ranges.append(ApiVersion(api_key=key, min_version=ADVERTISED_MIN.get(key, low), max_version=high))
    return tuple(ranges)


def serve(broker: Broker, call: Call, now: Now, out: Out) -> None:
    """Answer an ApiVersions request (key 18)."""
    body = call.body
    if call.version >= 3 and not (
        _is_software(body.client_software_name) and _is_software(body.client_software_version)
    ):
        broker.reply(call, ApiVersionsResponse(error_code=ErrorCode.INVALID_REQUEST), out)
        return
    broker.reply(call, ApiVersionsResponse(api_keys=broker.api_versions), out)


def fall_back(call: Call, out: Out) -> None:
    """A version of ApiVersions that is not known: error 35 in the body of version 0, with the range of key 18
    (KIP-511).
    """
    low, high = served_range(API_VERSIONS)
    body = ApiVersionsResponse(
        error_code=ErrorCode.UNSUPPORTED_VERSION,
        api_keys=(ApiVersion(api_key=API_VERSIONS, min_version=low, max_version=high),),
    )
    call.session.finish(call, encode_response(API_VERSIONS, 0, call.correlation_id, body), out)


def _is_software(name: str) -> bool:
    """Whether a client's name or version is of the form that KIP-511 asks for."""
    if not name or not (name[0].isascii() and name[0].isalnum() and name[-1].isascii() and name[-1].isalnum()):
        return False
    return all(char.isascii() and (char.isalnum() or char in ".-") for char in name)
