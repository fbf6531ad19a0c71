"""Random instances of every declared message, for the tests of this folder."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from odradek.core.wire.registry import APIS
from odradek.core.wire.schema import Field, shape

INTS = {"int8": (8, True), "int16": (16, True), "uint16": (16, False), "int32": (32, True), "uint32": (32, False)}
WORDS = ["", "a", "topic-1", "ünïcödé", "𝛀mega", "x" * 126, "x" * 127, "y" * 128, "z" * 300]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`body` runs over every (class, version); `api_version` over every (key, version)."""
    if "body" in metafunc.fixturenames:
        cases = [
            pytest.param((cls, version), id=f"{cls.__name__}-v{version}")
            for api in APIS.values()
            for cls in (api.request, api.response)
            for version in range(api.lowest, api.highest + 1)
        ]
        metafunc.parametrize("body", cases)
    if "api_version" in metafunc.fixturenames:
        cases = [
            pytest.param((api.key, version), id=f"{api.name}-v{version}")
            for api in APIS.values()
            for version in range(api.lowest, api.highest + 1)
        ]
        metafunc.parametrize("api_version", cases)


def _integer(field: Field, rng: random.Random) -> int:
    if field.name.endswith("error_code"):
        return rng.randint(-1, 100)
    if field.kind == "int64":
        if field.name.endswith("_ms") or "time" in field.name:
            return rng.choice([0, 1, rng.getrandbits(47)])
        return rng.choice([0, -1, 1, 2**63 - 1, -(2**63), rng.getrandbits(63)])
    bits, signed = INTS[field.kind]
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return rng.choice([0, 1, low, high, rng.randint(low, high)])


def _value(field: Field, version: int, rng: random.Random, depth: int) -> Any:
    if field.is_nullable(version) and rng.random() < 0.25:
        return None
    kind = field.kind
    if kind in INTS or kind == "int64":
        return _integer(field, rng)
    if kind == "float64":
        return rng.choice([0.0, -1.5, 1e300, rng.random()])
    if kind == "boolean":
        return rng.random() < 0.5
    if kind == "string":
        return rng.choice(WORDS)
    if kind in ("bytes_", "records"):
        return rng.randbytes(rng.choice([0, 1, 5, 126, 127, 128, 1000]))
    if kind == "uuid":
        return rng.choice([bytes(16), rng.randbytes(16)])
    if kind == "nested":
        return instance(field.of, version, rng, depth + 1)
    return tuple(_element(field, version, rng, depth) for _ in range(_count(field, rng, depth)))


def _count(field: Field, rng: random.Random, depth: int) -> int:
    if not isinstance(field.of, type) and rng.random() < 0.1:
        return rng.choice([126, 127, 128, 200])
    return rng.choice([0, 1, 1, 2, 3] if depth < 2 else [0, 1, 2])


def _element(field: Field, version: int, rng: random.Random, depth: int) -> Any:
    if isinstance(field.of, type):
        return instance(field.of, version, rng, depth + 1)
    of = field.of()
    of.name = field.name
    return _value(of, version, rng, depth)


def instance(cls: Any, version: int, rng: random.Random, depth: int = 0) -> Any:
    """An instance whose fields are random where this version carries them, and default elsewhere."""
    values = {}
    for field in shape(cls).fields:
        if not field.carried(version) or (field.is_tagged(version) and rng.random() < 0.4):
            continue
        value = _value(field, version, rng, depth)
        if field.kind == "nested" and field.is_tagged(version) and value == field.of():
            continue
        values[field.name] = value
    return cls(**values)


@pytest.fixture(scope="session")
def specimen() -> Callable[..., Any]:
    """`specimen(cls, version, rng)`: a random instance."""
    return instance
