"""A client of a real broker that speaks bytes, and what the kernel says of the broker's memory.

Knows: sockets and frames.  Does not know: the broker's inside.
"""

import select
import socket

from odradek.core.wire.frames import decode_response, encode_request
from odradek.core.wire.registry import APIS
from odradek.core.wire.versions import ApiVersionsRequest

PATIENCE_S = 60
ALIVE = ApiVersionsRequest(client_software_name="healthy", client_software_version="1")


class Peer:
    """One connection."""

    def __init__(self, broker):
        self.sock = socket.create_connection((broker.host, broker.port), timeout=PATIENCE_S)
        self.data = b""

    def send(self, data):
        self.sock.sendall(data)

    def ask(self, key, body, version=None):
        """The answer to a request; None when the connection ended instead."""
        version = APIS[key].highest if version is None else version
        self.send(request(key, body, version))
        frame = self.frame()
        return None if frame is None else decode_response(key, version, memoryview(frame))[1]

    def frame(self):
        head = self.exactly(4)
        return None if head is None else self.exactly(int.from_bytes(head, "big"))

    def exactly(self, size):
        data = bytearray()
        while len(data) < size:
            try:
                more = self.sock.recv(size - len(data))
            except ConnectionError:
                return None
            if not more:
                return None
            data += more
        return bytes(data)

    def is_served(self):
        answer = self.ask(18, ALIVE, 3)
        return answer is not None and answer.error_code == 0

    def stuff(self, data, bytes_max):
        """Send until the broker takes no more for a moment, or `bytes_max` have gone, without reading; how many did."""
        self.sock.setblocking(False)
        sent, pending = 0, memoryview(b"")
        while sent < bytes_max:
            pending = pending or memoryview(data)
            try:
                gone = self.sock.send(pending)
                pending, sent = pending[gone:], sent + gone
            except BlockingIOError:
                if not select.select([], [self.sock], [], 0.3)[1]:
                    break
            except ConnectionError:
                break
        return sent

    def close(self):
        self.sock.close()


def request(key, body, version=None, client_id="peer"):
    """A whole request, with its size."""
    version = APIS[key].highest if version is None else version
    return b"".join(bytes(chunk) for chunk in encode_request(key, version, 1, client_id, body))


def resident(broker, field="VmRSS"):
    """Bytes of memory the broker has in use (`VmHWM`: had at most)."""
    with open(f"/proc/{broker.pid}/status", encoding="ascii") as file:
        for line in file:
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    raise AssertionError(field)
