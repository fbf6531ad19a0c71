"""From a declared class and a version to two flat functions, made on first use and kept.

Knows: where generated text goes (and `linecache`, so that tracebacks show it).  Does not know: frames, API keys.
Invariant: the same class and version always give the same functions.
"""

import linecache
import struct
from collections.abc import Callable
from typing import Any

from odradek.core.effects import Chunk
from odradek.core.wire import reading, writing
from odradek.core.wire.primitives import Budget, EncodeError, WireError
from odradek.core.wire.schema import shape

Decode = Callable[[memoryview, int, int, Budget], tuple[Any, int]]
"""`decode(buf, pos, end, budget) -> (object, position behind it)`; raises `WireError`, and nothing else, on any
bytes."""

Encode = Callable[[Any], tuple[list[Chunk], int]]
"""`encode(object) -> (chunks, bytes in all of them)`; raises `EncodeError` for a value the version cannot carry."""

_decoders: dict[tuple[type, int], Decode] = {}
_encoders: dict[tuple[type, int], Encode] = {}


def decoder(cls: type, version: int) -> Decode:
    """The decode function of a declared message or record.  The version must be one it declares."""
    found = _decoders.get((cls, version))
    if found is None:
        found = _decoders[cls, version] = _make_decoder(cls, version)
    return found


def encoder(cls: type, version: int) -> Encode:
    """The encode function of a declared message or record.  The version must be one it declares."""
    found = _encoders.get((cls, version))
    if found is None:
        found = _encoders[cls, version] = _make_encoder(cls, version)
    return found


def _make_decoder(cls: type, version: int) -> Decode:
    scope: dict[str, Any] = dict(reading.HELPERS)
    scope.update(struct_error=struct.error, unpack_from=struct.unpack_from, WireError=WireError)
    text = reading.Reading(version, _flexible(cls, version), scope).text(cls)
    made: Decode = _run(text, f"<wire decode {cls.__name__} v{version}>", scope)["decode"]
    return made


def _make_encoder(cls: type, version: int) -> Encode:
    scope: dict[str, Any] = dict(writing.HELPERS)
    scope.update(struct_error=struct.error, pack=struct.pack, EncodeError=EncodeError)
    text = writing.Writing(version, _flexible(cls, version), scope).text(cls)
    made: Encode = _run(text, f"<wire encode {cls.__name__} v{version}>", scope)["encode"]
    return made


def _flexible(cls: type, version: int) -> bool:
    declared = shape(cls)
    lowest, highest = declared.versions
    assert lowest <= version <= highest, f"{declared.name} has no version {version}"
    return declared.is_flexible(version)


def _run(text: str, filename: str, scope: dict[str, Any]) -> dict[str, Any]:
    """Execute generated text in `scope`, and keep it where tracebacks look for lines."""
    exec(compile(text, filename, "exec"), scope)
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    return scope
