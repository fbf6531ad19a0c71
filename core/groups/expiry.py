"""What a group forgets by itself: offsets nobody needs any longer, and the group when nothing is left of it.

Knows: KIP-211's rules.  Does not know: when it is asked.
Invariant: nothing expires of a topic that a member subscribes to, nor of a group whose subscriptions cannot be read.

Ages are measured in wall time, as records carry it: they must outlive the node.
"""

from odradek.core.groups.group import Group
from odradek.core.groups.schema import Change, OffsetCommitValue, OffsetKey, offset_change
from odradek.core.groups.states import State
from odradek.core.groups.subscription import CONSUMER
from odradek.core.groups.turn import Turn
from odradek.core.types import NO_TIMESTAMP


def expired(t: Turn, group: Group) -> list[Change]:
    """Tombstones for what this group need not remember; with everything gone and no member, for the group as well."""
    held = t.ledger.offsets_of(group.id)
    changes = []
    for topic, partition in _candidates(t, group):
        if _is_over(t, group, held[topic, partition]):
            changes.append(offset_change(OffsetKey(group.id, topic, partition), None))
    if len(changes) == len(held) and group.state is State.EMPTY and not group.pending:
        return t.ledger.tombstones(group.id)
    return changes


def _candidates(t: Turn, group: Group) -> list[tuple[str, int]]:
    """The offsets that may expire at all in the group's present state."""
    held = t.ledger.offsets_of(group.id)
    if group.protocol_type is None or group.state is State.EMPTY:
        return list(held)
    topics = group.topics()
    if group.protocol_type == CONSUMER and group.state is State.STABLE and topics is not None:
        return [where for where in held if where[0] not in topics]
    return []


def _is_over(t: Turn, group: Group, value: OffsetCommitValue) -> bool:
    """Whether its time has passed: from when the group became empty, else from the commit.

    An expiry that the client asked for itself comes first (OffsetCommit 2 to 4).
    """
    if value.expire_timestamp != NO_TIMESTAMP:
        return t.now.wall >= value.expire_timestamp
    since = value.commit_timestamp
    if group.protocol_type is not None and group.state is State.EMPTY:
        since = group.since
    return t.now.wall - since >= t.config.offsets_retention_ms


def of_topic(t: Turn, group: str, topic: str) -> list[Change]:
    """Tombstones for a group's offsets of a topic that no longer exists."""
    held = t.ledger.offsets_of(group)
    return [offset_change(OffsetKey(group, name, partition), None) for name, partition in held if name == topic]
