"""The format language prints what it says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odradek.core.records.read import Record
from odradek.io.cli.formats import BadFormat, Field, literal, parse, printer
from odradek.io.client import Place

PLACE = Place("t", 3)
RECORD = Record(7, 1700000000000, b"k", b"\xffv", ((b"a", b"1"), (b"b", None)))
EMPTY = Record(8, -1, None, None, ())


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("%v\\n", b"\xffv\n"),
        ("%s", b"\xffv"),
        ("%t-%p@%o", b"t-3@7"),
        ("%T %d", b"1700000000000 1700000000000"),
        ("%k=%K %V %S", b"k=1 2 2"),
        ("%H:%h", b"2:a=1,b="),
        ("%v{hex} %v{base64}", b"ff76 /3Y="),
        ("%k{\\}", BadFormat),
        ("%v{}%o{hex}", b"\xffv{}7{hex}"),
        ("100%%\\t\\x00\\\\", b"100%\t\0\\"),
        ("", b""),
        ("ä", "ä".encode()),
    ],
)
def test_a_format_prints(text, printed):
    if printed is BadFormat:
        with pytest.raises(BadFormat):
            printer(text)
        return
    assert printer(text)(PLACE, RECORD) == printed


@pytest.mark.parametrize(("text", "printed"), [("%k|%v", b"NULL|NULL"), ("%K %V", b"-1 -1"), ("%v{hex}\\n", b"NULL\n")])
def test_null_is_told_apart_from_empty_when_asked(text, printed):
    assert printer(text, b"NULL")(PLACE, EMPTY) == printed


@pytest.mark.parametrize("text", ["%", "%q", "a%", "\\", "\\q", "\\x1", "\\xzz", "\\x+1"])
def test_what_is_no_format_is_refused(text):
    with pytest.raises(BadFormat):
        parse(text)


@given(st.text())
def test_any_text_is_a_format_or_refused_and_nothing_else(text):
    try:
        parts = parse(text)
    except BadFormat:
        return
    assert all(isinstance(part, bytes | Field) for part in parts)


@given(st.text(alphabet=st.characters(exclude_characters="%\\", exclude_categories=("Cs",))))
def test_text_without_signs_is_printed_as_it_is(text):
    assert printer(text)(PLACE, RECORD) == text.encode()


def test_a_separator_has_escapes_but_no_fields():
    assert literal("\\t%k%") == b"\t%k%"
