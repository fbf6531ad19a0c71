"""librdkafka's own mock cluster, in C, in a process of its own: what `test.mock.num.brokers=1` starts.

Knows: the C calls behind that setting (the setting itself makes the cluster inside the client's process and gives each
topic four partitions).  Does not know: any measure.
It keeps all in memory, and of a partition only the newest 5 MB: produce to it, but do not measure reading from it.
Invariant: the cluster lives exactly as long as this process.
"""

import argparse
import ctypes
import signal

import confluent_kafka

PRODUCER = 0


def librdkafka() -> ctypes.CDLL:
    """The library that confluent_kafka has already loaded."""
    assert confluent_kafka.libversion()
    with open("/proc/self/maps", encoding="utf-8") as maps:
        paths = sorted({line.split(maxsplit=5)[5].strip() for line in maps if "librdkafka" in line})
    if not paths:
        raise SystemExit("confluent_kafka has librdkafka linked into it here; the mock needs it as a shared library")
    return ctypes.CDLL(paths[0])


def start(topics: dict[str, int]) -> str:
    """Start one mock broker with these topics, return its address."""
    lib = librdkafka()
    lib.rd_kafka_conf_new.restype = ctypes.c_void_p
    lib.rd_kafka_new.restype = ctypes.c_void_p
    lib.rd_kafka_new.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
    lib.rd_kafka_mock_cluster_new.restype = ctypes.c_void_p
    lib.rd_kafka_mock_cluster_new.argtypes = [ctypes.c_void_p, ctypes.c_int]
    lib.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    lib.rd_kafka_mock_cluster_bootstraps.argtypes = [ctypes.c_void_p]
    lib.rd_kafka_mock_topic_create.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_int]

    reason = ctypes.create_string_buffer(512)
    handle = lib.rd_kafka_new(PRODUCER, lib.rd_kafka_conf_new(), reason, len(reason))
    if not handle:
        raise SystemExit(f"librdkafka refused to start: {reason.value.decode()}")
    cluster = lib.rd_kafka_mock_cluster_new(handle, 1)
    for name, partitions in topics.items():
        code = lib.rd_kafka_mock_topic_create(cluster, name.encode(), partitions, 1)
        if code:
            raise SystemExit(f"the mock cluster refused topic {name} with {partitions} partitions: error {code}")
    address = lib.rd_kafka_mock_cluster_bootstraps(cluster)
    assert isinstance(address, bytes)
    return address.decode()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--topic", action="append", default=[], metavar="NAME:PARTITIONS")
    options = parser.parse_args()
    topics = {name: int(count) for name, _, count in (each.rpartition(":") for each in options.topic)}
    print(start(topics), flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    main()
