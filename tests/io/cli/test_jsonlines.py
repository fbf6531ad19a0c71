"""Records as JSON lines survive the way there and back, whatever their bytes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odradek.core.records.read import Record
from odradek.io.cli.jsonlines import BadLine, Wanted, record_from, record_line, row_line
from odradek.io.client import Place

blobs = st.one_of(st.binary(max_size=30), st.text(max_size=30).map(str.encode))
headers = st.lists(st.tuples(blobs, st.none() | blobs), max_size=3).map(tuple)
any_record = st.builds(
    Record,
    offset=st.integers(0, 2**63 - 1),
    timestamp=st.integers(-1, 2**63 - 1),
    key=st.none() | blobs,
    value=st.none() | blobs,
    headers=headers,
)


@given(record=any_record, partition=st.integers(0, 2**31 - 1))
def test_a_record_is_read_back_as_it_was(record, partition):
    line = record_line(Place("t", partition), record)

    assert record_from(line) == Wanted("t", partition, record.timestamp, record.key, record.value, record.headers)


@given(record=any_record)
def test_a_record_is_one_line_of_utf8_json(record):
    line = record_line(Place("t", 0), record)

    assert len(line.decode().splitlines()) == 1
    assert json.loads(line.decode())["offset"] == record.offset


def test_text_stands_as_text_and_other_bytes_as_base64():
    fields = json.loads(record_line(Place("t", 0), Record(7, 1, "käse".encode(), b"\xff", ((b"\xfe", None),))))

    assert fields["key"] == "käse"
    assert fields["value_base64"] == "/w=="
    assert "value" not in fields
    assert fields["headers"] == [{"key_base64": "/g==", "value": None}]


def test_what_is_left_out_is_null_or_for_the_producer_to_decide():
    assert record_from(b'{"value": "v"}') == Wanted(None, None, None, None, b"v", ())


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"hello", "no JSON"),
        (b"[1]", "no JSON object"),
        (b"[" * 100_000, "no JSON"),
        (b"\xff", "no JSON"),
        (b'{"valeu": "v"}', "valeu"),
        (b'{"value": 3}', "not text"),
        (b'{"value": {"a": 1}}', "not text"),
        (b'{"value": "\\ud800"}', "surrogate"),
        (b'{"value": "a", "value_base64": "YQ=="}', "stand together"),
        (b'{"value_base64": "!"}', "no base64"),
        (b'{"value_base64": 1}', "no base64"),
        (b'{"partition": "1"}', "partition"),
        (b'{"partition": true}', "partition"),
        (b'{"timestamp": 1e400}', "timestamp"),
        (b'{"timestamp": 9223372036854775808}', "out of range"),
        (b'{"timestamp": -2}', "out of range"),
        (b'{"headers": {"a": "b"}}', "no list"),
        (b'{"headers": ["a"]}', "no JSON object"),
        (b'{"headers": [{"value": "b"}]}', "no key"),
    ],
)
def test_a_line_that_is_no_record_is_refused_with_the_reason(line, why):
    with pytest.raises(BadLine, match=why):
        record_from(line)


def test_a_row_is_one_object():
    assert row_line({"topic": "t", "lag": None}) == '{"topic": "t", "lag": null}\n'
