"""What the controller decides about settings, and how it shows them."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odradek.core.config_setting import ConfigType, Setting
from odradek.core.configs import BROKER, TOPIC, parse_broker, topic_config
from odradek.core.errors import ErrorCode
from odradek.core.limits import Limits
from odradek.core.quorum import describe
from odradek.core.quorum.settings import APPEND, DELETE, SET, SUBTRACT
from odradek.core.wire import configs as wire
from odradek.core.wire.schema import shape
from odradek.core.wire.topics import CreatableTopic

TOPIC_TYPE, BROKER_TYPE = 2, 4
HIDDEN = "s3cret"


def element(message: Any, array: str) -> Any:
    """The class of the elements of an array in a message."""
    return next(field.of for field in shape(message).fields if field.name == array)


CHANGE = element(wire.IncrementalAlterConfigsRequest, "resources")
OPERATION = element(CHANGE, "configs")
REPLACEMENT = element(wire.AlterConfigsRequest, "resources")
ALTERABLE = element(REPLACEMENT, "configs")


def op(name: str, value: str | None, operation: int = SET) -> Any:
    return OPERATION(name=name, config_operation=operation, value=value)


def change(kind: int, name: str, *operations: Any) -> Any:
    return CHANGE(resource_type=kind, resource_name=name, configs=operations)


def replacement(kind: int, name: str, **values: str | None) -> Any:
    return REPLACEMENT(
        resource_type=kind,
        resource_name=name,
        configs=tuple(ALTERABLE(name=key.replace("_", "."), value=one) for key, one in values.items()),
    )


@pytest.fixture
def cluster(cluster_of: Callable[..., Any]) -> Any:
    made = cluster_of(2, parse_broker({"log.retention.ms": "50", "num.partitions": "3"}))
    made.commit(made.controller.create_topics([CreatableTopic(name="t", num_partitions=1, replication_factor=1)]))
    return made


def changed(cluster: Any, *resources: Any, validate_only: bool = False) -> list[tuple[ErrorCode, str | None]]:
    reply = cluster.commit(cluster.controller.incremental_alter_configs(resources, validate_only))
    return [(one.error_code, one.error_message) for one in reply]


def codes(cluster: Any, *resources: Any) -> list[ErrorCode]:
    return [code for code, _ in changed(cluster, *resources)]


def shown(cluster: Any, kind: int, name: str, *keys: str) -> dict[str, Any]:
    wanted = wire.DescribeConfigsResource(resource_type=kind, resource_name=name, configuration_keys=keys or None)
    (result,) = cluster.controller.describe_configs([wanted], synonyms=True, documentation=True)
    assert result.error_code == 0, result.error_message
    return {one.name: one for one in result.configs}


# Changing a topic's --------------------------------------------------------------------------------------------------


def test_settings_are_set_and_deleted(cluster: Any) -> None:
    assert codes(cluster, change(TOPIC_TYPE, "t", op("retention.ms", "1"), op("segment.ms", "2"))) == [ErrorCode.NONE]
    assert cluster.image.settings(TOPIC_TYPE, "t") == {"retention.ms": "1", "segment.ms": "2"}
    assert codes(cluster, change(TOPIC_TYPE, "t", op("retention.ms", None, DELETE))) == [ErrorCode.NONE]
    assert cluster.image.settings(TOPIC_TYPE, "t") == {"segment.ms": "2"}


def test_validating_only_writes_nothing(cluster: Any) -> None:
    resource = change(TOPIC_TYPE, "t", op("retention.ms", "1"))
    assert changed(cluster, resource, validate_only=True) == [(ErrorCode.NONE, None)]
    assert cluster.image.settings(TOPIC_TYPE, "t") == {}


def test_what_stays_the_same_writes_no_record(cluster: Any) -> None:
    resource = change(TOPIC_TYPE, "t", op("retention.ms", "1"))
    assert codes(cluster, resource) == [ErrorCode.NONE]
    assert cluster.controller.incremental_alter_configs([resource]).records == ()


def test_lists_grow_and_shrink_from_the_value_in_force(cluster: Any) -> None:
    assert codes(cluster, change(TOPIC_TYPE, "t", op("cleanup.policy", "delete", APPEND))) == [ErrorCode.NONE]
    assert cluster.image.settings(TOPIC_TYPE, "t") == {"cleanup.policy": "delete"}
    refusals = changed(cluster, change(TOPIC_TYPE, "t", op("cleanup.policy", "compact", APPEND)))
    assert refusals[0][0] is ErrorCode.INVALID_CONFIG and "not supported yet" in str(refusals[0][1])
    assert codes(cluster, change(TOPIC_TYPE, "t", op("cleanup.policy", "compact", SUBTRACT))) == [ErrorCode.NONE]
    assert codes(cluster, change(TOPIC_TYPE, "t", op("cleanup.policy", "delete", SUBTRACT))) == [
        ErrorCode.INVALID_CONFIG
    ]


def test_only_lists_grow(cluster: Any) -> None:
    assert changed(cluster, change(TOPIC_TYPE, "t", op("retention.ms", "1", APPEND))) == [
        (ErrorCode.INVALID_CONFIG, "Can't APPEND to key retention.ms because its type is not LIST.")
    ]


@pytest.mark.parametrize("operation", [SET, DELETE, APPEND, SUBTRACT])
def test_an_unknown_topic_setting_is_refused_by_name(cluster: Any, operation: int) -> None:
    ((code, message),) = changed(cluster, change(TOPIC_TYPE, "t", op("no.such", "1", operation)))
    assert code is ErrorCode.INVALID_CONFIG
    assert message is not None and "no.such" in message


def test_one_bad_setting_leaves_the_whole_resource_as_it_was(cluster: Any) -> None:
    bad = change(TOPIC_TYPE, "t", op("retention.ms", "1"), op("segment.bytes", "x"))
    good = change(BROKER_TYPE, "", op("log.retention.ms", "9"))
    assert codes(cluster, bad, good) == [ErrorCode.INVALID_CONFIG, ErrorCode.NONE]
    assert cluster.image.configs == {(BROKER_TYPE, ""): {"log.retention.ms": "9"}}


def test_a_change_that_is_not_committed_leaves_the_settings_as_they_were(cluster: Any) -> None:
    codes(cluster, change(TOPIC_TYPE, "t", op("retention.ms", "1")))
    decision = cluster.controller.incremental_alter_configs([change(TOPIC_TYPE, "t", op("retention.ms", "2"))])
    assert [(one.name, one.value) for one in decision.records] == [("retention.ms", "2")]
    assert cluster.image.settings(TOPIC_TYPE, "t") == {"retention.ms": "1"}


@pytest.mark.parametrize("text", ["a\nb", "ssl.\n", "confluent.\r", "\x1b[31m", "\ud800", "ü"])
def test_a_refusal_shows_a_clients_text_as_plain_ascii(cluster: Any, text: str) -> None:
    refusals = changed(
        cluster,
        change(TOPIC_TYPE, "t", op(text, "1")),
        change(TOPIC_TYPE, text, op("retention.ms", "1")),
        change(BROKER_TYPE, text, op("log.retention.ms", "1")),
        change(BROKER_TYPE, "", op(text, "1")),
        change(BROKER_TYPE, "0", op("log.retention.ms", text)),
    )
    assert len(refusals) == 5
    for code, message in refusals:
        assert code is not ErrorCode.NONE
        assert message is not None and message.isascii() and message.isprintable()


def test_malformed_changes_are_refused(cluster: Any) -> None:
    twice = change(TOPIC_TYPE, "t", op("retention.ms", "1"), op("retention.ms", "2"))
    assert codes(cluster, twice) == [ErrorCode.INVALID_REQUEST]
    assert codes(cluster, change(TOPIC_TYPE, "t", op("retention.ms", None))) == [ErrorCode.INVALID_REQUEST]
    assert codes(cluster, change(TOPIC_TYPE, "t", op("retention.ms", "1", 9))) == [ErrorCode.INVALID_REQUEST]
    once = change(TOPIC_TYPE, "t", op("retention.ms", "1"))
    assert codes(cluster, once, once) == [ErrorCode.INVALID_REQUEST]
    assert codes(cluster, change(TOPIC_TYPE, "u", op("retention.ms", "1"))) == [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]


@pytest.mark.parametrize("kind", [8, 16, 32, 0, 77, -1])
def test_settings_of_other_resources_are_not_supported(cluster: Any, kind: int) -> None:
    assert codes(cluster, change(kind, "0", op("a", "1"))) == [ErrorCode.INVALID_REQUEST]
    wanted = wire.DescribeConfigsResource(resource_type=kind, resource_name="0", configuration_keys=None)
    assert cluster.controller.describe_configs([wanted])[0].error_code == ErrorCode.INVALID_REQUEST


def test_a_replacement_drops_what_it_does_not_name(cluster: Any) -> None:
    codes(cluster, change(TOPIC_TYPE, "t", op("retention.ms", "1")))
    reply = cluster.commit(cluster.controller.alter_configs([replacement(TOPIC_TYPE, "t", segment_ms="2")]))
    assert [one.error_code for one in reply] == [ErrorCode.NONE]
    assert cluster.image.settings(TOPIC_TYPE, "t") == {"segment.ms": "2"}


def test_a_replacement_without_a_value_is_refused(cluster: Any) -> None:
    (result,) = cluster.controller.alter_configs([replacement(TOPIC_TYPE, "t", segment_ms=None)]).reply
    assert result.error_code is ErrorCode.INVALID_REQUEST


def test_the_offsets_topic_stays_compacted_whatever_is_altered(cluster: Any) -> None:
    name = "__consumer_offsets"
    cluster.commit(cluster.controller.auto_create([name]))
    cluster.commit(cluster.controller.alter_configs([replacement(TOPIC_TYPE, name, segment_bytes="4096")]))
    assert cluster.controller.topic_config(name).cleanup_policy == ("compact",)
    codes(cluster, change(TOPIC_TYPE, name, op("cleanup.policy", None, DELETE)))
    assert cluster.controller.topic_config(name).cleanup_policy == ("compact",)
    assert cluster.controller.topic_config(name).segment_bytes == 4096
    assert codes(cluster, change(TOPIC_TYPE, name, op("cleanup.policy", "delete"))) == [ErrorCode.INVALID_CONFIG]
    assert codes(cluster, change(TOPIC_TYPE, name, op("durability", "interval"))) == [ErrorCode.INVALID_CONFIG]


# Changing a broker's -------------------------------------------------------------------------------------------------


def test_the_brokers_own_setting_lies_over_the_clusters_over_the_file(cluster: Any) -> None:
    assert cluster.controller.config().log_retention_ms == 50
    codes(cluster, change(BROKER_TYPE, "", op("log.retention.ms", "60")))
    assert cluster.controller.config().log_retention_ms == 60
    assert cluster.controller.config() is cluster.controller.config()
    codes(cluster, change(BROKER_TYPE, "0", op("log.retention.ms", "70")))
    assert cluster.controller.config().log_retention_ms == 70
    assert cluster.controller.topic_config("t").retention_ms == 70
    codes(cluster, change(BROKER_TYPE, "1", op("log.retention.ms", "80")))
    assert cluster.controller.config().log_retention_ms == 70
    codes(cluster, change(BROKER_TYPE, "0", op("log.retention.ms", None, DELETE)))
    assert cluster.controller.config().log_retention_ms == 60


@pytest.mark.parametrize("name", ["num.partitions", "listeners", "num.io.threads", "ssl.keystore.location", "no.such"])
def test_a_broker_setting_that_is_not_dynamic_is_refused_as_kafka_does(cluster: Any, name: str) -> None:
    for resource in ("", "0"):
        ((code, message),) = changed(cluster, change(BROKER_TYPE, resource, op(name, "1")))
        assert code is ErrorCode.INVALID_REQUEST
        assert message is not None and name in message


def test_a_broker_value_out_of_range_is_refused(cluster: Any) -> None:
    assert codes(cluster, change(BROKER_TYPE, "0", op("log.segment.bytes", "1"))) == [ErrorCode.INVALID_REQUEST]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("9", ErrorCode.BROKER_ID_NOT_REGISTERED),
        ("00", ErrorCode.BROKER_ID_NOT_REGISTERED),
        ("x", ErrorCode.INVALID_REQUEST),
        ("-1", ErrorCode.INVALID_REQUEST),
        ("²", ErrorCode.INVALID_REQUEST),
    ],
)
def test_a_broker_that_is_not_there_has_no_settings(cluster: Any, name: str, code: ErrorCode) -> None:
    assert codes(cluster, change(BROKER_TYPE, name, op("log.retention.ms", "1"))) == [code]


def test_a_resource_has_a_bounded_number_of_settings(cluster_of: Callable[..., Any]) -> None:
    cluster = cluster_of(1, None, Limits(configs_per_resource=1))
    both = (op("log.retention.ms", "1"), op("log.retention.bytes", "1"))
    assert codes(cluster, change(BROKER_TYPE, "", *both)) == [ErrorCode.INVALID_REQUEST]


# Showing -------------------------------------------------------------------------------------------------------------


def test_all_settings_of_a_topic_are_shown_with_their_defaults_and_words(cluster: Any) -> None:
    entries = shown(cluster, TOPIC_TYPE, "t")
    assert sorted(entries) == sorted(TOPIC)
    for one in entries.values():
        assert one.value is not None
        assert one.documentation
        assert one.config_type == TOPIC[one.name].type
        assert not one.read_only


def test_all_settings_of_the_broker_are_shown(cluster: Any) -> None:
    entries = shown(cluster, BROKER_TYPE, "0")
    assert sorted(entries) == sorted(BROKER)
    assert (entries["num.partitions"].value, entries["num.partitions"].config_source) == ("3", 4)
    assert entries["num.partitions"].read_only
    assert not entries["log.retention.ms"].read_only
    assert (entries["node.id"].value, entries["node.id"].config_source) == ("0", 5)


def test_a_topics_value_shows_the_whole_chain_behind_it(cluster: Any) -> None:
    codes(cluster, change(TOPIC_TYPE, "t", op("retention.ms", "1")))
    codes(cluster, change(BROKER_TYPE, "", op("log.retention.ms", "2")))
    codes(cluster, change(BROKER_TYPE, "0", op("log.retention.ms", "3")))
    one = shown(cluster, TOPIC_TYPE, "t", "retention.ms")["retention.ms"]
    assert (one.value, one.config_source) == ("1", 1)
    assert [(it.name, it.value, it.source) for it in one.synonyms] == [
        ("retention.ms", "1", 1),
        ("log.retention.ms", "3", 2),
        ("log.retention.ms", "2", 3),
        ("log.retention.ms", "50", 4),
        ("log.retention.hours", "168", 5),
    ]


def test_a_value_that_comes_in_another_unit_is_shown_in_the_topics_own(cluster_of: Callable[..., Any]) -> None:
    cluster = cluster_of(1)
    cluster.commit(cluster.controller.auto_create(["t"]))
    one = shown(cluster, TOPIC_TYPE, "t", "retention.ms")["retention.ms"]
    assert (one.value, one.config_source) == ("604800000", 5)


def test_only_the_names_that_are_asked_for_are_shown(cluster: Any) -> None:
    assert list(shown(cluster, TOPIC_TYPE, "t", "retention.ms", "no.such")) == ["retention.ms"]


def test_synonyms_and_words_are_shown_only_when_asked_for(cluster: Any) -> None:
    wanted = wire.DescribeConfigsResource(resource_type=TOPIC_TYPE, resource_name="t", configuration_keys=None)
    for one in cluster.controller.describe_configs([wanted])[0].configs:
        assert (one.synonyms, one.documentation) == ((), None)


def test_the_clusters_default_shows_only_what_was_set(cluster: Any) -> None:
    assert shown(cluster, BROKER_TYPE, "") == {}
    codes(cluster, change(BROKER_TYPE, "", op("log.retention.ms", "2")))
    (one,) = shown(cluster, BROKER_TYPE, "").values()
    assert (one.name, one.value, one.config_source, one.read_only) == ("log.retention.ms", "2", 3, False)


@pytest.mark.parametrize(
    ("kind", "name", "code"),
    [
        (TOPIC_TYPE, "u", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
        (TOPIC_TYPE, "a b", ErrorCode.INVALID_TOPIC_EXCEPTION),
        (BROKER_TYPE, "1", ErrorCode.INVALID_REQUEST),
        (BROKER_TYPE, "x", ErrorCode.INVALID_REQUEST),
    ],
)
def test_what_cannot_be_shown_is_refused(cluster: Any, kind: int, name: str, code: ErrorCode) -> None:
    wanted = wire.DescribeConfigsResource(resource_type=kind, resource_name=name, configuration_keys=None)
    (result,) = cluster.controller.describe_configs([wanted])
    assert (result.error_code, result.configs) == (code, ())


def test_a_sensitive_value_is_never_shown() -> None:
    row = Setting("a.password", ConfigType.PASSWORD, None, "A secret.", sensitive=True)
    entry = describe._entry(row, HIDDEN, [describe.Synonym("a.password", HIDDEN, 4)], read_only=True)
    assert entry.is_sensitive
    assert HIDDEN not in repr(entry)


# Fuzz ----------------------------------------------------------------------------------------------------------------

NAMES = st.sampled_from([*TOPIC, *BROKER, "sasl.jaas.config", "ssl.keystore.location", "metric.reporters", "x"])
VALUES = st.one_of(
    st.none(),
    st.text(max_size=8),
    st.integers(-3, 2**33).map(str),
    st.sampled_from(
        ["true", "delete", "sync", "java.lang.Runtime", "ldap://evil/x", "file:///etc/passwd", "${env:HOME}"]
    ),
)
RESOURCES = st.sampled_from([(TOPIC_TYPE, "t"), (TOPIC_TYPE, "u"), (BROKER_TYPE, ""), (BROKER_TYPE, "0"), (8, "0")])


@settings(max_examples=60, deadline=None)
@given(
    data=st.lists(st.tuples(RESOURCES, st.lists(st.tuples(NAMES, VALUES, st.integers(-1, 4)), max_size=3)), max_size=4)
)
def test_no_change_of_settings_stores_what_is_no_valid_value(data: Any, cluster_of: Callable[..., Any]) -> None:
    cluster = cluster_of(1)
    cluster.commit(cluster.controller.auto_create(["t"]))
    for (kind, name), operations in data:
        changed(cluster, change(kind, name, *(op(key, value, how) for key, value, how in operations)))

    for (kind, _), values in cluster.image.configs.items():
        for key, value in values.items():
            row = (TOPIC if kind == TOPIC_TYPE else BROKER)[key]
            assert row.dynamic
            assert not any(mark in value for mark in (":", "/", "$", "java"))
    topic_config(cluster.image.settings(TOPIC_TYPE, "t"), cluster.controller.config())
