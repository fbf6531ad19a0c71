"""Feed `Node.step` what a fuzzer finds, for a while.

    python tests/fuzz/node_bytes.py --seconds 60 [--corpus DIR]
    python tests/fuzz/node_bytes.py --replay FILE

With atheris, coverage of odradek.core guides it; without, the bytes are random, from `--seed`.  A failure is a
traceback and a file with the bytes (`crash-…`), which `--replay` runs again.
"""

import argparse
import sys
import time
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parent))

try:
    import atheris
except ImportError:
    atheris = None

if atheris is not None:
    with atheris.instrument_imports(include=["odradek.core"]):
        from drawn import frames_from
        from world import World
else:
    from drawn import frames_from
    from world import World

VISITS_PER_WORLD = 100
INPUT_BYTES_MAX = 1024


class Fuzzed:
    """Visits to one world after another: a node keeps what strangers leave behind lawfully, such as topics."""

    def __init__(self):
        self.visits = 0
        self.world = None

    def visit(self, data):
        if self.visits % VISITS_PER_WORLD == 0:
            if self.world is not None:
                self.world.begin_anew(clean=bool(self.visits // VISITS_PER_WORLD % 2))
            self.world = World()
        self.visits += 1
        half = len(data) // 2
        strangers = (data,) if half % 2 else (data[:half], data[half:])
        self.world.visit(*[frames_from(drawn, self.world.known()) for drawn in strangers])


def random_visits(seconds, seed):
    fuzzed, draw = Fuzzed(), Random(seed)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        data = draw.randbytes(draw.randrange(INPUT_BYTES_MAX))
        try:
            fuzzed.visit(data)
        except BaseException:
            Path("crash-random").write_bytes(data)
            raise
    print(f"{fuzzed.visits} visits of random bytes, seed {seed}: nothing found")


def guided_visits(seconds, corpus):
    fuzzed = Fuzzed()
    options = [f"-max_total_time={seconds}", f"-max_len={INPUT_BYTES_MAX}", "-timeout=20", "-rss_limit_mb=2048"]
    atheris.Setup([sys.argv[0], *options, *corpus], fuzzed.visit)
    atheris.Fuzz()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus", nargs=1, default=[])
    parser.add_argument("--replay", type=Path)
    chosen = parser.parse_args()
    if chosen.replay:
        Fuzzed().visit(chosen.replay.read_bytes())
    elif atheris is None:
        random_visits(chosen.seconds, chosen.seed)
    else:
        guided_visits(chosen.seconds, chosen.corpus)


if __name__ == "__main__":
    main()
