"""What a declaration means in one version: which fields, in which order, how small in bytes and how large in memory.

Knows: the notation of `schema`.  Does not know: how bytes are read or written.
Invariant: `wire_bytes_min` is never more than a valid encoding takes, so that counts are refused before allocation.
"""

from typing import Any, Final

from odradek.core.wire.schema import Field, shape

FIXED: Final = {
    "int8": ("b", 1),
    "int16": ("h", 2),
    "uint16": ("H", 2),
    "int32": ("i", 4),
    "uint32": ("I", 4),
    "int64": ("q", 8),
    "float64": ("d", 8),
    "boolean": ("?", 1),
    "uuid": ("16s", 16),
}
"""`struct` format and size in bytes of the kinds that always take the same room."""

VALUE_COST: Final = {
    "int8": 0,
    "int16": 32,
    "uint16": 32,
    "int32": 32,
    "uint32": 32,
    "int64": 32,
    "float64": 24,
    "boolean": 0,
    "uuid": 56,
    "string": 56,
    "bytes_": 40,
    "records": 0,
    "array": 56,
}
"""Bytes of the Python object behind a value on CPython 3.11, without a string's text: a bound, as small ints are
shared.  A records view is charged when it is made (`VIEW_COST`), because a null one costs nothing."""

VIEW_COST: Final = 200
REFERENCE_COST: Final = 16
"""A slot of an array's tuple, and the slot of the list that the tuple was made from."""

OBJECT_COST: Final = 32
"""An instance with no slots, with its garbage collection header; each slot takes eight more."""


def carried(cls: Any, version: int) -> list[Field]:
    """The untagged fields of this version, in wire order."""
    return [f for f in shape(cls).fields if f.carried(version) and not f.is_tagged(version)]


def tagged(cls: Any, version: int) -> list[Field]:
    """The tagged fields of this version, by tag."""
    fields = [f for f in shape(cls).fields if f.carried(version) and f.is_tagged(version)]
    return sorted(fields, key=lambda f: f.tag or 0)


def element(field: Field) -> Field | None:
    """The specifier an array is made of, as a field; None when its elements are structs."""
    if isinstance(field.of, type):
        return None
    made = field.of()
    assert isinstance(made, Field)
    made.name = field.name
    return made


def field_bytes_min(field: Field, version: int, flexible: bool) -> int:
    """Fewest bytes one value of an untagged field can take."""
    if field.kind in FIXED:
        return FIXED[field.kind][1]
    if field.kind == "nested":
        return 1 if field.is_nullable(version) else wire_bytes_min(field.of, version, flexible)
    if flexible and field.flexible:
        return 1
    return 2 if field.kind == "string" else 4


def wire_bytes_min(cls: Any, version: int, flexible: bool) -> int:
    """Fewest bytes one struct can take."""
    return sum(field_bytes_min(f, version, flexible) for f in carried(cls, version)) + (1 if flexible else 0)


def element_bytes_min(field: Field, version: int, flexible: bool) -> int:
    """Fewest bytes one element of an array can take; at least one, so that a count is always bounded."""
    of = element(field)
    if of is None:
        return max(1, wire_bytes_min(field.of, version, flexible))
    return field_bytes_min(of, version, flexible)


def struct_cost(cls: Any, version: int) -> int:
    """Bytes that one decoded struct is charged, with the values in it but without what its arrays hold."""
    cost = OBJECT_COST + 8 * len(shape(cls).fields)
    for field in carried(cls, version):
        cost += struct_cost(field.of, version) if field.kind == "nested" else VALUE_COST[field.kind]
    return cost


def element_cost(field: Field, version: int) -> int:
    """Bytes that one element of an array is charged."""
    of = element(field)
    if of is None:
        return REFERENCE_COST + struct_cost(field.of, version)
    return REFERENCE_COST + VALUE_COST[of.kind]
