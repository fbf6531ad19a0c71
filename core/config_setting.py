"""What one setting is, and how its text becomes a value.

Knows: Kafka's types of settings and the words of its refusals.  Does not know: which settings exist, or what they mean.
Invariant: `read` returns a value inside the setting's range, or raises `ConfigError` with the setting's name; a value
is never the name of a class, a file or a URL to load (CVE-2025-27818, CVE-2025-27819), so there is no type for one.
"""

from collections.abc import Mapping
from enum import IntEnum
from typing import NamedTuple

Value = bool | int | str | tuple[str, ...] | None
"""What a setting's text becomes.  None only where the table's default is none."""

INT_MAX = 2**31 - 1
LONG_MAX = 2**63 - 1
VALUE_CHARS_MAX = 32_767
"""Characters of one value: what Kafka's non-compact strings can carry."""


class ConfigType(IntEnum):
    """Types of settings by their numbers in DescribeConfigs (KIP-569)."""

    BOOLEAN = 1
    STRING = 2
    INT = 3
    LONG = 5
    DOUBLE = 6
    LIST = 7
    PASSWORD = 9


class ConfigError(Exception):
    """A setting that is refused: its name, and what was wrong with it, for people."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name
        self.message = message


class Setting(NamedTuple):
    """One row of a table.

    `minimum` and `maximum` are inclusive.  `choices` are the only texts allowed, where there are any (of each element,
    for a list).  `dynamic` settings may be changed while the broker runs.  `synonyms` are the broker's settings that
    stand in for a topic's (or for another of the broker's), the strongest first, each with the factor from its unit to
    this one's.
    """

    name: str
    type: ConfigType
    default: str | None
    documentation: str
    minimum: int | None = None
    maximum: int | None = None
    choices: tuple[str, ...] = ()
    dynamic: bool = False
    sensitive: bool = False
    synonyms: tuple[tuple[str, int], ...] = ()

    @property
    def field(self) -> str:
        """The name as an attribute: `log.retention.ms` is `log_retention_ms`."""
        return self.name.replace(".", "_")


def read(setting: Setting, text: str) -> Value:
    """The value of a setting's text.  Raises `ConfigError` if the text is not of its type or out of its range."""
    if len(text) > VALUE_CHARS_MAX:
        raise ConfigError(
            setting.name, f"Invalid value for configuration {setting.name}: longer than {VALUE_CHARS_MAX}"
        )
    text = text.strip()
    kind = setting.type
    if kind is ConfigType.BOOLEAN:
        return _boolean(setting, text)
    if kind is ConfigType.INT or kind is ConfigType.LONG:
        return _integer(setting, text)
    if kind is ConfigType.LIST:
        return _elements(setting, text)
    assert kind is not ConfigType.DOUBLE, "no setting of this broker is a fraction"
    if setting.choices and text not in setting.choices:
        raise _invalid(setting, text, f"String must be one of: {', '.join(setting.choices)}")
    return text


def default(setting: Setting) -> Value:
    """The value a setting has when nobody set it; None for a setting that is then absent."""
    return None if setting.default is None else read(setting, setting.default)


def as_text(value: Value) -> str | None:
    """A value as DescribeConfigs shows it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ",".join(value)
    return None if value is None else str(value)


def strongest(setting: Setting, own: Value, synonyms: Mapping[str, Value]) -> Value:
    """The first of the setting and its synonyms that has a value.  A negative value means "none" and is not scaled."""
    if own is not None:
        return own
    for name, factor in setting.synonyms:
        value = synonyms[name]
        if value is None:
            continue
        if factor != 1:
            assert isinstance(value, int)
            return value * factor if value > 0 else value
        return value
    return None


def shown(text: str, chars_max: int = 200) -> str:
    """A client's text as a message may carry it: cut, and only printable ASCII, so that it cannot forge log lines."""
    return text[:chars_max].encode("unicode_escape").decode("ascii")


def _boolean(setting: Setting, text: str) -> bool:
    lowered = text.lower()
    if lowered not in ("true", "false"):
        raise _invalid(setting, text, "Expected value to be either true or false")
    if setting.choices and lowered not in setting.choices:
        raise _invalid(setting, text, f"must be {' or '.join(setting.choices)}")
    return lowered == "true"


def _integer(setting: Setting, text: str) -> int:
    digits = text[1:] if text[:1] in ("-", "+") else text
    if not digits.isascii() or not digits.isdigit() or len(digits) > 19:
        raise _invalid(setting, text, f"Not a number of type {setting.type.name}")
    number = int(text)
    top = INT_MAX if setting.type is ConfigType.INT else LONG_MAX
    if not -top - 1 <= number <= top:
        raise _invalid(setting, text, f"Not a number of type {setting.type.name}")
    if setting.minimum is not None and number < setting.minimum:
        raise _invalid(setting, text, f"Value must be at least {setting.minimum}")
    if setting.maximum is not None and number > setting.maximum:
        raise _invalid(setting, text, f"Value must be no more than {setting.maximum}")
    return number


def _elements(setting: Setting, text: str) -> tuple[str, ...]:
    elements = tuple(part.strip() for part in text.split(",")) if text else ()
    for element in elements:
        if not element:
            raise _invalid(setting, text, "an element of the list is empty")
        if setting.choices and element not in setting.choices:
            raise _invalid(setting, text, f"String must be one of: {', '.join(setting.choices)}")
    if len(dict.fromkeys(elements)) != len(elements):
        raise _invalid(setting, text, "an element is in the list twice")
    return elements


def _invalid(setting: Setting, text: str, why: str) -> ConfigError:
    value = "[hidden]" if setting.sensitive else shown(text)
    return ConfigError(setting.name, f"Invalid value {value} for configuration {setting.name}: {why}")
