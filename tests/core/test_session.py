"""Sessions: answers in the order asked, and bounds that pause a connection."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from odradek.core.effects import Close, Pause, Resume, Send
from odradek.core.machine import Out
from odradek.core.session import NO_ANSWER, Backlog, Call, Session
from odradek.core.types import ConnId


def session(conn: int = 1, in_flight: int = 4, backlog: Backlog | None = None) -> Session:
    return Session(ConnId(conn), ("peer", 1), ("local", 2), in_flight, backlog or Backlog(1000))


def call(of: Session, number: int, size: int = 10) -> Call:
    return Call(of, 0, 0, number, None, None, size, 0)


def begun(of: Session, count: int, out: Out, size: int = 10) -> list[Call]:
    calls = [call(of, number, size) for number in range(count)]
    for one in calls:
        of.begin(one, out)
    return calls


def sent(out: Out) -> list[Any]:
    return [effect.chunks for effect in out.effects if isinstance(effect, Send)]


def kinds(out: Out) -> list[type]:
    return [type(effect) for effect in out.effects]


def test_an_answer_that_is_ready_early_waits_for_those_asked_before() -> None:
    out, one = Out(), session()
    first, second = begun(one, 2, out)
    one.finish(second, (b"2",), out)
    assert sent(out) == []
    one.finish(first, (b"1",), out)
    assert sent(out) == [(b"1",), (b"2",)]


def test_a_request_without_an_answer_sends_nothing_but_lets_the_next_go() -> None:
    out, one = Out(), session()
    first, second = begun(one, 2, out)
    one.finish(second, (b"2",), out)
    one.finish(first, NO_ANSWER, out)
    assert sent(out) == [(b"2",)]


def test_a_finished_call_gives_its_body_back() -> None:
    out, one = Out(), session()
    (only,) = begun(one, 1, out)
    only.body = object()
    one.finish(only, (b"x",), out)
    assert only.body is None


def test_a_connection_with_too_many_requests_in_flight_is_paused_once() -> None:
    out, one = Out(), session(in_flight=3)
    begun(one, 5, out)
    assert kinds(out) == [Pause]


def test_a_paused_connection_is_read_again_when_half_of_the_bound_is_free() -> None:
    out, one = Out(), session(in_flight=4)
    calls = begun(one, 4, out)
    one.finish(calls[0], (b"",), out)
    assert Resume not in kinds(out)
    one.finish(calls[1], (b"",), out)
    assert kinds(out)[-1] is Resume


def test_bytes_in_flight_of_all_connections_pause_whoever_adds_to_them() -> None:
    out, backlog = Out(), Backlog(100)
    one, other = session(1, backlog=backlog), session(2, backlog=backlog)
    begun(one, 1, out, size=90)
    begun(other, 1, out, size=20)
    assert [effect.conn for effect in out.effects if isinstance(effect, Pause)] == [2]


def test_a_connection_paused_for_bytes_is_read_again_when_others_drain() -> None:
    out, backlog = Out(), Backlog(100)
    one, other = session(1, backlog=backlog), session(2, backlog=backlog)
    (big,) = begun(one, 1, out, size=90)
    begun(other, 1, out, size=20)
    one.finish(big, (b"",), out)
    assert [effect.conn for effect in out.effects if isinstance(effect, Resume)] == [2]


def test_a_connection_that_drained_while_the_backlog_was_full_is_not_forgotten() -> None:
    out, backlog = Out(), Backlog(100)
    one, other = session(1, in_flight=2, backlog=backlog), session(2, backlog=backlog)
    calls = begun(one, 2, out, size=1)
    (big,) = begun(other, 1, out, size=200)
    for mine in calls:
        one.finish(mine, (b"",), out)
    assert not any(isinstance(effect, Resume) for effect in out.effects)
    other.finish(big, (b"",), out)
    assert {effect.conn for effect in out.effects if isinstance(effect, Resume)} == {1, 2}


def test_a_connection_that_closes_gives_its_bytes_back_and_wakes_the_others() -> None:
    out, backlog = Out(), Backlog(100)
    one, other = session(1, backlog=backlog), session(2, backlog=backlog)
    begun(one, 1, out, size=90)
    begun(other, 1, out, size=20)
    one.closed(out)
    assert backlog.bytes == 20
    assert [effect.conn for effect in out.effects if isinstance(effect, Resume)] == [2]


def test_a_closed_connection_is_told_nothing_more() -> None:
    out, one = Out(), session()
    (late,) = begun(one, 1, out)
    one.closed(out)
    one.finish(late, (b"x",), out)
    assert sent(out) == []


def test_closing_twice_asks_the_driver_once() -> None:
    out, one = Out(), session()
    one.close(out)
    one.close(out)
    assert kinds(out) == [Close]


def test_answers_ready_after_the_end_was_asked_for_are_dropped() -> None:
    out, one = Out(), session()
    (late,) = begun(one, 1, out)
    one.close(out)
    one.finish(late, (b"x",), out)
    assert sent(out) == []


@given(st.permutations(range(8)), st.integers(1, 9))
def test_whatever_order_answers_become_ready_in_they_leave_in_the_order_asked(order: list[int], bound: int) -> None:
    out, one = Out(), session(in_flight=bound)
    calls = begun(one, len(order), out)
    for number in order:
        one.finish(calls[number], (b"%d" % number,), out)
    assert sent(out) == [(b"%d" % number,) for number in range(len(order))]
    assert one.backlog.bytes == 0
    assert not one.paused
