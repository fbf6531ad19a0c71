"""The notation in which messages are declared: one class per message for all of its versions.

Knows: names, types and version ranges of fields.  Does not know: bytes (that is `compile` and `interpret`), areas.
Invariant: declaring costs next to nothing; a decorator records the fields, and every function is made on first use.

    @message(key=1, versions=(4, 18), flexible=12)
    class FetchRequest:
        \"\"\"Ask for records.\"\"\"

        replica_id: int = int32(default=-1, until=14)
        topics: tuple[FetchTopic, ...] = array(FetchTopic)
        rack_id: str = string(since=11, ignorable=True)

A field of a specifier takes these keywords (`array` and `nested` too):

since, until   first and last version that carries it; all of the message's when absent.
default        value of a field that is not set or not carried: 0, "", b"", (), False, sixteen zero bytes when absent.
nullable       True, or the first version, or (first, last): where None may be written.
ignorable      True: a version that does not carry the field drops its value in silence.  Else a value that is not the
               default raises `EncodeError` there.
tag, tagged    number of a tagged field, and the first version in which it is one (absent: in all that carry it).
flexible       False: written the old way even in flexible versions (the client id in the request header).

A tagged `nested` field that is absent reads None, whatever Kafka's default would be: cheap, and easy to test for.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar, dataclass_transform

from odradek.core.effects import Chunks
from odradek.core.types import Buffer

T = TypeVar("T")

Records = Buffer | Chunks | None
"""Record batches: a slice of the frame when decoded; bytes, or chunks that the driver writes, when encoded."""

ZERO_UUID: Final = bytes(16)
INT32_MAX: Final = 0x7FFFFFFF
INT64_MAX: Final = 0x7FFFFFFFFFFFFFFF

NATURAL_DEFAULTS: Final[dict[str, Any]] = {
    "int8": 0,
    "int16": 0,
    "uint16": 0,
    "int32": 0,
    "uint32": 0,
    "int64": 0,
    "float64": 0.0,
    "boolean": False,
    "string": "",
    "bytes_": b"",
    "records": None,
    "uuid": ZERO_UUID,
    "array": (),
    "nested": None,
}
"""What a field without `default=` starts as.  A `nested` one starts as a new instance unless tagged or nullable."""

_ABSENT: Final = object()


class Field:
    """One declared field.  `kind` is the name of its specifier; `of` an array's element, or the class of a struct."""

    __slots__ = (
        "default",
        "flexible",
        "ignorable",
        "kind",
        "name",
        "nullable",
        "of",
        "since",
        "tag",
        "tagged",
        "until",
    )

    def __init__(
        self,
        kind: str,
        of: Any,
        since: int,
        until: int | None,
        default: Any,
        nullable: bool | int | tuple[int, int],
        ignorable: bool,
        tag: int | None,
        tagged: int,
        flexible: bool,
    ) -> None:
        self.name = ""
        self.kind = kind
        self.of = of
        self.since = since
        self.until = until
        self.default = NATURAL_DEFAULTS[kind] if default is _ABSENT else default
        self.nullable = nullable
        self.ignorable = ignorable
        self.tag = tag
        self.tagged = tagged
        self.flexible = flexible

    def carried(self, version: int) -> bool:
        """Whether this version of the message has the field, tagged or not."""
        return self.since <= version and (self.until is None or version <= self.until)

    def is_tagged(self, version: int) -> bool:
        """Whether the field is in the tag section of this version."""
        return self.tag is not None and version >= self.tagged

    def is_nullable(self, version: int) -> bool:
        """Whether None can be written in this version."""
        nullable = self.nullable
        if nullable is True or nullable is False:
            return nullable
        if isinstance(nullable, tuple):
            return nullable[0] <= version <= nullable[1]
        return version >= nullable


def _specifier(kind: str) -> Callable[..., Any]:
    def specifier(
        *,
        since: int = 0,
        until: int | None = None,
        default: Any = _ABSENT,
        nullable: bool | int | tuple[int, int] = False,
        ignorable: bool = False,
        tag: int | None = None,
        tagged: int = 0,
        flexible: bool = True,
    ) -> Any:
        return Field(kind, None, since, until, default, nullable, ignorable, tag, tagged, flexible)

    specifier.__name__ = specifier.__qualname__ = kind
    return specifier


int8 = _specifier("int8")
int16 = _specifier("int16")
uint16 = _specifier("uint16")
int32 = _specifier("int32")
uint32 = _specifier("uint32")
int64 = _specifier("int64")
float64 = _specifier("float64")
boolean = _specifier("boolean")
string = _specifier("string")
bytes_ = _specifier("bytes_")
records = _specifier("records")
uuid = _specifier("uuid")


def array(
    of: Any,
    *,
    since: int = 0,
    until: int | None = None,
    default: Any = _ABSENT,
    nullable: bool | int | tuple[int, int] = False,
    ignorable: bool = False,
    tag: int | None = None,
    tagged: int = 0,
) -> Any:
    """A tuple of `of`: a `@struct` class, or a specifier such as `int32`.  A list can be encoded as well."""
    return Field("array", of, since, until, default, nullable, ignorable, tag, tagged, True)


def nested(
    of: type,
    *,
    since: int = 0,
    until: int | None = None,
    default: Any = _ABSENT,
    nullable: bool | int | tuple[int, int] = False,
    ignorable: bool = False,
    tag: int | None = None,
    tagged: int = 0,
) -> Any:
    """One `@struct` by value.  Nullable ones carry a byte in front (KIP-893)."""
    return Field("nested", of, since, until, default, nullable, ignorable, tag, tagged, True)


class Shape:
    """What a decorator recorded of a class: found at `cls.__wire__`.

    `key` is None for everything but requests and responses; `flexible` is the first flexible version, or None.  A
    struct has the versions of the message it is in, so its own range is empty.
    """

    __slots__ = ("fields", "flexible", "key", "name", "versions")

    def __init__(
        self, name: str, fields: tuple[Field, ...], key: int | None, versions: tuple[int, int], flexible: int | None
    ) -> None:
        self.name = name
        self.fields = fields
        self.key = key
        self.versions = versions
        self.flexible = flexible

    def is_flexible(self, version: int) -> bool:
        """Whether this version uses compact lengths and tag sections (KIP-482)."""
        return self.flexible is not None and version >= self.flexible


def _declare(
    cls: type[T], key: int | None = None, versions: tuple[int, int] = (0, -1), flexible: int | None = None
) -> type[T]:
    """The slotted class that takes the place of the declared one."""
    body: dict[str, Any] = {}
    fields = []
    for name, value in cls.__dict__.items():
        if type(value) is Field:
            value.name = name
            fields.append(value)
        elif name not in ("__dict__", "__weakref__"):
            body[name] = value
    body["__slots__"] = tuple([field.name for field in fields])
    body["__wire__"] = Shape(cls.__name__, tuple(fields), key, versions, flexible)
    body["__init__"] = _init
    body["__eq__"] = _eq
    body["__hash__"] = None
    body["__repr__"] = _repr
    return type(cls.__name__, (), body)


@dataclass_transform(kw_only_default=True)
def struct(cls: type[T]) -> type[T]:
    """A part of a message.  It has the versions of the message that holds it."""
    return _declare(cls)


@dataclass_transform(kw_only_default=True)
def message(*, key: int, versions: tuple[int, int], flexible: int | None = None) -> Callable[[type[T]], type[T]]:
    """The body of a request or a response of the API `key`; which of the two, the class name's ending says."""

    def declare(cls: type[T]) -> type[T]:
        return _declare(cls, key, versions, flexible)

    return declare


@dataclass_transform(kw_only_default=True)
def record(*, versions: tuple[int, int], flexible: int | None = None) -> Callable[[type[T]], type[T]]:
    """A structure on its own: a key or value of an internal topic, or bytes embedded in a message (see `structs`)."""

    def declare(cls: type[T]) -> type[T]:
        return _declare(cls, None, versions, flexible)

    return declare


def shape(cls: Any) -> Shape:
    """The shape of a declared class."""
    found = cls.__wire__
    assert isinstance(found, Shape)
    return found


def fresh_default(field: Field) -> Any:
    """The value a field has when nobody sets it."""
    if field.kind == "nested" and field.default is None and field.tag is None and field.nullable is False:
        return field.of()
    return field.default


def _init(self: Any, **values: Any) -> None:
    """Stands in for `__init__` until the first construction, which compiles the real one."""
    cls = type(self)
    cls.__init__ = make_init(cls)
    cls.__init__(self, **values)


def make_init(cls: Any) -> Callable[..., None]:
    """A keyword constructor for a declared class."""
    scope: dict[str, Any] = {}
    heads = []
    lines = []
    for field in cls.__wire__.fields:
        name = field.name
        if field.kind == "nested" and fresh_default(field) is not None:
            scope[f"new_{name}"] = field.of
            heads.append(f"{name}=None")
            lines.append(f" self.{name} = new_{name}() if {name} is None else {name}")
        else:
            scope[f"default_{name}"] = field.default
            heads.append(f"{name}=default_{name}")
            lines.append(f" self.{name} = {name}")
    star = "*, " if heads else ""
    source = f"def __init__(self, {star}{', '.join(heads)}):\n" + "\n".join(lines or [" pass"])
    exec(compile(source, f"<init of {cls.__name__}>", "exec"), scope)
    made: Callable[..., None] = scope["__init__"]
    return made


def _eq(self: Any, other: Any) -> Any:
    if type(other) is not type(self):
        return NotImplemented
    return all(_same(getattr(self, field.name), getattr(other, field.name)) for field in self.__wire__.fields)


def _same(one: Any, two: Any) -> bool:
    """Equality that takes a list for a tuple: both encode alike."""
    if isinstance(one, list | tuple) and isinstance(two, list | tuple):
        return len(one) == len(two) and all(_same(a, b) for a, b in zip(one, two, strict=True))
    return bool(one == two)


def _repr(self: Any) -> str:
    """What differs from the defaults.  Bytes are counted, not shown: they may be secrets (CVE-2026-33558)."""
    parts = []
    for field in self.__wire__.fields:
        value = getattr(self, field.name)
        if value == fresh_default(field):
            continue
        if isinstance(value, bytes | memoryview) and field.kind != "uuid":
            parts.append(f"{field.name}=<{len(value)} bytes>")
        else:
            parts.append(f"{field.name}={value!r}")
    return f"{type(self).__name__}({', '.join(parts)})"
