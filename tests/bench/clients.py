"""Runs one client as a process of its own and reads the figures it prints.

Knows: a client module prints one line of JSON.  Invariant: a client that hangs is ended, by its own id.
"""

import json
import subprocess
import sys

from tests.bench.sides import CHECKOUT, Broker

CLIENT_S_MAX = 180


def run(module: str, broker: Broker, *words: object) -> dict[str, float]:
    """Run `tests.bench.<module>` against the broker, return its figures."""
    called = [sys.executable, "-m", f"tests.bench.{module}", "--bootstrap", broker.bootstrap, "--pid", str(broker.pid)]
    try:
        process = subprocess.run(
            [*called, *map(str, words)], cwd=CHECKOUT, capture_output=True, text=True, timeout=CLIENT_S_MAX, check=False
        )
    except subprocess.TimeoutExpired:
        raise SystemExit(f"client {module} {words} was not done after {CLIENT_S_MAX} s") from None
    if process.returncode:
        raise SystemExit(f"client {module} {words} failed ({process.returncode}):\n{process.stderr[-3000:]}")
    figures = json.loads(process.stdout.splitlines()[-1])
    return {name: float(value) for name, value in figures.items()}
