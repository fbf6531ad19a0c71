"""A driver with a toy node, on a thread of its own, and a blocking client to talk to it."""

import socket
import sys
import threading
from pathlib import Path

import pytest
import trio

sys.path.insert(0, str(Path(__file__).parent))

from toy_node import ToyNode

from odradek.core.limits import Limits
from odradek.io.driver import Hub
from odradek.io.net import bind


class Client:
    """A connection that sends frames and waits for answers."""

    def __init__(self, address):
        self.sock = socket.create_connection(address, timeout=20)

    def send(self, *frames):
        self.sock.sendall(b"".join(len(frame).to_bytes(4, "big") + frame for frame in frames))

    def answer(self):
        """The next answer, or None when the connection ended."""
        head = self.exactly(4)
        return None if head is None else self.exactly(int.from_bytes(head, "big"))

    def exactly(self, size):
        data = b""
        while len(data) < size:
            try:
                more = self.sock.recv(size - len(data))
            except ConnectionResetError:
                return None
            if not more:
                return None
            data += more
        return data

    def ask(self, verb, payload=b""):
        self.send(verb.encode().ljust(8) + payload)
        return self.answer()


class Running:
    """A hub on its own thread.  `notes` is what it told; `result` is what it ended with, once joined."""

    def __init__(self, root, node, limits, busy_poll_us=0):
        self.node = node
        self.notes = []
        self.root = root
        self.result = None
        self.hub = Hub(
            node,
            str(root),
            limits,
            tell=lambda text, level="info", **fields: self.notes.append((text, fields)),
            on_ready=lambda: None,
            busy_poll_us=busy_poll_us,
        )
        sock = bind("127.0.0.1", 0)
        self.address = sock.getsockname()
        self.hub.listen(sock)
        self.clients = []
        self.live = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        assert self.live.wait(20)

    def run(self):
        async def live():
            self.token = trio.lowlevel.current_trio_token()
            self.live.set()
            return await self.hub.run()

        try:
            self.result = trio.run(live)
        except BaseException as error:
            self.result = error

    def client(self):
        self.clients.append(Client(self.address))
        return self.clients[-1]

    def inside(self, function):
        """Call it in the hub's thread, between two rounds."""
        return trio.from_thread.run_sync(function, trio_token=self.token)

    def join(self):
        self.thread.join(20)
        assert not self.thread.is_alive()
        return self.result

    def stop(self):
        self.inside(self.hub.stop)
        return self.join()

    def close(self):
        for client in self.clients:
            client.sock.close()
        if self.thread.is_alive():
            self.client().send(b"halt    ")
            self.thread.join(20)
            self.clients[-1].sock.close()


@pytest.fixture
def serve(tmp_path):
    """Start a hub: `serve(node=..., busy_poll_us=..., **limits)`; one is stopped at the end of the test."""
    running = []

    def start(node=None, busy_poll_us=0, **limits):
        hub = Running(tmp_path / f"hub{len(running)}", node or ToyNode(), Limits(**limits), busy_poll_us)
        running.append(hub)
        return hub

    for n in range(3):
        (tmp_path / f"hub{n}").mkdir()
    yield start
    for hub in running:
        hub.close()
