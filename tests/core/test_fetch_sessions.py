"""Fetch sessions: KIP-227's rules of numbers and epochs, and their bounds."""

from collections.abc import Callable
from random import Random

import pytest

from odradek.core.errors import ErrorCode, Refused
from odradek.core.fetch_sessions import EPOCH_MAX, EVICT_AFTER_NS, FetchSession, FetchSessions
from odradek.core.wire.fetch import FetchPartition, FetchRequest, FetchTopic, ForgottenTopic

ZERO = bytes(16)


def cache(slots: int = 10, partitions: int = 100, total: int = 1000) -> FetchSessions:
    return FetchSessions(slots, partitions, total, Random(1))


def request(
    *indexes: int, session: int = 0, epoch: int = 0, offset: int = 0, forget: tuple[int, ...] = ()
) -> FetchRequest:
    parts = tuple(FetchPartition(partition=i, fetch_offset=offset, partition_max_bytes=1) for i in indexes)
    return FetchRequest(
        session_id=session,
        session_epoch=epoch,
        topics=(FetchTopic(topic="t", partitions=parts),) if parts else (),
        forgotten_topics_data=(ForgottenTopic(topic="t", partitions=forget),) if forget else (),
    )


def opened(sessions: FetchSessions, *indexes: int, now: int = 0) -> FetchSession:
    session, incremental = sessions.open(request(*indexes), False, now)
    assert not incremental
    return session


def wanted(session: FetchSession) -> list[int]:
    return [key[2] for key in session.wanted]


def refusal(act: Callable[[], object]) -> ErrorCode:
    with pytest.raises(Refused) as caught:
        act()
    return caught.value.code


def test_epoch_zero_begins_a_session_with_a_number() -> None:
    sessions = cache()
    assert opened(sessions, 0, 1).id > 0
    assert len(sessions) == 1


def test_epoch_minus_one_is_a_fetch_outside_any_session() -> None:
    sessions = cache()
    session, incremental = sessions.open(request(0, epoch=-1), False, 0)
    assert (session.id, incremental, wanted(session), len(sessions)) == (0, False, [0], 0)


def test_the_next_epoch_continues_the_session_and_remembers_its_partitions() -> None:
    sessions = cache()
    first = opened(sessions, 0, 1)
    again, incremental = sessions.open(request(session=first.id, epoch=1), False, 0)
    assert (again.id, incremental, wanted(again)) == (first.id, True, [0, 1])


def test_a_request_in_a_session_adds_changes_and_forgets_partitions() -> None:
    sessions = cache()
    first = opened(sessions, 0, 1)
    again, _ = sessions.open(request(1, 2, session=first.id, epoch=1, offset=9, forget=(0,)), False, 0)
    assert {key[2]: one.partition.fetch_offset for key, one in again.wanted.items()} == {1: 9, 2: 9}


def test_a_repeated_epoch_is_refused() -> None:
    sessions = cache()
    first = opened(sessions, 0)
    sessions.open(request(session=first.id, epoch=1), False, 0)
    code = refusal(lambda: sessions.open(request(session=first.id, epoch=1), False, 0))
    assert code is ErrorCode.INVALID_FETCH_SESSION_EPOCH


def test_an_unknown_session_is_refused() -> None:
    code = refusal(lambda: cache().open(request(session=5, epoch=1), False, 0))
    assert code is ErrorCode.FETCH_SESSION_ID_NOT_FOUND


def test_a_session_of_names_cannot_go_on_with_ids() -> None:
    sessions = cache()
    first = opened(sessions, 0)
    code = refusal(lambda: sessions.open(request(session=first.id, epoch=1), True, 0))
    assert code is ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR


def test_the_epoch_after_the_largest_is_one() -> None:
    sessions = cache()
    first = opened(sessions, 0)
    first.epoch = EPOCH_MAX
    sessions.open(request(session=first.id, epoch=EPOCH_MAX), False, 0)
    assert first.epoch == 1


def test_the_final_epoch_ends_the_session() -> None:
    sessions = cache()
    first = opened(sessions, 0)
    last, incremental = sessions.open(request(0, session=first.id, epoch=-1), False, 0)
    assert (last.id, incremental, len(sessions)) == (0, False, 0)


def test_epoch_zero_with_a_number_replaces_that_session() -> None:
    sessions = cache()
    first = opened(sessions, 0)
    second, _ = sessions.open(request(1, session=first.id, epoch=0), False, 0)
    assert (len(sessions), wanted(second)) == (1, [1])


def test_without_a_free_slot_a_fetch_is_served_without_a_session() -> None:
    sessions = cache(slots=1)
    opened(sessions, 0)
    assert opened(sessions, 0).id == 0


def test_a_session_unused_for_long_makes_room() -> None:
    sessions = cache(slots=1)
    first = opened(sessions, 0)
    second = opened(sessions, 0, now=EVICT_AFTER_NS)
    assert second.id > 0
    code = refusal(lambda: sessions.open(request(session=first.id, epoch=1), False, EVICT_AFTER_NS))
    assert code is ErrorCode.FETCH_SESSION_ID_NOT_FOUND


def test_the_session_unused_for_longest_goes_first() -> None:
    sessions = cache(slots=2)
    first, second = opened(sessions, 0), opened(sessions, 0)
    sessions.open(request(session=first.id, epoch=1), False, EVICT_AFTER_NS)
    opened(sessions, 0, now=EVICT_AFTER_NS)
    again, _ = sessions.open(request(session=first.id, epoch=2), False, EVICT_AFTER_NS)
    assert again is first
    code = refusal(lambda: sessions.open(request(session=second.id, epoch=1), False, EVICT_AFTER_NS))
    assert code is ErrorCode.FETCH_SESSION_ID_NOT_FOUND


def test_partitions_of_all_sessions_are_bounded() -> None:
    sessions = cache(total=3)
    assert opened(sessions, 0, 1).id > 0
    assert opened(sessions, 0, 1).id == 0


def test_forgotten_partitions_make_room_for_others() -> None:
    sessions = cache(total=3)
    first = opened(sessions, 0, 1, 2)
    sessions.open(request(session=first.id, epoch=1, forget=(0, 1)), False, 0)
    assert opened(sessions, 0, 1).id > 0


def test_one_fetch_of_too_many_partitions_is_refused() -> None:
    code = refusal(lambda: opened(cache(partitions=2), 0, 1, 2))
    assert code is ErrorCode.INVALID_REQUEST


def test_a_session_that_outgrows_its_bound_must_begin_anew() -> None:
    sessions = cache(partitions=2)
    first = opened(sessions, 0, 1)
    code = refusal(lambda: sessions.open(request(2, session=first.id, epoch=1), False, 0))
    assert (code, len(sessions)) == (ErrorCode.FETCH_SESSION_ID_NOT_FOUND, 0)


def test_a_partition_that_was_served_goes_to_the_end_of_the_line() -> None:
    session = opened(cache(), 0, 1, 2)
    session.served(("t", ZERO, 0))
    assert wanted(session) == [1, 2, 0]


def test_serving_a_partition_that_was_forgotten_meanwhile_changes_nothing() -> None:
    session = opened(cache(), 0)
    session.served(("t", ZERO, 7))
    assert wanted(session) == [0]
