"""Settings as typed values: the tables, what is accepted from a file, and how layers combine."""

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odradek.core import config_foreign as foreign
from odradek.core import configs
from odradek.core.config_setting import INT_MAX, LONG_MAX, ConfigError, ConfigType, Setting, default, read
from odradek.core.config_topic import REFUSED as TOPIC_REFUSED
from odradek.core.configs import (
    BROKER,
    TOPIC,
    BrokerConfig,
    Listener,
    TopicConfig,
    check_broker_setting,
    check_topic_settings,
    parse_broker,
    topic_config,
    with_dynamic,
)

ROWS = [*BROKER.values(), *TOPIC.values()]
STOCK = """
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=localhost:9093
listeners=PLAINTEXT://:9092,CONTROLLER://:9093
inter.broker.listener.name=PLAINTEXT
advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL
num.network.threads=3
num.io.threads=8
socket.send.buffer.bytes=102400
socket.receive.buffer.bytes=102400
socket.request.max.bytes=104857600
log.dirs=/tmp/kraft-combined-logs
num.partitions=1
num.recovery.threads.per.data.dir=1
offsets.topic.replication.factor=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
log.retention.hours=168
log.segment.bytes=1073741824
log.retention.check.interval.ms=300000
"""
"""The settings a single node of Kafka 4 is shipped with."""


def properties(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.split())


def refused(settings: dict[str, str]) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        parse_broker(settings)
    return caught.value


# The tables ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_default_is_valid(row: Setting) -> None:
    value = default(row)
    assert (value is None) == (row.default is None)
    if isinstance(value, int) and not isinstance(value, bool) and row.minimum is not None:
        assert value >= row.minimum


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_setting_is_documented(row: Setting) -> None:
    assert len(row.documentation) > 20
    assert row.documentation.endswith(".")


def test_every_topic_setting_has_a_broker_setting_of_its_type_and_range_behind_it() -> None:
    for row in TOPIC.values():
        assert len(row.synonyms) == 1
        behind = BROKER[row.synonyms[0][0]]
        assert behind.type is row.type, row.name
        assert behind.minimum == row.minimum, row.name
        assert behind.dynamic, row.name


def test_every_setting_has_a_field_or_is_folded_into_another() -> None:
    extra = {"properties", "without_effect"}
    expected = {row.field for name, row in BROKER.items() if name not in configs._ABSORBED}
    assert set(BrokerConfig._fields) - extra == expected
    assert TopicConfig._fields == tuple(row.field for row in TOPIC.values())


def test_a_topics_fields_come_from_settings_of_their_own_name() -> None:
    broker = parse_broker({})
    for row in TOPIC.values():
        behind = BROKER[row.synonyms[0][0]].field
        assert getattr(topic_config({}, broker), row.field) == getattr(broker, behind)


def test_no_name_is_both_implemented_and_foreign() -> None:
    for name in BROKER:
        assert name not in foreign.WITHOUT_EFFECT
        assert name not in foreign.REFUSED
        assert not name.startswith(tuple(foreign.REFUSED_PREFIXES))
    assert not foreign.WITHOUT_EFFECT & set(foreign.REFUSED)
    assert not set(TOPIC) & set(TOPIC_REFUSED)


def test_no_setting_names_a_class_or_is_a_secret() -> None:
    for row in ROWS:
        assert row.type is not ConfigType.PASSWORD
        assert not row.name.endswith((".class", ".class.name", ".classes", ".password", ".path", ".url", ".location"))


def test_defaults_that_differ_from_kafka_on_purpose() -> None:
    broker = parse_broker({})
    assert broker.group_initial_rebalance_delay_ms == 0
    assert broker.offsets_topic_replication_factor == 1
    assert broker.default_replication_factor == 1
    assert broker.durability == "sync"
    assert broker.listeners == (Listener("PLAINTEXT", "127.0.0.1", 9092),)
    assert broker.advertised_listeners == ()


def test_defaults_that_are_kafkas() -> None:
    broker = parse_broker({})
    assert (broker.num_partitions, broker.offsets_topic_num_partitions) == (1, 50)
    assert (broker.auto_create_topics_enable, broker.delete_topic_enable) == (True, True)
    topic = topic_config({}, broker)
    assert topic.retention_ms == 604_800_000
    assert (topic.retention_bytes, topic.segment_bytes, topic.segment_ms) == (-1, 1_073_741_824, 604_800_000)
    assert (topic.max_message_bytes, topic.min_insync_replicas) == (1_048_588, 1)
    assert (topic.flush_messages, topic.flush_ms, topic.segment_jitter_ms) == (LONG_MAX, LONG_MAX, 0)
    assert (topic.message_timestamp_before_max_ms, topic.message_timestamp_after_max_ms) == (LONG_MAX, 3_600_000)
    assert (topic.cleanup_policy, topic.compression_type) == (("delete",), "producer")


# Reading -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", " ", "1_000", "1e3", "0x10", "१", "²", "1.0", "--1", "+-1", "9" * 20, "9" * 5000])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(TOPIC["retention.ms"], text)
    assert caught.value.name == "retention.ms"
    assert "retention.ms" in caught.value.message


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("retention.ms", "-2"),
        ("segment.bytes", "1023"),
        ("segment.bytes", str(INT_MAX + 1)),
        ("retention.ms", str(LONG_MAX + 1)),
        ("compression.zstd.level", "23"),
        ("compression.type", "brotli"),
        ("message.timestamp.type", "createtime"),
        ("unclean.leader.election.enable", "yes"),
        ("preallocate", "true"),
        ("cleanup.policy", ""),
        ("cleanup.policy", "delete,"),
        ("cleanup.policy", "delete,delete"),
        ("durability", "always"),
        ("min.insync.replicas", "0"),
    ],
)
def test_what_is_out_of_range_is_refused_by_name(name: str, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        topic_config({name: text}, parse_broker({}))
    assert caught.value.name == name
    assert name in caught.value.message


def test_a_sensitive_value_is_not_shown_when_it_is_refused() -> None:
    row = Setting("a.number", ConfigType.INT, "0", "A secret number.", sensitive=True)
    with pytest.raises(ConfigError) as caught:
        read(row, "s3cret")
    assert "s3cret" not in caught.value.message


@given(st.sampled_from(ROWS), st.text(max_size=30))
def test_any_text_becomes_a_value_in_range_or_a_refusal(row: Setting, text: str) -> None:
    try:
        value = read(row, text)
    except ConfigError as error:
        assert error.name == row.name
        return
    if isinstance(value, int) and not isinstance(value, bool):
        assert row.minimum is None or value >= row.minimum
        assert row.maximum is None or value <= row.maximum


# From a file ---------------------------------------------------------------------------------------------------------


def test_the_settings_kafka_is_shipped_with_are_accepted() -> None:
    broker = parse_broker(properties(STOCK))
    assert broker.node_id == 1
    assert broker.listeners == (Listener("PLAINTEXT", "", 9092),)
    assert broker.advertised_listeners == (Listener("PLAINTEXT", "localhost", 9092),)
    assert broker.log_dirs == ("/tmp/kraft-combined-logs",)


def test_settings_without_effect_are_reported_by_name() -> None:
    broker = parse_broker(
        {"num.network.threads": "3", "confluent.support.metrics.enable": "false", "num.partitions": "4"}
    )
    assert broker.without_effect == ("confluent.support.metrics.enable", "num.network.threads")
    assert broker.properties == {"num.partitions": "4"}


@pytest.mark.parametrize(
    "name",
    [
        "zookeeper.connect",
        "ssl.keystore.location",
        "sasl.enabled.mechanisms",
        "authorizer.class.name",
        "create.topic.policy.class.name",
        "remote.log.storage.system.enable",
        "metadata.log.dir",
        "max.connections.per.ip.overrides",
        "listener.name.external.ssl.keystore.location",
    ],
)
def test_what_would_be_a_lie_to_ignore_is_refused_by_name(name: str) -> None:
    error = refused({name: "something"})
    assert error.name == name
    assert name in error.message
    assert "not supported" in error.message


def test_a_refused_setting_is_passed_when_it_says_what_is_true_anyway() -> None:
    broker = parse_broker({"security.inter.broker.protocol": "PLAINTEXT", "ssl.endpoint.identification.algorithm": ""})
    assert broker.without_effect == ("security.inter.broker.protocol", "ssl.endpoint.identification.algorithm")


def test_an_unknown_name_is_refused_with_the_name_that_was_meant() -> None:
    assert (
        refused({"num.partition": "3"}).message == "Unknown configuration num.partition; did you mean num.partitions?"
    )
    assert "did you mean" not in refused({"qqqqq": ""}).message


def test_only_both_roles_are_accepted() -> None:
    assert parse_broker({"process.roles": "controller,broker"}).process_roles == ("controller", "broker")
    assert refused({"process.roles": "broker"}).name == "process.roles"


def test_the_old_name_of_the_node_id_is_taken_and_must_agree() -> None:
    assert parse_broker({"broker.id": "7"}).node_id == 7
    assert parse_broker({"broker.id": "7", "node.id": "7"}).node_id == 7
    assert refused({"broker.id": "7", "node.id": "8"}).name == "broker.id"


def test_a_quorum_of_others_is_refused() -> None:
    assert parse_broker({"node.id": "3", "controller.quorum.voters": "3@localhost:9093"}).node_id == 3
    error = refused({"node.id": "3", "controller.quorum.voters": "3@localhost:9093,4@localhost:9094"})
    assert error.name == "controller.quorum.voters"


def test_exactly_one_data_directory_is_accepted() -> None:
    assert parse_broker({"log.dir": "/data"}).log_dirs == ("/data",)
    assert parse_broker({"log.dir": "/data", "log.dirs": "/other"}).log_dirs == ("/other",)
    assert refused({"log.dirs": "/a,/b"}).name == "log.dirs"
    assert refused({"log.dirs": ""}).name == "log.dirs"


@pytest.mark.parametrize(
    "listeners",
    [
        "",
        "localhost:9092",
        "PLAINTEXT://localhost",
        "PLAINTEXT://localhost:65536",
        "PLAINTEXT://localhost:-1",
        "PLAINTEXT://a:1,PLAINTEXT://b:2",
        "SSL://:9093",
    ],
)
def test_listeners_that_cannot_be_opened_are_refused(listeners: str) -> None:
    assert refused({"listeners": listeners}).name == "listeners"


def test_two_listeners_cannot_share_a_port() -> None:
    protocols = {"listener.security.protocol.map": "A:PLAINTEXT,B:PLAINTEXT"}
    assert refused({**protocols, "listeners": "A://:9092,B://:9092"}).name == "listeners"
    assert len(parse_broker({**protocols, "listeners": "A://:0,B://:0"}).listeners) == 2


def test_an_ipv6_listener_is_read() -> None:
    assert parse_broker({"listeners": "PLAINTEXT://[::1]:9092"}).listeners == (Listener("PLAINTEXT", "::1", 9092),)


def test_a_listener_with_a_name_of_its_own_needs_a_protocol() -> None:
    assert refused({"listeners": "INSIDE://:9092"}).name == "listeners"
    mapped = {"listeners": "INSIDE://:9092", "listener.security.protocol.map": "INSIDE:PLAINTEXT"}
    assert parse_broker(mapped).listeners == (Listener("INSIDE", "", 9092),)
    secure = {"listeners": "INSIDE://:9092", "listener.security.protocol.map": "INSIDE:SASL_SSL"}
    assert "SASL_SSL" in refused(secure).message


def test_what_is_advertised_must_be_a_listener_that_clients_can_connect_to() -> None:
    assert refused({"advertised.listeners": "OUTSIDE://a:1"}).name == "advertised.listeners"
    assert refused({"advertised.listeners": "PLAINTEXT://0.0.0.0:9092"}).name == "advertised.listeners"
    assert refused({"inter.broker.listener.name": "OUTSIDE"}).name == "inter.broker.listener.name"


def test_session_timeouts_must_leave_room() -> None:
    error = refused({"group.min.session.timeout.ms": "10", "group.max.session.timeout.ms": "9"})
    assert error.name == "group.min.session.timeout.ms"


def test_the_finest_unit_of_retention_that_is_set_counts() -> None:
    hours = {"log.retention.hours": "2"}
    minutes = {**hours, "log.retention.minutes": "3"}
    exact = {**minutes, "log.retention.ms": "5"}
    assert parse_broker(hours).log_retention_ms == 7_200_000
    assert parse_broker(minutes).log_retention_ms == 180_000
    assert parse_broker(exact).log_retention_ms == 5


def test_retention_of_minus_one_keeps_for_ever_in_any_unit() -> None:
    for name in ("log.retention.hours", "log.retention.minutes", "log.retention.ms"):
        assert parse_broker({name: "-1"}).log_retention_ms == -1


def test_rolling_and_flushing_have_coarser_stand_ins() -> None:
    assert parse_broker({"log.roll.hours": "1"}).log_roll_ms == 3_600_000
    assert parse_broker({"log.roll.hours": "1", "log.roll.ms": "9"}).log_roll_ms == 9
    assert parse_broker({"log.roll.jitter.hours": "1"}).log_roll_jitter_ms == 3_600_000
    assert parse_broker({"log.flush.scheduler.interval.ms": "70"}).log_flush_interval_ms == 70


# Topics and layers ---------------------------------------------------------------------------------------------------


def test_a_topics_word_counts_and_the_brokers_is_the_default() -> None:
    broker = parse_broker({"durability": "replicated", "log.retention.hours": "1", "log.segment.bytes": "4096"})
    topic = topic_config({"durability": "interval", "segment.bytes": "2048"}, broker)
    assert (topic.durability, topic.segment_bytes, topic.retention_ms) == ("interval", 2048, 3_600_000)
    assert topic_config({}, broker).durability == "replicated"


def test_compaction_is_for_internal_topics_only() -> None:
    broker = parse_broker({})
    for policy in ("compact", "compact,delete"):
        with pytest.raises(ConfigError, match="not supported yet") as caught:
            check_topic_settings({"cleanup.policy": policy}, broker, internal=False)
        assert caught.value.name == "cleanup.policy"
    assert check_topic_settings({"cleanup.policy": "compact"}, broker, internal=True).cleanup_policy == ("compact",)
    assert check_topic_settings({"cleanup.policy": "delete"}, broker, internal=False).cleanup_policy == ("delete",)
    assert refused({"log.cleanup.policy": "compact"}).name == "log.cleanup.policy"


def test_topic_settings_kafka_has_and_this_broker_has_not_say_why() -> None:
    with pytest.raises(ConfigError, match="tiered storage is not supported"):
        topic_config({"remote.storage.enable": "true"}, parse_broker({}))
    with pytest.raises(ConfigError, match=r"did you mean retention\.ms"):
        topic_config({"retention.msec": "1"}, parse_broker({}))


def test_dynamic_settings_lie_over_the_file_and_the_brokers_over_the_clusters() -> None:
    static = parse_broker({"log.retention.ms": "1", "log.segment.bytes": "4096", "num.io.threads": "2"})
    config = with_dynamic(static, {"log.retention.ms": "2", "message.max.bytes": "10"}, {"log.retention.ms": "3"})
    assert (config.log_retention_ms, config.message_max_bytes, config.log_segment_bytes) == (3, 10, 4096)
    assert config.properties == static.properties
    assert config.without_effect == ("num.io.threads",)
    assert with_dynamic(config, {}, {}) == static


@pytest.mark.parametrize("name", ["num.partitions", "listeners", "ssl.keystore.location", "num.io.threads", "no.such"])
def test_only_dynamic_settings_can_be_changed_while_running(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_broker_setting(name)
    assert caught.value.name == name
    assert name in caught.value.message


def test_importing_the_settings_imports_nothing_heavy() -> None:
    source = Path(sys.modules["odradek.core.configs"].__file__ or "").read_text()
    top = [line for line in source.splitlines() if line.startswith(("import ", "from "))]
    assert [line.split()[1] for line in top if "odradek" not in line] == ["collections.abc", "typing"]
