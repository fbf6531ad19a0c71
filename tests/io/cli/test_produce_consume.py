"""`odradek produce` and `odradek consume` against our broker."""

import itertools
import json
import signal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odradek.core.records.read import Record
from odradek.io.cli.jsonlines import record_line
from odradek.io.client import Place

pytestmark = pytest.mark.usefixtures("at_broker")
numbers = itertools.count()


@pytest.fixture
def topic(odradek):
    return created(odradek)


def created(odradek, *options):
    name = f"pc{next(numbers)}"
    odradek.ok("topic", "create", name, *options)
    return name


def test_lines_go_in_and_come_out_byte_for_byte(odradek, topic):
    data = b"plain\r\n\n\xff\xfe\0binary\nlast without newline"

    odradek.ok("produce", topic, stdin=data)

    assert odradek.ok("consume", topic, "-e").bytes == data + b"\n"


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_each_compression_is_read_back(odradek, topic, codec):
    data = b"".join(b"line %d\n" % n for n in range(1000))

    odradek.ok("produce", topic, "-z", codec, stdin=data)

    assert odradek.ok("consume", topic, "-e").bytes == data


def test_keys_headers_partition_and_the_sentence_for_each_record(odradek):
    topic = created(odradek, "-p", 3)

    told = odradek.ok("produce", topic, "-K", ":", "-H", "h:v", "-p", 1, "-v", stdin=b"a:1\nb:2:3\nc\n").lines

    assert [line.rpartition(" ")[0] for line in told] == [
        f"Produced to partition 1 at offset {n} with timestamp" for n in range(3)
    ]
    shown = odradek.ok("consume", topic, "-e", "-f", "%p %o %k=%v %h\\n", "--null", "NULL").lines
    assert shown == ["1 0 a=1 h=v", "1 1 b=2:3 h=v", "1 2 NULL=c h=v"]


def test_an_empty_value_can_be_a_tombstone(odradek, topic):
    odradek.ok("produce", topic, "-K:", "-Z", stdin=b"gone:\nkept:x\n")

    assert [row["value"] for row in odradek.ok("consume", topic, "-e", "-o", "json").objects] == [None, "x"]


def test_files_are_read_one_after_another(odradek, topic, tmp_path):
    (tmp_path / "a").write_bytes(b"1\n2")
    (tmp_path / "b").write_bytes(b"3\n")

    odradek.ok("produce", topic, tmp_path / "a", tmp_path / "b")

    assert odradek.ok("consume", topic, "-e").lines == ["1", "2", "3"]


blobs = st.none() | st.binary(max_size=20) | st.text(max_size=10).map(str.encode)
some_headers = st.lists(st.tuples(st.text(max_size=5).map(str.encode), blobs), max_size=2).map(tuple)
some_records = st.builds(
    Record, offset=st.just(0), timestamp=st.integers(0, 1_700_000_000_000), key=blobs, value=blobs, headers=some_headers
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(st.integers(0, 2), some_records), min_size=1, max_size=20))
def test_what_consume_prints_as_json_produce_writes_again_exactly(odradek, rows):
    one, two = created(odradek, "-p", 3), created(odradek, "-p", 3)
    odradek.ok("produce", "--json", stdin=b"".join(record_line(Place(one, p), record) for p, record in rows))

    first = odradek.ok("consume", one, "-e", "-o", "json")
    odradek.ok("produce", two, "--json", stdin=first.bytes)
    second = odradek.ok("consume", two, "-e", "-o", "json")

    def by_place(outcome):
        rows = [{**row, "topic": ""} for row in outcome.objects]
        return sorted(rows, key=lambda row: (row["partition"], row["offset"]))

    assert by_place(second) == by_place(first)
    assert len(first.lines) == len(rows)


@pytest.mark.parametrize(
    ("begin", "found"),
    [
        ("start", list(range(10))),
        ("end", []),
        ("7", [7, 8, 9]),
        ("-2", [8, 9]),
        ("+8", [8, 9]),
        ("@1005", [5, 6, 7, 8, 9]),
        ("@2023-01-01", []),
    ],
)
def test_reading_begins_where_it_was_told_to(odradek, topic, begin, found):
    at = 1_000_000_000_000 if begin == "@2023-01-01" else 1_005_000 - 5000
    data = b"".join(b"%d %d\n" % (at + n * 1000, n) for n in range(10))
    odradek.ok("produce", topic, "-f", "%T %v\\n", stdin=data)

    assert odradek.ok("consume", topic, "-e", "-o", begin).lines == [str(n) for n in found]


def test_so_many_records_and_no_more(odradek, topic):
    odradek.ok("produce", topic, stdin=b"1\n2\n3\n")

    assert odradek.ok("consume", topic, "-n", 2).lines == ["1", "2"]
    assert odradek.ok("consume", topic, "-n", 0).lines == []


def test_only_the_partitions_that_were_asked_for(odradek):
    topic = created(odradek, "-p", 3)
    for n in range(3):
        odradek.ok("produce", topic, "-p", n, stdin=b"%d\n" % n)

    assert sorted(odradek.ok("consume", topic, "-e", "-p", "0,2").lines) == ["0", "2"]
    assert odradek("consume", topic, "-e", "-p", 3).code == 2


def test_several_topics_are_read_together(odradek):
    one, two = created(odradek), created(odradek)
    odradek.ok("produce", one, stdin=b"1\n")
    odradek.ok("produce", two, stdin=b"2\n")

    assert sorted(odradek.ok("consume", one, two, "-e", "-f", "%t %v\\n").lines) == [f"{one} 1", f"{two} 2"]


def test_reading_committed_records_reads_those_outside_of_transactions(odradek, topic):
    odradek.ok("produce", topic, stdin=b"1\n")

    assert odradek.ok("consume", topic, "-e", "-X", "isolation.level=read_committed").lines == ["1"]


def test_what_came_before_a_bad_line_is_written(odradek, topic):
    found = odradek("produce", topic, "--json", stdin=b'{"value": "ok"}\noops\n')

    assert found.code == 1
    assert found.err == "odradek: the input cannot be read: line 2: it is no JSON\n"
    assert odradek.ok("consume", topic, "-e").lines == ["ok"]


def test_a_partition_that_is_not_there_is_refused(odradek, topic):
    found = odradek("produce", topic, "-p", 7, stdin=b"x\n")

    assert found.code == 1
    assert "has no partition 7" in found.err


def test_a_record_that_is_too_large_is_an_error_that_says_what_to_do(odradek):
    topic = created(odradek, "-c", "max.message.bytes=1000")

    found = odradek("produce", topic, stdin=b"x" * 5000)

    assert found.code == 1
    assert "MESSAGE_TOO_LARGE" in found.err


def test_a_topic_to_read_that_is_not_there_is_an_error_at_once(odradek):
    found = odradek("consume", "nowhere", "-e")

    assert found.code == 1
    assert "nowhere" in found.err


def test_acks_none_and_one_write_too(odradek, topic):
    odradek.ok("produce", topic, "--acks", 1, stdin=b"1\n")
    odradek.ok("produce", topic, "--acks", 0, stdin=b"0\n")

    assert odradek.ok("consume", topic, "-n", 2).lines == ["1", "0"]


def test_a_consumer_whose_reader_goes_away_ends_quietly(odradek, spawned, topic):
    odradek.ok("produce", topic, stdin=b"line\n" * 50_000)
    process = spawned("consume", topic)

    assert process.stdout.readline() == b"line\n"
    process.stdout.close()
    process.stdout = None
    assert process.wait(20) == 0
    assert process.stderr.read() == b""


def test_a_consumer_that_waits_ends_quietly_at_an_interrupt(odradek, spawned, topic):
    odradek.ok("produce", topic, stdin=b"line\n")
    process = spawned("consume", topic)

    assert process.stdout.readline() == b"line\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    assert process.stderr.read() == b""


def test_lines_that_come_slowly_are_written_as_they_come(spawned, topic):
    consumer = spawned("consume", topic)
    producer = spawned("produce", topic, stdin=-1)
    for line in (b"one\n", b"two\n"):
        producer.stdin.write(line)
        producer.stdin.flush()
        assert consumer.stdout.readline() == line


def test_output_in_json_is_told_for_what_was_produced(odradek, topic):
    found = odradek.ok("produce", topic, "-k", "k", "-o", "json", stdin=b"v\n").objects

    assert [(row["partition"], row["offset"], row["key"], row["value"]) for row in found] == [(0, 0, "k", "v")]
    assert json.loads(odradek.ok("consume", topic, "-e", "--json").out) == found[0]
