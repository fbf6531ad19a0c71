"""Ids that are drawn."""

from base64 import urlsafe_b64decode
from random import Random
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from odradek.core.quorum.identity import id_text, new_cluster_id, new_topic_id


@given(st.randoms(use_true_random=False))
def test_a_topic_id_is_a_random_uuid_whose_text_is_no_option(rng: Random) -> None:
    topic_id = new_topic_id(rng, ())
    assert UUID(bytes=topic_id).version == 4
    assert not id_text(topic_id).startswith("-")
    assert urlsafe_b64decode(id_text(topic_id) + "==") == topic_id


def test_an_id_that_is_taken_is_drawn_again() -> None:
    first = new_topic_id(Random(1), ())
    assert new_topic_id(Random(1), {first: None}) != first


def test_an_id_that_begins_with_a_dash_is_drawn_again() -> None:
    assert all(not id_text(new_topic_id(Random(seed), ())).startswith("-") for seed in range(500))
    assert any(id_text(Random(seed).randbytes(16)).startswith("-") for seed in range(500))


def test_a_cluster_id_has_kafkas_form() -> None:
    assert len(new_cluster_id(Random(3))) == 22
