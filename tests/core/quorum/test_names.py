"""Names of topics."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odradek.core.quorum.names import collides, unified, why_invalid


@pytest.mark.parametrize("name", ["a", "A-z_0.9", "...", "x" * 249, "__consumer_offsets", "-"])
def test_names_kafka_allows(name: str) -> None:
    assert why_invalid(name) is None


@pytest.mark.parametrize(
    "name", ["", ".", "..", "x" * 250, "../x", "/", "a b", "a\x00", "a\n", "ä", "\u0430bc", "a/b", "\ud800", "a:b"]
)
def test_names_kafka_refuses(name: str) -> None:
    why = why_invalid(name)
    assert why is not None
    assert why.isascii() and why.isprintable()


@given(st.text(max_size=300))
def test_a_name_is_valid_just_when_the_pattern_says_so(name: str) -> None:
    wanted = re.fullmatch(r"[A-Za-z0-9._-]{1,249}", name) is not None and name not in (".", "..")
    assert (why_invalid(name) is None) == wanted


def test_dots_and_underscores_look_alike_in_metrics() -> None:
    assert unified("a.b") == unified("a_b")
    assert collides("a.b") and collides("a_b") and not collides("a-b")
