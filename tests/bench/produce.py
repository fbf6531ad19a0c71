"""A librdkafka producer as a process: so many megabytes as fast as the broker acknowledges them (acks=all).

Knows: librdkafka's settings.  Does not know: which side it talks to.
Invariant: it counts only what was acknowledged, and the broker's log ends where it must.
"""

import argparse
import json
import time
from typing import Any

from confluent_kafka import Producer

from tests.bench import gauge, wire

SHAPES: dict[str, dict[str, object]] = {
    "default": {},
    "large": {"batch.size": 1_000_000, "linger.ms": 50},
    "16k": {"batch.size": 16_384},
}
AT_ONCE = 1000
FLUSH_S_MAX = 120


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--pid", type=int, required=True, help="the broker's process, whose processor time is read")
    parser.add_argument("--topic", required=True)
    parser.add_argument("--partitions", type=int, required=True)
    parser.add_argument("--megabytes", type=int, required=True)
    parser.add_argument("--record-bytes", type=int, default=1024)
    parser.add_argument("--shape", choices=sorted(SHAPES), default="default")
    parser.add_argument("--no-check", action="store_true", help="a broker that forgets (the mock) is not asked its end")
    options = parser.parse_args()

    records = options.megabytes * gauge.MB // options.record_bytes
    failures: list[str] = []
    settings: dict[str, Any] = {
        "bootstrap.servers": options.bootstrap,
        "acks": "all",
        "delivery.report.only.error": True,
        "on_delivery": lambda error, _record: failures.append(str(error)),
        **SHAPES[options.shape],
    }
    producer = Producer(settings)
    producer.list_topics(options.topic, timeout=30)

    cpu = gauge.cpu_s(options.pid)
    began = time.perf_counter()
    send(producer, options.topic, bytes(range(256)) * (options.record_bytes // 256 + 1), options.record_bytes, records)
    left = producer.flush(FLUSH_S_MAX)
    seconds = time.perf_counter() - began
    cpu = gauge.cpu_s(options.pid) - cpu

    if left or failures:
        raise SystemExit(f"{left} records unanswered, {len(failures)} refused: {failures[:1]}")
    host, _, port = options.bootstrap.rpartition(":")
    if not options.no_check:
        end = wire.log_end((host, int(port)), options.topic, options.partitions)
        if end != records:
            raise SystemExit(f"{records} records were acknowledged, the log holds {end}")
    size = records * options.record_bytes
    print(json.dumps({"mb_s": size / seconds / gauge.MB, "cpu_s_gb": cpu / (size / 1e9), "records": records}))


def send(producer: Producer, topic: str, source: bytes, record_bytes: int, records: int) -> None:
    """Hand all records to librdkafka, waiting where its queue is full; partitions as its partitioner likes."""
    entry = {"value": source[:record_bytes]}
    left = records
    while left:
        group = [entry] * min(AT_ONCE, left)
        queued = producer.produce_batch(topic, group)
        left -= queued
        producer.poll(0 if queued == len(group) else 0.005)


if __name__ == "__main__":
    main()
