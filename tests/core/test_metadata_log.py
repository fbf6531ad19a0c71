"""The metadata log: decisions survive, snapshots bound it, and replaying is the same as having lived."""

from typing import Any

import pytest
from lab import Client, Lab
from talk import TOPIC, alter, batch, booted, create, creation, deletion, init_producer, produce, read_all

from odradek.core import effects as ef
from odradek.core import events as ev
from odradek.core import metadata_log
from odradek.core.errors import ErrorCode
from odradek.core.log.store import log_name
from odradek.core.metadata_log import METADATA_PARTITION, SNAPSHOT_FILE
from odradek.core.quorum.records import encode
from odradek.core.wire.configs import (
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsRequestAlterableConfig,
    IncrementalAlterConfigsRequestAlterConfigsResource,
)

LOG = log_name(METADATA_PARTITION)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Snapshots after a few decisions."""
    monkeypatch.setattr(metadata_log, "SNAPSHOT_BYTES_BETWEEN", 1500)


def image(lab: Lab) -> list[bytes]:
    """The image, but for what each life of a broker changes by itself: its registration and leader epochs."""
    kept = []
    for record in lab.node.broker.metadata.image.records():
        if type(record).__name__ in ("RegisterBrokerRecord", "RegisterBroker"):
            continue
        kept.append(encode(record))
    return kept


def busy(client: Client, count: int = 40) -> None:
    create(client, "t", 3)
    for number in range(count):
        assert alter(client, TOPIC, "t", retention_ms=str(1000 + number)).error_code == 0


def metadata_files(lab: Lab) -> list[str]:
    return [name for name in lab.files if name.startswith(LOG)]


def is_metadata(effect: ef.Effect) -> bool:
    return isinstance(effect, ef.Append) and effect.file.startswith(LOG)


# Replay --------------------------------------------------------------------------------------------------------------


def test_the_image_after_a_clean_restart_is_the_one_before() -> None:
    lab, client = booted()
    busy(client, 5)
    create(client, "gone")
    client.ask(deletion("gone"))
    init_producer(client)
    before = image(lab)
    assert image(Lab(files=lab.stop()).boot()) == before


def test_after_a_kill_only_epochs_differ() -> None:
    lab, client = booted()
    busy(client, 5)
    again = Lab(files=lab.files).boot()
    assert again.node.broker.topics.keys() == lab.node.broker.topics.keys()
    assert {p.leader_epoch for p in again.node.broker.metadata.image.topics["t"].partitions} == {1}
    assert image(Lab(files=again.stop()).boot()) == image(again)


def test_settings_are_not_in_force_before_they_are_committed() -> None:
    lab, client = booted()
    create(client, "t")
    other = lab.connect()
    lab.hold = lambda effect: isinstance(effect, ef.Sync)
    client.send(creation("new"))
    assert "new" not in lab.node.broker.topics
    lab.release()
    assert "new" in lab.node.broker.topics
    assert other.answers() == 0


# Snapshots -----------------------------------------------------------------------------------------------------------


def test_a_snapshot_is_taken_and_the_log_before_it_goes(small: None) -> None:
    lab, client = booted()
    busy(client)
    lab.sleep(1000)
    assert lab.noted("metadata snapshot")
    assert SNAPSHOT_FILE in lab.files
    assert lab.node.broker.metadata.leader.log.start > 0
    assert sum(len(lab.files[name]) for name in metadata_files(lab)) < 6000


@pytest.mark.parametrize("clean", [True, False])
@pytest.mark.parametrize("count", [1, 17, 18, 19, 20, 21, 40])
def test_the_image_survives_wherever_the_snapshot_was(small: None, clean: bool, count: int) -> None:
    lab, client = booted()
    busy(client, count)
    produce(client, "t", batch(b"a"))
    again = Lab(files=lab.stop() if clean else lab.files).boot()
    settings = again.node.broker.metadata.image.settings(TOPIC, "t")
    assert settings["retention.ms"] == str(1000 + count - 1)
    assert read_all(again.connect(), "t") == [b"a"]
    if clean:
        assert image(again) == image(lab)


def test_a_kill_while_the_snapshot_is_being_stored_loses_nothing(small: None) -> None:
    lab, client = booted()
    lab.hold = lambda effect: isinstance(effect, ef.Replace) and effect.file == SNAPSHOT_FILE
    busy(client)
    again = Lab(files=lab.files).boot()
    assert again.node.broker.metadata.image.settings(TOPIC, "t")["retention.ms"] == "1039"


def test_a_snapshot_that_finds_no_room_is_tried_again_later(small: None) -> None:
    lab, client = booted()
    lab.fail = lambda effect: (
        "ENOSPC" if isinstance(effect, ef.Replace) and effect.file == SNAPSHOT_FILE else None
    )
    busy(client, 20)
    assert lab.noted("metadata snapshot not stored")
    assert (lab.halted, SNAPSHOT_FILE in lab.files) == (None, False)
    lab.fail = lambda effect: None
    for number in range(20):
        alter(client, TOPIC, "t", retention_ms=str(number + 1))
    assert lab.node.broker.metadata.leader.log.start > 0


def test_a_snapshot_that_cannot_be_written_ends_the_directory(small: None) -> None:
    lab, client = booted()
    create(client, "t")
    lab.fail = lambda effect: "EIO" if isinstance(effect, ef.Replace) and effect.file == SNAPSHOT_FILE else None
    for number in range(30):
        if lab.halted is not None:
            break
        client.send(_alteration(number))
    assert lab.halted


def _alteration(number: int) -> Any:
    config = IncrementalAlterConfigsRequestAlterableConfig(
        name="retention.ms", config_operation=0, value=str(1000 + number)
    )
    resource = IncrementalAlterConfigsRequestAlterConfigsResource(
        resource_type=TOPIC, resource_name="t", configs=(config,)
    )
    return IncrementalAlterConfigsRequest(resources=(resource,))


@pytest.mark.parametrize("damage", ["flip", "cut", "empty"])
def test_a_damaged_snapshot_halts_the_node_rather_than_guess(small: None, damage: str) -> None:
    lab, client = booted()
    busy(client)
    lab.sleep(1000)
    files = lab.stop()
    data = files[SNAPSHOT_FILE]
    if damage == "flip":
        data[-3] ^= 4
    elif damage == "cut":
        del data[10:]
    else:
        del data[:]
    again = Lab(files=files)
    again.feed(ev.Started())
    assert again.halted
    assert not again.node.broker.ready


# Full disks ----------------------------------------------------------------------------------------------------------


def test_decisions_that_found_no_room_never_happened_and_the_next_ones_do(small: None) -> None:
    lab, client = booted()
    busy(client, 25)
    lab.fail = lambda effect: "ENOSPC" if is_metadata(effect) else None
    assert alter(client, TOPIC, "t", retention_ms="5").error_code == ErrorCode.KAFKA_STORAGE_ERROR
    assert client.ask(creation("new")).topics[0].error_code == ErrorCode.KAFKA_STORAGE_ERROR
    lab.fail = lambda effect: None
    assert lab.node.broker.metadata.image.settings(TOPIC, "t")["retention.ms"] == "1024"
    assert alter(client, TOPIC, "t", retention_ms="6").error_code == 0
    again = Lab(files=lab.stop()).boot()
    assert image(again) == image(lab)


def test_a_decision_before_the_one_that_found_no_room_is_kept_and_published() -> None:
    lab, client = booted()
    other = lab.connect()
    lab.hold = lambda effect: isinstance(effect, ef.Sync)
    client.send(creation("kept"))
    lab.fail = lambda effect: "ENOSPC" if is_metadata(effect) else None
    other.send(creation("lost"))
    lab.fail = lambda effect: None
    assert other.take().topics[0].error_code == ErrorCode.KAFKA_STORAGE_ERROR
    assert client.answers() == 0
    lab.hold = lambda effect: False
    lab.release()
    assert client.take().topics[0].error_code == 0
    assert lab.node.broker.topics.keys() == {"kept"}
    lab.sleep(10_000)
    assert produce(client, "kept", batch(b"a")).error_code == 0
    assert Lab(files=lab.stop()).boot().node.broker.topics.keys() == {"kept"}


def test_what_becomes_durable_while_the_image_is_rebuilt_is_published_afterwards() -> None:
    lab, client = booted()
    other = lab.connect()
    lab.hold = lambda effect: isinstance(effect, ef.Sync)
    client.send(creation("kept"))
    lab.fail = lambda effect: "ENOSPC" if is_metadata(effect) else None
    syncs, lab.held = lab.held, []
    lab.hold = lambda effect: isinstance(effect, ef.Read)
    other.send(creation("lost"))
    lab.fail = lambda effect: None
    lab.feed(*syncs)
    assert client.answers() == 0
    lab.hold = lambda effect: False
    lab.release()
    assert client.take().topics[0].error_code == 0
    assert lab.node.broker.topics.keys() == {"kept"}


def test_what_needs_a_decision_waits_while_the_image_is_rebuilt() -> None:
    lab, client = booted()
    create(client, "t")
    lab.fail = lambda effect: "ENOSPC" if is_metadata(effect) else None
    lab.hold = lambda effect: isinstance(effect, ef.Read)
    client.send(creation("lost"))
    lab.fail = lambda effect: None
    assert client.take().topics[0].error_code == ErrorCode.KAFKA_STORAGE_ERROR
    client.send(creation("late"))
    client.send(creation("t"))
    assert client.answers() == 0
    lab.hold = lambda effect: False
    lab.release()
    codes = [client.take().topics[0].error_code for _ in range(2)]
    assert codes == [0, ErrorCode.TOPIC_ALREADY_EXISTS]


def test_metadata_that_cannot_be_read_halts_the_node() -> None:
    lab, client = booted()
    create(client, "t")
    again = Lab(files=lab.stop())
    again.fail = lambda effect: "EIO" if isinstance(effect, ef.Read) and effect.file.startswith(LOG) else None
    again.feed(ev.Started())
    assert again.halted


def test_rot_in_the_metadata_halts_the_node_and_is_no_crash() -> None:
    lab, client = booted()
    create(client, "t")
    files = lab.stop()
    (name,) = [name for name in files if name.startswith(LOG) and name.endswith(".log")]
    files[name][16] ^= 0xFF
    again = Lab(files=files)
    again.feed(ev.Started())
    assert again.halted
