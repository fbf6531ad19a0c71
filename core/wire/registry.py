"""Every API this code can speak, as a table: cheap to import, because declarations load only when asked for.

Knows: keys, names, version ranges and where the classes live.  Does not know: which APIs a node serves, or in which
versions it advertises them (those are narrower, and chosen by the node).
Invariant: a row says what the declared classes say (a test compares them).
"""

from importlib import import_module
from typing import Any, Final, NamedTuple

from odradek.core.wire.schema import Shape, shape

BROKER: Final = ("broker",)
CONTROLLER: Final = ("controller",)
BOTH: Final = ("broker", "controller")


class Api(NamedTuple):
    """One API.  Versions are inclusive; `flexible` is the first flexible one, None when there is none.

    `area` is the module of `odradek.core.wire` with its classes.  `listeners`: those on which Apache Kafka serves it.
    `unstable`: the highest version is still in the making and must not be advertised.
    """

    key: int
    name: str
    area: str
    lowest: int
    highest: int
    flexible: int | None
    listeners: tuple[str, ...]
    unstable: bool = False

    @property
    def request(self) -> type[Any]:
        """The class of the request body; imports its module on first use."""
        return self._declared("Request")

    @property
    def response(self) -> type[Any]:
        """The class of the response body; imports its module on first use."""
        return self._declared("Response")

    def _declared(self, ending: str) -> type[Any]:
        declared: type[Any] = getattr(import_module(f"odradek.core.wire.{self.area}"), self.name + ending)
        return declared

    def has(self, version: int) -> bool:
        """Whether the version is declared."""
        return self.lowest <= version <= self.highest

    def is_flexible(self, version: int) -> bool:
        """Whether the version has compact lengths and tag sections, in the body and (but see `frames`) the headers."""
        return self.flexible is not None and version >= self.flexible


_TABLE: Final = (
    Api(0, "Produce", "produce", 3, 13, 9, BROKER),
    Api(1, "Fetch", "fetch", 4, 18, 12, BOTH),
    Api(2, "ListOffsets", "offsets", 0, 11, 6, BROKER),
    Api(3, "Metadata", "metadata", 0, 13, 9, BROKER),
    Api(8, "OffsetCommit", "commits", 2, 10, 8, BROKER),
    Api(9, "OffsetFetch", "commits", 1, 10, 6, BROKER),
    Api(10, "FindCoordinator", "membership", 0, 6, 3, BROKER),
    Api(11, "JoinGroup", "membership", 0, 9, 6, BROKER),
    Api(12, "Heartbeat", "membership", 0, 4, 4, BROKER),
    Api(13, "LeaveGroup", "membership", 0, 5, 4, BROKER),
    Api(14, "SyncGroup", "membership", 0, 5, 4, BROKER),
    Api(15, "DescribeGroups", "groups", 0, 6, 5, BROKER),
    Api(16, "ListGroups", "groups", 0, 5, 3, BROKER),
    Api(17, "SaslHandshake", "sasl", 0, 1, None, BOTH),
    Api(18, "ApiVersions", "versions", 0, 4, 3, BOTH),
    Api(19, "CreateTopics", "topics", 2, 7, 5, BOTH),
    Api(20, "DeleteTopics", "topics", 1, 6, 4, BOTH),
    Api(21, "DeleteRecords", "offsets", 0, 2, 2, BROKER),
    Api(22, "InitProducerId", "producers", 0, 6, 2, BROKER, unstable=True),
    Api(23, "OffsetForLeaderEpoch", "offsets", 2, 4, 4, BROKER),
    Api(24, "AddPartitionsToTxn", "transactions", 0, 5, 3, BROKER),
    Api(25, "AddOffsetsToTxn", "transactions", 0, 4, 3, BROKER),
    Api(26, "EndTxn", "transactions", 0, 5, 3, BROKER),
    Api(27, "WriteTxnMarkers", "transactions", 1, 2, 1, BROKER),
    Api(28, "TxnOffsetCommit", "transactions", 0, 5, 3, BROKER),
    Api(29, "DescribeAcls", "acls", 1, 3, 2, BOTH),
    Api(30, "CreateAcls", "acls", 1, 3, 2, BOTH),
    Api(31, "DeleteAcls", "acls", 1, 3, 2, BOTH),
    Api(32, "DescribeConfigs", "configs", 1, 4, 4, BOTH),
    Api(33, "AlterConfigs", "configs", 0, 2, 2, BOTH),
    Api(34, "AlterReplicaLogDirs", "log_dirs", 1, 2, 2, BROKER),
    Api(35, "DescribeLogDirs", "log_dirs", 1, 5, 2, BROKER),
    Api(36, "SaslAuthenticate", "sasl", 0, 2, 2, BOTH),
    Api(37, "CreatePartitions", "topics", 0, 3, 2, BOTH),
    Api(38, "CreateDelegationToken", "tokens", 1, 3, 2, BOTH),
    Api(39, "RenewDelegationToken", "tokens", 1, 2, 2, BOTH),
    Api(40, "ExpireDelegationToken", "tokens", 1, 2, 2, BOTH),
    Api(41, "DescribeDelegationToken", "tokens", 1, 3, 2, BOTH),
    Api(42, "DeleteGroups", "groups", 0, 2, 2, BROKER),
    Api(43, "ElectLeaders", "placement", 0, 2, 2, BOTH),
    Api(44, "IncrementalAlterConfigs", "configs", 0, 1, 1, BOTH),
    Api(45, "AlterPartitionReassignments", "placement", 0, 1, 0, BOTH),
    Api(46, "ListPartitionReassignments", "placement", 0, 0, 0, BOTH),
    Api(47, "OffsetDelete", "commits", 0, 0, None, BROKER),
    Api(48, "DescribeClientQuotas", "quotas", 0, 1, 1, BROKER),
    Api(49, "AlterClientQuotas", "quotas", 0, 1, 1, BOTH),
    Api(50, "DescribeUserScramCredentials", "scram", 0, 0, 0, BOTH),
    Api(51, "AlterUserScramCredentials", "scram", 0, 0, 0, BOTH),
    Api(52, "Vote", "quorum", 0, 2, 0, CONTROLLER),
    Api(53, "BeginQuorumEpoch", "quorum", 0, 1, 1, CONTROLLER),
    Api(54, "EndQuorumEpoch", "quorum", 0, 1, 1, CONTROLLER),
    Api(55, "DescribeQuorum", "quorum", 0, 2, 0, BOTH),
    Api(56, "AlterPartition", "placement", 2, 3, 2, CONTROLLER),
    Api(57, "UpdateFeatures", "features", 0, 2, 0, BOTH),
    Api(58, "Envelope", "envelope", 0, 0, 0, CONTROLLER),
    Api(59, "FetchSnapshot", "snapshots", 0, 1, 0, CONTROLLER),
    Api(60, "DescribeCluster", "cluster", 0, 2, 0, BOTH),
    Api(61, "DescribeProducers", "producers", 0, 0, 0, BROKER),
    Api(62, "BrokerRegistration", "brokers", 0, 4, 0, CONTROLLER),
    Api(63, "BrokerHeartbeat", "brokers", 0, 2, 0, CONTROLLER),
    Api(64, "UnregisterBroker", "brokers", 0, 0, 0, BOTH),
    Api(65, "DescribeTransactions", "transactions", 0, 0, 0, BROKER),
    Api(66, "ListTransactions", "transactions", 0, 2, 0, BROKER),
    Api(67, "AllocateProducerIds", "producers", 0, 0, 0, CONTROLLER),
    Api(68, "ConsumerGroupHeartbeat", "consumer_groups", 0, 1, 0, BROKER),
    Api(69, "ConsumerGroupDescribe", "consumer_groups", 0, 1, 0, BROKER),
    Api(70, "ControllerRegistration", "brokers", 0, 0, 0, CONTROLLER),
    Api(71, "GetTelemetrySubscriptions", "telemetry", 0, 0, 0, BROKER),
    Api(72, "PushTelemetry", "telemetry", 0, 0, 0, BROKER),
    Api(73, "AssignReplicasToDirs", "log_dirs", 0, 0, 0, CONTROLLER),
    Api(74, "ListConfigResources", "configs", 0, 1, 0, BROKER),
    Api(75, "DescribeTopicPartitions", "metadata", 0, 0, 0, BROKER),
    Api(76, "ShareGroupHeartbeat", "share", 1, 1, 1, BROKER),
    Api(77, "ShareGroupDescribe", "share", 1, 1, 1, BROKER),
    Api(78, "ShareFetch", "share", 1, 2, 1, BROKER),
    Api(79, "ShareAcknowledge", "share", 1, 2, 1, BROKER),
    Api(80, "AddRaftVoter", "quorum", 0, 1, 0, BOTH),
    Api(81, "RemoveRaftVoter", "quorum", 0, 0, 0, BOTH),
    Api(82, "UpdateRaftVoter", "quorum", 0, 0, 0, CONTROLLER),
    Api(83, "InitializeShareGroupState", "share_state", 0, 0, 0, BROKER),
    Api(84, "ReadShareGroupState", "share_state", 0, 0, 0, BROKER),
    Api(85, "WriteShareGroupState", "share_state", 0, 1, 0, BROKER),
    Api(86, "DeleteShareGroupState", "share_state", 0, 0, 0, BROKER),
    Api(87, "ReadShareGroupStateSummary", "share_state", 0, 1, 0, BROKER),
    Api(88, "StreamsGroupHeartbeat", "streams", 0, 0, 0, BROKER),
    Api(89, "StreamsGroupDescribe", "streams", 0, 0, 0, BROKER),
    Api(90, "DescribeShareGroupOffsets", "share_offsets", 0, 1, 0, BROKER),
    Api(91, "AlterShareGroupOffsets", "share_offsets", 0, 0, 0, BROKER),
    Api(92, "DeleteShareGroupOffsets", "share_offsets", 0, 0, 0, BROKER),
)

APIS: Final[dict[int, Api]] = {api.key: api for api in _TABLE}
"""All rows by key, in ascending order."""

NAMES: Final[dict[str, Api]] = {api.name: api for api in _TABLE}
"""All rows by Kafka's name."""


def shapes(key: int) -> tuple[Shape, Shape]:
    """The shapes of the request and the response of a declared key."""
    api = APIS[key]
    return shape(api.request), shape(api.response)
