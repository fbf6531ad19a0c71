"""Chance by stream: each part of the world draws from a generator of its own, made from the seed and the part's name.

Knows: how a seed and a name become a `random.Random`.  Does not know: what is drawn.
Invariant: a stream depends on its seed and name only, so that taking one part of the world away, or one fault, does
not reshuffle what the others draw.
"""

from collections.abc import Sequence
from hashlib import blake2b
from random import Random
from typing import TypeVar

T = TypeVar("T")


def stream(seed: str, *names: str) -> Random:
    """The generator of one part of the world."""
    digest = blake2b("\0".join((seed, *names)).encode(), digest_size=16).digest()
    return Random(int.from_bytes(digest, "big"))


def between(rng: Random, low: int, high: int) -> int:
    """An integer from `low` to `high`, both included: always one draw."""
    return low + int(rng.random() * (high - low + 1))


def chosen(rng: Random, things: Sequence[T]) -> T:
    """One of `things`: always one draw."""
    return things[int(rng.random() * len(things))]


def skewed(rng: Random, low: int, high: int) -> int:
    """An integer from `low` to `high`, small ones far more often: what latencies look like.  Always one draw."""
    return low + int((high - low) * rng.random() ** 4)
