import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odradek.core.groups.subscription import subscribed_topics
from odradek.core.wire.embedded import ConsumerProtocolSubscription
from odradek.core.wire.structs import encode_versioned


@pytest.mark.parametrize("version", [0, 1, 2, 3])
def test_topics_are_read_from_every_version(version: int) -> None:
    data = encode_versioned(ConsumerProtocolSubscription(topics=("a", "bé")), version)
    assert subscribed_topics(data) == ("a", "bé")


def test_an_empty_subscription_is_not_an_unreadable_one() -> None:
    assert subscribed_topics(encode_versioned(ConsumerProtocolSubscription(topics=()), 1)) == ()
    assert subscribed_topics(b"") is None


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x00\x7f\xff\xff\xff",
        b"\x00\x00\x00\x00\x00\x01\x00\x05abc",
        b"\xff\xff\x00\x00\x00\x00",
        b"\x00\x00\xff\xff\xff\xff",
    ],
)
def test_bytes_that_are_no_subscription_read_as_none(data: bytes) -> None:
    assert subscribed_topics(data) is None


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=40))
def test_any_bytes_read_as_topics_or_none(data: bytes) -> None:
    found = subscribed_topics(data)
    assert found is None or all(isinstance(topic, str) for topic in found)
