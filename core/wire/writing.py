"""The source text of flat encode functions.

Knows: how to write Python that encodes one (class, version) without a call per field.  Does not know: frames, caches.
Invariant: a value that the version cannot carry raises `EncodeError`; it is never left out in silence unless ignorable.

A generated function has the signature `encode(object) -> (chunks, bytes in them)`.  Runs of fixed-size values are
packed at once, with the empty tag sections between them and the one-byte length that follows.  Records are chunks of
their own, never copied.
"""

from collections.abc import Sequence
from struct import Struct
from typing import Any

from odradek.core.effects import Chunk, FileSlice
from odradek.core.wire.layout import FIXED, carried, element, tagged
from odradek.core.wire.primitives import STRING_BYTES_MAX, UVARINTS, EncodeError, uvarint
from odradek.core.wire.schema import Field, fresh_default, shape


def reject(what: str) -> None:
    """Raise the one error.  A function of its own, to keep the generated code small."""
    raise EncodeError(what)


def long_string(size: int) -> bytes:
    """The compact length of a string of `size - 1` bytes."""
    if size > STRING_BYTES_MAX + 1:
        raise EncodeError(f"string of {size - 1} bytes, at most {STRING_BYTES_MAX} are allowed")
    return uvarint(size)


def chunk_bytes(chunk: Chunk) -> int:
    """How many bytes a chunk is on the wire."""
    if type(chunk) is FileSlice:
        return chunk.size
    return chunk.nbytes if type(chunk) is memoryview else len(chunk)


def records_bytes(records: Any) -> int:
    """How many bytes of records there are, in one chunk or in several."""
    if type(records) is tuple or type(records) is list:
        return sum([chunk_bytes(chunk) for chunk in records])
    return chunk_bytes(records)


def add_records(chunks: list[Chunk], records: Any) -> None:
    """Put records that are not plain bytes behind what was written so far."""
    if type(records) is tuple or type(records) is list:
        chunks.extend([chunk for chunk in records if chunk_bytes(chunk)])
    else:
        chunks.append(records)


def _packers(form: str, count_form: str, plus: int) -> list[Any]:
    return [Struct(f">{count_form}{n}{form}").pack for n in range(9)]


COMPACT_INTS = _packers("i", "B", 1)
OLD_INTS = _packers("i", "i", 0)


def compact_ints(values: Sequence[int]) -> bytes:
    """A compact array of int32: replica lists, mostly, so that short ones are quick."""
    n = len(values)
    if n < 9:
        packed: bytes = COMPACT_INTS[n](n + 1, *values)
        return packed
    return uvarint(n + 1) + Struct(f">{n}i").pack(*values)


def old_ints(values: Sequence[int]) -> bytes:
    """An array of int32 as versions before the flexible ones write it."""
    n = len(values)
    if n < 9:
        packed: bytes = OLD_INTS[n](n, *values)
        return packed
    return Struct(f">i{n}i").pack(n, *values)


HELPERS: dict[str, Any] = {
    "reject": reject,
    "long_string": long_string,
    "records_bytes": records_bytes,
    "add_records": add_records,
    "compact_ints": compact_ints,
    "old_ints": old_ints,
    "uvarint": uvarint,
    "UVARINTS": UVARINTS,
}


def holds_records(cls: Any) -> bool:
    """Whether the class, or a struct in it, has a records field."""
    for field in shape(cls).fields:
        if field.kind == "records" or (isinstance(field.of, type) and holds_records(field.of)):
            return True
    return False


LAST_CHUNK = [" if last: chunks.append(last)", " return chunks, total + len(last)"]


class Writing:
    """Writes the text of one encode function, and collects the names it needs in `scope`."""

    def __init__(self, version: int, flexible: bool, scope: dict[str, Any]) -> None:
        self.version = version
        self.flexible = flexible
        self.scope = scope
        self.lines: list[str] = []
        self.run: list[tuple[str, str]] = []
        self.helpers: list[str] = []
        self.names = 0

    def text(self, cls: Any) -> str:
        """The whole module: helpers for tagged fields first, then `encode`."""
        in_chunks = holds_records(cls)
        self._struct(cls, "o0", 2, 0)
        self._flush(2)
        body = [
            "def encode(o0):",
            " out = []",
            " add = out.append",
            *([" chunks = []", " total = 0"] if in_chunks else []),
            " try:",
            *(self.lines or ["  pass"]),
            " except (struct_error, TypeError, AttributeError, UnicodeEncodeError) as bad:",
            f"  raise EncodeError(f'{shape(cls).name} v{self.version}: {{bad}}') from bad",
            " last = b''.join(out)",
            *(LAST_CHUNK if in_chunks else [" return [last], len(last)"]),
        ]
        return "\n".join(self.helpers + body) + "\n"

    def _name(self, stem: str) -> str:
        self.names += 1
        return f"{stem}{self.names}"

    def _line(self, indent: int, text: str) -> None:
        self.lines.append(" " * indent + text)

    def _pack(self, run: list[tuple[str, str]]) -> str:
        """An expression for the bytes of a run; `x` is a zero byte without a value."""
        form = ">" + "".join(form for form, _ in run)
        values = [value for _, value in run if value]
        if not values:
            return repr(bytes(len(run)))
        if form == ">B":
            return f"UVARINTS[{values[0]}]"
        name = "pack_" + form[1:].replace("?", "bool_")
        self.scope.setdefault(name, Struct(form).pack)
        return f"{name}({', '.join(values)})"

    def _flush(self, indent: int) -> None:
        if self.run:
            self._line(indent, f"add({self._pack(self.run)})")
            self.run = []

    def _flush_with_varint(self, size: str, long: str, indent: int) -> None:
        """The run, with the varint in the variable `size` behind it."""
        self._line(indent, f"if {size} < 128: add({self._pack([*self.run, ('B', size)])})")
        self._line(indent, "else:")
        self._flush(indent + 1)
        self._line(indent + 1, f"add({long}({size}))")
        self.run = []

    def _struct(self, cls: Any, source: str, indent: int, depth: int) -> None:
        """Write the fields of the instance in the variable `source`."""
        for field in shape(cls).fields:
            if not field.carried(self.version) and not field.ignorable:
                self._absent(field, f"{source}.{field.name}", indent)
        for field in carried(cls, self.version):
            self._value(field, f"{source}.{field.name}", indent, depth)
        if self.flexible:
            self._tags(tagged(cls, self.version), source, indent)

    def _differs(self, field: Field, value: str) -> str:
        """A condition: the value is not the default.  For a struct, an absent one and a fresh one both are."""
        default = fresh_default(field)
        if field.kind == "nested" and field.nullable is False:
            name = f"default_{field.of.__name__}"
            self.scope[name] = field.of()
            return f"{value} is not None and {value} != {name}"
        if default is None:
            return f"{value} is not None"
        if field.kind in ("array", "string", "bytes_") and not default:
            return value
        return value if default is False or default == 0 else f"{value} != {default!r}"

    def _absent(self, field: Field, value: str, indent: int) -> None:
        said = f"{field.name} is set, and version {self.version} cannot carry it"
        self._line(indent, f"if {self._differs(field, value)}: reject({said!r})")

    def _tags(self, known: list[Field], source: str, indent: int) -> None:
        if not known:
            self.run.append(("x", ""))
            return
        count, parts = self._name("t"), self._name("p")
        self._flush(indent)
        self._line(indent, f"{count} = 0")
        for field in known:
            helper = self._tag_function(field)
            value = f"{source}.{field.name}"
            self._line(indent, f"if {self._tag_wanted(field, value)}:")
            self._line(indent + 1, f"if {count} == 0: {parts} = []")
            self._line(indent + 1, f"{count} += 1")
            self._line(indent + 1, f"v = {helper}({value})")
            self._line(indent + 1, f"{parts} += ({uvarint_literal(field.tag or 0)}, uvarint(len(v)), v)")
        self._line(indent, f"if {count} == 0: add(b'\\0')")
        self._line(indent, f"else: add(uvarint({count})); add(b''.join({parts}))")

    def _tag_wanted(self, field: Field, value: str) -> str:
        """A condition: the tagged field has to be written."""
        wanted = self._differs(field, value)
        if field.is_nullable(self.version) and fresh_default(field) is not None:
            return f"{value} is None or {wanted}"
        return wanted

    def _tag_function(self, field: Field) -> str:
        """A function that encodes one tagged field's value to bytes."""
        name = self._name("tag")
        outer, self.lines = self.lines, []
        pending, self.run = self.run, []
        self._line(0, f"def {name}(value):")
        self._line(1, "out = []")
        self._line(1, "add = out.append")
        self._value(field, "value", 1, 1)
        self._flush(1)
        self._line(1, "return b''.join(out)")
        self.helpers.append("\n".join(self.lines))
        self.lines, self.run = outer, pending
        return name

    def _value(self, field: Field, value: str, indent: int, depth: int) -> None:
        kind = field.kind
        if kind in FIXED:
            self.run.append((FIXED[kind][0], value))
        elif kind == "nested":
            self._nested(field, value, indent, depth)
        elif kind == "array":
            self._array(field, value, indent, depth)
        else:
            self._text(field, value, indent)

    def _length(self, field: Field, size: str, indent: int) -> None:
        """Write the length in the variable `size`; compact ones are one more, with 0 for null."""
        if self.flexible and field.flexible:
            self._flush_with_varint(size, "long_string" if field.kind == "string" else "uvarint", indent)
            return
        self.run.append(("h" if field.kind == "string" else "i", size))
        self._flush(indent)

    def _null_size(self, field: Field) -> tuple[str, str]:
        """(the length that means null, what is added to a length)."""
        return ("0", " + 1") if self.flexible and field.flexible else ("-1", "")

    def _text(self, field: Field, value: str, indent: int) -> None:
        """A string, bytes or records."""
        held, size = self._name("v"), self._name("n")
        _, more = self._null_size(field)
        self._line(indent, f"{held} = {value}")
        if field.is_nullable(self.version):
            self._line(indent, f"if {held} is None:")
            run = self.run.copy()
            self.run.append(self._null(field))
            self._flush(indent + 1)
            self.run = run
            self._line(indent, "else:")
            indent += 1
        elif field.kind != "string":
            self._line(indent, f"if {held} is None: reject('{field.name} is null')")
        if field.kind == "string":
            self._line(indent, f"{held} = {held}.encode()")
            self._line(indent, f"{size} = len({held}){more}")
        elif field.kind == "bytes_":
            self._line(indent, f"{size} = len({held}){more}")
        else:
            self._line(indent, f"{size} = (len({held}) if type({held}) is bytes else records_bytes({held})){more}")
        self._length(field, size, indent)
        if field.kind == "records":
            self._records(held, size, more, indent)
        else:
            self._line(indent, f"add({held})")

    def _null(self, field: Field) -> tuple[str, str]:
        """What a run packs for a null length."""
        if self.flexible and field.flexible:
            return ("x", "")
        return ("h" if field.kind == "string" else "i", "-1")

    def _records(self, held: str, size: str, more: str, indent: int) -> None:
        """Close the bytes written so far into one chunk, and put the records behind it."""
        self._line(indent, f"if {size} > {1 if more else 0}:")
        self._line(indent + 1, "last = b''.join(out)")
        self._line(indent + 1, f"total += len(last) + {size}{' - 1' if more else ''}")
        self._line(indent + 1, "chunks.append(last)")
        self._line(indent + 1, "out.clear()")
        self._line(indent + 1, f"if type({held}) is bytes: chunks.append({held})")
        self._line(indent + 1, f"else: add_records(chunks, {held})")

    def _nested(self, field: Field, value: str, indent: int, depth: int) -> None:
        inner = f"o{depth + 1}"
        if not field.is_nullable(self.version):
            self._flush(indent)
            self._line(indent, f"{inner} = {value}")
            self._struct(field.of, inner, indent, depth + 1)
            self._flush(indent)
            return
        self._flush(indent)
        self._line(indent, f"{inner} = {value}")
        self._line(indent, f"if {inner} is None: add(b'\\xff')")
        self._line(indent, "else:")
        self.run.append(("b", "1"))
        self._struct(field.of, inner, indent + 1, depth + 1)
        self._flush(indent + 1)

    def _array(self, field: Field, value: str, indent: int, depth: int) -> None:
        of = element(field)
        held, size = self._name("v"), self._name("n")
        null, more = self._null_size(field)
        nullable = field.is_nullable(self.version)
        self._line(indent, f"{held} = {value}")
        if of is not None and of.kind == "int32" and not nullable:
            self._flush(indent)
            self._line(indent, f"add({'compact_ints' if self.flexible else 'old_ints'}({held}))")
            return
        if nullable:
            self._line(indent, f"if {held} is None: {size} = {null}; {held} = ()")
            self._line(indent, f"else: {size} = len({held}){more}")
        else:
            self._line(indent, f"{size} = len({held}){more}")
        self._length(field, size, indent)
        self._elements(field, of, held, indent, depth)

    def _elements(self, field: Field, of: Field | None, held: str, indent: int, depth: int) -> None:
        if of is not None and of.kind in FIXED:
            form = FIXED[of.kind][0]
            if of.kind == "uuid":
                self._line(indent, f"for v in {held}: add(pack_16s(v))")
                self.scope["pack_16s"] = Struct(">16s").pack
            else:
                self._line(indent, f"if {held}: add(pack(f'>{{len({held})}}{form}', *{held}))")
            return
        inner = f"o{depth + 1}"
        self._line(indent, f"for {inner} in {held}:")
        before = len(self.lines)
        if of is None:
            self._struct(field.of, inner, indent + 1, depth + 1)
        else:
            self._value(of, inner, indent + 1, depth + 1)
        self._flush(indent + 1)
        if len(self.lines) == before:
            self._line(indent + 1, "pass")


def uvarint_literal(value: int) -> str:
    """A varint as a bytes literal."""
    return repr(uvarint(value))
