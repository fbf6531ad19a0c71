"""The Raft quorum: Vote, BeginQuorumEpoch, EndQuorumEpoch, DescribeQuorum and the voter changes.

Structs that Kafka names alike in several messages carry the message's name in front here: `LeaderEndpoint`,
`Listener`, `NodeEndpoint`, `PartitionData`, `TopicData`.
"""

from __future__ import annotations

from odradek.core.wire.schema import array, boolean, int16, int32, int64, message, nested, string, struct, uint16, uuid


@struct
class VoteRequestPartitionData:
    partition_index: int = int32()
    replica_epoch: int = int32()
    replica_id: int = int32()
    replica_directory_id: bytes = uuid(since=1)
    voter_directory_id: bytes = uuid(since=1, ignorable=True)
    last_offset_epoch: int = int32()
    last_offset: int = int64()
    pre_vote: bool = boolean(since=2)


@struct
class VoteRequestTopicData:
    topic_name: str = string()
    partitions: tuple[VoteRequestPartitionData, ...] = array(VoteRequestPartitionData)


@message(key=52, versions=(0, 2), flexible=0)
class VoteRequest:
    """A candidate asks for a vote, or whether it would get one."""

    cluster_id: str | None = string(default=None, nullable=True)
    voter_id: int = int32(since=1, default=-1, ignorable=True)
    topics: tuple[VoteRequestTopicData, ...] = array(VoteRequestTopicData)


@struct
class VoteResponsePartitionData:
    partition_index: int = int32()
    error_code: int = int16()
    leader_id: int = int32()
    leader_epoch: int = int32()
    vote_granted: bool = boolean()


@struct
class VoteResponseTopicData:
    topic_name: str = string()
    partitions: tuple[VoteResponsePartitionData, ...] = array(VoteResponsePartitionData)


@struct
class VoteResponseNodeEndpoint:
    node_id: int = int32()
    host: str = string()
    port: int = uint16()


@message(key=52, versions=(0, 2), flexible=0)
class VoteResponse:
    """The vote."""

    error_code: int = int16()
    topics: tuple[VoteResponseTopicData, ...] = array(VoteResponseTopicData)
    node_endpoints: tuple[VoteResponseNodeEndpoint, ...] = array(VoteResponseNodeEndpoint, since=1, tag=0)


@struct
class BeginQuorumEpochRequestPartitionData:
    partition_index: int = int32()
    voter_directory_id: bytes = uuid(since=1, ignorable=True)
    leader_id: int = int32()
    leader_epoch: int = int32()


@struct
class BeginQuorumEpochRequestTopicData:
    topic_name: str = string()
    partitions: tuple[BeginQuorumEpochRequestPartitionData, ...] = array(BeginQuorumEpochRequestPartitionData)


@struct
class BeginQuorumEpochRequestLeaderEndpoint:
    name: str = string()
    host: str = string()
    port: int = uint16()


@message(key=53, versions=(0, 1), flexible=1)
class BeginQuorumEpochRequest:
    """A new leader announces its epoch."""

    cluster_id: str | None = string(default=None, nullable=True)
    voter_id: int = int32(since=1, default=-1, ignorable=True)
    topics: tuple[BeginQuorumEpochRequestTopicData, ...] = array(BeginQuorumEpochRequestTopicData)
    leader_endpoints: tuple[BeginQuorumEpochRequestLeaderEndpoint, ...] = array(
        BeginQuorumEpochRequestLeaderEndpoint, since=1, ignorable=True
    )


@struct
class BeginQuorumEpochResponsePartitionData:
    partition_index: int = int32()
    error_code: int = int16()
    leader_id: int = int32()
    leader_epoch: int = int32()


@struct
class BeginQuorumEpochResponseTopicData:
    topic_name: str = string()
    partitions: tuple[BeginQuorumEpochResponsePartitionData, ...] = array(BeginQuorumEpochResponsePartitionData)


@struct
class BeginQuorumEpochResponseNodeEndpoint:
    node_id: int = int32()
    host: str = string()
    port: int = uint16()


@message(key=53, versions=(0, 1), flexible=1)
class BeginQuorumEpochResponse:
    """Whether the epoch was accepted."""

    error_code: int = int16()
    topics: tuple[BeginQuorumEpochResponseTopicData, ...] = array(BeginQuorumEpochResponseTopicData)
    node_endpoints: tuple[BeginQuorumEpochResponseNodeEndpoint, ...] = array(
        BeginQuorumEpochResponseNodeEndpoint, since=1, tag=0
    )


@struct
class ReplicaInfo:
    candidate_id: int = int32()
    candidate_directory_id: bytes = uuid()


@struct
class EndQuorumEpochRequestPartitionData:
    partition_index: int = int32()
    leader_id: int = int32()
    leader_epoch: int = int32()
    preferred_successors: tuple[int, ...] = array(int32, until=0, ignorable=True)
    preferred_candidates: tuple[ReplicaInfo, ...] = array(ReplicaInfo, since=1, ignorable=True)


@struct
class EndQuorumEpochRequestTopicData:
    topic_name: str = string()
    partitions: tuple[EndQuorumEpochRequestPartitionData, ...] = array(EndQuorumEpochRequestPartitionData)


@struct
class EndQuorumEpochRequestLeaderEndpoint:
    name: str = string()
    host: str = string()
    port: int = uint16()


@message(key=54, versions=(0, 1), flexible=1)
class EndQuorumEpochRequest:
    """A leader resigns, naming successors."""

    cluster_id: str | None = string(default=None, nullable=True)
    topics: tuple[EndQuorumEpochRequestTopicData, ...] = array(EndQuorumEpochRequestTopicData)
    leader_endpoints: tuple[EndQuorumEpochRequestLeaderEndpoint, ...] = array(
        EndQuorumEpochRequestLeaderEndpoint, since=1, ignorable=True
    )


@struct
class EndQuorumEpochResponsePartitionData:
    partition_index: int = int32()
    error_code: int = int16()
    leader_id: int = int32()
    leader_epoch: int = int32()


@struct
class EndQuorumEpochResponseTopicData:
    topic_name: str = string()
    partitions: tuple[EndQuorumEpochResponsePartitionData, ...] = array(EndQuorumEpochResponsePartitionData)


@struct
class EndQuorumEpochResponseNodeEndpoint:
    node_id: int = int32()
    host: str = string()
    port: int = uint16()


@message(key=54, versions=(0, 1), flexible=1)
class EndQuorumEpochResponse:
    """Whether the resignation was accepted."""

    error_code: int = int16()
    topics: tuple[EndQuorumEpochResponseTopicData, ...] = array(EndQuorumEpochResponseTopicData)
    node_endpoints: tuple[EndQuorumEpochResponseNodeEndpoint, ...] = array(
        EndQuorumEpochResponseNodeEndpoint, since=1, tag=0
    )


@struct
class DescribeQuorumRequestPartitionData:
    partition_index: int = int32()


@struct
class DescribeQuorumRequestTopicData:
    topic_name: str = string()
    partitions: tuple[DescribeQuorumRequestPartitionData, ...] = array(DescribeQuorumRequestPartitionData)


@message(key=55, versions=(0, 2), flexible=0)
class DescribeQuorumRequest:
    """Ask for the state of the quorum."""

    topics: tuple[DescribeQuorumRequestTopicData, ...] = array(DescribeQuorumRequestTopicData)


@struct
class ReplicaState:
    replica_id: int = int32()
    replica_directory_id: bytes = uuid(since=2)
    log_end_offset: int = int64()
    last_fetch_timestamp: int = int64(since=1, default=-1, ignorable=True)
    last_caught_up_timestamp: int = int64(since=1, default=-1, ignorable=True)


@struct
class DescribeQuorumResponsePartitionData:
    partition_index: int = int32()
    error_code: int = int16()
    error_message: str | None = string(since=2, nullable=True, ignorable=True)
    leader_id: int = int32()
    leader_epoch: int = int32()
    high_watermark: int = int64()
    current_voters: tuple[ReplicaState, ...] = array(ReplicaState)
    observers: tuple[ReplicaState, ...] = array(ReplicaState)


@struct
class DescribeQuorumResponseTopicData:
    topic_name: str = string()
    partitions: tuple[DescribeQuorumResponsePartitionData, ...] = array(DescribeQuorumResponsePartitionData)


@struct
class DescribeQuorumResponseListener:
    name: str = string()
    host: str = string()
    port: int = uint16()


@struct
class Node:
    node_id: int = int32()
    listeners: tuple[DescribeQuorumResponseListener, ...] = array(DescribeQuorumResponseListener)


@message(key=55, versions=(0, 2), flexible=0)
class DescribeQuorumResponse:
    """Leader, epoch and the positions of voters and observers."""

    error_code: int = int16()
    error_message: str | None = string(since=2, nullable=True, ignorable=True)
    topics: tuple[DescribeQuorumResponseTopicData, ...] = array(DescribeQuorumResponseTopicData)
    nodes: tuple[Node, ...] = array(Node, since=2)


@struct
class AddRaftVoterRequestListener:
    name: str = string()
    host: str = string()
    port: int = uint16()


@message(key=80, versions=(0, 1), flexible=0)
class AddRaftVoterRequest:
    """Add a voter to the quorum (KIP-853)."""

    cluster_id: str | None = string(default=None, nullable=True)
    timeout_ms: int = int32()
    voter_id: int = int32()
    voter_directory_id: bytes = uuid()
    listeners: tuple[AddRaftVoterRequestListener, ...] = array(AddRaftVoterRequestListener)
    ack_when_committed: bool = boolean(since=1, default=True)


@message(key=80, versions=(0, 1), flexible=0)
class AddRaftVoterResponse:
    """The outcome."""

    throttle_time_ms: int = int32()
    error_code: int = int16()
    error_message: str | None = string(nullable=True)


@message(key=81, versions=(0, 0), flexible=0)
class RemoveRaftVoterRequest:
    """Remove a voter from the quorum (KIP-853)."""

    cluster_id: str | None = string(nullable=True)
    voter_id: int = int32()
    voter_directory_id: bytes = uuid()


@message(key=81, versions=(0, 0), flexible=0)
class RemoveRaftVoterResponse:
    """The outcome."""

    throttle_time_ms: int = int32()
    error_code: int = int16()
    error_message: str | None = string(nullable=True)


@struct
class UpdateRaftVoterRequestListener:
    name: str = string()
    host: str = string()
    port: int = uint16()


@struct
class KRaftVersionFeature:
    min_supported_version: int = int16()
    max_supported_version: int = int16()


@message(key=82, versions=(0, 0), flexible=0)
class UpdateRaftVoterRequest:
    """A voter tells its addresses and versions (KIP-853)."""

    cluster_id: str | None = string(nullable=True)
    current_leader_epoch: int = int32()
    voter_id: int = int32()
    voter_directory_id: bytes = uuid()
    listeners: tuple[UpdateRaftVoterRequestListener, ...] = array(UpdateRaftVoterRequestListener)
    k_raft_version_feature: KRaftVersionFeature = nested(KRaftVersionFeature)


@struct
class CurrentLeader:
    leader_id: int = int32(default=-1)
    leader_epoch: int = int32(default=-1)
    host: str = string()
    port: int = int32()


@message(key=82, versions=(0, 0), flexible=0)
class UpdateRaftVoterResponse:
    """The outcome, and the leader as known."""

    throttle_time_ms: int = int32()
    error_code: int = int16()
    current_leader: CurrentLeader | None = nested(CurrentLeader, tag=0)
