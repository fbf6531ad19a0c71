"""One librdkafka record at a time, acks=all, each waited for: what a caller of `produce` and `flush` feels.

Knows: librdkafka's settings.  Does not know: which side it talks to.  A good part of the time is librdkafka's own (its
threads wake each other); load.py with --requests shows the broker's part.
"""

import argparse
import json
import time
from typing import Any

from confluent_kafka import Producer

from tests.bench.load import quantile


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--pid", type=int, required=True, help="unused here; every client takes it")
    parser.add_argument("--topic", required=True)
    parser.add_argument("--requests", type=int, required=True)
    parser.add_argument("--record-bytes", type=int, default=1024)
    options = parser.parse_args()

    answers: list[object] = []
    settings: dict[str, Any] = {
        "bootstrap.servers": options.bootstrap,
        "acks": "all",
        "linger.ms": 0,
        "socket.nagle.disable": True,
        "on_delivery": lambda error, _record: answers.append(error),
    }
    producer = Producer(settings)
    value = bytes(options.record_bytes)
    latencies = []
    for _ in range(options.requests // 10 + options.requests):
        began = time.perf_counter()
        producer.produce(options.topic, value, partition=0)
        while not answers:
            producer.poll(10)
        latencies.append(time.perf_counter() - began)
        if answers.pop() is not None:
            raise SystemExit("the broker refused a record")
    measured = latencies[options.requests // 10 :]
    print(json.dumps({"p50_ms": quantile(measured, 0.5) * 1e3, "p99_ms": quantile(measured, 0.99) * 1e3}))


if __name__ == "__main__":
    main()
