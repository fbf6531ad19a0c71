"""What tests say to a node, in the words of the protocol: everyday requests and what of their answers matters.

Knows: the shape of requests.  Does not know: what the answers ought to be.
"""

from collections.abc import Iterable
from typing import Any

from lab import Client, Lab

from odradek.core.records.batch import scan
from odradek.core.records.build import Record, build, records
from odradek.core.types import NO_TOPIC_ID
from odradek.core.wire.commits import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopics,
)
from odradek.core.wire.configs import (
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsRequestAlterableConfig,
    IncrementalAlterConfigsRequestAlterConfigsResource,
)
from odradek.core.wire.fetch import FetchPartition, FetchRequest, FetchTopic, ForgottenTopic
from odradek.core.wire.membership import (
    FindCoordinatorRequest,
    JoinGroupRequest,
    JoinGroupRequestProtocol,
    SyncGroupRequest,
    SyncGroupRequestAssignment,
)
from odradek.core.wire.metadata import MetadataRequest, MetadataRequestTopic
from odradek.core.wire.offsets import (
    DeleteRecordsPartition,
    DeleteRecordsRequest,
    DeleteRecordsTopic,
    ListOffsetsPartition,
    ListOffsetsRequest,
    ListOffsetsTopic,
)
from odradek.core.wire.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from odradek.core.wire.producers import InitProducerIdRequest
from odradek.core.wire.topics import (
    CreatableTopic,
    CreatableTopicConfig,
    CreateTopicsRequest,
    DeleteTopicsRequest,
    DeleteTopicState,
)

TS = 1_700_000_000_000
LATEST, EARLIEST, MAX_TIMESTAMP = -1, -2, -3
TOPIC, BROKER = 2, 4
SET, DELETE = 0, 1


def batch(*values: bytes | None, ts: int | Iterable[int] = TS, key: bytes | None = b"k", **more: Any) -> bytes:
    """One record batch."""
    times = [ts] * len(values) if isinstance(ts, int) else list(ts)
    return bytes(build([Record(i, times[i], key, value) for i, value in enumerate(values)], **more))


def booted(**more: Any) -> tuple[Lab, Client]:
    """A node that serves, and a client."""
    lab = Lab(**more).boot()
    return lab, lab.connect()


def creation(name: str, partitions: int = 1, **settings: str) -> CreateTopicsRequest:
    """The request that creates one topic; settings with underscores in place of dots."""
    configs = tuple(CreatableTopicConfig(name=k.replace("_", "."), value=v) for k, v in settings.items())
    topic = CreatableTopic(name=name, num_partitions=partitions, replication_factor=1, configs=configs)
    return CreateTopicsRequest(topics=(topic,))


def create(client: Client, name: str, partitions: int = 1, **settings: str) -> bytes:
    """Create a topic; its id."""
    result = client.ask(creation(name, partitions, **settings)).topics[0]
    assert result.error_code == 0, result
    return result.topic_id  # type: ignore[no-any-return]


def deletion(name: str) -> DeleteTopicsRequest:
    return DeleteTopicsRequest(topics=(DeleteTopicState(name=name),))


def production(
    name: str, data: bytes | None, index: int = 0, acks: int = -1, topic_id: bytes = NO_TOPIC_ID, timeout_ms: int = 1000
) -> ProduceRequest:
    part = PartitionProduceData(index=index, records=data)
    return ProduceRequest(
        acks=acks,
        timeout_ms=timeout_ms,
        topic_data=(TopicProduceData(name=name, topic_id=topic_id, partition_data=(part,)),),
    )


def produced(response: Any) -> Any:
    """The only partition of a Produce response."""
    return response.responses[0].partition_responses[0]


def produce(client: Client, name: str, data: bytes | None, index: int = 0, version: int = 12, **more: Any) -> Any:
    """Write one batch; the partition's answer."""
    return produced(client.ask(production(name, data, index, **more), version))


def fetching(
    name: str,
    *wanted: tuple[int, int],
    wait_ms: int = 0,
    min_bytes: int = 1,
    max_bytes: int = 1 << 20,
    part_bytes: int = 1 << 20,
    topic_id: bytes = NO_TOPIC_ID,
    session: tuple[int, int] = (0, -1),
    forget: tuple[int, ...] = (),
    isolation: int = 0,
    **more: Any,
) -> FetchRequest:
    """A fetch of (partition, offset) pairs of one topic; `more` are fields of each partition."""
    parts = tuple(
        FetchPartition(partition=index, fetch_offset=offset, partition_max_bytes=part_bytes, **more)
        for index, offset in wanted
    )
    gone = (ForgottenTopic(topic=name, topic_id=topic_id, partitions=forget),) if forget else ()
    return FetchRequest(
        max_wait_ms=wait_ms,
        min_bytes=min_bytes,
        max_bytes=max_bytes,
        isolation_level=isolation,
        session_id=session[0],
        session_epoch=session[1],
        topics=(FetchTopic(topic=name, topic_id=topic_id, partitions=parts),) if parts else (),
        forgotten_topics_data=gone,
    )


def fetched(response: Any) -> Any:
    """The only partition of a Fetch response."""
    assert len(response.responses) == 1, response
    assert len(response.responses[0].partitions) == 1, response
    return response.responses[0].partitions[0]


def fetch(client: Client, name: str, offset: int, index: int = 0, version: int = 12, **more: Any) -> Any:
    """Read one partition; its answer."""
    return fetched(client.ask(fetching(name, (index, offset), **more), version))


def told(data: Any) -> list[Record]:
    """The records in a Fetch answer's partition, batch by batch."""
    found = []
    view = memoryview(bytes(data.records))
    for at, header in scan(view):
        found += list(records(view[at : at + header.size]))
    return found


def values(data: Any) -> list[bytes | None]:
    return [record.value for record in told(data)]


def read_all(client: Client, name: str, index: int = 0, start: int = 0) -> list[bytes | None]:
    """Every value from `start` on."""
    found: list[bytes | None] = []
    offset = start
    while True:
        data = fetch(client, name, offset, index)
        assert data.error_code == 0, data
        got = [record for record in told(data) if record.offset >= offset]
        if not got:
            return found
        found += [record.value for record in got]
        offset = got[-1].offset + 1


def listing(name: str, timestamp: int, index: int = 0, **more: Any) -> ListOffsetsRequest:
    part = ListOffsetsPartition(partition_index=index, timestamp=timestamp, **more)
    return ListOffsetsRequest(replica_id=-1, topics=(ListOffsetsTopic(name=name, partitions=(part,)),))


def listed(client: Client, name: str, timestamp: int, index: int = 0, version: int = 11, **more: Any) -> Any:
    """One partition's answer to ListOffsets."""
    return client.ask(listing(name, timestamp, index, **more), version).topics[0].partitions[0]


def delete_records(client: Client, name: str, offset: int, index: int = 0) -> Any:
    part = DeleteRecordsPartition(partition_index=index, offset=offset)
    request = DeleteRecordsRequest(topics=(DeleteRecordsTopic(name=name, partitions=(part,)),))
    return client.ask(request).topics[0].partitions[0]


def ask_metadata(client: Client, *names: str, version: int = 13, create_missing: bool = False) -> Any:
    wanted = tuple(MetadataRequestTopic(name=name) for name in names) if names else None
    request = MetadataRequest(topics=wanted)
    if version >= 4:
        request.allow_auto_topic_creation = create_missing
    return client.ask(request, version)


def alter(client: Client, kind: int, name: str, **settings: str | None) -> Any:
    """Set settings, or with None delete them; the resource's answer."""
    configs = tuple(
        IncrementalAlterConfigsRequestAlterableConfig(
            name=k.replace("_", "."), config_operation=DELETE if v is None else SET, value=v
        )
        for k, v in settings.items()
    )
    resource = IncrementalAlterConfigsRequestAlterConfigsResource(
        resource_type=kind, resource_name=name, configs=configs
    )
    return client.ask(IncrementalAlterConfigsRequest(resources=(resource,))).responses[0]


def init_producer(client: Client) -> int:
    answer = client.ask(InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=0), 5)
    assert answer.error_code == 0, answer
    return answer.producer_id  # type: ignore[no-any-return]


def coordinating(key: str, version: int, kind: int = 0) -> FindCoordinatorRequest:
    request = FindCoordinatorRequest(coordinator_keys=(key,)) if version >= 4 else FindCoordinatorRequest(key=key)
    request.key_type = kind
    return request


def find(client: Client, group: str) -> None:
    """Find a group's coordinator, which creates `__consumer_offsets` where it is missing."""
    answer = client.ask(FindCoordinatorRequest(coordinator_keys=(group,)))
    assert answer.coordinators[0].error_code == 0, answer


def committing(
    group: str, name: str, offset: int, index: int = 0, generation: int = -1, member: str = "", metadata: str = ""
) -> OffsetCommitRequest:
    part = OffsetCommitRequestPartition(partition_index=index, committed_offset=offset, committed_metadata=metadata)
    return OffsetCommitRequest(
        group_id=group,
        generation_id_or_member_epoch=generation,
        member_id=member,
        topics=(OffsetCommitRequestTopic(name=name, partitions=(part,)),),
    )


def commit(client: Client, group: str, name: str, offset: int, index: int = 0, **more: Any) -> int:
    """Commit one offset; the error code."""
    answer = client.ask(committing(group, name, offset, index, **more), 9)
    return answer.topics[0].partitions[0].error_code  # type: ignore[no-any-return]


def offset_fetching(group: str, name: str, *indexes: int) -> OffsetFetchRequest:
    topics = (OffsetFetchRequestTopics(name=name, partition_indexes=indexes or (0,)),)
    return OffsetFetchRequest(groups=(OffsetFetchRequestGroup(group_id=group, topics=topics),))


def committed(client: Client, group: str, name: str, index: int = 0) -> Any:
    """One partition's answer to OffsetFetch."""
    answer = client.ask(offset_fetching(group, name, index), 9)
    assert answer.groups[0].error_code == 0, answer
    return answer.groups[0].topics[0].partitions[0]


def joining(group: str, member: str = "", instance: str | None = None) -> JoinGroupRequest:
    return JoinGroupRequest(
        group_id=group,
        session_timeout_ms=10_000,
        rebalance_timeout_ms=20_000,
        member_id=member,
        group_instance_id=instance,
        protocol_type="consumer",
        protocols=(JoinGroupRequestProtocol(name="range", metadata=b"\0\0\0\0\0\0\0\0\0\0"),),
    )


def join_alone(client: Client, group: str) -> tuple[str, int]:
    """Become the only member of a group: (member id, generation)."""
    asked = client.ask(joining(group), 5)
    joined = client.ask(joining(group, asked.member_id), 5)
    assert joined.error_code == 0, joined
    assignment = SyncGroupRequestAssignment(member_id=joined.member_id, assignment=b"mine")
    synced = client.ask(
        SyncGroupRequest(
            group_id=group,
            generation_id=joined.generation_id,
            member_id=joined.member_id,
            assignments=(assignment,),
        ),
        3,
    )
    assert synced.error_code == 0, synced
    return joined.member_id, joined.generation_id
