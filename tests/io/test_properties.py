"""Java's .properties syntax."""

import pytest

from odradek.io.properties import BadProperties, parse, read_properties

CASES = [
    ("a=b", {"a": "b"}),
    ("a:b", {"a": "b"}),
    ("a b", {"a": "b"}),
    ("  a \t =  b  ", {"a": "b  "}),
    ("a", {"a": ""}),
    ("a=b=c:d e", {"a": "b=c:d e"}),
    ("a = = b", {"a": "= b"}),
    ("# comment\n! comment\n\n  # comment\na=b # not one", {"a": "b # not one"}),
    ("a=b\\\n   c\\\n\td", {"a": "bcd"}),
    ("a=b\\\\\nc=d", {"a": "b\\", "c": "d"}),
    ("a=b\\\n# no comment in a continued line", {"a": "b# no comment in a continued line"}),
    ("a=1\r\nb=2\rc=3", {"a": "1", "b": "2", "c": "3"}),
    ("a\\ b\\=c\\:d=e", {"a b=c:d": "e"}),
    ("a=\\t\\n\\u00e4\\q\\\\", {"a": "\t\nä" + "q\\"}),
    ("a=1\na=2", {"a": "2"}),
    ("a=b\\", {"a": "b"}),
    ("listeners=PLAINTEXT://127.0.0.1:9092", {"listeners": "PLAINTEXT://127.0.0.1:9092"}),
]


@pytest.mark.parametrize(("text", "properties"), CASES)
def test_a_text_is_read_as_java_reads_it(text, properties):
    assert parse(text) == properties


@pytest.mark.parametrize("text", ["a=\\u12", "a=\\u12g4", "a=\\u"])
def test_a_unicode_escape_needs_four_digits(text):
    with pytest.raises(BadProperties, match="four hexadecimal digits"):
        parse(text)


def test_a_file_that_is_not_text_is_refused_by_name(tmp_path):
    path = tmp_path / "server.properties"
    path.write_bytes(b"a=\xff")

    with pytest.raises(BadProperties, match=r"server\.properties is not UTF-8 at byte 2"):
        read_properties(str(path))


def test_a_file_that_is_too_large_is_refused(tmp_path):
    path = tmp_path / "server.properties"
    path.write_bytes(b"#" * ((1 << 20) + 1))

    with pytest.raises(BadProperties, match="larger than"):
        read_properties(str(path))
