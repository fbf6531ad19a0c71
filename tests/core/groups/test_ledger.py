from hypothesis import given, settings
from hypothesis import strategies as st

from odradek.core.groups.ledger import Ledger
from odradek.core.groups.schema import GroupMetadataValue, OffsetCommitValue, OffsetKey, group_record, offset_record

GROUPS = st.sampled_from(["", "g", "é"])
OFFSETS = st.builds(
    lambda group, topic, partition, value: offset_record(OffsetKey(group, topic, partition), value),
    GROUPS,
    st.sampled_from(["t", "u"]),
    st.integers(0, 2),
    st.none()
    | st.builds(
        lambda offset, expires: OffsetCommitValue(offset=offset, commit_timestamp=1, expire_timestamp=expires),
        st.integers(0, 1 << 62),
        st.sampled_from([-1, 5]),
    ),
)
GENERATIONS = st.builds(
    lambda group, generation: group_record(
        group, None if generation is None else GroupMetadataValue(protocol_type="consumer", generation=generation)
    ),
    GROUPS,
    st.none() | st.integers(0, 9),
)
FOREIGN = st.tuples(st.sampled_from([b"\x00\x03a", b"\x00\x10b"]), st.none() | st.binary(max_size=3))


def replay(records: list[tuple[bytes, bytes | None]]) -> Ledger:
    ledger = Ledger(foreign_max=10)
    for key, value in records:
        ledger.apply(key, value)
    return ledger


@settings(max_examples=150, deadline=None)
@given(st.lists(OFFSETS | GENERATIONS | FOREIGN, max_size=25))
def test_a_ledger_holds_the_last_record_of_each_key_and_its_snapshot_says_the_same(
    records: list[tuple[bytes, bytes | None]],
) -> None:
    ledger = replay(records)
    live = {key: value for key, value in dict(records).items() if value is not None}
    assert dict(ledger.snapshot()) == live
    assert len(ledger.snapshot()) == len(live)
    again = replay(list(ledger.snapshot()))
    assert (again.metadata, again.offsets, again.foreign) == (ledger.metadata, ledger.offsets, ledger.foreign)


def test_a_group_is_known_while_anything_of_it_is_remembered() -> None:
    ledger = replay([offset_record(OffsetKey("g", "t", 0), OffsetCommitValue(offset=1))])
    assert ledger.knows("g")
    assert [change.record for change in ledger.tombstones("g")] == [offset_record(OffsetKey("g", "t", 0), None)]
    ledger.apply(*offset_record(OffsetKey("g", "t", 0), None))
    assert not ledger.knows("g")
    assert ledger.tombstones("g") == []
