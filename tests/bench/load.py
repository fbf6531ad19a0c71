"""A raw load generator as a process: prebuilt Produce frames over many connections, one epoll set, no client library.

Knows: frames and sockets.  Does not know: which side it talks to.
Invariant: a connection has at most `in-flight` requests out; the log's end then proves that each answer was a yes.
"""

import argparse
import json
import resource
import select
import socket
import time

from tests.bench import gauge, wire

READ_BYTES = 256 * 1024


class Producer:
    """One connection: how many bytes of answers are still incomplete, which partition comes next."""

    __slots__ = ("acked", "have", "next", "sock")

    def __init__(self, sock: socket.socket, partition: int) -> None:
        self.sock = sock
        self.next = partition
        self.have = 0
        self.acked = 0


class Load:
    def __init__(self, address: tuple[str, int], topic: str, partitions: int, connections: int, size: int) -> None:
        record = wire.batch(bytes(range(256))[:size] if size <= 256 else bytes(size))
        self.frames = [wire.produce_frame(topic, partition, record) for partition in range(partitions)]
        self.epoll = select.epoll()
        self.producers: dict[int, Producer] = {}
        self.latencies: list[float] = []
        self.acked = 0
        self.answer_bytes = 0
        for at in range(connections):
            sock = wire.connect(address)
            self.producers[sock.fileno()] = Producer(sock, at * partitions // connections)
            self.epoll.register(sock.fileno(), select.EPOLLIN)

    def first(self) -> None:
        """One request over each connection, its answer read in full: it must say yes, and shows an answer's length."""
        for producer in self.producers.values():
            response = wire.ask(producer.sock, self.frames[producer.next])
            code = wire.produce_error(response)
            if code:
                raise SystemExit(f"the broker refused a record with error {code}")
            self.answer_bytes = len(response) + 4
            self.acked += 1

    def send(self, producer: Producer, count: int) -> None:
        frames = self.frames
        if count == 1:
            producer.sock.sendall(frames[producer.next])
            producer.next = (producer.next + 1) % len(frames)
            return
        group = [frames[(producer.next + step) % len(frames)] for step in range(count)]
        producer.next = (producer.next + count) % len(frames)
        producer.sock.sendall(b"".join(group))

    def run(self, seconds: float, in_flight: int) -> int:
        """Keep `in_flight` requests out on every connection for so long; returns the answers that came in that time."""
        producers, poll, size = self.producers, self.epoll.poll, self.answer_bytes
        buffer = bytearray(READ_BYTES)
        clock = time.perf_counter
        done = 0
        end = clock() + seconds
        for producer in producers.values():
            self.send(producer, in_flight)
        while clock() < end:
            for fd, _ in poll(1.0):
                producer = producers[fd]
                got = producer.sock.recv_into(buffer)
                if not got:
                    raise SystemExit("the broker closed a connection")
                count, producer.have = divmod(producer.have + got, size)
                if count:
                    done += count
                    self.send(producer, count)
        self.acked += done
        self.drain(in_flight)
        return done

    def drain(self, in_flight: int) -> None:
        """Take the answers that are still out, so that the next run starts clean."""
        for producer in self.producers.values():
            wire.read_exactly(producer.sock, in_flight * self.answer_bytes - producer.have)
            producer.have = 0
            self.acked += in_flight

    def one_by_one(self, count: int) -> list[float]:
        """Latency of each of `count` requests over the first connection, in seconds."""
        producer = next(iter(self.producers.values()))
        sock, size, clock = producer.sock, self.answer_bytes, time.perf_counter
        latencies = []
        for at in range(count):
            frame = self.frames[at % len(self.frames)]
            began = clock()
            sock.sendall(frame)
            got = len(sock.recv(size))
            if got < size:
                wire.read_exactly(sock, size - got)
            latencies.append(clock() - began)
        self.acked += count
        return latencies


def own_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def quantile(values: list[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--pid", type=int, required=True, help="the broker's process, whose processor time is read")
    parser.add_argument("--topic", required=True)
    parser.add_argument("--partitions", type=int, default=1)
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--in-flight", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--requests", type=int, default=0, help="instead: so many over one connection, each one timed")
    parser.add_argument("--record-bytes", type=int, default=200)
    parser.add_argument("--no-check", action="store_true", help="a broker that forgets (the mock) is not asked its end")
    options = parser.parse_args()
    host, _, port = options.bootstrap.rpartition(":")
    address = (host, int(port))

    load = Load(address, options.topic, options.partitions, options.connections, options.record_bytes)
    load.first()
    figures: dict[str, float] = {}
    if options.requests:
        load.one_by_one(options.requests // 10)
        latencies = load.one_by_one(options.requests)
        figures = {"p50_ms": quantile(latencies, 0.5) * 1e3, "p99_ms": quantile(latencies, 0.99) * 1e3}
    else:
        load.run(options.seconds / 5, options.in_flight)
        cpu, own, began = gauge.cpu_s(options.pid), own_cpu_s(), time.perf_counter()
        done = load.run(options.seconds, options.in_flight)
        seconds = time.perf_counter() - began
        figures = {
            "per_s": done / options.seconds,
            "broker_us": (gauge.cpu_s(options.pid) - cpu) / done * 1e6,
            "broker_busy": (gauge.cpu_s(options.pid) - cpu) / seconds,
            "client_busy": (own_cpu_s() - own) / seconds,
        }
    if not options.no_check:
        end = wire.log_end(address, options.topic, options.partitions)
        if end != load.acked:
            raise SystemExit(f"{load.acked} requests were acknowledged, the log holds {end} records")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
