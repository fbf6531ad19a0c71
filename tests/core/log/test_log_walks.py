"""The rules of `test_log_stateful`, drawn by seed with weights: long logs, few crashes."""

from random import Random

import pytest
from test_log_stateful import LOGS, LogMachine


def walk(seed: int, steps: int) -> LogMachine:
    """One life after another of the same directory."""
    rng = Random(seed)
    machine = LogMachine()
    machine.begin(seed=seed)
    names = sorted(LOGS)
    for _ in range(steps):
        draw = rng.random()
        name = rng.choice(names)
        if draw < 0.55:
            for _ in range(rng.randrange(1, 8)):
                machine.append(
                    name=rng.choice(names[: rng.randrange(1, 5)]),
                    count=rng.randrange(1, 4),
                    producer=rng.randrange(4),
                    fill=rng.randrange(26),
                )
        elif draw < 0.75:
            machine.step(times=rng.randrange(1, 20))
        elif draw < 0.80:
            machine.quiet()
        elif draw < 0.86:
            machine.time(ms=rng.randrange(1, 30))
        elif draw < 0.87:
            machine.new_epoch()
        elif draw < 0.88:
            machine.roll(name=name)
        elif draw < 0.90:
            machine.truncate(name=name, back=rng.randrange(1, 5))
        elif draw < 0.91:
            machine.delete_records(name=name, share=rng.random())
        elif draw < 0.92:
            machine.retain(name=name, keep=rng.randrange(500, 3000))
        elif draw < 0.93:
            machine.fill_disk(room=rng.randrange(600))
        elif draw < 0.95:
            machine.empty_disk()
        elif draw < 0.97:
            machine.kill()
        elif draw < 0.99:
            machine.power()
        elif machine.world.disk.capacity == 1 << 40:
            machine.stop()
        machine.ends_agree()
    return machine


@pytest.mark.parametrize("seed", range(25))
def test_a_long_life_with_few_crashes_keeps_what_it_promised(seed: int) -> None:
    machine = walk(seed, 150)
    assert any(model.batches for model in machine.models.values())
