"""One spelling for every value that passes the border of a node, so that two runs can be compared line by line.

Knows: the types that events and effects are made of.  Does not know: what they mean.
Invariant: equal values are spelled alike in every process: no `hash`, no `repr` of objects, no order of a set.
"""

from collections.abc import Callable
from enum import Enum
from typing import Any

from crc32c import crc32c

BYTES_SHOWN = 24


def spelled(value: Any) -> str:
    """The value as text.  Long bytes are shown by length and CRC, objects of a machine's own by their type."""
    write = _WRITERS.get(type(value))
    if write is not None:
        return write(value)
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, tuple):
        if hasattr(value, "_fields"):
            return f"{type(value).__name__}({','.join(map(spelled, value))})"
        return f"({','.join(map(spelled, value))})"
    if isinstance(value, dict):
        return "{" + ",".join(f"{spelled(key)}:{spelled(held)}" for key, held in value.items()) + "}"
    if isinstance(value, list):
        return f"[{','.join(map(spelled, value))}]"
    if isinstance(value, int):
        return str(int(value))
    return f"<{type(value).__name__}>"


def _bytes(value: Any) -> str:
    size = len(value)
    if size <= BYTES_SHOWN:
        return bytes(value).hex() or "-"
    return f"{size}b~{crc32c(value):08x}"


_WRITERS: dict[type, Callable[[Any], str]] = {
    int: str,
    str: ascii,
    bool: str,
    float: repr,
    type(None): lambda value: "None",
    bytes: _bytes,
    bytearray: _bytes,
    memoryview: _bytes,
}
