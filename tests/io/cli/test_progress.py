"""Progress is told seldom, and not at all for short work."""

import pytest

from odradek.io.cli import progress
from odradek.io.cli.progress import Progress, sized


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress, "monotonic", lambda: now[0])
    return now


def test_short_work_says_nothing(clock, capsys):
    work = Progress("produced")
    clock[0] += 1.9
    work.add(10, 1000)
    work.end()

    assert capsys.readouterr().err == ""


def test_long_work_tells_a_file_now_and_then_and_at_the_end(clock, capsys):
    work = Progress("produced")
    for _ in range(13):
        clock[0] += 1
        work.add(1000, 2_000_000)
    work.end()

    assert capsys.readouterr().err.splitlines() == [
        "produced 2,000 records, 4.0 MB in 2.0 s (2.0 MB/s, 1,000 records/s)",
        "produced 12,000 records, 24.0 MB in 12.0 s (2.0 MB/s, 1,000 records/s)",
        "produced 13,000 records, 26.0 MB in 13.0 s (2.0 MB/s, 1,000 records/s)",
    ]


def test_quiet_work_says_nothing(clock, capsys):
    work = Progress("consumed", quiet=True)
    clock[0] += 60
    work.add(1, 1)
    work.end()

    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2_000_000_000, "2.0 GB")])
def test_bytes_are_told_for_people(count, text):
    assert sized(count) == text
