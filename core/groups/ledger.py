"""What a shard remembers for ever: stored generations and committed offsets, exactly as its log says.

Knows: records, and the state they add up to.  Does not know: members that wait, sessions, time, requests.
Invariant: `put` is the only code that changes it, for a record of the log; so replaying the log, or a snapshot of it,
gives a ledger equal to the one that lived through it.
"""

from typing import Final

from odradek.core.errors import ErrorCode, Refused
from odradek.core.groups.out import Record
from odradek.core.groups.schema import (
    Change,
    ForeignKey,
    GroupKey,
    GroupMetadataValue,
    OffsetCommitValue,
    OffsetKey,
    group_change,
    group_record,
    offset_change,
    offset_record,
    read_group,
    read_key,
    read_offset,
)

TopicAndPartition = tuple[str, int]

NO_OFFSETS: Final[dict[TopicAndPartition, OffsetCommitValue]] = {}
"""What a group without offsets has.  Never written to."""


class Ledger:
    """The durable state of one partition of `__consumer_offsets`.

    `metadata`: the last stored generation of each group.  `offsets`: the committed offsets of each group that has any.
    `foreign`: records of kinds this code does not know, by key, at most `foreign_max`; they are kept and restated as
    they are, so that a log written by a newer broker loses nothing here.
    """

    __slots__ = ("foreign", "foreign_max", "metadata", "offsets")

    def __init__(self, foreign_max: int) -> None:
        self.metadata: dict[str, GroupMetadataValue] = {}
        self.offsets: dict[str, dict[TopicAndPartition, OffsetCommitValue]] = {}
        self.foreign: dict[bytes, bytes] = {}
        self.foreign_max = foreign_max

    def apply(self, key: bytes, value: bytes | None) -> None:
        """Take in one record of the log.

        Raises `Refused(CORRUPT_MESSAGE)` for a known kind that cannot be read, and `Refused(POLICY_VIOLATION)` when
        there are too many of unknown kinds: then this shard cannot be served from this log.
        """
        name = read_key(key)
        if isinstance(name, ForeignKey):
            self._put_foreign(name, value)
        elif value is None:
            self.put(name, None)
        else:
            self.put(name, read_offset(value) if isinstance(name, OffsetKey) else read_group(value))

    def put(self, name: OffsetKey | GroupKey, value: OffsetCommitValue | GroupMetadataValue | None) -> None:
        """What a record says becomes true.  The value is never changed again."""
        if isinstance(name, OffsetKey):
            assert value is None or isinstance(value, OffsetCommitValue)
            self._put_offset(name, value)
        elif value is None:
            self.metadata.pop(name.group, None)
        else:
            assert isinstance(value, GroupMetadataValue)
            self.metadata[name.group] = value

    def _put_offset(self, name: OffsetKey, value: OffsetCommitValue | None) -> None:
        where = (name.topic, name.partition)
        if value is not None:
            self.offsets.setdefault(name.group, {})[where] = value
            return
        held = self.offsets.get(name.group)
        if held is not None:
            held.pop(where, None)
            if not held:
                del self.offsets[name.group]

    def _put_foreign(self, name: ForeignKey, value: bytes | None) -> None:
        if value is None:
            self.foreign.pop(name.key, None)
            return
        if name.key not in self.foreign and len(self.foreign) >= self.foreign_max:
            raise Refused(
                ErrorCode.POLICY_VIOLATION,
                f"more than {self.foreign_max} records of unknown kinds in __consumer_offsets: "
                "raise foreign_records_per_shard",
            )
        self.foreign[name.key] = bytes(value)

    def offsets_of(self, group: str) -> dict[TopicAndPartition, OffsetCommitValue]:
        """The group's committed offsets, to be read only."""
        return self.offsets.get(group, NO_OFFSETS)

    def knows(self, group: str) -> bool:
        """Whether anything is remembered of this group."""
        return group in self.metadata or group in self.offsets

    def held(self, name: OffsetKey | GroupKey) -> OffsetCommitValue | GroupMetadataValue | None:
        """What is true of `name` now."""
        if isinstance(name, OffsetKey):
            return self.offsets_of(name.group).get((name.topic, name.partition))
        return self.metadata.get(name.group)

    def snapshot(self) -> list[Record]:
        """Every live record, once."""
        records = [group_record(group, value) for group, value in self.metadata.items()]
        for group, held in self.offsets.items():
            for (topic, partition), value in held.items():
                records.append(offset_record(OffsetKey(group, topic, partition), value))
        records.extend(self.foreign.items())
        return records

    def tombstones(self, group: str) -> list[Change]:
        """What makes this group forgotten."""
        changes = [offset_change(OffsetKey(group, *where), None) for where in self.offsets_of(group)]
        if group in self.metadata:
            changes.append(group_change(GroupKey(group), None))
        return changes
