"""A short, deterministic part of the fuzzing, in every test run; `.ci/run` lets atheris look for longer."""

import pytest
from drawn import KEYS, Draw, frames_from, request_of, spoiled
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from world import World

from odradek.core.wire.registry import APIS

SERVED = [(key, version) for key in KEYS for version in range(APIS[key].lowest, APIS[key].highest + 1)]
calm = settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@settings(calm, max_examples=150)
@given(st.lists(st.binary(max_size=600), min_size=1, max_size=3))
def test_whatever_strangers_send_everyone_else_is_served(strangers):
    world = World()
    world.visit(*[frames_from(data, world.known()) for data in strangers])


@settings(calm, max_examples=150)
@given(st.lists(st.binary(max_size=200), max_size=6))
def test_bytes_that_are_no_request_harm_nobody(frames):
    World().visit(frames)


@pytest.mark.parametrize("key", KEYS, ids=[APIS[key].name for key in KEYS])
@settings(calm, max_examples=30)
@given(data=st.data())
def test_any_values_in_the_fields_of_a_request_are_answered_or_end_the_connection(key, data):
    """Well-formed requests of one API in all of its versions, one after the other, some with a byte that is wrong."""
    world = World()
    versions = [version for api, version in SERVED if api == key]
    for _ in range(data.draw(st.integers(1, 4))):
        draw = Draw(data.draw(st.binary(min_size=20, max_size=120)))
        frame = request_of(key, data.draw(st.sampled_from(versions)), draw, world.known())
        world.visit([spoiled(frame, draw), frame] if data.draw(st.booleans()) else [frame, frame])


@settings(calm, max_examples=40)
@given(st.lists(st.binary(min_size=50, max_size=400), min_size=5, max_size=25))
def test_what_many_visits_leave_behind_is_within_the_bounds_and_outlives_a_restart_unharmed(visits):
    world = World()
    for data in visits:
        half = len(data) // 2
        world.visit(frames_from(data[:half], world.known()), frames_from(data[half:], world.known()))
    world.begin_anew(clean=len(visits) % 2 == 0)
