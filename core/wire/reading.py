"""The source text of flat decode functions.

Knows: how to write Python that reads one (class, version) without a call per field.  Does not know: frames, caches.
Invariant: nothing is allocated for a count or length that the remaining bytes, or the budget, cannot hold.

A generated function has the signature `decode(buf, pos, end, budget) -> (object, pos)`.  `IndexError`, `struct.error`
and `UnicodeDecodeError` inside it become `WireError`.  Runs of fixed-size fields are read with one `unpack_from`, which
also takes the first byte of a varint, or the whole of an old-style length, that follows the run.
"""

from struct import Struct
from typing import Any

from odradek.core.wire.layout import (
    FIXED,
    VIEW_COST,
    carried,
    element,
    element_bytes_min,
    element_cost,
    struct_cost,
    tagged,
)
from odradek.core.wire.primitives import STRING_BYTES_MAX, Budget, WireError, read_uvarint
from odradek.core.wire.schema import Field, fresh_default, shape


def refuse(what: str) -> None:
    """Raise the one error.  A function of its own, to keep the generated code small."""
    raise WireError(what)


def long_length(buf: memoryview, pos: int) -> tuple[int, int]:
    """A compact length whose first byte, just before `pos`, had its high bit set."""
    return read_uvarint(buf, pos - 1)


def long_string(buf: memoryview, pos: int) -> tuple[int, int]:
    """As `long_length`, bounded as strings are."""
    n, pos = read_uvarint(buf, pos - 1)
    if n > STRING_BYTES_MAX + 1:
        raise WireError(f"string of {n - 1} bytes, at most {STRING_BYTES_MAX} are allowed")
    return n, pos


def skip_tags(buf: memoryview, pos: int, end: int, budget: Budget) -> int:
    """Read past a tag section none of whose tags is known; `pos` is at its count."""
    count, pos = begin_tags(buf, pos, end, budget)
    last = -1
    for _ in range(count):
        tag, pos, stop = next_tag(buf, pos, end, last)
        pos = skip_tag(pos, stop, budget)
        last = tag
    return pos


def begin_tags(buf: memoryview, pos: int, end: int, budget: Budget) -> tuple[int, int]:
    """(count, position of the first tag) of a tag section."""
    count, pos = read_uvarint(buf, pos)
    if count > budget.tags or count * 2 > end - pos:
        raise WireError(f"{count} tagged fields, {budget.tags} are allowed and {end - pos} bytes are left")
    return count, pos


def next_tag(buf: memoryview, pos: int, end: int, last: int) -> tuple[int, int, int]:
    """(tag, position of its content, position behind it)."""
    tag, pos = read_uvarint(buf, pos)
    if tag <= last:
        raise WireError(f"tag {tag} follows tag {last}: tags must ascend")
    size, pos = read_uvarint(buf, pos)
    if size > end - pos:
        raise WireError(f"tag {tag} of {size} bytes, {end - pos} are left")
    return tag, pos, pos + size


def skip_tag(pos: int, stop: int, budget: Budget) -> int:
    """Pass over an unknown tag, which counts against the frame's allowance."""
    budget.tag_bytes -= stop - pos + 2
    if budget.tag_bytes < 0:
        raise WireError("too many bytes of unknown tagged fields")
    return stop


HELPERS: dict[str, Any] = {
    "refuse": refuse,
    "long_length": long_length,
    "long_string": long_string,
    "skip_tags": skip_tags,
    "begin_tags": begin_tags,
    "next_tag": next_tag,
    "skip_tag": skip_tag,
}


class Reading:
    """Writes the text of one decode function, and collects the names it needs in `scope`."""

    def __init__(self, version: int, flexible: bool, scope: dict[str, Any]) -> None:
        self.version = version
        self.flexible = flexible
        self.scope = scope
        self.lines: list[str] = []
        self.run: list[tuple[str, int, str]] = []
        self.helpers: list[str] = []
        self.names = 0

    def text(self, cls: Any) -> str:
        """The whole module: helpers for tag sections first, then `decode`."""
        self._struct(cls, "o0", 2, 0)
        self._flush(2)
        body = [
            "def decode(buf, pos, end, budget):",
            " try:",
            f"  budget.left -= {struct_cost(cls, self.version)}",
            "  if budget.left < 0: refuse('decoded size is over the budget')",
            *self.lines,
            "  if pos > end: refuse('message runs over its end')",
            "  return o0, pos",
            " except struct_error:",
            "  raise WireError('message is cut short') from None",
            " except IndexError:",
            "  raise WireError('message is cut short') from None",
            " except UnicodeDecodeError:",
            "  raise WireError('string is not UTF-8') from None",
        ]
        return "\n".join(self.helpers + body) + "\n"

    def _name(self, stem: str) -> str:
        self.names += 1
        return f"{stem}{self.names}"

    def _line(self, indent: int, text: str) -> None:
        self.lines.append(" " * indent + text)

    def _flush(self, indent: int) -> None:
        """Read the pending run of fixed-size values."""
        if not self.run:
            return
        if len(self.run) == 1 and self.run[0][0] == "B":
            self._line(indent, f"{self.run[0][2]} = buf[pos]")
            self._line(indent, "pos += 1")
        else:
            form = ">" + "".join(form for form, _, _ in self.run)
            name = "unpack_" + form[1:].replace("?", "bool_")
            self.scope.setdefault(name, Struct(form).unpack_from)
            targets = ", ".join(target for _, _, target in self.run)
            self._line(indent, f"{targets}{',' if len(self.run) == 1 else ''} = {name}(buf, pos)")
            self._line(indent, f"pos += {sum(size for _, size, _ in self.run)}")
        self.run = []

    def _struct(self, cls: Any, target: str, indent: int, depth: int) -> None:
        """Make an instance in the variable `target` and read its fields."""
        made = f"class_{cls.__name__}"
        self.scope[made] = cls
        self.scope["new"] = object.__new__
        self._line(indent, f"{target} = new({made})")
        self._defaults(cls, target, indent)
        for field in carried(cls, self.version):
            self._value(field, f"{target}.{field.name}", indent, depth)
        if self.flexible:
            self._tags(cls, target, indent)

    def _defaults(self, cls: Any, target: str, indent: int) -> None:
        """Values of the fields that this version does not carry, or may leave out."""
        read = {field.name for field in carried(cls, self.version)}
        alike: dict[str, list[str]] = {}
        for field in shape(cls).fields:
            if field.name in read:
                continue
            if field.kind == "nested" and fresh_default(field) is not None:
                self.scope[f"class_{field.of.__name__}"] = field.of
                self._line(indent, f"{target}.{field.name} = class_{field.of.__name__}()")
            else:
                alike.setdefault(repr(field.default), []).append(f"{target}.{field.name}")
        for value, names in alike.items():
            self._line(indent, f"{' = '.join(names)} = {value}")

    def _tags(self, cls: Any, target: str, indent: int) -> None:
        known = tagged(cls, self.version)
        count = self._name("t")
        self.run.append(("B", 1, count))
        self._flush(indent)
        if known:
            helper = self._tag_function(cls, known)
            self._line(indent, f"if {count}: pos = {helper}(buf, pos - 1, end, budget, {target})")
        else:
            self._line(indent, f"if {count}: pos = skip_tags(buf, pos - 1, end, budget)")

    def _tag_function(self, cls: Any, known: list[Field]) -> str:
        """A function that reads the tag section of one struct: rare enough to be worth a call."""
        name = self._name("tags")
        outer, self.lines = self.lines, []
        self._line(0, f"def {name}(buf, pos, limit, budget, o):")
        self._line(1, "count, pos = begin_tags(buf, pos, limit, budget)")
        self._line(1, "tag = -1")
        self._line(1, "for _ in range(count):")
        self._line(2, "tag, pos, end = next_tag(buf, pos, limit, tag)")
        for place, field in enumerate(known):
            self._line(2, f"{'if' if place == 0 else 'elif'} tag == {field.tag}:")
            self._line(3, f"budget.left -= {tag_cost(field, self.version)}")
            self._value(field, f"o.{field.name}", 3, 1)
            self._flush(3)
            self._line(3, f"if pos != end: refuse('tagged field {field.name} has another size than announced')")
        self._line(2, "else:")
        self._line(3, "pos = skip_tag(pos, end, budget)")
        self._line(1, "if budget.left < 0: refuse('decoded size is over the budget')")
        self._line(1, "return pos")
        self.helpers.append("\n".join(self.lines))
        self.lines = outer
        return name

    def _value(self, field: Field, target: str, indent: int, depth: int) -> None:
        """Read one value into `target`; its fixed part may stay in the run."""
        kind = field.kind
        if kind in FIXED:
            form, size = FIXED[kind]
            self.run.append((form, size, target))
        elif kind == "nested":
            self._nested(field, target, indent, depth)
        elif kind == "array":
            self._array(field, target, indent, depth)
        else:
            self._text(field, target, indent)

    def _length(self, field: Field, indent: int) -> tuple[str, bool]:
        """Read a length or count: (its variable, whether it is compact: one more than the length, and 0 for null)."""
        size = self._name("n")
        compact = self.flexible and field.flexible
        if compact:
            self.run.append(("B", 1, size))
        elif field.kind == "string":
            self.run.append(("h", 2, size))
        else:
            self.run.append(("i", 4, size))
        self._flush(indent)
        if compact:
            self._long(field, size, indent)
        return size, compact

    def _long(self, field: Field, size: str, indent: int) -> None:
        """The rest of a compact length with more than one byte; two bytes without a call, for records three."""
        long = "long_string" if field.kind == "string" else "long_length"
        self._line(indent, f"if {size} > 127:")
        self._line(indent + 1, "b = buf[pos]")
        self._line(indent + 1, f"if b < 128: {size} += (b << 7) - 128; pos += 1")
        if field.kind == "records":
            self._line(indent + 1, "else:")
            self._line(indent + 2, "c = buf[pos + 1]")
            self._line(indent + 2, f"if c < 128: {size} += (b << 7) + (c << 14) - 16512; pos += 2")
            self._line(indent + 2, f"else: {size}, pos = {long}(buf, pos)")
        else:
            self._line(indent + 1, f"else: {size}, pos = {long}(buf, pos)")

    def _null(self, field: Field, target: str, size: str, compact: bool, indent: int) -> None:
        """The branch for a length that is not one: null, or an error."""
        if not field.is_nullable(self.version):
            self._line(indent, f"else: refuse('{field.name} is null or has a negative length')")
            return
        if compact:
            self._line(indent, f"else: {target} = None")
            return
        self._line(indent, f"elif {size} == -1: {target} = None")
        self._line(indent, f"else: refuse('{field.name} has a negative length')")

    def _text(self, field: Field, target: str, indent: int) -> None:
        """A string, bytes or records."""
        size, compact = self._length(field, indent)
        stop = self._name("e")
        self._line(indent, f"if {size}{'' if compact else ' >= 0'}:")
        self._line(indent + 1, f"{stop} = pos + {size}{' - 1' if compact else ''}")
        self._line(indent + 1, f"if {stop} > end: refuse('{field.name} runs over the end')")
        if field.kind == "string":
            self._line(indent + 1, f"{target} = str(buf[pos:{stop}], 'utf-8')")
        elif field.kind == "bytes_":
            self._line(indent + 1, f"{target} = bytes(buf[pos:{stop}])")
        else:
            self._line(indent + 1, f"{target} = buf[pos:{stop}]")
            self._line(indent + 1, f"budget.left -= {VIEW_COST}")
            self._line(indent + 1, "if budget.left < 0: refuse('decoded size is over the budget')")
        self._line(indent + 1, f"pos = {stop}")
        self._null(field, target, size, compact, indent)

    def _nested(self, field: Field, target: str, indent: int, depth: int) -> None:
        inner = f"o{depth + 1}"
        if not field.is_nullable(self.version):
            self._flush(indent)
            self._struct(field.of, inner, indent, depth + 1)
            self._flush(indent)
            self._line(indent, f"{target} = {inner}")
            return
        mark = self._name("n")
        self.run.append(("b", 1, mark))
        self._flush(indent)
        self._line(indent, f"if {mark} < 0: {target} = None")
        self._line(indent, "else:")
        self._struct(field.of, inner, indent + 1, depth + 1)
        self._flush(indent + 1)
        self._line(indent + 1, f"{target} = {inner}")

    def _array(self, field: Field, target: str, indent: int, depth: int) -> None:
        size, compact = self._length(field, indent)
        self._line(indent, f"if {size}{'' if compact else ' >= 0'}:")
        if compact:
            self._line(indent + 1, f"{size} -= 1")
        least = element_bytes_min(field, self.version, self.flexible)
        room = f"{size} * {least}" if least > 1 else size
        self._line(indent + 1, f"if {room} > end - pos: refuse('{field.name} has more elements than bytes are left')")
        self._line(indent + 1, f"budget.left -= {size} * {element_cost(field, self.version)}")
        self._line(indent + 1, "if budget.left < 0: refuse('decoded size is over the budget')")
        self._elements(field, target, size, indent + 1, depth)
        self._null(field, target, size, compact, indent)

    def _elements(self, field: Field, target: str, size: str, indent: int, depth: int) -> None:
        of = element(field)
        if of is not None and of.kind in FIXED:
            form, width = FIXED[of.kind]
            if of.kind == "uuid":
                pieces = f"bytes(buf[p:p + 16]) for p in range(pos, pos + {size} * 16, 16)"
                self._line(indent, f"{target} = tuple([{pieces}])")
            else:
                self._line(indent, f"{target} = unpack_from(f'>{{{size}}}{form}', buf, pos)")
            self._line(indent, f"pos += {size} * {width}" if width > 1 else f"pos += {size}")
            return
        items, add = f"items{depth}", f"add{depth}"
        self._line(indent, f"{items} = []")
        self._line(indent, f"{add} = {items}.append")
        self._line(indent, f"for _ in range({size}):")
        if of is None:
            inner = f"o{depth + 1}"
            self._struct(field.of, inner, indent + 1, depth + 1)
            self._flush(indent + 1)
            self._line(indent + 1, f"{add}({inner})")
        else:
            self._value(of, "v", indent + 1, depth + 1)
            self._line(indent + 1, f"{add}(v)")
        self._line(indent, f"{target} = tuple({items})")


def tag_cost(field: Field, version: int) -> int:
    """What a tagged field is charged when it is there."""
    return struct_cost(field.of, version) if field.kind == "nested" else 64
