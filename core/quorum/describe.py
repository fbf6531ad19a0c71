"""Settings as they are shown: the value in force, where it comes from, and what it would be otherwise (KIP-133,
KIP-226).

Knows: the tables and the layers of settings.  Does not know: who may see them.
Invariant: the value of a sensitive setting is never shown, and never in a synonym either.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple

from odradek.core.config_setting import Setting, as_text
from odradek.core.configs import BROKER, TOPIC, BrokerConfig
from odradek.core.quorum.image import BROKER_RESOURCE, Image

TOPIC_CONFIG: Final = 1
DYNAMIC_BROKER_CONFIG: Final = 2
DYNAMIC_DEFAULT_BROKER_CONFIG: Final = 3
STATIC_BROKER_CONFIG: Final = 4
DEFAULT_CONFIG: Final = 5


class Synonym(NamedTuple):
    """A setting that has, or would have, a say, and where it was set."""

    name: str
    value: str | None
    source: int


class Entry(NamedTuple):
    """One setting as shown.  `synonyms` begin with the one whose value is in force."""

    name: str
    value: str | None
    source: int
    read_only: bool
    is_sensitive: bool
    type: int
    documentation: str
    synonyms: tuple[Synonym, ...]


def effective_topic(
    image: Image, config: BrokerConfig, overrides: Mapping[str, str], names: Collection[str] | None = None
) -> list[Entry]:
    """All settings of a topic with these overrides, by name; `config` is the broker's in force.  `names`: only "
    "those."""
    entries = []
    for row in _chosen(TOPIC, names):
        behind = BROKER[row.synonyms[0][0]]
        synonyms = [Synonym(row.name, overrides[row.name], TOPIC_CONFIG)] if row.name in overrides else []
        synonyms += _broker_synonyms(image, config, behind)
        value = overrides.get(row.name)
        if value is None:
            value = as_text(getattr(config, behind.field))
        entries.append(_entry(row, value, synonyms, read_only=False))
    return entries


def effective_broker(image: Image, config: BrokerConfig, names: Collection[str] | None = None) -> list[Entry]:
    """All settings of this broker, by name."""
    entries = []
    for row in _chosen(BROKER, names):
        synonyms = _broker_synonyms(image, config, row)
        own = [one.value for one in synonyms if one.name == row.name]
        entries.append(_entry(row, own[0] if own else None, synonyms, read_only=not row.dynamic))
    return entries


def cluster_default(image: Image, names: Collection[str] | None = None) -> list[Entry]:
    """The settings made for all brokers: only those that were made."""
    made = image.settings(BROKER_RESOURCE, "")
    return [
        _entry(row, made[row.name], [Synonym(row.name, made[row.name], DYNAMIC_DEFAULT_BROKER_CONFIG)], read_only=False)
        for row in _chosen(BROKER, names)
        if row.name in made
    ]


def _chosen(table: Mapping[str, Setting], names: Collection[str] | None) -> Iterable[Setting]:
    return [table[name] for name in sorted(table) if names is None or name in names]


def _broker_synonyms(image: Image, config: BrokerConfig, row: Setting) -> list[Synonym]:
    """Where a broker setting's value comes from: each name in its chain, each layer of it, the strongest first."""
    layers = (
        (DYNAMIC_BROKER_CONFIG, image.settings(BROKER_RESOURCE, str(config.node_id))),
        (DYNAMIC_DEFAULT_BROKER_CONFIG, image.settings(BROKER_RESOURCE, "")),
        (STATIC_BROKER_CONFIG, config.properties),
    )
    found = []
    for name in (row.name, *(one for one, _ in row.synonyms)):
        found += [Synonym(name, layer[name], source) for source, layer in layers if name in layer]
        standard = BROKER[name].default
        if standard is not None:
            found.append(Synonym(name, standard, DEFAULT_CONFIG))
    return found


def _entry(row: Setting, value: str | None, synonyms: list[Synonym], read_only: bool) -> Entry:
    if row.sensitive:
        value = None
        synonyms = [one._replace(value=None) for one in synonyms]
    return Entry(
        name=row.name,
        value=value,
        source=synonyms[0].source if synonyms else DEFAULT_CONFIG,
        read_only=read_only,
        is_sensitive=row.sensitive,
        type=row.type,
        documentation=row.documentation,
        synonyms=tuple(synonyms),
    )
