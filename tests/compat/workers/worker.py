"""The conversation between a test and a client under test.

Knows: one JSON command per line on stdin, one JSON answer per line on stdout, and the shape of a record in between.
Does not know: any Kafka client, any scenario.
Invariant: exactly one answer per command, in order, whatever the client library prints or raises.

A record travels as [partition, offset, timestamp, key, value, headers]: bytes in hex, null for null,
headers as a list of [name, value].
"""

import json
import os
import queue
import sys
import threading
import time
import traceback

IDLE_S = 0.005


def to_wire(partition, offset, timestamp, key, value, headers):
    return [partition, offset, timestamp, hexed(key), hexed(value), [[name, hexed(v)] for name, v in headers or ()]]


def hexed(data):
    return None if data is None else bytes(data).hex()


def unhexed(text):
    return None if text is None else bytes.fromhex(text)


def headers_of(record):
    return [(name, unhexed(value)) for name, value in record[5]]


def serve(make_client):
    """Answer commands until stdin ends.  `make_client(bootstrap_servers)` gives an object with a method per command."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints must not look like an answer
    client = make_client(sys.argv[1])
    for line in sys.stdin:
        command = json.loads(line)
        try:
            answer = {"ok": getattr(client, command.pop("do"))(**command)}
        except Exception as error:
            traceback.print_exc()
            answer = {"failed": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


class Reading:
    """Counts records until every partition has reached the end it had when the reading began."""

    def __init__(self, starts, ends):
        self.missing = {p: end for p, end in ends.items() if starts[p] < end}
        self.records = []

    def add(self, record):
        self.records.append(record)
        partition, offset = record[0], record[1]
        if partition in self.missing and offset + 1 >= self.missing[partition]:
            del self.missing[partition]

    @property
    def done(self):
        return not self.missing


class Member:
    """One group member polled by a thread of its own, so that it heartbeats while the test looks elsewhere.

    `poll_once()` returns [(partition, offset), …]; `assigned()` the partitions.  These and `commit` run under one lock,
    as most client libraries are not thread safe.
    """

    def __init__(self, poll_once, assigned, commit, close):
        self.poll_once, self.assigned, self.commit_now, self.close = poll_once, assigned, commit, close
        self.lock = threading.Lock()
        self.seen = queue.SimpleQueue()
        self.partitions = []
        self.failed = None
        self.leaving = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            while not self.leaving:
                with self.lock:
                    for place in self.poll_once():
                        self.seen.put(place)
                    self.partitions = sorted(self.assigned())
                time.sleep(IDLE_S)  # lets a waiting commit take the lock
        except Exception as error:
            traceback.print_exc()
            self.failed = f"{type(error).__name__}: {error}"

    def poll(self):
        if self.failed:
            raise RuntimeError(self.failed)
        seen = [self.seen.get() for _ in range(self.seen.qsize())]
        return {"assigned": self.partitions, "seen": seen}

    def commit(self):
        with self.lock:
            self.commit_now()

    def leave(self):
        self.leaving = True
        self.thread.join()
        self.close()


class Sending:
    """Feeds records one by one to `send(index, record)` from a thread, slowly enough for a broker to die half-way."""

    def __init__(self, records, send, flush, pause_s=0.0005):
        self.acked, self.failed = [], []
        self.records, self.send, self.flush, self.pause_s = records, send, flush, pause_s
        self.error = None
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            for index, record in enumerate(self.records):
                self.send(index, record)
                time.sleep(self.pause_s)
            self.flush()
        except Exception as error:
            traceback.print_exc()
            self.error = f"{type(error).__name__}: {error}"

    def progress(self):
        return {"acked": len(self.acked), "failed": self.failed, "error": self.error}

    def finish(self):
        self.thread.join()
        if self.error:
            raise RuntimeError(self.error)
        return {"acked": self.acked, "failed": self.failed}
