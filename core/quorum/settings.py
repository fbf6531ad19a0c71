"""What the controller decides about settings: AlterConfigs, IncrementalAlterConfigs, and what DescribeConfigs shows.

Knows: the image, the tables and the rules for changing a setting.  Does not know: who asked, or whether they may.
Invariant: a resource is changed as a whole or not at all, and what is written was valid together with all layers
beneath.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple, Protocol

from odradek.core.config_setting import ConfigError, ConfigType, shown
from odradek.core.configs import BROKER, TOPIC, check_broker_setting, with_dynamic
from odradek.core.errors import ErrorCode, Refused
from odradek.core.quorum import records as r
from odradek.core.quorum.describe import Entry, cluster_default, effective_broker, effective_topic
from odradek.core.quorum.image import BROKER_RESOURCE, TOPIC_RESOURCE
from odradek.core.quorum.names import why_invalid
from odradek.core.quorum.topics import check_overrides, internal_settings
from odradek.core.quorum.view import Decision, View
from odradek.core.types import NodeId
from odradek.core.wire.configs import (
    DescribeConfigsResource,
    DescribeConfigsResourceResult,
    DescribeConfigsResult,
    DescribeConfigsSynonym,
)

SET: Final = 0
DELETE: Final = 1
APPEND: Final = 2
SUBTRACT: Final = 3

_OPERATIONS: Final = {SET: "SET", DELETE: "DELETE", APPEND: "APPEND", SUBTRACT: "SUBTRACT"}
_OTHER_RESOURCES: Final = {8: "broker loggers", 16: "client metrics", 32: "groups"}


class Alterable(Protocol):
    """One setting in AlterConfigs, as the wire gives it."""

    name: str
    value: str | None


class Operation(Protocol):
    """One setting in IncrementalAlterConfigs, as the wire gives it."""

    name: str
    config_operation: int
    value: str | None


class Replacement(Protocol):
    """One resource in AlterConfigs: all its overrides anew."""

    resource_type: int
    resource_name: str

    @property
    def configs(self) -> Sequence[Alterable]:
        """The settings."""
        ...


class Change(Protocol):
    """One resource in IncrementalAlterConfigs."""

    resource_type: int
    resource_name: str

    @property
    def configs(self) -> Sequence[Operation]:
        """The operations."""
        ...


class Altered(NamedTuple):
    """The outcome for one resource.  The fields are those of both responses' resource structs."""

    error_code: ErrorCode
    error_message: str | None
    resource_type: int
    resource_name: str


Wanted = tuple[dict[str, str], list[str]]
"""The overrides a resource shall have, and the names the request gave."""


def replace(view: View, resources: Sequence[Replacement], validate_only: bool) -> Decision[tuple[Altered, ...]]:
    """Decide AlterConfigs v0-2: what is not named goes back to its default."""
    return _alter(view, [(one, partial(_replaced, view, one)) for one in resources], validate_only)


def change(view: View, resources: Sequence[Change], validate_only: bool) -> Decision[tuple[Altered, ...]]:
    """Decide IncrementalAlterConfigs v0-1 (KIP-339)."""
    return _alter(view, [(one, partial(_changed, view, one)) for one in resources], validate_only)


def _alter(
    view: View, jobs: Sequence[tuple[Replacement | Change, Callable[[], Wanted]]], validate_only: bool
) -> Decision[tuple[Altered, ...]]:
    counts: dict[tuple[int, str], int] = {}
    for one, _ in jobs:
        key = (one.resource_type, one.resource_name)
        counts[key] = counts.get(key, 0) + 1

    records: list[r.Metadata] = []
    outcomes: dict[tuple[int, str], Altered] = {}
    for one, wanted in jobs:
        key = (one.resource_type, one.resource_name)
        try:
            if counts[key] > 1:
                raise Refused(ErrorCode.INVALID_REQUEST, "Each resource must appear at most once.")
            _check_resource(view, *key)
            overrides, names = wanted()
            _check_overrides(view, *key, overrides, names)
        except Refused as refused:
            outcomes[key] = Altered(refused.code, refused.message, *key)
            continue
        records += _difference(view, *key, overrides)
        outcomes[key] = Altered(ErrorCode.NONE, None, *key)
    return Decision(() if validate_only else tuple(records), tuple(outcomes.values()))


def _replaced(view: View, resource: Replacement) -> Wanted:
    names = [one.name for one in resource.configs]
    _check_request(names, [one.name for one in resource.configs if one.value is None])
    overrides = _beneath(view, resource.resource_type, resource.resource_name)
    overrides.update((one.name, one.value) for one in resource.configs if one.value is not None)
    return overrides, names


def _changed(view: View, resource: Change) -> Wanted:
    names = [one.name for one in resource.configs]
    _check_request(
        names, [one.name for one in resource.configs if one.value is None and one.config_operation != DELETE]
    )
    overrides = dict(view.image.settings(resource.resource_type, resource.resource_name))
    for one in resource.configs:
        _operate(view, resource.resource_type, overrides, one)
    return {**_beneath(view, resource.resource_type, resource.resource_name), **overrides}, names


def _beneath(view: View, kind: int, name: str) -> dict[str, str]:
    """What the resource has when nobody sets anything."""
    return internal_settings(name, view.config) if kind == TOPIC_RESOURCE else {}


def _check_request(names: Sequence[str], null: Sequence[str]) -> None:
    if len(dict.fromkeys(names)) != len(names):
        raise Refused(ErrorCode.INVALID_REQUEST, "Error due to duplicate config keys")
    if null:
        raise Refused(ErrorCode.INVALID_REQUEST, f"Null value not supported for : {shown(', '.join(null), 1000)}")


def _check_resource(view: View, kind: int, name: str) -> None:
    if kind == TOPIC_RESOURCE:
        if name not in view.image.topics:
            raise Refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"The topic '{shown(name)}' does not exist.")
        return
    if kind != BROKER_RESOURCE:
        what = _OTHER_RESOURCES.get(kind, f"resources of type {kind}")
        raise Refused(ErrorCode.INVALID_REQUEST, f"Settings of {what} are not supported by this broker.")
    if name == "":
        return
    if not (name.isascii() and name.isdigit() and len(name) <= 10):
        raise Refused(ErrorCode.INVALID_REQUEST, f"Node id must be an integer, but it is: {shown(name)}")
    if str(int(name)) != name or NodeId(int(name)) not in view.image.brokers:
        raise Refused(ErrorCode.BROKER_ID_NOT_REGISTERED, f"No broker with id {name} found.")


def _operate(view: View, kind: int, overrides: dict[str, str], one: Operation) -> None:
    """One operation on the overrides.  APPEND and SUBTRACT begin with the value in force."""
    if one.config_operation not in _OPERATIONS:
        raise Refused(
            ErrorCode.INVALID_REQUEST, f"Unknown operation {one.config_operation} on config key {shown(one.name)}"
        )
    if one.config_operation == DELETE:
        overrides.pop(one.name, None)
        return
    assert one.value is not None
    if one.config_operation == SET:
        overrides[one.name] = one.value
        return
    row = (TOPIC if kind == TOPIC_RESOURCE else BROKER).get(one.name)
    if row is not None and row.type is not ConfigType.LIST:
        what = _OPERATIONS[one.config_operation]
        raise Refused(ErrorCode.INVALID_CONFIG, f"Can't {what} to key {one.name} because its type is not LIST.")
    text = overrides.get(one.name)
    if text is None:
        text = _in_force(view, kind, one.name)
    parts = [part for part in text.split(",") if part]
    named = [part for part in one.value.split(",") if part]
    if one.config_operation == APPEND:
        parts += [part for part in named if part not in parts]
    else:
        parts = [part for part in parts if part not in named]
    overrides[one.name] = ",".join(parts)


def _in_force(view: View, kind: int, name: str) -> str:
    if kind == TOPIC_RESOURCE:
        entries = effective_topic(view.image, view.config, {}, (name,))
    else:
        entries = effective_broker(view.image, view.config, (name,))
    return (entries[0].value or "") if entries else ""


def _check_overrides(view: View, kind: int, name: str, overrides: dict[str, str], names: Sequence[str]) -> None:
    """Topics answer INVALID_CONFIG; for brokers Kafka answers INVALID_REQUEST, and clients know it so (KAFKA-13609)."""
    if kind == TOPIC_RESOURCE:
        for key in names:
            if key not in TOPIC:
                overrides.setdefault(key, "")
        check_overrides(view, name, overrides)
        return
    try:
        for key in (*names, *overrides):
            check_broker_setting(key)
        if len(overrides) > view.limits.configs_per_resource:
            raise ConfigError(name, f"{len(overrides)} settings are more than {view.limits.configs_per_resource}")
        if name == "":
            own = view.image.settings(BROKER_RESOURCE, str(view.config.node_id))
            with_dynamic(view.config, overrides, own)
        else:
            with_dynamic(view.config, view.image.settings(BROKER_RESOURCE, ""), overrides)
    except ConfigError as error:
        raise Refused(ErrorCode.INVALID_REQUEST, error.message) from None


def _difference(view: View, kind: int, name: str, overrides: Mapping[str, str]) -> list[r.Metadata]:
    old = view.image.settings(kind, name)
    return [
        r.ConfigRecord(resource_type=kind, resource_name=name, name=key, value=overrides.get(key))
        for key in sorted({**old, **overrides})
        if old.get(key) != overrides.get(key)
    ]


def describe(
    view: View, resources: Sequence[DescribeConfigsResource], synonyms: bool, documentation: bool
) -> tuple[DescribeConfigsResult, ...]:
    """Answer DescribeConfigs v1-4: all settings of each resource, or those it names; once, however often it is
    named."""
    results = []
    for one in {(one.resource_type, one.resource_name): one for one in resources}.values():
        code: ErrorCode = ErrorCode.NONE
        message: str | None = None
        configs: tuple[DescribeConfigsResourceResult, ...] = ()
        try:
            configs = tuple(_shown(entry, synonyms, documentation) for entry in _entries(view, one))
        except Refused as refused:
            code, message = refused.code, refused.message
        results.append(
            DescribeConfigsResult(
                error_code=code,
                error_message=message,
                resource_type=one.resource_type,
                resource_name=one.resource_name,
                configs=configs,
            )
        )
    return tuple(results)


def _entries(view: View, wanted: DescribeConfigsResource) -> list[Entry]:
    """An empty list of names asks for all, as null does: Kafka's old clients send it."""
    kind, name = wanted.resource_type, wanted.resource_name
    names = frozenset(wanted.configuration_keys) if wanted.configuration_keys else None
    if kind == BROKER_RESOURCE and name not in ("", str(view.config.node_id)):
        raise Refused(
            ErrorCode.INVALID_REQUEST,
            f"Unexpected broker id, expected {view.config.node_id} or empty string, but received {shown(name)}",
        )
    if kind == TOPIC_RESOURCE:
        why = why_invalid(name)
        if why is not None:
            raise Refused(ErrorCode.INVALID_TOPIC_EXCEPTION, why)
    if kind != BROKER_RESOURCE:
        _check_resource(view, kind, name)
        return effective_topic(view.image, view.config, view.image.settings(kind, name), names)
    if name == "":
        return cluster_default(view.image, names)
    return effective_broker(view.image, view.config, names)


def _shown(entry: Entry, synonyms: bool, documentation: bool) -> DescribeConfigsResourceResult:
    return DescribeConfigsResourceResult(
        name=entry.name,
        value=entry.value,
        read_only=entry.read_only,
        config_source=entry.source,
        is_sensitive=entry.is_sensitive,
        synonyms=tuple(
            DescribeConfigsSynonym(name=one.name, value=one.value, source=one.source)
            for one in (entry.synonyms if synonyms else ())
        ),
        config_type=entry.type,
        documentation=entry.documentation if documentation else None,
    )
