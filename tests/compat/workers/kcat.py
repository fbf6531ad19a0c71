"""kcat as a worker: each command is one run of the tool, what it prints is the answer.

What kcat cannot write: a timestamp, headers of one record's own, empty as distinct from null.
"""

import itertools
import json
import re
import signal
import subprocess
import threading
import time

from worker import Sending, headers_of, serve, to_wire, unhexed

BETWEEN_RECORDS, AFTER_KEY = b"\x1e\x1e\n", b"\x1f\x1f"
EARLIEST, LATEST = -2, -1
FORMAT = r"%p %o %T %K %S %h\n%k%s\n"


def records_in(output):
    """Read FORMAT back: the lengths in each head line say where its key and value end."""
    at, found = 0, []
    while at < len(output):
        line_end = output.index(b"\n", at)
        partition, offset, timestamp, key_size, size, headers = output[at:line_end].split(b" ", 5)
        at = line_end + 1
        key, at = piece(output, at, int(key_size))
        value, at = piece(output, at, int(size))
        assert output[at : at + 1] == b"\n", output[at : at + 80]
        at += 1
        found.append(to_wire(int(partition), int(offset), int(timestamp), key, value, headers_in(headers)))
    return found


def piece(output, at, size):
    return (None, at) if size < 0 else (output[at : at + size], at + size)


def headers_in(text):
    pairs = [pair.partition(b"=") for pair in text.split(b",") if pair]
    return [(name.decode(), None if value == b"NULL" else value) for name, _, value in pairs]


class Kcat:
    def __init__(self, servers):
        self.servers = servers

    def command(self, *arguments):
        return ["kcat", "-b", self.servers, *map(str, arguments)]

    def run(self, *arguments, given=None):
        command = self.command(*arguments)
        done = subprocess.run(command, input=given or b"", capture_output=True, timeout=60, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr.decode(errors="replace"))
        return done

    # -- admin

    def metadata(self, *arguments):
        return json.loads(self.run("-L", "-J", *arguments).stdout)

    def list_topics(self):
        return sorted(topic["topic"] for topic in self.metadata()["topics"])

    def partitions_of(self, topic):
        return len(self.metadata("-t", topic)["topics"][0]["partitions"])

    def offset_at(self, topic, partition, timestamp):
        found = re.search(rb"offset (-?\d+)", self.run("-Q", "-t", f"{topic}:{partition}:{timestamp}").stdout)
        offset = int(found[1])
        return None if offset < 0 else offset

    def ends(self, topic):
        wanted = range(self.partitions_of(topic))
        return {p: [self.offset_at(topic, p, EARLIEST), self.offset_at(topic, p, LATEST)] for p in wanted}

    # -- records

    def produce(self, topic, records, compression):
        where = [None] * len(records)
        for partition in sorted({record[0] for record in records}):
            mine = [index for index, record in enumerate(records) if record[0] == partition]
            assert len({json.dumps(records[index][5]) for index in mine}) == 1, "kcat writes one set of headers per run"
            headers = [f"{name}={value.decode()}" for name, value in headers_of(records[mine[0]])]
            options = [*itertools.chain.from_iterable(("-H", header) for header in headers), "-X", "linger.ms=20"]
            if compression != "none":
                options += ["-z", compression]
            given = b"".join(self.line_of(records[index]) for index in mine)
            done = self.run(*self.producing(topic, partition), *options, given=given)
            offsets = sorted(self.delivered(done.stderr.decode(errors="replace")))
            assert len(offsets) == len(mine), (len(offsets), len(mine))
            for index, (_, offset) in zip(mine, offsets, strict=True):
                where[index] = [partition, offset]
        return where

    def producing(self, topic, partition):
        between, after_key = ("".join(f"\\x{b:02x}" for b in delimiter) for delimiter in (BETWEEN_RECORDS, AFTER_KEY))
        delimiters = ["-D", between, "-K", after_key]
        return ["-P", "-t", topic, "-p", partition, "-Z", *delimiters, "-X", "enable.idempotence=true", "-vvv"]

    def line_of(self, record):
        return (unhexed(record[3]) or b"") + AFTER_KEY + (unhexed(record[4]) or b"") + BETWEEN_RECORDS

    def delivered(self, text):
        return [(int(p), int(o)) for p, o in re.findall(r"delivered to partition (\d+) \(offset (\d+)\)", text)]

    def consume(self, topic, since=None):
        start = "beginning" if since is None else f"s@{since}"
        return records_in(self.run("-C", "-t", topic, "-o", start, "-e", "-q", "-f", FORMAT).stdout)

    # -- one group member

    def join(self, group, topic, session_ms):
        settings = {
            "session.timeout.ms": session_ms,
            "heartbeat.interval.ms": 500,
            "auto.offset.reset": "earliest",
            "auto.commit.interval.ms": 100,
            "fetch.wait.max.ms": 100,
        }
        options = itertools.chain.from_iterable(("-X", f"{name}={value}") for name, value in settings.items())
        self.member = subprocess.Popen(
            self.command("-G", group, "-u", "-f", r"%p %o\n", *options, topic),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.seen, self.partitions = [], []
        self.readers = [
            threading.Thread(target=self.read_records, daemon=True),
            threading.Thread(target=self.read_rebalances, daemon=True),
        ]
        for reader in self.readers:
            reader.start()

    def read_records(self):
        for line in self.member.stdout:
            self.seen.append([int(number) for number in line.split()])

    def read_rebalances(self):
        for line in self.member.stderr:
            if b"assigned:" in line:
                self.partitions = sorted(int(p) for p in re.findall(rb"\[(\d+)\]", line))
            elif b"revoked:" in line:
                self.partitions = []

    def poll(self):
        assert self.member.poll() is None, f"kcat ended with {self.member.returncode}"
        seen, self.seen = self.seen, []
        return {"assigned": self.partitions, "seen": seen}

    def commit(self):
        time.sleep(0.5)  # kcat commits by itself, every 100 ms

    def leave(self):
        self.member.send_signal(signal.SIGTERM)
        self.member.wait(30)

    # -- a producer that outlives a broker

    def start_sending(self, topic, records):
        settings = ["-X", "linger.ms=2", "-X", "message.timeout.ms=60000", "-X", "reconnect.backoff.max.ms=200"]
        kcat = subprocess.Popen(
            self.command(*self.producing(topic, 0), "-E", *settings),
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

        def send(index, record):
            kcat.stdin.write(self.line_of(record))
            kcat.stdin.flush()

        def watch():
            for line in kcat.stderr:
                for partition, offset in self.delivered(line.decode(errors="replace")):
                    self.sending.acked.append([len(self.sending.acked), partition, offset])
                if b"failed" in line.lower() and b"deliver" in line.lower():
                    self.sending.failed.append([len(self.sending.acked), line.decode(errors="replace")])

        def flush():
            kcat.stdin.close()
            kcat.wait(90)
            self.watcher.join()

        self.sending = Sending(records, send, flush)
        self.watcher = threading.Thread(target=watch, daemon=True)
        self.watcher.start()

    def progress(self):
        return self.sending.progress()

    def finish_sending(self):
        return self.sending.finish()


if __name__ == "__main__":
    serve(Kcat)
