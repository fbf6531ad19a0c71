"""The columns of a history: every finished operation as rows of numbers.

Knows: keys, values, operations, what each sent and read.  Does not know: JSON, rules, the broker.
Invariant: operations are numbered in the order they completed; row `op` of a column of operations is that one.

A million entries with millions of reads fit because a read costs twelve bytes here: the number of the value and its
offset.  A value means "this value under this key"; values of two keys never share a number.
"""

from array import array
from collections.abc import Iterator
from typing import NamedTuple

type_names = ("ok", "fail", "info")
OK, FAIL, INFO = range(3)
kind_names = ("send", "poll", "txn")
SEND, POLL, TXN = range(3)
UNKNOWN = -1

Value = int | str


class Move(NamedTuple):
    """A change of a consumer's position that is not a poll: assign, subscribe, seek."""

    before_op: int  # applies before the operation with this number
    line: int
    process: int
    name: str  # assign | subscribe | seek
    type: int
    positions: dict[int, int | None]  # key → offset the next read starts from; None: unchanged or unknown


class Commit(NamedTuple):
    """One attempt to commit a group's offset of one key."""

    group: str
    key: int
    offset: int
    type: int
    invoked: int
    completed: int
    generation: int  # -1: no generation
    member: str
    classic: bool  # False: the consumer protocol of KIP-848, where members of one group differ in epoch


class Fetched(NamedTuple):
    """A committed offset as a client was told it; None: the broker knew of none."""

    group: str
    key: int
    offset: int | None
    invoked: int
    completed: int


class EndSeen(NamedTuple):
    """An end offset as ListOffsets gave it."""

    key: int
    end: int
    epoch: int | None
    stable: bool  # the last stable offset, not the high watermark
    invoked: int
    completed: int


class Owned(NamedTuple):
    """A member was given a key in a generation."""

    group: str
    generation: int
    key: int
    member: str
    line: int
    classic: bool


class OddFields(NamedTuple):
    """A record whose timestamp, headers or key bytes were read otherwise than sent (canonical JSON of both)."""

    vid: int
    op: int
    sent: str
    read: str


class Book:
    """All columns.  Filled once by the reader, then only read."""

    __slots__ = (
        "began_ns", "causes", "commits", "completed", "ended_ns", "ends", "entries", "fetched", "fields", "final_keys",
        "final_line", "invoked", "key_ids", "key_names", "kinds", "moves", "odd_fields", "owned", "process_names",
        "processes", "read_offset", "read_vid", "rebalanced", "run_end", "run_key", "run_of_op", "transactional",
        "transactional_keys", "types", "uncommitted", "value_ids", "value_key", "value_line", "value_writer", "values",
        "write_of_op", "write_offset", "write_vid",
    )  # fmt: skip

    def __init__(self) -> None:
        self.entries = 0
        # keys and values
        self.key_ids: dict[str, int] = {}
        self.key_names: list[str] = []
        self.value_ids: list[dict[Value, int]] = []  # per key
        self.values: list[Value] = []
        self.value_key = array("i")
        self.value_line = array("q")  # line of the send's invocation; 0: nobody sent it
        self.value_writer = array("i")  # operation that sent it, or UNKNOWN
        self.fields: dict[int, str] = {}
        self.odd_fields: list[OddFields] = []
        # processes
        self.process_names: list[str] = []
        # operations
        self.kinds = bytearray()
        self.types = bytearray()
        self.transactional = bytearray()
        self.uncommitted = bytearray()  # 1: its polls read at read_uncommitted
        self.processes = array("i")
        self.invoked = array("q")  # line
        self.completed = array("q")  # line
        self.began_ns = array("q")
        self.ended_ns = array("q")
        self.rebalanced: dict[int, frozenset[int]] = {}
        # what operations wrote: op → [write_of_op[op], write_of_op[op + 1])
        self.write_of_op = array("q", [0])
        self.write_vid = array("i")
        self.write_offset = array("q")
        # what operations read: op → runs of one key each → [run_end[run - 1], run_end[run])
        self.run_of_op = array("q", [0])
        self.run_key = array("i")
        self.run_end = array("q", [0])  # run → end, shifted by one: run_end[run] is where run starts
        self.read_vid = array("i")
        self.read_offset = array("q")
        # everything that is neither a send nor a poll
        self.moves: list[Move] = []
        self.commits: list[Commit] = []
        self.fetched: list[Fetched] = []
        self.ends: list[EndSeen] = []
        self.owned: list[Owned] = []
        self.causes: dict[str, int] = {}
        self.final_line = 0  # line where the final phase begins; 0: none was marked
        self.final_keys: set[int] = set()  # keys that a client read from the beginning in the final phase
        self.transactional_keys: set[int] = set()

    # -- numbering ---------------------------------------------------------------------------------------------------

    def key(self, name: object) -> int:
        """The number of a key; a new one if it was never seen.  An int key and its decimal text are the same key."""
        text = str(name)
        kid = self.key_ids.get(text)
        if kid is None:
            kid = self.key_ids[text] = len(self.key_names)
            self.key_names.append(text)
            self.value_ids.append({})
        return kid

    def value(self, kid: int, value: Value) -> int:
        """The number of a value under a key; a new one if it was never seen."""
        known = self.value_ids[kid]
        vid = known.get(value)
        if vid is None:
            vid = known[value] = len(self.values)
            self.values.append(value)
            self.value_key.append(kid)
            self.value_line.append(0)
            self.value_writer.append(UNKNOWN)
        return vid

    # -- reading back ------------------------------------------------------------------------------------------------

    @property
    def ops(self) -> int:
        return len(self.types)

    def writes(self, op: int) -> "array[int]":
        return self.write_vid[self.write_of_op[op] : self.write_of_op[op + 1]]

    def write_offsets(self, op: int) -> "array[int]":
        return self.write_offset[self.write_of_op[op] : self.write_of_op[op + 1]]

    def reads(self, op: int) -> "array[int]":
        """All values the operation read, keys one after the other."""
        first, last = self.run_of_op[op], self.run_of_op[op + 1]
        return self.read_vid[self.run_end[first] : self.run_end[last]]

    def read_offsets(self, op: int) -> "array[int]":
        first, last = self.run_of_op[op], self.run_of_op[op + 1]
        return self.read_offset[self.run_end[first] : self.run_end[last]]

    def runs(self, op: int) -> Iterator[tuple[int, int, int]]:
        """(key, start, end) of each key the operation read, into read_vid and read_offset."""
        for run in range(self.run_of_op[op], self.run_of_op[op + 1]):
            yield self.run_key[run], self.run_end[run], self.run_end[run + 1]

    # -- words for reports -------------------------------------------------------------------------------------------

    def op_text(self, op: int) -> str:
        kind, type_ = kind_names[self.kinds[op]], type_names[self.types[op]]
        return f"{type_} {kind} of process {self.process_names[self.processes[op]]} ({self.lines_text(op)})"

    def lines_text(self, op: int) -> str:
        began, ended = self.invoked[op], self.completed[op]
        return f"line {began}, never completed" if ended > self.entries else f"lines {began}-{ended}"

    def op_lines(self, *ops: int) -> tuple[int, ...]:
        """The lines of operations in order; an operation that never completed has only its invocation."""
        lines = {line for op in ops for line in (self.invoked[op], self.completed[op])}
        return tuple(sorted(line for line in lines if line <= self.entries))
