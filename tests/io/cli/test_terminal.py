"""What every subcommand does alike: exit codes, one line on stderr, help that teaches."""

import errno

import pytest

from odradek.io.cli import consume, group, produce, topic
from odradek.io.cli.terminal import put, run
from odradek.io.client_errors import ClientError

MAINS = {"topic": topic.main, "group": group.main, "produce": produce.main, "consume": consume.main}
VERBS = [("topic", verb) for verb in ("create", "list", "describe", "alter", "delete")]
VERBS += [("group", verb) for verb in ("list", "describe", "reset-offsets", "delete")]
VERBS += [("produce", None), ("consume", None)]


@pytest.mark.parametrize(("name", "verb"), VERBS)
def test_help_has_examples_that_name_the_command(name, verb, capsys):
    code = MAINS[name]([*([verb] if verb else []), "--help"])

    out = capsys.readouterr().out
    assert code == 0
    assert out.count(f"  odradek {name} {verb}" if verb else f"odradek {name} ") >= 2
    assert "--brokers" in out


@pytest.mark.parametrize("name", ["topic", "group"])
def test_a_noun_alone_lists_its_verbs(name, capsys):
    assert MAINS[name]([]) == 0
    assert "delete" in capsys.readouterr().out


@pytest.mark.parametrize(
    "line",
    [
        "topic foo",
        "topic create",
        "topic create t -p 0",
        "topic create t -p x",
        "topic create t -c novalue",
        "topic alter t",
        "topic list -o xml",
        "topic list -b a:b",
        "topic list --timeout -1",
        "group describe",
        "group reset-offsets g",
        "group reset-offsets g --to earliest",
        "group reset-offsets g --to earliest --topic t --all-topics",
        "group reset-offsets g --to foo --topic t",
        "group reset-offsets g --to -5 --topic t",
        "group reset-offsets g --to earliest --shift-by 1 --topic t",
        "group reset-offsets g --by-duration x --topic t",
        "produce",
        "produce t -z lzma",
        "produce t -H nocolon",
        "produce t -f %q",
        "produce t -f %k%v",
        "produce t --json -K:",
        "produce t -f %v -K:",
        "produce t -o %q",
        "produce t --acks 2",
        "produce -f %v",
        "consume",
        "consume t -o foo",
        "consume t -o start -o end",
        "consume t -f %q",
        "consume t -f %v -o json",
        "consume t -g g -p 1",
        "consume t -g g -o 5",
        "consume t -p x",
        "consume t -X foo=bar",
        "consume t --isolation foo",
        "consume t -n -1",
        "consume t --off 5",
    ],
)
def test_a_wrong_command_line_is_one_line_and_exit_code_2(line, capsys):
    name, *rest = line.split()

    code = MAINS[name](rest)

    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert err.startswith("odradek: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (ClientError("it broke"), 1, "odradek: it broke\n"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "x.txt"), 1, "x.txt: no such file"),
        (ModuleNotFoundError("no", name="cramjam"), 1, "pip install cramjam"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_whatever_ends_a_command_is_an_exit_code_and_no_traceback(error, code, text, capsys):
    def command(argv):
        raise error

    assert run(command, []) == code
    err = capsys.readouterr().err
    assert text in err
    assert err.count("\n") == (1 if text else 0)


def test_without_a_broker_it_is_said_how_to_name_one(capsys):
    assert topic.main(["list", "-b", "127.0.0.1:1"]) == 1
    assert "connection refused: is a broker running there? -b names another" in capsys.readouterr().err


def test_the_environment_names_the_broker(monkeypatch, capsys):
    monkeypatch.setenv("ODRADEK_BROKERS", "127.0.0.1:2")

    assert topic.main(["list"]) == 1
    assert "127.0.0.1:2" in capsys.readouterr().err


def test_a_closed_standard_input_is_told(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", None)

    assert produce.main(["t", "-b", "127.0.0.1:1"]) == 1
    assert "standard input is closed" in capsys.readouterr().err


def test_a_host_name_that_cannot_be_one_is_told(capsys):
    assert topic.main(["list", "-b", "a" * 70]) == 1
    assert "that is no host name" in capsys.readouterr().err


def test_all_of_a_large_output_is_written_where_a_write_takes_a_part_only(monkeypatch):
    """PYTHONUNBUFFERED makes standard output such a thing, and a pipe whose reader goes away (see `put`)."""
    taken = []

    class Partly:
        def write(self, view):
            taken.append(bytes(view[:10]))
            return len(taken[-1])

        def flush(self):
            pass

    class Out:
        buffer = Partly()

        def flush(self):
            pass

    monkeypatch.setattr("sys.stdout", Out())
    put(b"x" * 25)

    assert taken == [b"x" * 10, b"x" * 10, b"x" * 5]
