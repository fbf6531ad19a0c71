"""Structures outside of frames: keys and values of internal topics, and bytes embedded in messages.

Knows: classes declared with `@record` (or `@message`).  Does not know: which topic or field they belong to.
Invariant: decoding ends at the last byte, or the bytes are refused.
"""

from struct import Struct
from typing import Any, TypeVar

from odradek.core.limits import Limits
from odradek.core.types import Buffer
from odradek.core.wire.compile import decoder, encoder
from odradek.core.wire.primitives import EncodeError, WireError, budget_of
from odradek.core.wire.schema import shape

T = TypeVar("T")

_DEFAULT_LIMITS = Limits()
_pack_version = Struct(">h").pack


def encode_struct(value: Any, version: int) -> bytes:
    """The bytes of a declared instance.  Raises `EncodeError` for a version not declared, or one short of a field."""
    cls = type(value)
    if not declares(cls, version):
        raise EncodeError(f"{cls.__name__} has no version {version}")
    chunks, _ = encoder(cls, version)(value)
    return b"".join(chunks)  # type: ignore[arg-type]


def decode_struct(cls: type[T], version: int, buf: Buffer, limits: Limits | None = None) -> T:
    """An instance of the declared class.  Raises `WireError`, also for a version that is not declared."""
    return _decode(cls, version, memoryview(buf), 0, limits)


def encode_versioned(value: Any, version: int) -> bytes:
    """As `encode_struct`, with the version as an int16 in front."""
    return _pack_version(version) + encode_struct(value, version)


def decode_versioned(cls: type[T], buf: Buffer, limits: Limits | None = None) -> tuple[T, int]:
    """(instance, version) from bytes that begin with their version.

    A version above the highest declared one is read as the highest, as Kafka's consumers do: later ones only append.
    Raises `WireError`, also for versions below the lowest.
    """
    version = peek_version(buf)
    highest = shape(cls).versions[1]
    return _decode(cls, min(version, highest), memoryview(buf), 2, limits, whole=version <= highest), version


def peek_version(buf: Buffer) -> int:
    """The int16 that versioned bytes begin with.  Raises `WireError` when there is none."""
    if len(buf) < 2:
        raise WireError("bytes are too short for a version")
    return int.from_bytes(buf[:2], "big", signed=True)


def declares(cls: type, version: int) -> bool:
    """Whether the class declares this version."""
    lowest, highest = shape(cls).versions
    return lowest <= version <= highest


def _decode(cls: type[T], version: int, buf: memoryview, pos: int, limits: Limits | None, whole: bool = True) -> T:
    if not declares(cls, version):
        raise WireError(f"{cls.__name__} has no version {version}")
    end = len(buf)
    found, pos = decoder(cls, version)(buf, pos, end, budget_of(limits or _DEFAULT_LIMITS, end))
    if whole and pos != end:
        raise WireError(f"{end - pos} bytes are left over behind {cls.__name__} v{version}")
    assert isinstance(found, cls)
    return found
