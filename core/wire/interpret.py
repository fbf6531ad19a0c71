"""The slow reading of the same declarations: one value at a time, as the protocol's text says it.

Knows: the notation of `schema`.  Does not know: budgets, which only the compiled functions need, and frames.
Invariant: it agrees with the compiled functions for every class, version and value; a test holds them together.
"""

import struct
from typing import Any

from odradek.core.wire.primitives import STRING_BYTES_MAX, EncodeError, WireError, read_uvarint, uvarint
from odradek.core.wire.schema import Field, fresh_default, shape

_NUMBERS = {
    "int8": ">b",
    "int16": ">h",
    "uint16": ">H",
    "int32": ">i",
    "uint32": ">I",
    "int64": ">q",
    "float64": ">d",
}


class Reader:
    """A position in a buffer, and one version of a message that is read from there."""

    def __init__(self, buf: bytes, version: int, flexible: bool) -> None:
        self.buf = buf
        self.pos = 0
        self.version = version
        self.flexible = flexible

    def take(self, size: int) -> bytes:
        """The next `size` bytes.  Raises `WireError` when there are fewer."""
        if size > len(self.buf) - self.pos:
            raise WireError("message is cut short")
        self.pos += size
        return self.buf[self.pos - size : self.pos]

    def uvarint(self) -> int:
        """The next unsigned varint."""
        try:
            value, self.pos = read_uvarint(self.buf, self.pos)
        except IndexError:
            raise WireError("message is cut short") from None
        return value

    def struct(self, cls: Any) -> Any:
        """The next struct, with its tag section when the version has one."""
        made = cls()
        for field in shape(cls).fields:
            if field.carried(self.version) and not field.is_tagged(self.version):
                setattr(made, field.name, self.value(field))
            else:
                setattr(made, field.name, fresh_default(field))
        if self.flexible:
            self.tags(made)
        return made

    def tags(self, made: Any) -> None:
        """The tag section; tags that the declaration does not know are passed over."""
        known = {f.tag: f for f in shape(made).fields if f.carried(self.version) and f.is_tagged(self.version)}
        last = -1
        for _ in range(self.uvarint()):
            tag = self.uvarint()
            if tag <= last:
                raise WireError("tags must ascend")
            last = tag
            content = Reader(self.take(self.uvarint()), self.version, self.flexible)
            field = known.get(tag)
            if field is None:
                continue
            setattr(made, field.name, content.value(field))
            if content.pos != len(content.buf):
                raise WireError("tagged field has another size than announced")

    def value(self, field: Field) -> Any:
        """The next value of a field."""
        kind = field.kind
        if kind in _NUMBERS:
            form = _NUMBERS[kind]
            return struct.unpack(form, self.take(struct.calcsize(form)))[0]
        if kind == "boolean":
            return self.take(1) != b"\0"
        if kind == "uuid":
            return self.take(16)
        if kind == "nested":
            if field.is_nullable(self.version) and self.take(1)[0] >= 0x80:
                return None
            return self.struct(field.of)
        size = self.length(field)
        if size is None:
            return None
        if kind == "array":
            return self.array(field, size)
        content = self.take(size)
        return self.text(content) if kind == "string" else content

    def text(self, content: bytes) -> str:
        """A string of these bytes."""
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError:
            raise WireError("string is not UTF-8") from None

    def length(self, field: Field) -> int | None:
        """The length or count in front of a value; None for null."""
        if self.flexible and field.flexible:
            size = self.uvarint() - 1
        elif field.kind == "string":
            size = struct.unpack(">h", self.take(2))[0]
        else:
            size = struct.unpack(">i", self.take(4))[0]
        if size == -1 and field.is_nullable(self.version):
            return None
        if size < 0 or (field.kind == "string" and size > STRING_BYTES_MAX):
            raise WireError(f"{field.name} has length {size}")
        return size

    def array(self, field: Field, size: int) -> tuple[Any, ...]:
        """The elements of an array."""
        if isinstance(field.of, type):
            return tuple(self.struct(field.of) for _ in range(size))
        element = field.of()
        return tuple(self.value(element) for _ in range(size))


class Writer:
    """One version of a message that is being written."""

    def __init__(self, version: int, flexible: bool) -> None:
        self.version = version
        self.flexible = flexible

    def struct(self, value: Any) -> bytes:
        """A struct, with its tag section when the version has one."""
        out = b""
        tagged = {}
        for field in shape(value).fields:
            held = getattr(value, field.name)
            if not field.carried(self.version):
                if not field.ignorable and not _is_default(field, held):
                    raise EncodeError(f"{field.name} is set, and version {self.version} cannot carry it")
            elif not field.is_tagged(self.version):
                out += self.value(field, held)
            elif not _is_default(field, held):
                tagged[field.tag or 0] = self.value(field, held)
        if self.flexible:
            out += uvarint(len(tagged))
            for tag in sorted(tagged):
                out += uvarint(tag) + uvarint(len(tagged[tag])) + tagged[tag]
        return out

    def value(self, field: Field, held: Any) -> bytes:
        """One value of a field."""
        kind = field.kind
        nullable = field.is_nullable(self.version)
        if held is None and not nullable:
            raise EncodeError(f"{field.name} is null")
        if kind in _NUMBERS:
            return struct.pack(_NUMBERS[kind], held)
        if kind == "boolean":
            return b"\1" if held else b"\0"
        if kind == "uuid":
            return bytes(held)
        if kind == "nested":
            if held is None:
                return b"\xff"
            return (b"\1" if nullable else b"") + self.struct(held)
        if held is None:
            return self.length(field, -1)
        if kind == "array":
            return self.length(field, len(held)) + b"".join(self.elements(field, held))
        content = held.encode() if kind == "string" else bytes(held)
        return self.length(field, len(content)) + content

    def elements(self, field: Field, held: Any) -> list[bytes]:
        """The elements of an array."""
        if isinstance(field.of, type):
            return [self.struct(one) for one in held]
        element = field.of()
        return [self.value(element, one) for one in held]

    def length(self, field: Field, size: int) -> bytes:
        """A length or count, -1 for null."""
        if field.kind == "string" and size > STRING_BYTES_MAX:
            raise EncodeError(f"{field.name} has length {size}")
        if self.flexible and field.flexible:
            return uvarint(size + 1)
        return struct.pack(">h" if field.kind == "string" else ">i", size)


def _is_default(field: Field, held: Any) -> bool:
    """Whether a value is the one that is never written; for a struct also a fresh instance."""
    if held is None or field.default is None:
        absent = held is None and (fresh_default(field) is None or field.kind == "nested")
        fresh = field.kind == "nested" and not field.nullable and held is not None and held == field.of()
        return absent or fresh
    if field.kind == "array":
        return len(held) == len(field.default)
    return bool(held == field.default)


def read(cls: type, version: int, buf: bytes) -> tuple[Any, int]:
    """(instance, bytes read) of a declared message or record.  Raises `WireError`."""
    reader = Reader(buf, version, shape(cls).is_flexible(version))
    return reader.struct(cls), reader.pos


def write(value: Any, version: int) -> bytes:
    """The bytes of a declared instance whose records are plain bytes.  Raises `EncodeError`."""
    return Writer(version, shape(value).is_flexible(version)).struct(value)
