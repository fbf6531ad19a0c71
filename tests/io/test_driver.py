"""The hub with a toy node: events in order, effects performed, one timer."""

import os
import threading

import pytest
from toy_node import ToyNode

from odradek.core import effects as do
from odradek.core import events as ev


def kinds(hub):
    return [type(event) for event in hub.node.seen]


def test_the_first_event_of_a_life_is_started(serve):
    hub = serve()
    hub.client().ask("echo")

    assert kinds(hub)[:3] == [ev.Started, ev.Opened, ev.Received]


def test_a_frame_is_answered(serve):
    assert serve().client().ask("echo", b"hello") == b"echo    hello"


def test_a_node_is_told_both_ends_of_a_connection(serve):
    hub = serve()
    client = hub.client()
    client.ask("echo")

    (opened,) = [event for event in hub.node.seen if isinstance(event, ev.Opened)]
    assert opened == ev.Opened(1, client.sock.getsockname(), client.sock.getpeername())


def test_a_frame_belongs_to_the_node_and_can_be_written_to(serve):
    hub = serve()
    client = hub.client()
    client.ask("echo", b"one")
    client.ask("echo", b"two")

    first, second = [event.frame for event in hub.node.seen if isinstance(event, ev.Received)]
    first[:4] = b"ECHO"
    assert (bytes(first), bytes(second)) == (b"ECHO    one", b"echo    two")


def test_answers_of_one_connection_leave_in_order(serve):
    client = serve().client()
    client.send(*(b"echo    %d" % n for n in range(500)))

    assert [client.answer() for _ in range(500)] == [b"echo    %d" % n for n in range(500)]


def test_an_append_is_answered_and_read_back(serve):
    client = serve().client()

    assert client.ask("append", b"hello ") == b"done"
    assert client.ask("durable", b"world") == b"done"
    assert client.ask("read") == b"hello world"


def test_a_completion_never_arrives_inside_the_step_that_asked_for_it(serve):
    class Watchful(ToyNode):
        inside = False

        def step(self, event, now):
            assert not self.inside
            self.inside = True
            effects = super().step(event, now)
            self.inside = False
            return effects

    hub = serve(Watchful())

    assert hub.client().ask("append", b"x") == b"done"
    assert hub.stop() == ""


def test_events_of_one_batch_carry_one_time(serve):
    times = []

    class Clocked(ToyNode):
        def step(self, event, now):
            times.append((type(event), now))
            return super().step(event, now)

    client = serve(Clocked()).client()
    client.ask("append", b"x")

    (received,) = [now for kind, now in times if kind is ev.Received]
    (done,) = [now for kind, now in times if kind is ev.Done]
    assert received == done
    assert received.mono > 0
    assert received.wall > 1_600_000_000_000


def test_the_node_is_woken_at_its_deadline_and_not_before(serve):
    woken = []

    class Sleepy(ToyNode):
        def step(self, event, now):
            if isinstance(event, ev.Woke):
                woken.append((self.deadline, now.mono))
            return super().step(event, now)

    hub = serve(Sleepy())

    assert hub.client().ask("later", b"30") == b"later"
    ((deadline, mono),) = woken
    assert mono >= deadline


def test_an_idle_hub_takes_no_rounds(serve):
    hub = serve()
    hub.client().ask("echo")
    rounds = []
    whole = hub.hub._round
    hub.hub._round = lambda ready, *events: (rounds.append(ready), whole(ready, *events))

    threading.Event().wait(0.3)

    assert rounds == []


def test_a_stopping_node_that_halts_ends_the_run_cleanly(serve):
    hub = serve()
    client = hub.client()
    client.ask("echo")

    assert hub.stop() == ""
    assert kinds(hub)[-1] is ev.Stopping
    assert client.answer() is None


def test_a_node_that_does_not_stop_is_given_up(serve):
    class Stubborn(ToyNode):
        def step(self, event, now):
            return [] if isinstance(event, ev.Stopping) else super().step(event, now)

    assert serve(Stubborn(), stop_ms_max=20).stop() == "not stopped within 20 ms"


def test_a_fault_of_the_node_ends_the_run_with_its_reason(serve):
    hub = serve()
    hub.client().ask("halt", b"disk on fire")

    assert hub.join() == "disk on fire"


def test_a_bug_of_the_node_ends_the_run_with_its_exception(serve):
    hub = serve()
    hub.client().ask("break")

    assert isinstance(hub.join(), AssertionError)


def test_nothing_stays_open_when_the_hub_has_ended(serve):
    before = sorted(os.listdir("/proc/self/fd"))
    hub = serve()
    client = hub.client()
    client.ask("durable", b"x")
    hub.stop()
    client.sock.close()

    assert sorted(os.listdir("/proc/self/fd")) == before


def test_clients_that_come_before_the_node_is_ready_are_served_when_it_is(serve):
    class Slow(ToyNode):
        def step(self, event, now):
            if isinstance(event, ev.Started):
                self.deadline = now.mono + 50_000_000
                return []
            if isinstance(event, ev.Woke):
                assert not any(isinstance(event, ev.Opened) for event in self.seen)
                self.deadline = None
                return [do.note("ready")]
            return super().step(event, now)

    assert serve(Slow()).client().ask("echo") == b"echo    "


@pytest.mark.parametrize("busy_poll_us", [0, 50])
def test_many_connections_are_served_at_once(serve, busy_poll_us):
    hub = serve(busy_poll_us=busy_poll_us)
    clients = [hub.client() for _ in range(50)]
    for n, client in enumerate(clients):
        client.send(b"echo    %d" % n)

    assert [client.answer() for client in clients] == [b"echo    %d" % n for n in range(50)]


def test_each_connection_is_closed_exactly_once(serve):
    hub = serve()
    clients = [hub.client() for _ in range(5)]
    for client in clients:
        client.ask("echo")
    clients[0].ask("bye")
    clients[1].send(b"bye     ")
    clients[1].sock.close()
    clients[2].sock.close()
    hub.client().ask("echo")
    while len([event for event in hub.node.seen if isinstance(event, ev.Closed)]) < 3:
        hub.client().ask("echo")

    closed = [event.conn for event in hub.node.seen if isinstance(event, ev.Closed)]
    assert sorted(closed[:3]) == [1, 2, 3]
    assert len(closed) == len(dict.fromkeys(closed))
