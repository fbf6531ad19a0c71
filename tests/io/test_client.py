"""The pieces of the client that need no broker."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odradek.core.errors import ErrorCode
from odradek.io.client import Client, Patience, Place
from odradek.io.client_errors import ClientError, ServerError, Unreachable, check
from odradek.io.client_link import Address, addresses
from odradek.io.client_member import shared_by_range
from odradek.io.client_producer import murmur2


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("localhost", [Address("localhost", 9092)]),
        ("a:1,b:2", [Address("a", 1), Address("b", 2)]),
        ("[::1]:9", [Address("::1", 9)]),
        ("[::1]", [Address("::1", 9092)]),
        ("::1", [Address("::1", 9092)]),
        (" a:1 , ", [Address("a", 1)]),
        ("PLAINTEXT://a:1", [Address("a", 1)]),
    ],
)
def test_addresses_are_read(text, found):
    assert list(addresses(text)) == found


@pytest.mark.parametrize("text", ["", ",", "a:", "a:x", "a:0", "a:65536", ":9092", "[::1", "[::1]x", "a:²"])
def test_what_is_no_address_is_refused(text):
    with pytest.raises(ValueError, match="HOST:PORT"):
        addresses(text)


def test_an_address_is_shown_as_it_is_written():
    assert str(Address("::1", 9)) == "[::1]:9"


@pytest.mark.parametrize(
    ("key", "signed"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_keys_are_hashed_as_javas_producer_does(key, signed):
    assert murmur2(key) == signed % 2**32


def test_range_gives_contiguous_runs_and_the_rest_to_the_first():
    shares = shared_by_range({"b": ("t", "u"), "a": ("t",), "c": ("t",)}, {"t": 7, "u": 2})

    assert shares == {
        "a": [Place("t", 0), Place("t", 1), Place("t", 2)],
        "b": [Place("t", 3), Place("t", 4), Place("u", 0), Place("u", 1)],
        "c": [Place("t", 5), Place("t", 6)],
    }


names = st.sampled_from("tuvw")


@given(
    wishes=st.dictionaries(st.text(max_size=3), st.lists(names, max_size=3).map(tuple), max_size=5),
    counts=st.dictionaries(names, st.integers(0, 9)),
)
def test_range_gives_each_wanted_partition_to_exactly_one_who_wants_it(wishes, counts):
    shares = shared_by_range(wishes, counts)

    given_out = sorted(place for places in shares.values() for place in places)
    wanted = {topic for topics in wishes.values() for topic in topics}
    assert given_out == sorted(Place(t, n) for t, count in counts.items() if t in wanted for n in range(count))
    assert all(place.topic in wishes[member] for member, places in shares.items() for place in places)


def test_an_error_that_will_not_pass_is_raised_at_once():
    tries = []

    def act():
        tries.append(1)
        check(ErrorCode.TOPIC_AUTHORIZATION_FAILED, "topic t")

    with pytest.raises(ServerError, match="topic t: TOPIC_AUTHORIZATION_FAILED"):
        Client("localhost:1").persist(act)
    assert len(tries) == 1


def test_an_error_that_may_pass_is_tried_again_until_it_has():
    answers = [ErrorCode.NOT_LEADER_OR_FOLLOWER, ErrorCode.NONE]

    Client("localhost:1").persist(lambda: check(answers.pop(0), "t"))

    assert answers == []


def test_patience_ends():
    patience = Patience(0.0)

    with pytest.raises(Unreachable):
        patience.wait(Unreachable("gone"))


def test_a_code_nobody_knows_is_shown_as_its_number():
    assert str(ServerError(4711, "topic t")) == "topic t: error code 4711"


def test_an_error_is_one_line_with_the_brokers_words():
    assert str(ServerError(44, "topic t", "too\n many")) == "topic t: too many (POLICY_VIOLATION)"


def test_where_nobody_listens_the_client_says_so_at_once():
    with Client("127.0.0.1:1") as client, pytest.raises(ClientError, match="connection refused"):
        client.persist(lambda: client.cluster(()))
