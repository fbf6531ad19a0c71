"""Streams of bytes become records, wherever the pieces of the stream are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odradek.core.records.read import Record
from odradek.io.cli.formats import BadFormat, printer
from odradek.io.cli.jsonlines import Wanted
from odradek.io.cli.reading import BadInput, LineFormat, Source, json_lines, lines
from odradek.io.client import Place


def source(data, size=3):
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    return Source(lambda: pieces.pop(0) if pieces else b"")


def wanted(value, key=None, **more):
    return Wanted(
        **{"topic": None, "partition": None, "timestamp": None, "key": key, "value": value, "headers": (), **more}
    )


@given(st.lists(st.binary(max_size=8).filter(lambda line: b"\n" not in line)), st.integers(1, 9), st.booleans())
def test_each_line_is_a_value_byte_for_byte(values, size, ended):
    data = b"\n".join(values) + (b"\n" if ended or not values or not values[-1] else b"")
    if not values:
        data = b""

    assert [record.value for record in lines(source(data, size), None)] == values


def test_a_key_is_what_stands_before_the_first_separator():
    found = list(lines(source(b"a::b::c\nplain\n::\n"), b"::"))

    assert found == [wanted(b"b::c", b"a"), wanted(b"plain"), wanted(b"", b"")]


blobs = st.none() | st.binary(max_size=20)


@given(st.lists(st.tuples(blobs, blobs, st.integers(-1, 2**62), st.integers(0, 99)), max_size=5), st.integers(1, 9))
def test_sizes_in_a_format_carry_any_bytes_and_nulls(rows, size):
    form = "%T,%p,%K,%V,%k%v\\n"
    show = printer(form)
    data = b"".join([show(Place("t", p), Record(0, at, key, value)) for key, value, at, p in rows])

    found = list(LineFormat(form).records(source(data, size)))

    assert found == [wanted(value, key, timestamp=at, partition=p) for key, value, at, p in rows]


@pytest.mark.parametrize(
    ("form", "data", "found"),
    [
        ("%k\\t%v\\n", b"a\tb\nc\td", [wanted(b"b", b"a"), wanted(b"d", b"c")]),
        ("%v", b"a\nb\n", [wanted(b"a\nb\n")]),
        ("[%v]", b"[a][b]", [wanted(b"a"), wanted(b"b")]),
        ("%t %v\\n", b"x y\n", [wanted(b"y", topic="x")]),
        ("%h %v\\n", b"a=1,b,c= y\n", [wanted(b"y", headers=((b"a", b"1"), (b"b", None), (b"c", b"")))]),
        ("%v\\n", b"", []),
    ],
)
def test_a_format_reads(form, data, found):
    assert list(LineFormat(form).records(source(data))) == found


@pytest.mark.parametrize("form", ["%k%v", "%k %k", "%o %v", "%v{hex}", "text", "", "%H %v"])
def test_a_format_that_cannot_be_read_is_refused(form):
    with pytest.raises(BadFormat):
        LineFormat(form)


@pytest.mark.parametrize(
    ("form", "data", "why"),
    [
        ("%k %v\\n", b"nokey\n", "record 1: there is no b' '"),
        ("[%v]", b"[a]x", "record 2: "),
        ("%V %v", b"9 abc", "ends within a field"),
        ("%V %v", b"x abc", "no number"),
        ("%V %v", b"-2 abc", "no number"),
        ("%V %v", b"999999999999 abc", "too large"),
        ("%V %v", b"9" * 30 + b" abc", "no number"),
    ],
)
def test_input_that_is_not_of_the_format_is_refused_with_its_number(form, data, why):
    with pytest.raises(BadInput, match=why):
        list(LineFormat(form).records(source(data)))


def test_json_lines_are_read_and_the_bad_one_is_named():
    stream = json_lines(source(b'{"value": "a"}\n\n{"value": "b"}\noops\n'))

    assert [next(stream).value, next(stream).value] == [b"a", b"b"]
    with pytest.raises(BadInput, match="line 4"):
        next(stream)


def test_what_has_come_is_handed_out_before_more_is_waited_for():
    events = []
    pieces = [b"a\nb", b"\n", b""]

    def more():
        events.append("wait")
        return pieces.pop(0)

    for record in lines(Source(more, idle=lambda: events.append("idle")), None):
        events.append(record.value)

    assert events == ["idle", "wait", b"a", "idle", "wait", b"b", "idle", "wait"]
