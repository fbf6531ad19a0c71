"""DescribeConfigs, AlterConfigs, IncrementalAlterConfigs; and that what they change is in force."""

from typing import Any

import pytest
from lab import Client, Lab
from talk import (
    BROKER,
    EARLIEST,
    TOPIC,
    TS,
    alter,
    batch,
    booted,
    create,
    fetch,
    find,
    listed,
    produce,
    produced,
    production,
    told,
)

from odradek.core import effects as ef
from odradek.core.errors import ErrorCode
from odradek.core.records.batch import ZSTD, parse
from odradek.core.wire.configs import (
    AlterConfigsRequest,
    AlterConfigsRequestAlterableConfig,
    AlterConfigsRequestAlterConfigsResource,
    DescribeConfigsRequest,
    DescribeConfigsResource,
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsRequestAlterableConfig,
    IncrementalAlterConfigsRequestAlterConfigsResource,
)


def described(
    client: Client, kind: int, name: str, *keys: str, version: int = 4, synonyms: bool = False
) -> dict[str, Any]:
    resource = DescribeConfigsResource(resource_type=kind, resource_name=name, configuration_keys=keys or None)
    request = DescribeConfigsRequest(resources=(resource,), include_synonyms=synonyms)
    (result,) = client.ask(request, version).results
    assert result.error_code == 0, result
    return {config.name: config for config in result.configs}


def replaced(client: Client, name: str, version: int = 2, kind: int = TOPIC, **settings: str) -> int:
    configs = tuple(
        AlterConfigsRequestAlterableConfig(name=k.replace("_", "."), value=v) for k, v in settings.items()
    )
    resource = AlterConfigsRequestAlterConfigsResource(resource_type=kind, resource_name=name, configs=configs)
    answer = client.ask(AlterConfigsRequest(resources=(resource,)), version)
    return answer.responses[0].error_code  # type: ignore[no-any-return]


def bench(**settings: str) -> tuple[Lab, Client]:
    lab, client = booted()
    create(client, "t", **settings)
    return lab, client


# Asking --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_all_settings_of_a_topic_are_told_in_every_version(version: int) -> None:
    _, client = bench(retention_ms="5000")
    found = described(client, TOPIC, "t", version=version)
    assert found["retention.ms"].value == "5000"
    assert {"cleanup.policy", "max.message.bytes", "segment.bytes", "min.insync.replicas"} <= found.keys()


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_all_settings_of_the_broker_are_told_in_every_version(version: int) -> None:
    lab, client = bench()
    found = described(client, BROKER, str(lab.node.broker.config.node_id), version=version)
    assert {"num.partitions", "log.retention.ms", "message.max.bytes"} <= found.keys()


def test_only_the_settings_asked_for_are_told() -> None:
    _, client = bench()
    assert described(client, TOPIC, "t", "retention.ms").keys() == {"retention.ms"}


def test_where_a_setting_comes_from_is_told() -> None:
    _, client = bench(retention_ms="5000")
    found = described(client, TOPIC, "t", synonyms=True)
    assert found["retention.ms"].config_source != found["segment.bytes"].config_source
    assert [one.value for one in found["retention.ms"].synonyms][0] == "5000"


@pytest.mark.parametrize(("kind", "name"), [(TOPIC, "none"), (BROKER, "77"), (BROKER, "x")])
def test_settings_of_what_is_not_there_are_refused(kind: int, name: str) -> None:
    _, client = bench()
    resource = DescribeConfigsResource(resource_type=kind, resource_name=name, configuration_keys=None)
    (result,) = client.ask(DescribeConfigsRequest(resources=(resource,))).results
    assert result.error_code != 0


# Changing ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [0, 1])
def test_one_setting_changes_and_the_others_stay_in_every_version(version: int) -> None:
    _, client = bench(retention_ms="5000")
    config = IncrementalAlterConfigsRequestAlterableConfig(name="segment.ms", config_operation=0, value="777")
    resource = IncrementalAlterConfigsRequestAlterConfigsResource(
        resource_type=TOPIC, resource_name="t", configs=(config,)
    )
    request = IncrementalAlterConfigsRequest(resources=(resource,))
    assert client.ask(request, version).responses[0].error_code == 0
    found = described(client, TOPIC, "t")
    assert (found["retention.ms"].value, found["segment.ms"].value) == ("5000", "777")


@pytest.mark.parametrize("version", [0, 1, 2])
def test_the_old_way_replaces_all_settings_in_every_version(version: int) -> None:
    lab, client = bench(retention_ms="5000")
    assert replaced(client, "t", version, segment_ms="777") == 0
    found = described(client, TOPIC, "t")
    assert found["segment.ms"].value == "777"
    assert found["retention.ms"].value != "5000"


def test_a_change_is_answered_only_when_its_record_is_durable() -> None:
    lab, client = bench()
    lab.hold = lambda effect: isinstance(effect, ef.Sync)
    config = IncrementalAlterConfigsRequestAlterableConfig(name="segment.ms", config_operation=0, value="777")
    resource = IncrementalAlterConfigsRequestAlterConfigsResource(
        resource_type=TOPIC, resource_name="t", configs=(config,)
    )
    client.send(IncrementalAlterConfigsRequest(resources=(resource,)))
    assert client.answers() == 0
    lab.release()
    assert client.take().responses[0].error_code == 0


@pytest.mark.parametrize(
    "settings", [{"retention_ms": "many"}, {"no_such_thing": "1"}, {"cleanup_policy": "compact"}, {"durability": "no"}]
)
def test_an_impossible_setting_is_refused_and_changes_nothing(settings: dict[str, str]) -> None:
    lab, client = bench()
    before = described(client, TOPIC, "t")
    assert alter(client, TOPIC, "t", **settings).error_code == ErrorCode.INVALID_CONFIG
    assert described(client, TOPIC, "t") == before


def test_settings_of_no_topic_do_not_change() -> None:
    _, client = bench()
    assert alter(client, TOPIC, "none", retention_ms="1").error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


def test_a_trial_changes_nothing() -> None:
    _, client = bench()
    config = IncrementalAlterConfigsRequestAlterableConfig(name="segment.ms", config_operation=0, value="777")
    resource = IncrementalAlterConfigsRequestAlterConfigsResource(
        resource_type=TOPIC, resource_name="t", configs=(config,)
    )
    request = IncrementalAlterConfigsRequest(resources=(resource,), validate_only=True)
    assert client.ask(request).responses[0].error_code == 0
    assert described(client, TOPIC, "t")["segment.ms"].value != "777"


@pytest.mark.parametrize("clean", [True, False])
def test_changed_settings_survive_a_restart(clean: bool) -> None:
    lab, client = bench()
    alter(client, TOPIC, "t", retention_ms="5000")
    alter(client, BROKER, "", log_retention_ms="6000")
    client = Lab(files=lab.stop() if clean else lab.files).boot().connect()
    create(client, "u")
    found = [described(client, TOPIC, name)["retention.ms"].value for name in ("t", "u")]
    assert found == ["5000", "6000"]


def test_a_change_refused_by_a_full_disk_did_not_happen() -> None:
    lab, client = bench(retention_ms="5000")
    lab.fail = lambda effect: "ENOSPC" if isinstance(effect, ef.Append) else None
    assert alter(client, TOPIC, "t", retention_ms="6000").error_code == ErrorCode.KAFKA_STORAGE_ERROR
    assert described(client, TOPIC, "t")["retention.ms"].value == "5000"


# In force ------------------------------------------------------------------------------------------------------------


def test_a_shorter_retention_takes_effect_on_what_is_there() -> None:
    lab, client = bench(segment_bytes="1024")
    for _ in range(6):
        produce(client, "t", batch(b"x" * 500, ts=lab.wall))
    lab.sleep(400_000)
    assert listed(client, "t", EARLIEST).offset == 0
    alter(client, TOPIC, "t", retention_ms="1000")
    lab.sleep(600_000)
    client = lab.connect()
    assert listed(client, "t", EARLIEST).offset == 6


def test_a_smaller_size_takes_effect_on_what_is_there() -> None:
    lab, client = bench(segment_bytes="1024")
    for _ in range(6):
        produce(client, "t", batch(b"x" * 700, ts=lab.wall))
    alter(client, TOPIC, "t", retention_bytes="2000")
    lab.sleep(600_000)
    client = lab.connect()
    assert 0 < listed(client, "t", EARLIEST).offset < 6


def test_a_default_of_the_broker_takes_effect_on_topics_that_have_no_setting_of_their_own() -> None:
    lab, client = bench(max_message_bytes="10000")
    create(client, "u")
    alter(client, BROKER, "", message_max_bytes="100")
    data = batch(b"x" * 500)
    codes = [produce(client, name, data).error_code for name in ("t", "u")]
    assert codes == [0, ErrorCode.MESSAGE_TOO_LARGE]


def test_a_deleted_setting_gives_way_to_the_default() -> None:
    _, client = bench(max_message_bytes="100")
    alter(client, TOPIC, "t", max_message_bytes=None)
    assert produce(client, "t", batch(b"x" * 500)).error_code == 0


def test_the_timestamp_type_changes_from_the_next_batch_on() -> None:
    lab, client = bench()
    produce(client, "t", batch(b"a", ts=TS - 9))
    alter(client, TOPIC, "t", message_timestamp_type="LogAppendTime")
    produce(client, "t", batch(b"b", ts=TS - 9))
    assert [record.timestamp for record in told(fetch(client, "t", 0))] == [TS - 9, lab.wall]


def test_the_codec_changes_from_the_next_batch_on() -> None:
    _, client = bench()
    alter(client, TOPIC, "t", compression_type="zstd")
    produce(client, "t", batch(b"a" * 100))
    assert parse(fetch(client, "t", 0).records).compression == ZSTD


def test_a_topic_that_becomes_durable_waits_for_its_syncs() -> None:
    lab, client = bench(durability="replicated")
    produce(client, "t", batch(b"a"))
    alter(client, TOPIC, "t", durability="sync")
    lab.hold = lambda effect: isinstance(effect, ef.Sync)
    client.send(production("t", batch(b"b")), 12)
    assert client.answers() == 0
    lab.release()
    assert produced(client.take()).error_code == 0


def test_what_was_written_before_a_topic_became_durable_is_synced_too() -> None:
    lab, client = bench(durability="replicated")
    produce(client, "t", batch(b"a"))
    log = lab.node.broker.topics["t"].leaders[0].log
    assert log.durable == 0
    alter(client, TOPIC, "t", durability="sync")
    assert log.durable == 1


def test_what_was_written_before_a_topic_is_synced_at_intervals_is_synced_in_time() -> None:
    lab, client = bench(durability="replicated")
    produce(client, "t", batch(b"a"))
    log = lab.node.broker.topics["t"].leaders[0].log
    alter(client, TOPIC, "t", durability="interval")
    assert log.durable == 0
    lab.sleep(lab.node.broker.config.durability_interval_ms)
    assert log.durable == 1


def test_the_durability_of_the_offsets_topic_cannot_be_weakened() -> None:
    lab, client = booted(config={"durability": "replicated"})
    find(client, "g")
    for kind, name in ((TOPIC, "__consumer_offsets"), (BROKER, "")):
        alter(client, kind, name, durability="interval")
    assert lab.node.broker.coordinator.hosts[0].leader.log.config.durability.name == "SYNC"
