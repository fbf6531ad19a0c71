"""Records through every client: what goes in comes out, byte for byte, by whichever client reads it."""

import json
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from harness import (
    CLIENTS,
    FEATURES,
    FIRST_TIMESTAMP,
    REFERENCE,
    TIMESTAMP_STEP_MS,
    Rec,
    assert_same,
    made_records,
    placed,
)

COUNT = 10_000
PARTITIONS = 3
REAL_FILE_BYTES = 3_000_000
KEPT = {"retention.ms": "-1"}  # the records are older than a week


def features_of(writer, readers):
    return FEATURES - writer.cannot_write - frozenset().union(*(reader.cannot_read for reader in readers))


def test_ten_thousand_records_come_back_byte_for_byte(client, codec, worker, helper):
    under_test = worker(client)
    maker = helper if "create_topic" in client.cannot_do else under_test
    maker.create_topic(topic="t", partitions=PARTITIONS, configs=KEPT)
    records = made_records(COUNT, PARTITIONS, features_of(client, [client]))

    where = under_test.produce(topic="t", records=records, compression=codec)

    assert_same(placed(records, where), under_test.consume("t"))


def test_what_one_client_wrote_every_other_reads_identically(writer, worker, helper, clients):
    helper.create_topic(topic="t", partitions=PARTITIONS, configs=KEPT)
    under_test, readers = worker(writer), [worker(client) for client in clients]
    batches = []
    for seed, codec in enumerate(writer.codecs):
        records = made_records(500, PARTITIONS, features_of(writer, clients), seed)
        batches += placed(records, under_test.produce(topic="t", records=records, compression=codec))
    written = sorted(batches, key=lambda record: (record.partition, record.offset))

    with ThreadPoolExecutor(len(readers)) as pool:
        views = list(pool.map(lambda reader: reader.consume("t"), readers))

    for view in views:
        assert_same(written, view)
        assert [record.timestamp for record in view] == [record.timestamp for record in views[0]]


def test_reading_from_a_timestamp_starts_at_the_first_record_that_late(client, worker, helper):
    helper.create_topic(topic="t", partitions=PARTITIONS, configs=KEPT)
    features = FEATURES - REFERENCE.cannot_write - client.cannot_read
    written = placed(records := made_records(3000, PARTITIONS, features), helper.produce(
        topic="t", records=records, compression="lz4"
    ))  # fmt: skip
    since = FIRST_TIMESTAMP + 2000 * TIMESTAMP_STEP_MS - 3  # between two records
    under_test = worker(client)

    assert_same([record for record in written if record.timestamp >= since], under_test.consume("t", since))

    late = FIRST_TIMESTAMP + 3000 * TIMESTAMP_STEP_MS
    for partition in range(PARTITIONS):
        first = next(record.offset for record in written if record.partition == partition and record.timestamp >= since)
        assert under_test.offset_at(topic="t", partition=partition, timestamp=since) == first
        assert under_test.offset_at(topic="t", partition=partition, timestamp=late) is None


ROUTES = [
    ("librdkafka", "aiokafka", "zstd"),
    ("kafka-python", "kafkajs", "gzip"),
    ("platformatic", "librdkafka", "lz4"),
    ("kafkajs", "kcat", "snappy"),
    ("aiokafka", "platformatic", "none"),
]


@pytest.mark.parametrize(("source", "sink", "codec"), ROUTES, ids=["-to-".join(route[:2]) for route in ROUTES])
def test_a_real_file_goes_in_through_one_client_and_comes_out_through_another(source, sink, codec, worker, helper):
    """The file: some 3 MB of the standard library's own source, one JSON object per line."""
    content = ndjson_of_the_standard_library()
    lines = content.splitlines(keepends=True)
    helper.create_topic(topic="lines", partitions=1, configs={})
    records = [Rec(0, None, None, None, line.hex(), []) for line in lines]

    worker(CLIENTS[source]).produce(topic="lines", records=records, compression=codec)
    read = worker(CLIENTS[sink]).consume("lines")

    assert b"".join(bytes.fromhex(record.value) for record in read) == content


def ndjson_of_the_standard_library():
    lines, size = [], 0
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        for number, text in enumerate(path.read_text("utf-8", "replace").split("\n"), 1):
            line = json.dumps({"file": path.name, "line": number, "text": text}, ensure_ascii=False).encode() + b"\n"
            lines.append(line)
            size += len(line)
        if size > REAL_FILE_BYTES:
            return b"".join(lines)
    raise AssertionError(f"the standard library has only {size} bytes of source here")
