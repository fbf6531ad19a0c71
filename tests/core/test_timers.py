"""Timers: one instant for each key, in order, with lazy deletion."""

from hypothesis import given
from hypothesis import strategies as st

from odradek.core.timers import Timers


def test_the_first_instant_is_the_earliest_of_all_keys() -> None:
    timers = Timers()
    timers.set("a", 30)
    timers.set("b", 10)
    timers.set("c", 20)
    assert timers.first == 10


def test_without_keys_there_is_no_first_instant() -> None:
    assert Timers().first is None


def test_a_key_set_again_has_its_new_instant_only() -> None:
    timers = Timers()
    timers.set("a", 10)
    timers.set("a", 50)
    assert (timers.first, len(timers)) == (50, 1)


def test_a_cancelled_key_is_never_due() -> None:
    timers = Timers()
    timers.set("a", 10)
    timers.cancel("a")
    assert timers.pop_due(100) is None


def test_cancelling_an_unknown_key_is_no_error() -> None:
    timers = Timers()
    timers.cancel("nobody")
    assert len(timers) == 0


def test_nothing_is_due_before_its_instant() -> None:
    timers = Timers()
    timers.set("a", 10)
    assert timers.pop_due(9) is None


def test_a_key_is_due_at_its_instant_and_once() -> None:
    timers = Timers()
    timers.set("a", 10)
    assert [timers.pop_due(10), timers.pop_due(10)] == ["a", None]


def test_keys_of_one_instant_come_in_the_order_they_were_set() -> None:
    timers = Timers()
    for key in ("b", "a", "c"):
        timers.set(key, 7)
    assert [timers.pop_due(7) for _ in range(3)] == ["b", "a", "c"]


def test_setting_one_key_over_and_over_does_not_grow_the_heap() -> None:
    timers = Timers()
    for instant in range(10_000):
        timers.set("a", instant)
    assert len(timers._heap) <= 2 + 64


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("set"), st.integers(0, 5), st.integers(0, 30)),
            st.tuples(st.just("cancel"), st.integers(0, 5), st.just(0)),
            st.tuples(st.just("pop"), st.just(0), st.integers(0, 30)),
        ),
        max_size=300,
    )
)
def test_timers_agree_with_a_plain_dictionary(acts: list[tuple[str, int, int]]) -> None:
    timers = Timers()
    model: dict[int, tuple[int, int]] = {}
    for order, (act, key, when) in enumerate(acts):
        if act == "set":
            timers.set(key, when)
            model[key] = (when, order)
        elif act == "cancel":
            timers.cancel(key)
            model.pop(key, None)
        else:
            due = min((entry, key) for key, entry in model.items())[1] if model else None
            if due is not None and model[due][0] > when:
                due = None
            assert timers.pop_due(when) == due
            if due is not None:
                del model[due]
        assert timers.first == min((when for when, _ in model.values()), default=None)
        assert len(timers) == len(model)
