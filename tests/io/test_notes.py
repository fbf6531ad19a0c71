"""Notes as log lines: nothing a client sends can forge one."""

import io

import pytest

from odradek.io.notes import Notes


def line(level="info", **fields):
    stream = io.StringIO()
    Notes(stream, level).tell("something happened", **fields)
    return stream.getvalue().partition(" ")[2]


def test_a_note_is_one_line_with_its_fields():
    assert line(partition=3, topic="t") == "INFO something happened partition=3 topic=t\n"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a\nERROR forged", '"a\\nERROR forged"'),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("{0.__class__} %s", '"{0.__class__} %s"'),
        ('say "hi"', '"say \\"hi\\""'),
        ("right\u202eleft", "right\\u202eleft"),
        ("", '""'),
        (b"\x00\xff", "00ff"),
        ("x" * 1000, "x" * 500 + "..."),
        ("\ud800", "\\ud800"),
    ],
)
def test_a_value_is_printed_harmlessly(value, shown):
    assert line(client=value) == f"INFO something happened client={shown}\n"


def test_a_note_below_the_level_is_not_written():
    assert line(level="warning") == ""
    assert Notes(io.StringIO(), "error").tell("text", level="warning") is None


def test_a_note_at_or_above_the_level_is_written():
    stream = io.StringIO()
    notes = Notes(stream, "warning")
    notes.tell("one", level="warning")
    notes.tell("two", level="error")

    assert [text.split(" ", 1)[1] for text in stream.getvalue().splitlines()] == ["WARNING one", "ERROR two"]


def test_a_closed_stream_does_not_end_the_broker():
    stream = io.StringIO()
    notes = Notes(stream, "info")
    stream.close()

    notes.tell("nobody hears this")
    notes.tell("nor this")
