"""Settings are a client's to change while there are no ACLs: no value may name anything to load (CVE-2023-25194,
CVE-2025-27818, CVE-2025-27819), and no value that is accepted may stop the node, now or at its next start."""

import pytest
from lab import Lab
from victim import CONFIG, Victim

from odradek.core.config_broker import BROKER
from odradek.core.config_topic import TOPIC
from odradek.core.records.build import Record, build
from odradek.core.wire.configs import IncrementalAlterConfigsRequest
from odradek.core.wire.configs import IncrementalAlterConfigsRequestAlterableConfig as Change
from odradek.core.wire.configs import IncrementalAlterConfigsRequestAlterConfigsResource as Resource
from odradek.core.wire.metadata import MetadataRequest
from odradek.core.wire.offsets import ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic

NUMBERS = ("0", "1", "-1", "-2", "2147483647", "2147483648", "9223372036854775807", "9223372036854775808", "1024", "14")
ODD = ("", " ", "١٢", "1e9", "0x10", "1_000", "+1", "1.0", "NaN", "null", "\0", "x" * 32_767, "9" * 4000, ",", "true")
PATHS = (
    "/etc/passwd",
    "file:///etc/passwd",
    "ldap://127.0.0.1/x",
    "http://127.0.0.1/",
    "java.lang.Runtime",
    "os.system",
)
TOPIC_RESOURCE, BROKER_RESOURCE = 2, 4


def change(client, kind, name, setting, value, operation=0):
    one = Change(name=setting, config_operation=operation, value=value)
    resource = Resource(resource_type=kind, resource_name=name, configs=(one,))
    return client.ask(IncrementalAlterConfigsRequest(resources=(resource,))).responses[0].error_code


def accepted(kind, name, setting):
    """The values a node takes; all are offered to one node, which must take no path."""
    client = Victim().bystander
    values = dict.fromkeys((*NUMBERS, *ODD, *PATHS, *(setting.choices or ())))
    taken = [value for value in values if change(client, kind, name, setting.name, value) == 0]
    assert not set(taken) & set(PATHS)
    return taken


def use(victim):
    """Whatever a topic does in its life: records of every codec, time, lookups."""
    client = victim.lab.connect()
    for codec in (0, 1, 4):
        for size in (10, 3000):
            victim.produce(build([Record(0, victim.lab.wall, b"k", bytes(size))], compression=codec), client=client)
    for timestamp in (-1, -2, -3, victim.lab.wall):
        partition = ListOffsetsPartition(partition_index=0, timestamp=timestamp)
        client.ask(ListOffsetsRequest(topics=(ListOffsetsTopic(name="t", partitions=(partition,)),)), 7)
    victim.fetch("t", 0)
    victim.lab.sleep(700_000)
    client.close()


def comes_back(victim):
    """The node stops, starts again from its files, and knows its topics."""
    again = Lab(files=victim.lab.stop(), config=CONFIG).boot()
    names = [topic.name for topic in again.connect().ask(MetadataRequest(topics=None)).topics]
    assert {"t", "safe"} <= set(names)
    return True


@pytest.mark.parametrize("setting", sorted(TOPIC))
def test_no_value_of_a_topics_setting_stops_the_node(setting):
    for value in accepted(TOPIC_RESOURCE, "t", TOPIC[setting]):
        victim = Victim()
        assert change(victim.bystander, TOPIC_RESOURCE, "t", setting, value) == 0
        use(victim)
        victim.bystander = victim.lab.connect()
        assert victim.unharmed()
        assert comes_back(victim)


@pytest.mark.parametrize("setting", sorted(BROKER))
@pytest.mark.parametrize("name", ["", "0"], ids=["cluster", "broker"])
def test_no_value_of_a_brokers_setting_stops_the_node(setting, name):
    for value in accepted(BROKER_RESOURCE, name, BROKER[setting]):
        victim = Victim()
        assert change(victim.bystander, BROKER_RESOURCE, name, setting, value) == 0
        use(victim)
        assert victim.lab.halted is None
        assert comes_back(victim)


@pytest.mark.parametrize("setting", sorted(TOPIC))
@pytest.mark.parametrize("operation", [1, 2, 3, 4, -1, 127])
def test_no_operation_on_a_setting_stops_the_node(setting, operation):
    victim = Victim()
    for value in (None, "", "delete", "compact", ",", "1", "delete,delete"):
        change(victim.bystander, TOPIC_RESOURCE, "t", setting, value, operation)
    use(victim)
    assert victim.lab.halted is None
    assert comes_back(victim)


@pytest.mark.parametrize(
    "setting",
    ["sasl.jaas.config", "listener.name.x.sasl.jaas.config", "metric.reporters", "authorizer.class.name", "log.dirs",
     "interceptor.classes", "ssl.keystore.location", "config.providers", "principal.builder.class"],
)  # fmt: skip
def test_a_setting_that_would_load_something_cannot_be_set(victim, setting):
    for kind, name in ((BROKER_RESOURCE, ""), (BROKER_RESOURCE, "0"), (TOPIC_RESOURCE, "t")):
        for value in PATHS:
            assert change(victim.bystander, kind, name, setting, value) != 0
