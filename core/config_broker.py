"""The table of broker settings: every one this broker implements, with Kafka's default unless its text says otherwise.

Knows: names, types, ranges, which may change while the broker runs, and what stands in for what.  Does not know: any
node.
Invariant: every row is implemented; what Kafka knows and this broker does not is in `config_foreign`.
"""

from odradek.core.config_setting import INT_MAX, LONG_MAX, ConfigType, Setting
from odradek.core.config_topic import COMPRESSIONS, DURABILITIES, SEGMENT_BYTES_MIN, TIMESTAMP_TYPES

_HOUR_MS = 3_600_000
_MINUTE_MS = 60_000
_BOOLEAN, _STRING, _INT, _LONG, _LIST = (
    ConfigType.BOOLEAN,
    ConfigType.STRING,
    ConfigType.INT,
    ConfigType.LONG,
    ConfigType.LIST,
)


def _int(name: str, value: int | None, doc: str, least: int = 0, most: int = INT_MAX, dynamic: bool = False) -> Setting:
    return Setting(name, _INT, None if value is None else str(value), doc, least, most, (), dynamic)


def _long(
    name: str,
    value: int | None,
    doc: str,
    least: int = 0,
    dynamic: bool = False,
    synonyms: tuple[tuple[str, int], ...] = (),
) -> Setting:
    text = None if value is None else str(value)
    return Setting(name, _LONG, text, doc, least, LONG_MAX, (), dynamic, False, synonyms)


def _flag(name: str, value: bool, doc: str, dynamic: bool = False, choices: tuple[str, ...] = ()) -> Setting:
    return Setting(name, _BOOLEAN, "true" if value else "false", doc, None, None, choices, dynamic)


def _choice(name: str, value: str, doc: str, choices: tuple[str, ...]) -> Setting:
    return Setting(name, _STRING, value, doc, None, None, choices, True)


def _text(name: str, value: str | None, doc: str, synonyms: tuple[tuple[str, int], ...] = ()) -> Setting:
    return Setting(name, _STRING, value, doc, None, None, (), False, False, synonyms)


def _names(name: str, value: str | None, doc: str, synonyms: tuple[tuple[str, int], ...] = ()) -> Setting:
    return Setting(name, _LIST, value, doc, None, None, (), False, False, synonyms)


_NODE = (
    _int("node.id", 0, "The number of this node in its cluster. Default 0 (an Odradek difference: Kafka asks for it)."),
    Setting("broker.id", _INT, None, "The old name of node.id; where both are set they must agree.", 0, INT_MAX),
    _names(
        "process.roles",
        "broker,controller",
        "What this node does: so far always both 'broker' and 'controller'.",
    ),
    _text("broker.rack", None, "The rack this node stands in, told to clients in metadata."),
    _names(
        "log.dirs",
        None,
        "The data directory: so far exactly one, without a comma in its name.",
        (("log.dir", 1),),
    ),
    _text("log.dir", "odradek-data", "The data directory, where log.dirs is not set (Kafka: /tmp/kafka-logs)."),
    _names(
        "listeners",
        "PLAINTEXT://127.0.0.1:9092",
        "Where to listen, NAME://host:port with commas between. An empty host is every address; port 0 is any "
        "free port. "
        "The default is this machine only (an Odradek difference: Kafka listens everywhere).",
    ),
    _names(
        "advertised.listeners",
        None,
        "What clients are told to connect to, NAME://host:port for any of the listeners. A listener that is not "
        "named here "
        "is advertised as the address the client itself connected to.",
    ),
    _names(
        "listener.security.protocol.map",
        None,
        "The protocol of each listener name, NAME:PROTOCOL. So far a listener that is used must be PLAINTEXT.",
    ),
    _names(
        "controller.listener.names",
        None,
        "Listeners meant for the quorum. A node that is a quorum of its own opens none of them.",
    ),
    _text("inter.broker.listener.name", None, "The listener other brokers would use; it must be one of the listeners."),
    _names(
        "controller.quorum.voters",
        None,
        "The quorum, id@host:port with commas between; so far this node alone.",
    ),
)

_NETWORK = (
    _int("socket.request.max.bytes", 104_857_600, "Largest request in bytes; a longer one closes the connection.", 1),
    _int("max.connections", INT_MAX, "Open connections of this broker; one more is closed at once.", 0, dynamic=True),
    _int(
        "max.connections.per.ip",
        INT_MAX,
        "Open connections from one address; one more is closed at once.",
        0,
        dynamic=True,
    ),
    _long("connections.max.idle.ms", 600_000, "Milliseconds without a request after which a connection is closed.", -1),
    _long(
        "queued.max.request.bytes",
        -1,
        "Bytes of requests waiting for an answer before reading pauses; -1: built-in bound.",
        -1,
    ),
    _int("fetch.max.bytes", 57_671_680, "Bytes of records in one fetch response, whatever the client asks for.", 1024),
    _int("max.incremental.fetch.session.cache.slots", 1000, "Incremental fetch sessions kept (KIP-227)."),
    _int("max.request.partition.size.limit", 2000, "Partitions in one DescribeTopicPartitions response.", 1),
)

_TOPICS = (
    _flag(
        "auto.create.topics.enable", True, "Whether asking for the metadata of a topic that is not there creates it."
    ),
    _int("num.partitions", 1, "Partitions of a topic created without a number.", 1),
    _int("default.replication.factor", 1, "Replicas of a topic created without a number.", 1, 32_767),
    _flag("delete.topic.enable", True, "Whether topics can be deleted."),
    _int("min.insync.replicas", 1, "Default of the topic setting min.insync.replicas.", 1, dynamic=True),
    _flag("unclean.leader.election.enable", False, "Default of the topic setting of this name.", dynamic=True),
    _int("message.max.bytes", 1_048_588, "Default of the topic setting max.message.bytes, in bytes.", dynamic=True),
    _choice("compression.type", "producer", "Default of the topic setting of this name.", COMPRESSIONS),
    _int("compression.gzip.level", -1, "Default of the topic setting of this name.", -1, 9, True),
    _int("compression.lz4.level", 9, "Default of the topic setting of this name.", 1, 17, True),
    _int("compression.zstd.level", 3, "Default of the topic setting of this name.", -131_072, 22, True),
    _choice(
        "durability",
        "sync",
        "What an acknowledgement promises by default: 'sync', 'replicated' (as Apache Kafka) or 'interval'; a "
        "topic may "
        "choose its own. An Odradek setting.",
        DURABILITIES,
    ),
    _int(
        "durability.interval.ms",
        1000,
        "Milliseconds that written records of topics with durability 'interval' may stay unsynced. An Odradek setting.",
        1,
        dynamic=True,
    ),
)

_LOG = (
    Setting(
        "log.cleanup.policy",
        _LIST,
        "delete",
        "Default of the topic setting cleanup.policy; compaction by default is not supported yet.",
        choices=("delete",),
        dynamic=True,
    ),
    _long(
        "log.cleaner.delete.retention.ms", 86_400_000, "Default of the topic setting delete.retention.ms.", dynamic=True
    ),
    _long("log.flush.interval.messages", LONG_MAX, "Default of the topic setting flush.messages.", 1, True),
    _long(
        "log.flush.interval.ms",
        None,
        "Default of the topic setting flush.ms, in milliseconds.",
        dynamic=True,
        synonyms=(("log.flush.scheduler.interval.ms", 1),),
    ),
    _long("log.flush.scheduler.interval.ms", LONG_MAX, "Stands in for log.flush.interval.ms where that is not set."),
    _int("log.index.interval.bytes", 4096, "Default of the topic setting index.interval.bytes.", dynamic=True),
    _int("log.index.size.max.bytes", 10_485_760, "Default of the topic setting segment.index.bytes.", 4, dynamic=True),
    _long("log.message.timestamp.after.max.ms", _HOUR_MS, "Default of message.timestamp.after.max.ms.", dynamic=True),
    _long("log.message.timestamp.before.max.ms", LONG_MAX, "Default of message.timestamp.before.max.ms.", dynamic=True),
    _choice("log.message.timestamp.type", "CreateTime", "Default of message.timestamp.type.", TIMESTAMP_TYPES),
    _flag("log.preallocate", False, "Segments are never preallocated; only 'false' is accepted.", True, ("false",)),
    _long("log.retention.bytes", -1, "Default of the topic setting retention.bytes; -1 is no limit.", -1, True),
    _long("log.retention.check.interval.ms", 300_000, "Milliseconds between two looks for segments to delete.", 1),
    _int(
        "log.retention.hours",
        168,
        "Hours to keep records where neither milliseconds nor minutes are set; -1: for ever.",
        -1,
    ),
    _int(
        "log.retention.minutes", None, "Minutes to keep records where log.retention.ms is not set; -1 is for ever.", -1
    ),
    _long(
        "log.retention.ms",
        None,
        "Default of the topic setting retention.ms; -1 is for ever.",
        -1,
        True,
        (("log.retention.minutes", _MINUTE_MS), ("log.retention.hours", _HOUR_MS)),
    ),
    _int("log.roll.hours", 168, "Hours before a segment is closed where log.roll.ms is not set.", 1),
    _int("log.roll.jitter.hours", 0, "Hours of jitter where log.roll.jitter.ms is not set."),
    _long(
        "log.roll.jitter.ms",
        None,
        "Default of the topic setting segment.jitter.ms.",
        dynamic=True,
        synonyms=(("log.roll.jitter.hours", _HOUR_MS),),
    ),
    _long("log.roll.ms", None, "Default of the topic setting segment.ms.", 1, True, (("log.roll.hours", _HOUR_MS),)),
    _int(
        "log.segment.bytes",
        1_073_741_824,
        "Default of the topic setting segment.bytes.",
        SEGMENT_BYTES_MIN,
        dynamic=True,
    ),
    _long("log.segment.delete.delay.ms", 60_000, "Default of the topic setting file.delete.delay.ms.", dynamic=True),
)

_GROUPS = (
    _int(
        "group.initial.rebalance.delay.ms",
        0,
        "Milliseconds a new group waits for more members before its first assignment. Default 0 (an Odradek "
        "difference: "
        "Kafka waits 3000), so that a first consumer starts at once.",
    ),
    _int(
        "group.max.session.timeout.ms", 1_800_000, "Longest session timeout a member may ask for, in milliseconds.", 1
    ),
    _int("group.max.size", INT_MAX, "Members of one group.", 1),
    _int("group.min.session.timeout.ms", 6000, "Shortest session timeout a member may ask for, in milliseconds.", 1),
    _int("offset.metadata.max.bytes", 4096, "Bytes of the text a client may keep with a committed offset."),
    _int(
        "offsets.commit.timeout.ms", 5000, "Milliseconds after which an offset commit that is not stored is refused.", 1
    ),
    _long("offsets.retention.check.interval.ms", 600_000, "Milliseconds between two looks for expired offsets.", 1),
    _int("offsets.retention.minutes", 10_080, "Minutes an offset is kept once its group is empty.", 1),
    _int(
        "offsets.topic.num.partitions", 50, "Partitions of __consumer_offsets; fixed once the topic exists.", 1, 10_000
    ),
    _int(
        "offsets.topic.replication.factor",
        1,
        "Replicas of __consumer_offsets (Kafka: 3; a node of its own has 1).",
        1,
        32_767,
    ),
    _int(
        "offsets.topic.segment.bytes", 104_857_600, "Segment size of __consumer_offsets, in bytes.", SEGMENT_BYTES_MIN
    ),
)

_PRODUCERS = (
    _int("producer.id.expiration.ms", 86_400_000, "Milliseconds an idle producer is remembered.", 1, dynamic=True),
    _int("producer.id.expiration.check.interval.ms", 600_000, "Milliseconds between two looks for idle producers.", 1),
    _int(
        "transaction.max.timeout.ms", 900_000, "Longest transaction timeout a producer may ask for, in milliseconds.", 1
    ),
)

ROWS: tuple[Setting, ...] = (*_NODE, *_NETWORK, *_TOPICS, *_LOG, *_GROUPS, *_PRODUCERS)

BROKER: dict[str, Setting] = {row.name: row for row in ROWS}
