import pytest

from odradek.core.groups.routing import java_hash, shard_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0),
        ("hello", 99162322),
        ("Aa", 2112),
        ("BB", 2112),
        ("polygenelubricants", 0x80000000),
        ("\U0001f600", 1772899),
    ],
)
def test_the_hash_is_javas_over_utf_16_units(text: str, expected: int) -> None:
    assert java_hash(text) == expected


def test_the_sign_bit_is_masked_not_negated() -> None:
    # "polygenelubricants" hashes to the smallest 32-bit integer, which has no absolute value.
    assert shard_of("polygenelubricants", 50) == 0
    # "aaaaaaa" hashes to -1236860927, whose absolute value would lead to shard 27.
    assert java_hash("aaaaaaa") - (1 << 32) == -1236860927
    assert shard_of("aaaaaaa", 50) == (-1236860927 & 0x7FFFFFFF) % 50 == 21


def test_every_group_has_a_shard_among_those_there_are() -> None:
    found = {shard_of(f"group-{n}", 50) for n in range(2_000)}
    assert found == set(range(50))
