"""A client as a machine: a program that says what it wants next, and a connection that speaks wire bytes for it.

Knows: connecting, framing, correlation, time-outs.  Does not know: what is asked, the node's objects.
Invariant: an answer belongs to the oldest question of its connection; when the connection ends, every question still
open is answered with None, which means that nobody knows what became of it.
"""

from collections import deque
from collections.abc import Callable, Generator
from typing import Any, NamedTuple

from odradek.core.errors import ErrorCode
from odradek.core.types import MS
from odradek.core.wire.frames import decode_response, encode_request
from odradek.core.wire.reading import WireError
from odradek.core.wire.registry import NAMES
from odradek.sim.chance import between
from odradek.sim.clients.history import History
from odradek.sim.net import Conn, Net
from odradek.sim.plan import ClientPlan
from odradek.sim.world import Violation, World


class Sleep(NamedTuple):
    """Go on after `ms`."""

    ms: int


class Connect(NamedTuple):
    """Go on with True when connected, with False when that failed.  An old connection is closed first."""

    to: str


class Ask(NamedTuple):
    """Go on with the answers to all of `bodies`, None for each that never came.  All are sent before any is answered."""

    bodies: tuple[Any, ...]
    timeout_ms: int
    version: int | None = None
    answered: bool = True


class Throw(NamedTuple):
    """Send bytes as they are; go on with True while the connection still stands after `ms`."""

    data: bytes
    ms: int


Wish = Sleep | Connect | Ask | Throw
Program = Generator[Wish, Any, None]


class Question(NamedTuple):
    """A request whose answer is still to come."""

    key: int
    version: int
    correlation: int
    place: int


class Client:
    """Runs one program.  `done` when it has ended."""

    def __init__(
        self, world: World, net: Net, plan: ClientPlan, nodes: tuple[str, ...], history: History, seed_name: str = ""
    ) -> None:
        self.world = world
        self.net = net
        self.plan = plan
        self.name = plan.name
        self.nodes = nodes
        self.history = history
        self.rng = world.stream("client", plan.name)
        self.conn: Conn | None = None
        self.buffer = bytearray()
        self.correlation = 0
        self.questions: deque[Question] = deque()
        self.answers: list[Any] = []
        self.missing = 0
        self.turn = 0
        """Rises with each wish: what belongs to an older one is stale."""
        self.done = False
        self.doing = "waiting to begin"
        self.program: Program | None = None
        self.final = False
        """The liveness phase has begun: do what is left, nothing more."""

    # The program -------------------------------------------------------------------------------------------------

    def begin(self, program: Program) -> None:
        """Run a program from its start."""
        self.program = program
        self.world.at(self.plan.start_ms * MS, self.name, lambda: self._go_on(None))

    def _go_on(self, value: Any) -> None:
        assert self.program is not None
        self.turn += 1
        try:
            wish = self.program.send(value)
        except StopIteration:
            self.done = True
            self.doing = "finished"
            self._hang_up()
            return
        match wish:
            case Sleep(ms):
                self._later(ms, None)
            case Connect(to):
                self._connect(to)
            case Ask():
                self._ask(wish)
            case Throw(data, ms):
                if self.conn is not None:
                    self.conn.send(True, data)
                turn = self.turn
                self.world.after(
                    ms * MS, self.name, lambda: self._go_on(self.conn is not None) if turn == self.turn else None
                )

    def _later(self, ms: int, value: Any) -> None:
        turn = self.turn
        self.world.after(ms * MS, self.name, lambda: self._go_on(value) if turn == self.turn else None)

    # The connection ----------------------------------------------------------------------------------------------

    def _connect(self, to: str) -> None:
        self._hang_up()
        turn = self.turn

        def dialled(conn: Conn | None) -> None:
            if turn != self.turn:
                if conn is not None:
                    conn.close(by_server=False)
                return
            self.conn = conn
            self._go_on(conn is not None)

        self.net.dial(self.name, to, self, dialled)

    def _hang_up(self) -> None:
        conn, self.conn = self.conn, None
        self.buffer.clear()
        self.questions.clear()
        if conn is not None:
            conn.close(by_server=False)

    def _ask(self, wish: Ask) -> None:
        conn = self.conn
        self.answers = [None] * len(wish.bodies)
        self.missing = len(wish.bodies) if wish.answered else 0
        turn = self.turn
        if conn is None:
            self._later(1, self.answers)
            return
        for place, body in enumerate(wish.bodies):
            api = NAMES[type(body).__name__.removesuffix("Request")]
            version = api.highest if wish.version is None else wish.version
            self.correlation += 1
            if wish.answered:
                self.questions.append(Question(api.key, version, self.correlation, place))
            chunks = encode_request(api.key, version, self.correlation, self.name, body)
            conn.send(True, b"".join(bytes(chunk) for chunk in chunks))  # type: ignore[arg-type]
        if not wish.answered:
            self._later(1, self.answers)
            return

        def late() -> None:
            if turn == self.turn:
                self.world.count("question timed out")
                self._hang_up()
                self._go_on(self.answers)

        self.world.after(wish.timeout_ms * MS, self.name, late)

    def arrived(self, conn: Conn, data: bytes) -> None:
        if conn is not self.conn:
            return
        self.buffer += data
        while len(self.buffer) >= 4 and conn is self.conn:
            size = int.from_bytes(self.buffer[:4], "big", signed=True)
            if size < 4:
                raise Violation("FrameWhole", f"{self.name} was sent a frame of {size} bytes")
            if len(self.buffer) < 4 + size:
                return
            frame = bytes(self.buffer[4 : 4 + size])
            del self.buffer[: 4 + size]
            self._answered(frame)

    def _answered(self, frame: bytes) -> None:
        if not self.questions:
            raise Violation("AnswersInOrder", f"{self.name} was sent an answer to nothing: {frame[:16].hex()}")
        question = self.questions.popleft()
        try:
            correlation, body = decode_response(question.key, question.version, memoryview(frame))
        except WireError as error:
            raise Violation("AnswerDecodes", f"{self.name}, api {question.key} v{question.version}: {error}") from None
        if correlation != question.correlation:
            raise Violation("AnswersInOrder", f"{self.name} got {correlation} where {question.correlation} was due")
        self.answers[question.place] = body
        self.missing -= 1
        if self.missing == 0:
            self._go_on(self.answers)

    def broke(self, conn: Conn) -> None:
        if conn is not self.conn:
            return
        self.conn = None
        self.buffer.clear()
        waiting = bool(self.questions)
        self.questions.clear()
        if waiting:
            self._go_on(self.answers)

    # Words for programs ------------------------------------------------------------------------------------------

    def gap(self) -> Sleep:
        """The time between two things it does."""
        most = 20 if self.final else 2 * self.plan.gap_ms
        return Sleep(between(self.rng, 1, max(1, most)))

    def connected(self) -> Generator[Wish, Any, None]:
        """Go on only when connected."""
        while self.conn is None or not self.conn.open:
            target = self.nodes[between(self.rng, 0, len(self.nodes) - 1)]
            self.doing = f"connecting to {target}"
            if (yield Connect(target)):
                return
            yield Sleep(between(self.rng, 20, 200))

    def one(self, body: Any, timeout_ms: int = 10_000, version: int | None = None) -> Generator[Wish, Any, Any]:
        """Ask one thing, on a connection that is made when there is none; None when no answer came."""
        yield from self.connected()
        (answer,) = yield Ask((body,), timeout_ms, version)
        return answer


RETRIABLE: frozenset[int] = frozenset(
    {
        ErrorCode.LEADER_NOT_AVAILABLE,
        ErrorCode.NOT_LEADER_OR_FOLLOWER,
        ErrorCode.REQUEST_TIMED_OUT,
        ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
        ErrorCode.COORDINATOR_NOT_AVAILABLE,
        ErrorCode.NOT_COORDINATOR,
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        ErrorCode.KAFKA_STORAGE_ERROR,
        ErrorCode.NOT_CONTROLLER,
        ErrorCode.FENCED_LEADER_EPOCH,
        ErrorCode.UNKNOWN_LEADER_EPOCH,
        ErrorCode.NETWORK_EXCEPTION,
        ErrorCode.BROKER_NOT_AVAILABLE,
        ErrorCode.UNKNOWN_TOPIC_ID,
    }
)
"""Errors after which a client asks again: nothing it did was wrong."""

Maker = Callable[[Client], Program]
