"""The settings of a broker and of a topic as typed values, made from text.

Knows: the tables (`config_broker`, `config_topic`), what stands in for what, and which settings must agree.  Does not
know: files, environment variables, or who asked.
Invariant: a `BrokerConfig` or `TopicConfig` that exists is valid; text that is not never becomes one (`ConfigError`).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from odradek.core import config_foreign as foreign
from odradek.core.config_broker import BROKER
from odradek.core.config_setting import ConfigError, ConfigType, Setting, Value, default, read, shown, strongest
from odradek.core.config_topic import REFUSED as TOPIC_REFUSED
from odradek.core.config_topic import TOPIC

__all__ = [
    "BROKER",
    "TOPIC",
    "BrokerConfig",
    "ConfigError",
    "ConfigType",
    "Listener",
    "Setting",
    "TopicConfig",
    "check_broker_setting",
    "check_topic_settings",
    "parse_broker",
    "topic_config",
    "with_dynamic",
]

class Listener(NamedTuple):
    """One listener.  An empty host is every address; port 0 is any free port."""

    name: str
    host: str
    port: int


class BrokerConfig(NamedTuple):
    """All settings of a broker, each under its name with dots turned into underscores; units are in the names.

    Settings that only stand in for others (`log.retention.hours`, `broker.id`) are already folded in.  `properties` is
    the text the broker was started with, implemented settings only; `without_effect` names the settings that were
    accepted and mean nothing here, in order.
    """

    node_id: int
    process_roles: tuple[str, ...]
    broker_rack: str | None
    log_dirs: tuple[str, ...]
    listeners: tuple[Listener, ...]
    advertised_listeners: tuple[Listener, ...]
    socket_request_max_bytes: int
    max_connections: int
    max_connections_per_ip: int
    connections_max_idle_ms: int
    queued_max_request_bytes: int
    fetch_max_bytes: int
    max_incremental_fetch_session_cache_slots: int
    max_request_partition_size_limit: int
    auto_create_topics_enable: bool
    num_partitions: int
    default_replication_factor: int
    delete_topic_enable: bool
    min_insync_replicas: int
    unclean_leader_election_enable: bool
    message_max_bytes: int
    compression_type: str
    compression_gzip_level: int
    compression_lz4_level: int
    compression_zstd_level: int
    durability: str
    durability_interval_ms: int
    log_cleanup_policy: tuple[str, ...]
    log_cleaner_delete_retention_ms: int
    log_flush_interval_messages: int
    log_flush_interval_ms: int
    log_index_interval_bytes: int
    log_index_size_max_bytes: int
    log_message_timestamp_after_max_ms: int
    log_message_timestamp_before_max_ms: int
    log_message_timestamp_type: str
    log_preallocate: bool
    log_retention_bytes: int
    log_retention_check_interval_ms: int
    log_retention_ms: int
    log_roll_jitter_ms: int
    log_roll_ms: int
    log_segment_bytes: int
    log_segment_delete_delay_ms: int
    group_initial_rebalance_delay_ms: int
    group_max_session_timeout_ms: int
    group_max_size: int
    group_min_session_timeout_ms: int
    offset_metadata_max_bytes: int
    offsets_commit_timeout_ms: int
    offsets_retention_check_interval_ms: int
    offsets_retention_minutes: int
    offsets_topic_num_partitions: int
    offsets_topic_replication_factor: int
    offsets_topic_segment_bytes: int
    producer_id_expiration_ms: int
    producer_id_expiration_check_interval_ms: int
    transaction_max_timeout_ms: int
    properties: Mapping[str, str]
    without_effect: tuple[str, ...]


class TopicConfig(NamedTuple):
    """All settings of a topic, each under its name with dots turned into underscores.  -1 is "no limit" for "
    "retention."""

    cleanup_policy: tuple[str, ...]
    compression_gzip_level: int
    compression_lz4_level: int
    compression_type: str
    compression_zstd_level: int
    delete_retention_ms: int
    durability: str
    file_delete_delay_ms: int
    flush_messages: int
    flush_ms: int
    index_interval_bytes: int
    max_message_bytes: int
    message_timestamp_after_max_ms: int
    message_timestamp_before_max_ms: int
    message_timestamp_type: str
    min_insync_replicas: int
    preallocate: bool
    retention_bytes: int
    retention_ms: int
    segment_bytes: int
    segment_index_bytes: int
    segment_jitter_ms: int
    segment_ms: int
    unclean_leader_election_enable: bool


def parse_broker(properties: Mapping[str, str]) -> BrokerConfig:
    """The configuration a broker starts with.  Raises `ConfigError` for the first setting that cannot be taken "
    "as it is."""
    own: dict[str, str] = {}
    ignored: list[str] = []
    for name in sorted(properties):
        if name in BROKER:
            own[name] = properties[name]
        else:
            _accept_foreign(name, properties[name].strip())
            ignored.append(name)

    return _broker(own, own, tuple(ignored))


def with_dynamic(static: BrokerConfig, cluster: Mapping[str, str], broker: Mapping[str, str]) -> BrokerConfig:
    """The configuration in force: what the broker started with, under the cluster's default, under its own "
    "(KIP-226)."""
    return _broker({**static.properties, **cluster, **broker}, static.properties, static.without_effect)


def topic_config(overrides: Mapping[str, str], broker: BrokerConfig) -> TopicConfig:
    """A topic's configuration: its overrides, and the broker's settings for the rest.

    Durability combines like the rest: the topic's word counts, the broker's is the default.  Raises `ConfigError`.
    """
    for name in overrides:
        if name not in TOPIC:
            raise _unknown_topic_setting(name)
    values: list[Any] = []
    for name, setting, behind in _BEHIND:
        text = overrides.get(name)
        values.append(getattr(broker, behind) if text is None else read(setting, text))
    config = TopicConfig(*values)
    if not config.cleanup_policy:
        raise ConfigError("cleanup.policy", "Invalid value  for configuration cleanup.policy: name at least one policy")
    return config


def check_topic_settings(overrides: Mapping[str, str], broker: BrokerConfig, internal: bool) -> TopicConfig:
    """What `topic_config` gives, if a client may ask for it; `internal` topics may be compacted.  Raises "
    "`ConfigError`."""
    config = topic_config(overrides, broker)
    if not internal and "compact" in config.cleanup_policy:
        raise ConfigError(
            "cleanup.policy",
            f"Invalid value {shown(overrides['cleanup.policy'])} for configuration cleanup.policy: compaction is not "
            "supported yet for topics of users; use 'delete', with retention.ms=-1 to keep everything",
        )
    return config


def check_broker_setting(name: str) -> Setting:
    """The row of a broker setting that may be changed while the broker runs.  Raises `ConfigError` for every "
    "other name."""
    setting = BROKER.get(name)
    if setting is None:
        if name in foreign.WITHOUT_EFFECT or name.startswith(foreign.WITHOUT_EFFECT_PREFIXES):
            raise ConfigError(name, f"Configuration {shown(name)} has no effect on this broker and cannot be set")
        raise _refused(name)
    if not setting.dynamic:
        raise ConfigError(
            name, f"Cannot update these configs dynamically: {name} is read-only; set it where the broker starts"
        )
    return setting


_ABSORBED = frozenset(name for row in BROKER.values() for name, _ in row.synonyms) | {
    "broker.id",
    "controller.listener.names",
    "controller.quorum.voters",
    "inter.broker.listener.name",
    "listener.security.protocol.map",
}
"""Settings without a field of their own: each is folded into another, or only checked."""

_BEHIND = tuple((row.name, row, row.synonyms[0][0].replace(".", "_")) for row in TOPIC.values())
_FIELDS = tuple((row.name, row.field) for row in BROKER.values() if row.name not in _ABSORBED)


def _broker(texts: Mapping[str, str], properties: Mapping[str, str], ignored: tuple[str, ...]) -> BrokerConfig:
    """Read all settings, fold in what stands in for others, then check what must agree."""
    values: dict[str, Value] = {}
    for name, row in BROKER.items():
        values[name] = read(row, texts[name]) if name in texts else default(row)
    for name, row in BROKER.items():
        if row.synonyms:
            values[name] = strongest(row, values[name], values)

    fields: dict[str, Any] = {field: values[name] for name, field in _FIELDS}
    fields["node_id"] = _node_id(values, texts)
    log_dirs = values["log.dirs"]
    fields["log_dirs"] = log_dirs if isinstance(log_dirs, tuple) else (log_dirs,)
    fields["listeners"], fields["advertised_listeners"] = _listeners(values)
    config = BrokerConfig(properties=dict(properties), without_effect=ignored, **fields)
    _check_agreement(config, values)
    return config


def _node_id(values: Mapping[str, Value], texts: Mapping[str, str]) -> Value:
    old = values["broker.id"]
    if old is None:
        return values["node.id"]
    if "node.id" in texts and old != values["node.id"]:
        raise ConfigError("broker.id", f"broker.id is {old} but node.id is {values['node.id']}; remove broker.id")
    return old


def _listeners(values: Mapping[str, Value]) -> tuple[tuple[Listener, ...], tuple[Listener, ...]]:
    """The listeners for clients, and what is advertised for them.  Listeners of the quorum are left out of both."""
    quorum = _names(values["controller.listener.names"])
    opened = [one for one in _addresses("listeners", values["listeners"]) if one.name not in quorum]
    if not opened:
        raise ConfigError("listeners", "listeners has none for clients; add one, as in PLAINTEXT://:9092")
    known = [one.name for one in opened]

    protocols: dict[str, str] = {}
    for entry in _names(values["listener.security.protocol.map"]):
        name, colon, protocol = entry.partition(":")
        if not colon or not name or protocol.upper() not in ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"):
            raise ConfigError("listener.security.protocol.map", f"'{shown(entry)}' is not NAME:PROTOCOL")
        protocols[name.upper()] = protocol.upper()
    for name in known:
        protocol = protocols.get(name, name if not protocols else "")
        if not protocol:
            raise ConfigError(
                "listener.security.protocol.map", f"listener {name} has no protocol; add {name}:PLAINTEXT"
            )
        if protocol != "PLAINTEXT":
            raise ConfigError(
                "listeners",
                f"listener {name} has the protocol {protocol}; only PLAINTEXT is supported so far: name it "
                f"PLAINTEXT, or add "
                f"{name}:PLAINTEXT to listener.security.protocol.map",
            )

    advertised = [
        one for one in _addresses("advertised.listeners", values["advertised.listeners"]) if one.name not in quorum
    ]
    for one in advertised:
        if one.name not in known:
            raise ConfigError("advertised.listeners", f"{one.name} is not one of the listeners ({', '.join(known)})")
        if one.host in ("", "0.0.0.0", "::"):
            raise ConfigError("advertised.listeners", f"{one.name} must name an address that clients can connect to")
    between = values["inter.broker.listener.name"]
    if between is not None and str(between).upper() not in known:
        raise ConfigError("inter.broker.listener.name", f"{between} is not one of the listeners ({', '.join(known)})")
    return tuple(opened), tuple(advertised)


def _addresses(setting: str, value: Value) -> list[Listener]:
    found: list[Listener] = []
    for text in value if isinstance(value, tuple) else ():
        name, slashes, address = text.partition("://")
        host, colon, port = address.rpartition(":")
        if not (slashes and name and colon and port.isascii() and port.isdigit() and int(port[:6]) <= 65_535):
            raise ConfigError(setting, f"'{shown(text)}' is not NAME://host:port")
        one = Listener(name.upper(), host.strip("[]"), int(port))
        if any(other.name == one.name for other in found):
            raise ConfigError(setting, f"each listener needs a name of its own; {one.name} is there twice")
        if setting == "listeners" and one.port and any(other[1:] == one[1:] for other in found):
            raise ConfigError(setting, f"each listener needs a port of its own; {one.port} is there twice")
        found.append(one)
    return found


def _names(value: Value) -> tuple[str, ...]:
    return tuple(part.upper() for part in value) if isinstance(value, tuple) else ()


def _check_agreement(config: BrokerConfig, values: Mapping[str, Value]) -> None:
    if sorted(config.process_roles) != ["broker", "controller"]:
        roles = ",".join(config.process_roles)
        raise ConfigError("process.roles", f"a node is so far always both: set broker,controller instead of '{roles}'")
    if len(config.log_dirs) != 1 or not config.log_dirs[0]:
        raise ConfigError("log.dirs", f"name exactly one data directory, not {len(config.log_dirs)}")
    if config.group_min_session_timeout_ms > config.group_max_session_timeout_ms:
        raise ConfigError(
            "group.min.session.timeout.ms",
            f"{config.group_min_session_timeout_ms} is more than group.max.session.timeout.ms "
            f"({config.group_max_session_timeout_ms})",
        )
    if not config.log_cleanup_policy:
        raise ConfigError("log.cleanup.policy", "name at least one policy")
    voters = values["controller.quorum.voters"]
    for voter in voters if isinstance(voters, tuple) else ():
        if voter.partition("@")[0] != str(config.node_id):
            raise ConfigError(
                "controller.quorum.voters",
                f"voter '{shown(voter)}' is another node than this one ({config.node_id}); a quorum of several "
                f"nodes is not "
                "supported yet",
            )


def _accept_foreign(name: str, value: str) -> None:
    """Pass a setting of Kafka's that means nothing here; raise `ConfigError` for every other."""
    if name in foreign.WITHOUT_EFFECT or name.startswith(foreign.WITHOUT_EFFECT_PREFIXES):
        return
    error = _refused(name)
    harmless = foreign.HARMLESS_VALUES.get(name, ())
    known = name in foreign.REFUSED or name.startswith(tuple(foreign.REFUSED_PREFIXES))
    if known and (not value or value in harmless):
        return
    raise error


def _refused(name: str) -> ConfigError:
    why = foreign.REFUSED.get(name)
    for prefix in foreign.REFUSED_PREFIXES:
        if why is None and name.startswith(prefix):
            why = foreign.REFUSED_PREFIXES[prefix]
    if why is not None:
        return ConfigError(name, f"Configuration {shown(name)} is not supported: {why}")
    return ConfigError(name, f"Unknown configuration {shown(name)}{_suggestion(name, BROKER)}")


def _unknown_topic_setting(name: str) -> ConfigError:
    if name in TOPIC_REFUSED:
        return ConfigError(name, f"Topic config {name} is not supported: {TOPIC_REFUSED[name]}")
    return ConfigError(name, f"Unknown topic config name: {shown(name)}{_suggestion(name, TOPIC)}")


def _suggestion(name: str, table: Mapping[str, Setting]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 (only a mistake needs it; starting up must not pay for it)

    near = get_close_matches(name[:200], table, n=1, cutoff=0.75)
    return f"; did you mean {near[0]}?" if near else ""
