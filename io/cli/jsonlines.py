"""One JSON object per line: rows of lists, and records that can be written again exactly.

Knows: the fields of a record's object.  Does not know: where it came from, where it goes.
Invariant: `record_from(record_line(r))` is `r`, for all bytes.

    {"topic": "t", "partition": 0, "offset": 7, "timestamp": 1700000000000, "key": "k", "value": "v",
     "headers": [{"key": "a", "value": "b"}]}

Text is UTF-8.  Bytes that are none stand in `key_base64` and `value_base64` in place of `key` and `value`.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from odradek.core.records.read import Record, RecordHeader
    from odradek.io.client import Place

FIELDS = ("topic", "partition", "offset", "timestamp", "key", "key_base64", "value", "value_base64", "headers")
HEADER_FIELDS = ("key", "key_base64", "value", "value_base64")

SPELT_OUT = {code: f"\\u{code:04x}" for code in (*range(0x7F, 0xA0), 0x2028, 0x2029)}
"""Characters that some readers take for the end of a line, and terminals for commands."""

_encode = json.JSONEncoder(ensure_ascii=False, separators=(", ", ": ")).encode


class BadLine(ValueError):
    """A line that is no record; the text says why."""


class Wanted(NamedTuple):
    """A record to be written, as far as it was told: None is for the producer to decide."""

    topic: str | None
    partition: int | None
    timestamp: int | None
    key: bytes | None
    value: bytes | None
    headers: tuple[RecordHeader, ...]


def row_line(fields: Mapping[str, object]) -> str:
    """One row of a list, with its newline."""
    return _write(dict(fields)) + "\n"


def record_line(place: Place, record: Record) -> bytes:
    """One record with its place, as UTF-8 with its newline."""
    fields: dict[str, object] = {
        "topic": place.topic,
        "partition": place.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
    }
    _put(fields, "key", record.key)
    _put(fields, "value", record.value)
    headers = []
    for key, value in record.headers:
        header: dict[str, object] = {}
        _put(header, "key", key)
        _put(header, "value", value)
        headers.append(header)
    fields["headers"] = headers
    return (_write(fields) + "\n").encode()


def record_from(line: bytes) -> Wanted:
    """The record of one line.  Its offset is nobody's to choose and not looked at.  Raises `BadLine`."""
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        raise BadLine("it is no JSON") from None
    if not isinstance(fields, dict):
        raise BadLine("it is no JSON object")
    _known(fields, FIELDS)
    headers = fields.get("headers") or []
    if not isinstance(headers, list):
        raise BadLine('"headers" is no list')
    return Wanted(
        topic=_typed(fields, "topic", str),
        partition=_typed(fields, "partition", int),
        timestamp=_typed(fields, "timestamp", int),
        key=_taken(fields, "key"),
        value=_taken(fields, "value"),
        headers=tuple([_header(header) for header in headers]),
    )


def _write(fields: dict[str, object]) -> str:
    return _encode(fields).translate(SPELT_OUT)


def _put(fields: dict[str, object], name: str, blob: bytes | None) -> None:
    try:
        fields[name] = None if blob is None else blob.decode()
    except UnicodeDecodeError:
        assert blob is not None
        fields[f"{name}_base64"] = b64encode(blob).decode()


def _known(fields: dict[str, Any], names: tuple[str, ...]) -> None:
    for name in fields:
        if name not in names:
            raise BadLine(f"the field {name[:40]!r} is not known: use {', '.join(names)}")


def _typed(fields: dict[str, Any], name: str, kind: type) -> Any:
    value = fields.get(name)
    if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
        raise BadLine(f'"{name}" is {str(value)[:40]!r}')
    if isinstance(value, int) and not -1 <= value < 1 << 63:
        raise BadLine(f'"{name}" is out of range')
    return value


def _header(fields: Any) -> RecordHeader:
    if not isinstance(fields, dict):
        raise BadLine("a header is no JSON object")
    _known(fields, HEADER_FIELDS)
    key = _taken(fields, "key")
    if key is None:
        raise BadLine("a header has no key")
    return key, _taken(fields, "value")


def _taken(fields: dict[str, Any], name: str) -> bytes | None:
    packed = fields.get(f"{name}_base64")
    text = fields.get(name)
    if packed is None:
        if text is None:
            return None
        if not isinstance(text, str):
            raise BadLine(f'"{name}" is {type(text).__name__}, not text: put other JSON in quotes')
        try:
            return text.encode()
        except UnicodeEncodeError:
            raise BadLine(f'"{name}" has half a surrogate pair') from None
    if text is not None:
        raise BadLine(f'"{name}" and "{name}_base64" stand together')
    try:
        return b64decode(packed, validate=True)
    except (Error, ValueError, TypeError):
        raise BadLine(f'"{name}_base64" is no base64') from None
