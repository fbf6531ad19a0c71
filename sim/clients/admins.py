"""An admin: makes and removes topics of its own, alters settings, deletes records, looks around.

Knows: what it asked for and was told.  Does not know: who else uses the cluster.
Invariant: a topic it was told exists is listed until it asks for its removal; one it was told is gone stays gone.
"""

from collections.abc import Callable, Generator
from typing import Any

from odradek.core.errors import ErrorCode
from odradek.core.wire.configs import (
    DescribeConfigsRequest,
    DescribeConfigsResource,
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsRequestAlterableConfig,
    IncrementalAlterConfigsRequestAlterConfigsResource,
)
from odradek.core.wire.groups import DescribeGroupsRequest, ListGroupsRequest
from odradek.core.wire.metadata import MetadataRequest, MetadataRequestTopic
from odradek.core.wire.offsets import DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic
from odradek.core.wire.topics import (
    CreatableTopic,
    CreatableTopicConfig,
    CreatePartitionsRequest,
    CreatePartitionsTopic,
    CreateTopicsRequest,
    DeleteTopicsRequest,
    DeleteTopicState,
)
from odradek.sim.chance import between, chosen
from odradek.sim.clients import words
from odradek.sim.clients.client import RETRIABLE, Client, Program, Sleep, Wish
from odradek.sim.model import Model
from odradek.sim.plan import TopicPlan
from odradek.sim.world import Violation

Act = Generator[Wish, Any, None]


def creation(topic: TopicPlan) -> CreateTopicsRequest:
    configs = tuple(CreatableTopicConfig(name=name, value=value) for name, value in sorted(topic.config.items()))
    one = CreatableTopic(name=topic.name, num_partitions=topic.partitions, replication_factor=1, configs=configs)
    return CreateTopicsRequest(topics=(one,), timeout_ms=5000)


class Own:
    """What is known of a topic of one's own: whether it exists (None: nobody knows), and what was set and acknowledged."""

    def __init__(self) -> None:
        self.exists: bool | None = False
        self.partitions = 0
        self.retention: str | None = None


class Admin:
    """One admin and its topics."""

    def __init__(self, client: Client, model: Model) -> None:
        self.client = client
        self.model = model
        self.own = {f"{client.name}-{n}": Own() for n in range(3)}
        self.acts: list[Callable[[], Act]] = [
            self.create,
            self.delete,
            self.look,
            self.grow,
            self.alter,
            self.read_setting,
            self.end_offsets,
            self.delete_records,
            self.list_groups,
        ]

    def create(self) -> Act:
        name, own = chosen(self.client.rng, list(self.own.items()))
        known, own.exists = own.exists, None
        count = between(self.client.rng, 1, 3)
        answer = yield from self.client.one(creation(TopicPlan(name=name, partitions=count, config={})))
        code = None if answer is None else answer.topics[0].error_code
        if code == 0:
            if known:
                raise Violation("AckedTopicSurvives", f"{name} was created twice")
            own.exists, own.partitions, own.retention = True, count, None
        elif code == ErrorCode.TOPIC_ALREADY_EXISTS:
            if known is False:
                raise Violation("AckedTopicSurvives", f"{name} exists, it had been deleted or never made")
            own.exists = True
            if known is None:
                own.partitions = 0
                own.retention = None

    def delete(self) -> Act:
        name, own = chosen(self.client.rng, list(self.own.items()))
        known, own.exists = own.exists, None
        answer = yield from self.client.one(DeleteTopicsRequest(topics=(DeleteTopicState(name=name),), timeout_ms=5000))
        code = None if answer is None else answer.responses[0].error_code
        if code == 0:
            own.exists = False
        elif code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
            if known and not self.model.beyond:
                raise Violation("AckedTopicSurvives", f"{name} had been created, it is unknown")
            own.exists = False

    def look(self) -> Act:
        """List one's own topics."""
        topics = tuple(MetadataRequestTopic(name=name) for name in self.own)
        answer = yield from self.client.one(MetadataRequest(topics=topics, allow_auto_topic_creation=False))
        for topic in () if answer is None else answer.topics:
            own = self.own[topic.name]
            missing = topic.error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
            if own.exists is not None and own.exists == missing and not self.model.beyond:
                raise Violation("AckedTopicSurvives", f"{topic.name}: exists {own.exists}, listed as {topic.error_code}")
            if topic.error_code == 0 and own.exists and len(topic.partitions) < own.partitions:
                raise Violation(
                    "AckedTopicSurvives", f"{topic.name}: {len(topic.partitions)} partitions, {own.partitions} acked"
                )

    def grow(self) -> Act:
        name, own = chosen(self.client.rng, list(self.own.items()))
        count = own.partitions + 1
        if not own.exists or not own.partitions or count > 5:
            return
        request = CreatePartitionsRequest(topics=(CreatePartitionsTopic(name=name, count=count, assignments=None),), timeout_ms=5000)
        answer = yield from self.client.one(request)
        if answer is not None and answer.results[0].error_code == 0:
            own.partitions = count

    def alter(self) -> Act:
        name, own = chosen(self.client.rng, list(self.own.items()))
        value = str(between(self.client.rng, 1, 9) * 3_600_000)
        setting = IncrementalAlterConfigsRequestAlterableConfig(name="retention.ms", config_operation=0, value=value)
        resource = IncrementalAlterConfigsRequestAlterConfigsResource(
            resource_type=2, resource_name=name, configs=(setting,)
        )
        own.retention = None
        answer = yield from self.client.one(IncrementalAlterConfigsRequest(resources=(resource,)))
        if answer is not None and answer.responses[0].error_code == 0:
            own.retention = value

    def read_setting(self) -> Act:
        name, own = chosen(self.client.rng, list(self.own.items()))
        resource = DescribeConfigsResource(resource_type=2, resource_name=name, configuration_keys=("retention.ms",))
        answer = yield from self.client.one(DescribeConfigsRequest(resources=(resource,)))
        if answer is None or answer.results[0].error_code != 0 or own.retention is None or not own.exists:
            return
        told = answer.results[0].configs[0].value
        if told != own.retention and not self.model.beyond:
            raise Violation("AckedConfigSurvives", f"retention.ms of {name} is {told}, {own.retention} was acknowledged")

    def end_offsets(self) -> Act:
        client = self.client
        place = chosen(client.rng, sorted(self.model.places))
        kept = self.model.places[place]
        forgiven = kept.forgiven
        acked = max(kept.acked, default=-1)
        process = client.history.process()
        if kept.judged:
            client.history.add("invoke", process, "end-offsets", {str(client.history.key(*place)): 0})
        answer = yield from client.one(words.list_offsets([place], words.LATEST))
        listed = [] if answer is None else words.listed(answer)
        told = listed[0][2] if listed and listed[0][1] == 0 else None
        if kept.judged:
            value = {str(client.history.key(*place)): told} if told is not None else None
            client.history.add("info" if told is None else "ok", process, "end-offsets", value)
        if told is not None and forgiven == kept.forgiven:
            self.model.highs(place, told)
            if told <= acked and not self.model.beyond:
                raise Violation("LsoReachesHw", f"{place} ends at {told}, {acked} had been acknowledged")

    def delete_records(self) -> Act:
        """Of topics where records may go away."""
        places = [place for place, kept in sorted(self.model.places.items()) if kept.shrinks]
        if not places:
            return
        place = chosen(self.client.rng, places)
        kept = self.model.places[place]
        offset = between(self.client.rng, 0, max([0, *kept.seen]))
        part = DeleteRecordsPartition(partition_index=place[1], offset=offset)
        request = DeleteRecordsRequest(topics=(DeleteRecordsTopic(name=place[0], partitions=(part,)),), timeout_ms=5000)
        forgiven = kept.forgiven
        answer = yield from self.client.one(request)
        if answer is None:
            return
        told = answer.topics[0].partitions[0]
        if told.error_code == 0 and forgiven == kept.forgiven:
            self.client.world.count("records deleted by an admin")
            kept.start_asked = max(kept.start_asked, told.low_watermark)

    def list_groups(self) -> Act:
        answer = yield from self.client.one(ListGroupsRequest())
        groups = () if answer is None else tuple(group.group_id for group in answer.groups)
        if groups:
            yield from self.client.one(DescribeGroupsRequest(groups=groups))


def admin(client: Client, model: Model) -> Program:
    """`ops` things an admin does, drawn one after the other."""
    one = Admin(client, model)
    for number in range(client.plan.ops):
        act = chosen(client.rng, one.acts)
        client.doing = f"op {number} of {client.plan.ops}: {act.__name__}"
        yield from act()
        client.world.count("client operations")
        yield client.gap()


def setup(client: Client, topics: tuple[TopicPlan, ...]) -> Program:
    """Make the topics of the plan, before anyone else begins."""
    for topic in topics:
        while True:
            answer = yield from client.one(creation(topic))
            code = None if answer is None else answer.topics[0].error_code
            if code in (0, ErrorCode.TOPIC_ALREADY_EXISTS):
                break
            if code is not None and code not in RETRIABLE:
                raise Violation("TopicCreated", f"{topic}: {ErrorCode(code).name} {answer.topics[0].error_message}")
            yield Sleep(100)
