"""The table of topic settings: every one that means something here, with Kafka's default unless a row says otherwise.

Knows: names, types, ranges, and the broker settings that stand behind each.  Does not know: any topic.
Invariant: a row has exactly one broker setting behind it, whose value is never missing, so a topic's value never is.
"""

from odradek.core.config_setting import INT_MAX, LONG_MAX, ConfigType, Setting

DURABILITIES = ("sync", "replicated", "interval")
COMPRESSIONS = ("producer", "uncompressed", "gzip", "snappy", "lz4", "zstd")
TIMESTAMP_TYPES = ("CreateTime", "LogAppendTime")
SEGMENT_BYTES_MIN = 1024

_INT, _LONG, _STRING, _BOOLEAN, _LIST = (
    ConfigType.INT,
    ConfigType.LONG,
    ConfigType.STRING,
    ConfigType.BOOLEAN,
    ConfigType.LIST,
)


def _topic(
    name: str,
    kind: ConfigType,
    documentation: str,
    behind: str,
    *,
    minimum: int | None = None,
    maximum: int | None = None,
    choices: tuple[str, ...] = (),
) -> Setting:
    return Setting(name, kind, None, documentation, minimum, maximum, choices, True, False, ((behind, 1),))


ROWS = (
    _topic(
        "cleanup.policy",
        _LIST,
        "How old segments go: 'delete' removes them by age and size. 'compact', which keeps the last record of "
        "each key, is "
        "so far only for the broker's own internal topics.",
        "log.cleanup.policy",
        choices=("delete", "compact"),
    ),
    _topic(
        "compression.gzip.level",
        _INT,
        "Level of gzip, 1 (fast) to 9 (small), or -1 for its default, when the broker compresses itself.",
        "compression.gzip.level",
        minimum=-1,
        maximum=9,
    ),
    _topic(
        "compression.lz4.level",
        _INT,
        "Level of lz4, 1 (fast) to 17 (small), when the broker compresses itself.",
        "compression.lz4.level",
        minimum=1,
        maximum=17,
    ),
    _topic(
        "compression.type",
        _STRING,
        "The codec batches are stored with. 'producer' keeps what the producer sent; 'uncompressed' or a codec's "
        "name makes the "
        "broker recompress batches that differ.",
        "compression.type",
        choices=COMPRESSIONS,
    ),
    _topic(
        "compression.zstd.level",
        _INT,
        "Level of zstd, up to 22 (small); negative levels are faster. Used when the broker compresses itself.",
        "compression.zstd.level",
        minimum=-131_072,
        maximum=22,
    ),
    _topic(
        "delete.retention.ms",
        _LONG,
        "Milliseconds a tombstone stays readable in a compacted topic.",
        "log.cleaner.delete.retention.ms",
        minimum=0,
    ),
    _topic(
        "durability",
        _STRING,
        "What an acknowledgement promises (an Odradek setting): 'sync' means synced to disk on every in-sync replica, "
        "'replicated' means written on every in-sync replica as in Apache Kafka, 'interval' is 'replicated' with "
        "a sync at least "
        "every durability.interval.ms milliseconds. Internal topics are always 'sync'.",
        "durability",
        choices=DURABILITIES,
    ),
    _topic(
        "file.delete.delay.ms",
        _LONG,
        "Milliseconds between taking a segment out of the log and removing its file.",
        "log.segment.delete.delay.ms",
        minimum=0,
    ),
    _topic(
        "flush.messages",
        _LONG,
        "Records after which a log is synced to disk even if its durability does not ask for it.",
        "log.flush.interval.messages",
        minimum=1,
    ),
    _topic(
        "flush.ms",
        _LONG,
        "Milliseconds after which written records are synced to disk even if their durability does not ask for it.",
        "log.flush.interval.ms",
        minimum=0,
    ),
    _topic(
        "index.interval.bytes",
        _INT,
        "Bytes of log between two entries of the offset index.",
        "log.index.interval.bytes",
        minimum=0,
    ),
    _topic(
        "max.message.bytes",
        _INT,
        "Largest record batch, in bytes as sent (after compression), that a producer may append.",
        "message.max.bytes",
        minimum=0,
    ),
    _topic(
        "message.timestamp.after.max.ms",
        _LONG,
        "Milliseconds a record's timestamp may lie in the future of the broker's clock.",
        "log.message.timestamp.after.max.ms",
        minimum=0,
    ),
    _topic(
        "message.timestamp.before.max.ms",
        _LONG,
        "Milliseconds a record's timestamp may lie in the past of the broker's clock.",
        "log.message.timestamp.before.max.ms",
        minimum=0,
    ),
    _topic(
        "message.timestamp.type",
        _STRING,
        "Whose clock stamps a record: the producer's ('CreateTime') or the broker's ('LogAppendTime').",
        "log.message.timestamp.type",
        choices=TIMESTAMP_TYPES,
    ),
    _topic(
        "min.insync.replicas",
        _INT,
        "In-sync replicas a partition must have for a produce with acks=all to be accepted.",
        "min.insync.replicas",
        minimum=1,
    ),
    _topic(
        "preallocate",
        _BOOLEAN,
        "Kafka can reserve a segment's bytes when it makes the file; this broker never does, so only 'false' is "
        "accepted.",
        "log.preallocate",
        choices=("false",),
    ),
    _topic(
        "retention.bytes",
        _LONG,
        "Bytes of one partition's log beyond which its oldest segments are deleted; -1 is no limit.",
        "log.retention.bytes",
        minimum=-1,
    ),
    _topic(
        "retention.ms",
        _LONG,
        "Milliseconds after its newest record at which a segment is deleted; -1 keeps it for ever.",
        "log.retention.ms",
        minimum=-1,
    ),
    _topic(
        "segment.bytes",
        _INT,
        "Bytes at which a segment is closed and a new one begun. Kafka 4 refuses less than 1 MiB; here 1 KiB is "
        "the least, so that "
        "rolling and retention can be tried with little data.",
        "log.segment.bytes",
        minimum=SEGMENT_BYTES_MIN,
        maximum=INT_MAX,
    ),
    _topic(
        "segment.index.bytes",
        _INT,
        "Largest offset index of one segment, in bytes; a full index closes the segment.",
        "log.index.size.max.bytes",
        minimum=4,
    ),
    _topic(
        "segment.jitter.ms",
        _LONG,
        "At most this many milliseconds, drawn at random, are taken off segment.ms so that segments do not all "
        "roll at once.",
        "log.roll.jitter.ms",
        minimum=0,
    ),
    _topic(
        "segment.ms",
        _LONG,
        "Milliseconds after which a segment is closed and a new one begun even if it is not full.",
        "log.roll.ms",
        minimum=1,
        maximum=LONG_MAX,
    ),
    _topic(
        "unclean.leader.election.enable",
        _BOOLEAN,
        "Whether a replica that missed acknowledged records may lead when no other is left. True can lose data.",
        "unclean.leader.election.enable",
    ),
)

TOPIC: dict[str, Setting] = {row.name: row for row in ROWS}

REFUSED = {
    "follower.replication.throttled.replicas": "replication is not throttled by this broker",
    "leader.replication.throttled.replicas": "replication is not throttled by this broker",
    "local.retention.bytes": "tiered storage is not supported",
    "local.retention.ms": "tiered storage is not supported",
    "max.compaction.lag.ms": "compaction of topics is not supported yet",
    "min.cleanable.dirty.ratio": "compaction of topics is not supported yet",
    "min.compaction.lag.ms": "compaction of topics is not supported yet",
    "message.downconversion.enable": "it was removed in Kafka 4.0",
    "message.format.version": "it was removed in Kafka 4.0",
    "message.timestamp.difference.max.ms": "it was removed in Kafka 4.0; use message.timestamp.before.max.ms and "
    "message.timestamp.after.max.ms",
    "remote.log.copy.disable": "tiered storage is not supported",
    "remote.log.delete.on.disable": "tiered storage is not supported",
    "remote.storage.enable": "tiered storage is not supported",
}
"""Settings Kafka has (or had) for topics that would be a lie to accept, and why."""
