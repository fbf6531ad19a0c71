"""Records out of a stream of bytes: by a format, or one JSON object per line.

Knows: formats, separators, sizes.  Does not know: where the stream comes from, where the records go.
Invariant: bytes of a key or a value are never changed; memory is bounded by the largest record.

A field reaches to the text that follows it in the format.  Where `%K` or `%V` came earlier, `%k` or `%v` is exactly
that many bytes, so that any bytes can be read; -1 there is null.
"""

from collections.abc import Callable, Iterator

from odradek.core.records.read import RecordHeader
from odradek.io.cli.formats import BadFormat, Field, Part, parse
from odradek.io.cli.jsonlines import BadLine, Wanted, record_from

RECORD_BYTES_MAX = 128 * 1024 * 1024
READABLE = "ktpTvhKV"
SIZED = {"k": "K", "v": "V"}
NUMBERS = "pTKV"


class BadInput(Exception):
    """The stream is not what the format says; the text says where."""


class Source:
    """A stream read by need.  `more` gives some bytes, b"" at the end; `idle` is called before each call of it."""

    def __init__(self, more: Callable[[], bytes], idle: Callable[[], None] = lambda: None) -> None:
        self._more = more
        self._idle = idle
        self._buffer = bytearray()
        self._at = 0
        self._ended = False

    def _grow(self) -> bool:
        if self._ended:
            return False
        if self._at:
            del self._buffer[: self._at]
            self._at = 0
        if len(self._buffer) > RECORD_BYTES_MAX:
            raise BadInput(f"no end of a record in {RECORD_BYTES_MAX >> 20} MiB")
        self._idle()
        part = self._more()
        self._ended = not part
        self._buffer += part
        return not self._ended

    def is_empty(self) -> bool:
        """Whether the stream is at its end."""
        while self._at == len(self._buffer):
            if not self._grow():
                return True
        return False

    def until(self, mark: bytes) -> bytes | None:
        """The bytes before the next `mark`, which is passed over; None when there is no more mark."""
        seen = 0
        while True:
            found = self._buffer.find(mark, self._at + seen)
            if found >= 0:
                part = bytes(memoryview(self._buffer)[self._at : found])
                self._at = found + len(mark)
                return part
            seen = max(0, len(self._buffer) - self._at - len(mark) + 1)
            if not self._grow():
                return None

    def rest(self) -> bytes:
        """All that is left."""
        while self._grow():
            pass
        part = bytes(memoryview(self._buffer)[self._at :])
        self._at = len(self._buffer)
        return part

    def exactly(self, size: int) -> bytes:
        """That many bytes.  Raises `BadInput` at the end of the stream."""
        if size > RECORD_BYTES_MAX:
            raise BadInput(f"a field of {size} bytes is too large")
        while len(self._buffer) - self._at < size:
            if not self._grow():
                raise BadInput(f"it ends within a field of {size} bytes")
        part = bytes(memoryview(self._buffer)[self._at : self._at + size])
        self._at += size
        return part


class LineFormat:
    """How records are read; made once, used for each stream.  Raises `BadFormat`."""

    def __init__(self, text: str) -> None:
        self.parts = parse(text)
        fields = [part for part in self.parts if isinstance(part, Field)]
        letters = [field.letter for field in fields]
        for field in fields:
            if field.letter not in READABLE or field.encoding:
                raise BadFormat(f"%{field.letter} cannot be read, only printed")
        if len(set(letters)) < len(letters) or not fields:
            raise BadFormat("an input format has each field once, and at least one")
        self._check_ends()

    def _check_ends(self) -> None:
        """Each field must end somewhere: at text, or after a known size, or the last one at the end of the stream."""
        sized: list[str] = []
        for index, part in enumerate(self.parts):
            if not isinstance(part, Field):
                continue
            following = self.parts[index + 1] if index + 1 < len(self.parts) else None
            known = SIZED.get(part.letter) in sized
            if not known and isinstance(following, Field):
                raise BadFormat(f"%{part.letter} and %{following.letter} need some text between them, or a size before")
            sized.append(part.letter)

    def records(self, source: Source) -> Iterator[Wanted]:
        """The records of a stream.  Raises `BadInput` with the record's number."""
        number = 0
        while not source.is_empty():
            number += 1
            try:
                yield self._one(source)
            except BadInput as error:
                raise BadInput(f"record {number}: {error}") from None

    def _one(self, source: Source) -> Wanted:
        found: dict[str, bytes | None] = {}
        sizes: dict[str, int] = {}
        index = 0
        while index < len(self.parts):
            part = self.parts[index]
            index += 1
            if isinstance(part, bytes):
                _skip(source, part, last=index == len(self.parts))
                continue
            size = sizes.get(SIZED.get(part.letter, ""))
            if size is not None:
                found[part.letter] = None if size < 0 else source.exactly(size)
                continue
            following = self.parts[index] if index < len(self.parts) else None
            found[part.letter] = text = _upto(source, following, last=index + 1 == len(self.parts))
            index += 1
            if part.letter in NUMBERS:
                sizes[part.letter] = _number(text, part.letter)
        return _wanted(found, sizes)


def _upto(source: Source, mark: Part | None, last: bool) -> bytes:
    if not isinstance(mark, bytes):
        return source.rest()
    part = source.until(mark)
    if part is None and last:
        return source.rest()  # The last record may lack its end, as the last line of a file may.
    if part is None:
        raise BadInput(f"there is no {mark!r} after a field")
    return part


def _skip(source: Source, text: bytes, last: bool) -> None:
    if last and source.is_empty():
        return
    found = source.exactly(len(text))
    if found != text:
        raise BadInput(f"there is {found!r} where the format has {text!r}")


def _number(text: bytes, letter: str) -> int:
    digits = text.strip()
    if len(digits) > 20 or not digits.removeprefix(b"-").isdigit() or int(digits) < -1:
        raise BadInput(f"%{letter} is {text[:40]!r}, no number")
    return int(digits)


def _wanted(found: dict[str, bytes | None], sizes: dict[str, int]) -> Wanted:
    topic = found.get("t")
    return Wanted(
        topic=None if topic is None else topic.decode("utf-8", "replace"),
        partition=sizes.get("p"),
        timestamp=sizes.get("T"),
        key=found.get("k"),
        value=found.get("v"),
        headers=_headers(found.get("h") or b""),
    )


def _headers(text: bytes) -> tuple[RecordHeader, ...]:
    headers: list[RecordHeader] = []
    for each in text.split(b",") if text else []:
        name, equals, value = each.partition(b"=")
        headers.append((name, value if equals else None))
    return tuple(headers)


def lines(source: Source, separator: bytes | None) -> Iterator[Wanted]:
    """A value per line; with a `separator`, what is before its first appearance is the key.

    A line without the separator is a value without a key.  Only the newline is taken off.
    """
    while not source.is_empty():
        line = source.until(b"\n")
        if line is None:
            line = source.rest()
        key: bytes | None = None
        value = line
        if separator is not None:
            before, mark, after = line.partition(separator)
            if mark:
                key, value = before, after
        yield Wanted(topic=None, partition=None, timestamp=None, key=key, value=value, headers=())


def json_lines(source: Source) -> Iterator[Wanted]:
    """A record per line of JSON; blank lines are passed over.  Raises `BadInput` with the line's number."""
    number = 0
    while not source.is_empty():
        number += 1
        line = source.until(b"\n")
        if line is None:
            line = source.rest()
        if not line.strip():
            continue
        try:
            yield record_from(line)
        except BadLine as error:
            raise BadInput(f"line {number}: {error}") from None
