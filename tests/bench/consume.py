"""A librdkafka consumer as a process: reads a topic from its start to a given count, partitions assigned by hand.

Knows: librdkafka's settings.  Does not know: which side it talks to.
Invariant: the clock runs from the first records it gets to the last; connecting is not in it.
"""

import argparse
import json
import time
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from tests.bench import gauge

AT_ONCE = 5000
SILENCE_S_MAX = 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--pid", type=int, required=True, help="the broker's process, whose processor time is read")
    parser.add_argument("--topic", required=True)
    parser.add_argument("--partitions", type=int, required=True)
    parser.add_argument("--records", type=int, required=True)
    parser.add_argument("--record-bytes", type=int, default=1024)
    options = parser.parse_args()

    settings: dict[str, Any] = {
        "bootstrap.servers": options.bootstrap,
        "group.id": "bench",
        "enable.auto.commit": False,
        "auto.offset.reset": "error",
        # librdkafka pauses a whole second once it is ahead of its reader; that would measure the pause.
        "fetch.queue.backoff.ms": 2,
    }
    consumer = Consumer(settings)
    cpu = gauge.cpu_s(options.pid)
    consumer.assign([TopicPartition(options.topic, partition, 0) for partition in range(options.partitions)])
    first = read(consumer, AT_ONCE, 0, options.record_bytes)
    began = time.perf_counter()
    seen = first
    while seen < options.records:
        seen += read(consumer, min(AT_ONCE, options.records - seen), seen, options.record_bytes)
    seconds = time.perf_counter() - began
    cpu = gauge.cpu_s(options.pid) - cpu

    if seen != options.records:
        raise SystemExit(f"{seen} records came, {options.records} were written")
    size = (seen - first) * options.record_bytes
    whole = seen * options.record_bytes
    print(json.dumps({"mb_s": size / seconds / gauge.MB, "cpu_s_gb": cpu / (whole / 1e9), "records": seen}))


def read(consumer: Consumer, most: int, seen: int, record_bytes: int) -> int:
    """The next records, 1 to `most`; the first and last of them looked at."""
    end = time.monotonic() + SILENCE_S_MAX
    while time.monotonic() < end:
        records = consumer.consume(most, 0.1)
        if not records:
            continue
        for record in (records[0], records[-1]):
            if record.error() is not None or len(record.value() or b"") != record_bytes:
                raise SystemExit(f"after {seen} records: {record.error()} or a record of another size")
        return len(records)
    raise SystemExit(f"nothing came for {SILENCE_S_MAX} s after {seen} records")


if __name__ == "__main__":
    main()
