"""Producer ids: never the same one twice."""

from lab import Lab
from talk import booted, init_producer

from odradek.core import effects as ef
from odradek.core import events as ev
from odradek.core.quorum.controller import ProducerIdBlock
from odradek.core.wire.producers import InitProducerIdRequest

REQUEST = InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=0)


def test_ids_of_one_life_are_all_different() -> None:
    _, client = booted()
    ids = [init_producer(client) for _ in range(50)]
    assert len(set(ids)) == 50


def test_ids_of_another_life_are_different_again() -> None:
    lab, client = booted()
    first = {init_producer(client) for _ in range(3)}
    client = Lab(files=lab.files).boot().connect()
    second = {init_producer(client) for _ in range(3)}
    client = Lab(files=lab.stop()).boot().connect() if lab.halted is None else client
    third = {init_producer(client) for _ in range(3)}
    assert len(first | second | third) == 9


def test_a_block_is_reserved_once_and_used_up_before_the_next() -> None:
    lab, client = booted()
    init_producer(client)
    end = lab.node.broker.metadata.leader.log.end
    init_producer(client)
    assert lab.node.broker.metadata.leader.log.end == end


def test_an_exhausted_block_is_followed_by_another() -> None:
    lab, client = booted()
    first = init_producer(client)
    ids = lab.node.broker.producer_ids
    block = ids._block
    ids._block = ProducerIdBlock(block.first + block.size - 1, 1)
    assert init_producer(client) == first + block.size
    assert init_producer(client) == first + block.size + 1


def test_many_who_wait_for_one_block_all_get_an_id_of_their_own() -> None:
    lab, client = booted()
    clients = [lab.connect() for _ in range(5)]
    lab.hold = lambda effect: isinstance(effect, ef.Sync)
    for one in clients:
        one.send(REQUEST, 5)
    assert sum(one.answers() for one in clients) == 0
    lab.hold = lambda effect: False
    lab.release()
    assert len({one.take().producer_id for one in clients}) == 5


def test_all_who_wait_are_denied_when_there_is_no_room_and_may_ask_again() -> None:
    lab, client = booted()
    other = lab.connect()
    lab.hold = lambda effect: isinstance(effect, ef.Append)
    client.send(REQUEST, 5)
    other.send(REQUEST, 5)
    (held,) = lab.held
    lab.held = []
    lab.hold = lambda effect: False
    assert isinstance(held, ev.Done)
    lab.feed(ev.Failed(held.then, "ENOSPC"))
    assert all(one.take().error_code for one in (client, other))
    assert init_producer(client) >= 0
