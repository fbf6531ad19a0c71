"""The little language of `-f`: text with `%` fields and backslash escapes, as kcat and rpk have it.

Knows: how a format is spelt, and how a record is printed with one.  Does not know: how input is
read with one (`reading`).
Invariant: text outside of fields is printed byte for byte.
"""

from base64 import b64encode
from collections.abc import Callable
from typing import NamedTuple

from odradek.core.records.read import Record
from odradek.io.client import Place

FIELDS = {
    "t": "topic",
    "p": "partition",
    "o": "offset",
    "T": "timestamp in milliseconds",
    "d": "the same (rpk's letter)",
    "k": "key",
    "v": "value",
    "s": "the same (kcat's letter)",
    "h": "headers, as name=value,name=value",
    "K": "bytes of the key, -1 when null",
    "V": "bytes of the value, -1 when null",
    "S": "the same (kcat's letter)",
    "H": "number of headers",
}
ALIASES = {"s": "v", "S": "V", "d": "T"}
BLOBS = "kv"
ENCODINGS = ("hex", "base64")
SPELLINGS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "hex": lambda blob: blob.hex().encode(),
    "base64": b64encode,
}
ESCAPES = {"n": b"\n", "t": b"\t", "r": b"\r", "0": b"\0", "\\": b"\\", "e": b"\x1b"}

HELP = "\n".join(
    [
        *(f"  %{letter}  {text}" for letter, text in FIELDS.items()),
        "  %%  a percent sign; also \\n \\t \\r \\0 \\e \\\\ \\xNN",
        "  %k{hex} %k{base64} %v{hex} %v{base64}  in another spelling",
    ]
)


class BadFormat(ValueError):
    """The text says what is wrong with a format."""


class Field(NamedTuple):
    """A field of a format; `encoding` is "" for bytes as they are."""

    letter: str
    encoding: str


Part = bytes | Field


def parse(text: str) -> tuple[Part, ...]:
    """The parts of a format; neighbouring text is one part.  Raises `BadFormat`."""
    parts: list[Part] = []
    literal = bytearray()
    at = 0
    while at < len(text):
        if text[at] == "%" and text[at : at + 2] != "%%":
            field, at = _field(text, at)
            if literal:
                parts.append(bytes(literal))
                literal.clear()
            parts.append(field)
        elif text[at] == "%":
            literal += b"%"
            at += 2
        elif text[at] == "\\":
            blob, at = _escape(text, at)
            literal += blob
        else:
            literal += text[at].encode("utf-8", "surrogateescape")
            at += 1
    if literal:
        parts.append(bytes(literal))
    return tuple(parts)


def literal(text: str) -> bytes:
    """Text with escapes and without fields: a separator.  Raises `BadFormat`."""
    parts = parse(text.replace("%", "%%"))
    assert all(isinstance(part, bytes) for part in parts)
    return b"".join([part for part in parts if isinstance(part, bytes)])


def _field(text: str, at: int) -> tuple[Field, int]:
    letter = text[at + 1 : at + 2]
    if letter not in FIELDS or not letter:
        known = " ".join([f"%{name}" for name in FIELDS])
        raise BadFormat(f"%{letter} is no field of a format: use %% for a percent sign, or one of {known}")
    letter = ALIASES.get(letter, letter)
    at += 2
    if text[at : at + 1] != "{":
        return Field(letter, ""), at
    encoding, brace, _ = text[at + 1 :].partition("}")
    if letter not in BLOBS or not brace or encoding not in ENCODINGS:
        return Field(letter, ""), at  # A brace of its own, as in JSON.
    return Field(letter, encoding), at + len(encoding) + 2


def _escape(text: str, at: int) -> tuple[bytes, int]:
    letter = text[at + 1 : at + 2]
    if letter == "x":
        digits = text[at + 2 : at + 4]
        try:
            if len(digits) == 2 and digits.isalnum():
                return bytes([int(digits, 16)]), at + 4
        except ValueError:
            pass
        raise BadFormat("\\x wants two hexadecimal digits")
    if letter not in ESCAPES or not letter:
        known = " ".join([f"\\{name}" for name in ESCAPES])
        raise BadFormat(f"\\{letter} is no escape: use one of {known} \\xNN")
    return ESCAPES[letter], at + 2


Printer = Callable[[Place, Record], bytes]


def printer(text: str, null: bytes = b"") -> Printer:
    """A function that prints one record; `null` stands for a key or a value that is null.  Raises `BadFormat`."""
    parts = parse(text)
    if parts == (Field("v", ""), b"\n"):
        return lambda place, record: (null if record.value is None else record.value) + b"\n"
    makers = [_maker(part, null) for part in parts]
    return lambda place, record: b"".join([make(place, record) for make in makers])


def _maker(part: Part, null: bytes) -> Printer:
    if isinstance(part, bytes):
        return lambda place, record: part
    encode = SPELLINGS[part.encoding]

    def blob(data: bytes | None) -> bytes:
        return null if data is None else encode(data)

    makers: dict[str, Printer] = {
        "t": lambda place, record: place.topic.encode(),
        "p": lambda place, record: b"%d" % place.partition,
        "o": lambda place, record: b"%d" % record.offset,
        "T": lambda place, record: b"%d" % record.timestamp,
        "k": lambda place, record: blob(record.key),
        "v": lambda place, record: blob(record.value),
        "h": lambda place, record: b",".join([k + b"=" + (null if v is None else v) for k, v in record.headers]),
        "K": lambda place, record: b"%d" % _size(record.key),
        "V": lambda place, record: b"%d" % _size(record.value),
        "H": lambda place, record: b"%d" % len(record.headers),
    }
    return makers[part.letter]


def _size(blob: bytes | None) -> int:
    return -1 if blob is None else len(blob)
