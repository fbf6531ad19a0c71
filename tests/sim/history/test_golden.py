"""Hand-derived histories and their whole verdicts, as `golden/README.md` lists them."""

import json
import re
from pathlib import Path

import pytest
from odradek.sim.history import CLASSES, judge
from odradek.sim.history.__main__ import INVALID, VALID, main

GOLDEN = Path(__file__).parent / "golden"
ROW = re.compile(r"^\| (\S+)\.jsonl \| ([^|]+) \|", re.MULTILINE)
LISTED = dict(ROW.findall((GOLDEN / "README.md").read_text("utf-8")))


def expected(verdict: str) -> tuple[set[str], set[str]]:
    """(classes that condemn, classes that are allowed)."""
    words = verdict.split()
    if words[0] == "allowed":
        return set(), set(words[1:])
    return set(words) - {"valid"}, set()


@pytest.mark.parametrize("name", sorted(LISTED))
def test_a_golden_history_gets_exactly_its_verdict(name: str) -> None:
    entries = [json.loads(line) for line in (GOLDEN / f"{name}.jsonl").read_text("utf-8").splitlines()]

    verdict = judge(entries)

    assert (set(verdict.errors), set(verdict.allowed)) == expected(LISTED[name]), verdict.text()
    assert verdict.valid == (not verdict.errors)


@pytest.mark.parametrize("name", sorted(LISTED))
def test_the_command_exits_with_the_verdict(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = main([str(GOLDEN / f"{name}.jsonl")])

    assert code == (INVALID if expected(LISTED[name])[0] else VALID)
    assert capsys.readouterr().out.startswith("INVALID" if code else "VALID")


@pytest.mark.parametrize("name", sorted(LISTED))
def test_every_finding_names_lines_of_the_file(name: str) -> None:
    lines = (GOLDEN / f"{name}.jsonl").read_text("utf-8").splitlines()

    for finding in judge(map(json.loads, lines)).findings:
        assert finding.lines
        assert all(1 <= line <= len(lines) for line in finding.lines)


def test_every_class_has_a_golden_history() -> None:
    shown = {error for verdict in LISTED.values() for found in expected(verdict) for error in found}

    assert shown == set(CLASSES)


def test_every_golden_history_is_listed_and_every_listed_one_is_there() -> None:
    assert sorted(LISTED) == sorted(path.stem for path in GOLDEN.glob("*.jsonl"))
