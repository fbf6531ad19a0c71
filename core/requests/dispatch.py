"""From a frame to its handler: the table of everything this node serves.

Knows: which handler answers which API, and what happens to frames that no handler can answer.  Does not know: what the
handlers do.
Invariant: whatever the bytes, either one request is taken up or the connection is closed; nothing else changes.
"""

from collections.abc import Callable

from odradek.core.broker import Broker
from odradek.core.errors import ErrorCode
from odradek.core.machine import Out
from odradek.core.requests import (
    commits,
    configs,
    fetch,
    groups,
    log_dirs,
    metadata,
    offsets,
    produce,
    producers,
    topics,
    versions,
)
from odradek.core.session import Call, Session
from odradek.core.types import Now
from odradek.core.wire.frames import API_VERSIONS, UnsupportedApi, decode_request
from odradek.core.wire.primitives import WireError

Handler = Callable[[Broker, Call, Now, Out], None]

SERVED: dict[int, Handler] = {
    0: produce.serve,
    1: fetch.serve,
    2: offsets.list_offsets,
    3: metadata.metadata,
    8: commits.commit,
    9: commits.fetch,
    10: metadata.find_coordinator,
    11: groups.join,
    12: groups.heartbeat,
    13: groups.leave,
    14: groups.sync,
    15: groups.describe,
    16: groups.list_groups,
    18: versions.serve,
    19: topics.create_topics,
    20: topics.delete_topics,
    21: offsets.delete_records,
    22: producers.init_producer_id,
    23: offsets.offset_for_leader_epoch,
    32: configs.describe,
    33: configs.alter,
    35: log_dirs.describe_log_dirs,
    37: topics.create_partitions,
    42: groups.delete,
    44: configs.incremental_alter,
    47: commits.delete,
    60: metadata.describe_cluster,
    61: producers.describe_producers,
    75: metadata.describe_topic_partitions,
}
"""Every API this node answers, by key.  ApiVersions and the README's table are made from it."""


_HANDLERS = {
    (key, version): handler
    for key, handler in SERVED.items()
    for version in range(versions.served_range(key)[0], versions.served_range(key)[1] + 1)
}


DECIDED = frozenset({3, 10, 19, 20, 22, 32, 33, 37, 44})
"""APIs that may need a decision of the controller: they wait while its image is being rebuilt."""


def advertise(broker: Broker) -> None:
    """Let ApiVersions tell what is in the table."""
    broker.api_versions = versions.advertised(SERVED)


def receive(broker: Broker, session: Session, frame: memoryview, now: Now, out: Out) -> None:
    """Serve one frame, or close the connection it came on."""
    try:
        key, version, correlation_id, client_id, body, size = decode_request(frame, broker.limits)
    except UnsupportedApi as asked:
        _unserved(broker, session, asked.api_key, asked.api_version, asked.correlation_id, len(frame), now, out)
        return
    except WireError as error:
        out.note("malformed request, connection closed", conn=session.conn, why=str(error))
        session.close(out)
        return
    handler = _HANDLERS.get((key, version))
    if handler is None:
        _unserved(broker, session, key, version, correlation_id, len(frame), now, out)
        return
    call = Call(session, key, version, correlation_id, client_id, body, size, now.mono)
    session.begin(call, out)
    if key in DECIDED and not broker.metadata.ready:
        broker.metadata.waiting.append((handler, call))
    else:
        handler(broker, call, now, out)


def _unserved(
    broker: Broker, session: Session, key: int, version: int, correlation_id: int, size: int, now: Now, out: Out
) -> None:
    """ApiVersions of an unknown version has an answer all the same; everything else ends the connection, as in
    Kafka."""
    if key == API_VERSIONS:
        call = Call(session, key, version, correlation_id, None, None, size, now.mono)
        session.begin(call, out)
        versions.fall_back(call, out)
        return
    out.note(
        "request not served, connection closed",
        conn=session.conn,
        key=key,
        version=version,
        code=ErrorCode.UNSUPPORTED_VERSION,
    )
    session.close(out)
