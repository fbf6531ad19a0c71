"""One connection to one broker: requests out, answers in, in order.

Knows: sockets, frames, which versions both sides have.  Does not know: what requests mean, other brokers, retries.
Invariant: after any failure the connection is closed; an answer is given to the request that asked for it or to nobody.
"""

import socket
from time import monotonic
from typing import Any, NamedTuple

from odradek.core.errors import ErrorCode
from odradek.core.wire.compile import decoder
from odradek.core.wire.frames import API_VERSIONS, RESPONSE_LIMITS, encode_request
from odradek.core.wire.primitives import EncodeError, WireError, budget_of
from odradek.core.wire.reading import skip_tags
from odradek.core.wire.registry import APIS
from odradek.core.wire.versions import ApiVersionsRequest
from odradek.io.client_errors import ClientError, Garbled, Unreachable, Unsupported, check

DEFAULT_PORT = 9092
FRAME_BYTES_MAX = 256 * 1024 * 1024
"""A longer answer is refused: fetches ask for far less."""

CONNECT_TIMEOUT_S = 10.0
REQUEST_TIMEOUT_S = 30.0
SOFTWARE = ("odradek-cli", "0.1.0")


class Address(NamedTuple):
    """Where a broker listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def addresses(text: str) -> tuple[Address, ...]:
    """The addresses of `host[:port],[v6]:port,…`.  Raises ValueError with a text for people."""
    found = [_address(part.strip()) for part in text.split(",") if part.strip()]
    if not found:
        raise ValueError("no broker is named: use HOST:PORT")
    return tuple(found)


def _address(text: str) -> Address:
    if "://" in text:
        text = text.partition("://")[2]
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        port = rest[1:] if rest.startswith(":") else str(DEFAULT_PORT) if bracket and not rest else ""
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    else:
        host, port = text, str(DEFAULT_PORT)
    if not host or not port.isascii() or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"{text!r} is no broker's address: use HOST:PORT")
    return Address(host, int(port))


class Ticket(NamedTuple):
    """A request that was sent: what its answer needs to be read."""

    key: int
    version: int
    correlation_id: int
    by: float


class Link:
    """A connection whose versions are settled.  Opening it raises `Unreachable` or `Garbled`."""

    def __init__(self, address: Address, client_id: str) -> None:
        self.address = address
        self.ranges: dict[int, tuple[int, int]] = {}
        self._client_id = client_id
        self._last_id = 0
        self._open = True
        try:
            self._socket = socket.create_connection(address, CONNECT_TIMEOUT_S)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except UnicodeError:
            raise Unreachable(f"cannot connect to {address}: that is no host name", retriable=False) from None
        except OSError as error:
            raise Unreachable(f"cannot connect to {address}: {reason(error)}") from None
        try:
            self._settle(min(APIS[API_VERSIONS].highest, 4))
        except BaseException:
            self.close()
            raise

    @property
    def usable(self) -> bool:
        return self._open

    def close(self) -> None:
        self._open = False
        self._socket.close()

    def version(self, key: int, highest: int | None = None) -> int:
        """The highest version both sides have, at most `highest`.  Raises `Unsupported`."""
        api = APIS[key]
        low, high = self.ranges.get(key, (0, -1))
        top = api.highest - 1 if api.unstable else api.highest
        best = min(high, top if highest is None else min(highest, top))
        if best < max(low, api.lowest):
            why = f"serves versions {low} to {high} of it" if high >= 0 else "does not serve it"
            raise Unsupported(f"{api.name} cannot be used: the broker at {self.address} {why}")
        return best

    def has(self, key: int) -> bool:
        """Whether the broker serves any version of the API that this side has."""
        try:
            self.version(key)
        except Unsupported:
            return False
        return True

    def ask(self, body: Any, *, highest: int | None = None, timeout_s: float = REQUEST_TIMEOUT_S) -> Any:
        """Send one request and wait for its answer."""
        return self.receive(self.send(body, highest=highest, timeout_s=timeout_s))

    def send(self, body: Any, *, highest: int | None = None, timeout_s: float = REQUEST_TIMEOUT_S) -> Ticket:
        """Send a request.  Answers must be taken with `receive` in the order of the requests."""
        key = type(body).__wire__.key
        return self._send(body, key, self.version(key, highest), timeout_s)

    def _send(self, body: Any, key: int, version: int, timeout_s: float) -> Ticket:
        self._last_id += 1
        ticket = Ticket(key, version, self._last_id, monotonic() + timeout_s)
        try:
            chunks = encode_request(key, version, ticket.correlation_id, self._client_id, body)
        except (EncodeError, UnicodeEncodeError) as error:
            raise ClientError(f"{APIS[key].name} cannot be sent: {error}") from None
        frame = b"".join(chunks)  # type: ignore[arg-type]
        try:
            self._socket.settimeout(timeout_s)
            self._socket.sendall(frame)
        except OSError as error:
            self.close()
            raise Unreachable(f"the connection to {self.address} broke: {reason(error)}") from None
        return ticket

    def receive(self, ticket: Ticket) -> Any:
        """The answer to a request that was sent."""
        frame = self._frame(ticket)
        try:
            found, body = answer_of(ticket.key, ticket.version, frame)
        except WireError as error:
            self.close()
            raise Garbled(f"{self.address} sent an answer that cannot be read: {error}") from None
        self._expect(found, ticket)
        return body

    def _expect(self, correlation_id: int, ticket: Ticket) -> None:
        if correlation_id != ticket.correlation_id:
            self.close()
            raise Garbled(f"{self.address} answered another request than the one that was sent")

    def _frame(self, ticket: Ticket) -> memoryview:
        what = APIS[ticket.key].name
        size = int.from_bytes(self._exactly(4, ticket.by, what), "big", signed=True)
        if not 5 <= size <= FRAME_BYTES_MAX:
            self.close()
            raise Garbled(f"{self.address} does not speak Kafka's protocol (or wants TLS): its answer starts oddly")
        return memoryview(self._exactly(size, ticket.by, what))

    def _exactly(self, size: int, by: float, what: str) -> bytearray:
        """That many bytes; the buffer grows with what comes, not with what was announced."""
        found = bytearray()
        try:
            while len(found) < size:
                left = by - monotonic()
                if left <= 0:
                    raise TimeoutError
                self._socket.settimeout(left)
                part = self._socket.recv(min(size - len(found), 1 << 20))
                if not part:
                    raise ConnectionError("it was closed by the broker")
                found += part
        except TimeoutError:
            self.close()
            raise Unreachable(f"no answer to {what} from {self.address} in time") from None
        except OSError as error:
            self.close()
            raise Unreachable(f"the connection to {self.address} broke: {reason(error)}") from None
        except BaseException:
            self.close()
            raise
        return found

    def _settle(self, version: int) -> None:
        """Ask for the ranges; a broker that is older than the question says so in version 0 (KIP-511)."""
        hello = ApiVersionsRequest(client_software_name=SOFTWARE[0], client_software_version=SOFTWARE[1])
        ticket = self._send(hello, API_VERSIONS, version, CONNECT_TIMEOUT_S)
        frame = self._frame(ticket)
        refused = version > 0 and int.from_bytes(frame[4:6], "big", signed=True) == ErrorCode.UNSUPPORTED_VERSION
        try:
            found, body = answer_of(API_VERSIONS, 0 if refused else version, frame)
        except WireError as error:
            if refused:
                self._settle(0)  # librdkafka's mock cluster refuses in a form of its own
                return
            raise Garbled(f"{self.address} does not speak Kafka's protocol: {error}") from None
        self._expect(found, ticket)
        ranges = {row.api_key: (row.min_version, row.max_version) for row in body.api_keys}
        if refused:
            self._settle(min(version - 1, max(0, ranges.get(API_VERSIONS, (0, 0))[1])))
            return
        check(body.error_code, f"the versions of {self.address}")
        self.ranges = ranges


def answer_of(key: int, version: int, frame: memoryview) -> tuple[int, Any]:
    """(correlation id, body) of a response.  Raises `WireError`.

    Unlike `frames.decode_response` it lets bytes behind the body pass, as all client libraries do: there are brokers
    (librdkafka's mock cluster) that send some.
    """
    end = len(frame)
    budget = budget_of(RESPONSE_LIMITS, end)
    pos = 4
    try:
        if APIS[key].is_flexible(version) and key != API_VERSIONS:
            pos = skip_tags(frame, pos, end, budget)
    except IndexError:
        raise WireError("the header is cut short") from None
    body, _ = decoder(APIS[key].response, version)(frame, pos, end, budget)
    return int.from_bytes(frame[:4], "big", signed=True), body


def reason(error: OSError) -> str:
    """What an operating system's error says, without its number."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return (error.strerror or str(error) or type(error).__name__).lower()
