"""Broker settings that Kafka knows and this broker does not implement: harmless ones, and those that must be refused.

Knows: names and reasons.  Does not know: any value, but for the few names whose harmless values are accepted.
Invariant: a setting whose silent neglect would let a user believe something false is refused, never ignored.
"""

WITHOUT_EFFECT = frozenset(  # one text: a literal of 150 lines would hide the rest
    """
    alter.log.dirs.replication.quota.window.num alter.log.dirs.replication.quota.window.size.seconds
    auto.include.jmx.reporter auto.leader.rebalance.enable background.threads broker.heartbeat.interval.ms
    broker.id.generation.enable broker.session.timeout.ms connection.failed.authentication.delay.ms
    controlled.shutdown.enable controlled.shutdown.max.retries controlled.shutdown.retry.backoff.ms
    controller.performance.always.log.threshold.ms controller.performance.sample.period.ms
    controller.quorum.append.linger.ms controller.quorum.auto.join.enable controller.quorum.bootstrap.servers
    controller.quorum.election.backoff.max.ms controller.quorum.election.timeout.ms controller.quorum.fetch.timeout.ms
    controller.quorum.request.timeout.ms controller.quorum.retry.backoff.ms controller.quota.window.num
    controller.quota.window.size.seconds controller.socket.timeout.ms delete.records.purgatory.purge.interval.requests
    early.start.listeners fetch.purgatory.purge.interval.requests group.consumer.assignors
    group.consumer.heartbeat.interval.ms group.consumer.max.heartbeat.interval.ms group.consumer.max.session.timeout.ms
    group.consumer.max.size group.consumer.migration.policy group.consumer.min.heartbeat.interval.ms
    group.consumer.min.session.timeout.ms group.consumer.regex.refresh.interval.ms group.consumer.session.timeout.ms
    group.coordinator.append.linger.ms group.coordinator.new.enable group.coordinator.rebalance.protocols
    group.coordinator.threads group.share.assignors group.share.delivery.count.limit group.share.enable
    group.share.heartbeat.interval.ms group.share.max.groups group.share.max.heartbeat.interval.ms
    group.share.max.record.lock.duration.ms group.share.max.session.timeout.ms group.share.max.share.sessions
    group.share.max.size group.share.min.heartbeat.interval.ms group.share.min.record.lock.duration.ms
    group.share.min.session.timeout.ms group.share.partition.max.record.locks group.share.record.lock.duration.ms
    group.share.session.timeout.ms group.streams.heartbeat.interval.ms group.streams.max.heartbeat.interval.ms
    group.streams.max.session.timeout.ms group.streams.max.size group.streams.max.standby.replicas
    group.streams.min.heartbeat.interval.ms group.streams.min.session.timeout.ms group.streams.num.standby.replicas
    group.streams.session.timeout.ms initial.broker.registration.timeout.ms inter.broker.protocol.version
    kafka.metrics.polling.interval.secs kafka.metrics.reporters leader.imbalance.check.interval.seconds
    leader.imbalance.per.broker.percentage log.cleaner.backoff.ms log.cleaner.dedupe.buffer.size log.cleaner.enable
    log.cleaner.io.buffer.load.factor log.cleaner.io.buffer.size log.cleaner.io.max.bytes.per.second
    log.cleaner.max.compaction.lag.ms log.cleaner.min.cleanable.ratio log.cleaner.min.compaction.lag.ms
    log.cleaner.threads log.dir.failure.timeout.ms log.flush.offset.checkpoint.interval.ms
    log.flush.start.offset.checkpoint.interval.ms log.initial.task.delay.ms log.message.downconversion.enable
    log.message.format.version metadata.log.max.record.bytes.between.snapshots metadata.log.max.snapshot.interval.ms
    metadata.log.segment.bytes metadata.log.segment.min.bytes metadata.log.segment.ms metadata.max.idle.interval.ms
    metadata.max.retention.bytes metadata.max.retention.ms metric.reporters metrics.num.samples metrics.recording.level
    metrics.sample.window.ms num.io.threads num.network.threads num.recovery.threads.per.data.dir
    num.replica.alter.log.dirs.threads num.replica.fetchers offsets.load.buffer.size offsets.topic.compression.codec
    producer.purgatory.purge.interval.requests queued.max.requests quota.window.num quota.window.size.seconds
    replica.fetch.backoff.ms replica.fetch.max.bytes replica.fetch.min.bytes replica.fetch.response.max.bytes
    replica.fetch.wait.max.ms replica.high.watermark.checkpoint.interval.ms replica.lag.time.max.ms
    replica.socket.receive.buffer.bytes replica.socket.timeout.ms replication.quota.window.num
    replication.quota.window.size.seconds request.timeout.ms reserved.broker.max.id server.max.startup.time.ms
    share.coordinator.append.linger.ms share.coordinator.load.buffer.size
    share.coordinator.snapshot.update.records.per.snapshot share.coordinator.state.topic.compression.codec
    share.coordinator.state.topic.min.isr share.coordinator.state.topic.num.partitions
    share.coordinator.state.topic.prune.interval.ms share.coordinator.state.topic.replication.factor
    share.coordinator.state.topic.segment.bytes share.coordinator.threads share.coordinator.write.timeout.ms
    socket.listen.backlog.size socket.receive.buffer.bytes socket.send.buffer.bytes telemetry.max.bytes
    transaction.abort.timed.out.transaction.cleanup.interval.ms transaction.partition.verification.enable
    transaction.remove.expired.transaction.cleanup.interval.ms transaction.state.log.load.buffer.size
    transaction.state.log.min.isr transaction.state.log.num.partitions transaction.state.log.replication.factor
    transaction.state.log.segment.bytes transaction.two.phase.commit.enable transactional.id.expiration.ms
    unstable.api.versions.enable unstable.feature.versions.enable
    """.split()  # noqa: SIM905
)
"""Tuning of parts this broker does not have: accepted from a file, and reported by name as without effect."""

WITHOUT_EFFECT_PREFIXES = ("confluent.",)
"""What distributions of Kafka put into every file for their own additions."""

HARMLESS_VALUES = {
    "allow.everyone.if.no.acl.found": ("true",),
    "authorizer.class.name": ("",),
    "remote.log.storage.system.enable": ("false",),
    "sasl.enabled.mechanisms": ("", "GSSAPI"),
    "security.inter.broker.protocol": ("PLAINTEXT",),
    "ssl.client.auth": ("none",),
}
"""Settings that are refused, but whose listed values say what is true here anyway.  Any empty value is "not set"."""

_SECURITY = "authentication, encryption and access control are not supported yet, and must not be pretended"
_ZOOKEEPER = "there is no ZooKeeper here, as in Kafka 4; remove it"
_PLUGIN = "it names a class to load, and this broker loads none"
_TIERED = "tiered storage is not supported"
_LIMIT = "this limit is not supported, and ignoring it would leave the broker unprotected"

REFUSED = {
    "alter.config.policy.class.name": _PLUGIN,
    "allow.everyone.if.no.acl.found": _SECURITY,
    "authorizer.class.name": _SECURITY,
    "client.quota.callback.class": _PLUGIN,
    "connections.max.reauth.ms": _SECURITY,
    "create.topic.policy.class.name": _PLUGIN,
    "max.connection.creation.rate": _LIMIT,
    "max.connections.per.ip.overrides": _LIMIT,
    "metadata.log.dir": "the metadata log lives in the data directory; remove it",
    "principal.builder.class": _SECURITY,
    "replica.selector.class": _PLUGIN,
    "security.inter.broker.protocol": _SECURITY,
    "security.providers": _PLUGIN,
    "super.users": _SECURITY,
    "host.name": "it was removed from Kafka; use listeners",
    "port": "it was removed from Kafka; use listeners",
    "advertised.host.name": "it was removed from Kafka; use advertised.listeners",
    "advertised.port": "it was removed from Kafka; use advertised.listeners",
    "log.message.timestamp.difference.max.ms": "it was removed in Kafka 4.0; use "
    "log.message.timestamp.before.max.ms and "
    "log.message.timestamp.after.max.ms",
    "offsets.commit.required.acks": "it was removed in Kafka 4.0",
    "quota.consumer.default": "quotas are not supported, and ignoring one would leave the broker unprotected",
    "quota.producer.default": "quotas are not supported, and ignoring one would leave the broker unprotected",
}
"""Settings that are refused, by name."""

REFUSED_PREFIXES = {
    "zookeeper.": _ZOOKEEPER,
    "ssl.": _SECURITY,
    "sasl.": _SECURITY,
    "delegation.token.": _SECURITY,
    "password.encoder.": _SECURITY,
    "listener.name.": "settings of one listener are not supported; its security settings cannot be ignored",
    "remote.log.": _TIERED,
    "rlmm.": _TIERED,
    "rsm.": _TIERED,
}
"""... and by how the name begins."""
