"""A node small enough to test the driver with: it echoes frames, and obeys commands that arrive in them.

A frame is eight bytes of command, padded with spaces, then a payload.
"""

from odradek.core import effects as do
from odradek.core import events as ev


class ToyNode:
    """Implements the driver's `Node` protocol; `seen` is every event in order."""

    def __init__(self, file: str = "toy/log"):
        self.file = file
        self.deadline = None
        self.seen = []
        self.end = 0
        self.held = {}

    def step(self, event, now):
        self.seen.append(event)
        match event:
            case ev.Started():
                return [do.note("ready")]
            case ev.Received(conn, frame):
                return self.command(conn, frame, now)
            case ev.Done(("reply", conn, text), value):
                return [reply(conn, value if text is None else text)]
            case ev.Failed(("reply", conn, _), why):
                return [reply(conn, b"failed " + why.encode())]
            case ev.Woke():
                self.deadline = None
                return [do.Send(conn, chunks) for conn, chunks in self.held.items()]
            case ev.Stopping():
                return [do.Halt("")]
        return []

    def command(self, conn, frame, now):
        verb, payload = bytes(frame[:8]).strip().decode(), frame[8:]
        then = ("reply", conn, b"done")
        match verb:
            case "echo":
                return [do.Send(conn, (len(frame).to_bytes(4, "big"), frame))]
            case "append":
                self.end += len(payload)
                return [do.Append(self.file, (payload,), then)]
            case "durable":
                return [do.Append(self.file, (payload,), None), do.Sync(self.file, then)]
            case "read":
                return [do.Read(self.file, 0, 1 << 30, ("reply", conn, None))]
            case "slice":
                size = int(bytes(payload))
                return [do.Send(conn, (size.to_bytes(4, "big"), do.FileSlice(self.file, 0, size)))]
            case "later":
                self.deadline = now.mono + int(bytes(payload)) * 1_000_000
                self.held[conn] = reply(conn, b"later").chunks
                return []
            case "pause":
                return [do.Pause(conn)]
            case "resume":
                return [do.Resume(other) for other in range(1, conn)]
            case "bye":
                return [reply(conn, b"bye"), do.Close(conn)]
            case "flood":
                return [reply(conn, bytes(1 << 20)) for _ in range(int(bytes(payload)))]
            case "cut":
                return [do.Truncate(self.file, int(bytes(payload)), then)]
            case "halt":
                return [do.Halt(bytes(payload).decode())]
            case "break":
                raise AssertionError("a bug of the node")
        return []


def reply(conn, text):
    return do.Send(conn, (len(text).to_bytes(4, "big"), bytes(text)))
