"""A short, deterministic part of the fuzzing, in every test run; `.ci/run` lets atheris look for longer."""

from drawn import frames_from
from hypothesis import given, settings
from hypothesis import strategies as st
from world import World


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=600))
def test_whatever_a_stranger_sends_everyone_else_is_served(data):
    world = World()
    world.visit(frames_from(data, world.topic_id))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=200), max_size=6))
def test_bytes_that_are_no_request_harm_nobody(frames):
    World().visit(frames)
