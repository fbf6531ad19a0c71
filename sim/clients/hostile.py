"""A client that means harm, or is broken: frames that are cut, too long, full of nonsense, or announce what is not there.

Knows: how frames look.  Does not know: shame.
Invariant: whatever it sends, the worst that may happen to the node is that this one connection is closed.
"""

from odradek.core.types import Buffer
from odradek.core.wire.frames import encode_request
from odradek.core.wire.metadata import MetadataRequest
from odradek.core.wire.registry import APIS
from odradek.sim.chance import between, chosen
from odradek.sim.clients import words
from odradek.sim.clients.client import Client, Program, Throw
from odradek.sim.model import Model, Payload, Place

SERVED = tuple(APIS)


def hostile(client: Client, model: Model) -> Program:
    """`ops` throws."""
    places = [(topic, index) for topic, count in client.plan.options["topics"] for index in range(count)]
    for number in range(client.plan.ops):
        client.doing = f"throw {number} of {client.plan.ops}"
        yield client.gap()
        yield from client.connected()
        data = nastiness(client, places)
        client.world.count("hostile frames")
        if not (yield Throw(data, between(client.rng, 0, 200))):
            client.world.count("hostile connection closed by the node")


def nastiness(client: Client, places: list[Place]) -> bytes:
    """The next thing to throw."""
    rng = client.rng
    kind = between(rng, 0, 7)
    noise = rng.randbytes(between(rng, 0, 200))
    key = chosen(rng, SERVED)
    version = between(rng, -1, APIS[key].highest + 1)
    header = key.to_bytes(2, "big", signed=True) + version.to_bytes(2, "big", signed=True) + bytes(4)
    if kind == 0:
        return noise
    if kind == 1:
        return (0x7FFFFFF0 - len(noise)).to_bytes(4, "big") + noise
    if kind == 2:
        return (-between(rng, 1, 1 << 31)).to_bytes(4, "big", signed=True)
    if kind == 3:
        return framed(header + b"\xff\xff" + noise)
    if kind == 4:
        return framed(header + b"\x00\x01x\x00" + b"\x7f\xff\xff\xff" + noise)
    if kind == 5:
        whole = joined(encode_request(3, 12, 1, "hostile", MetadataRequest(topics=None)))
        return whole[: between(rng, 1, len(whole))]
    place = chosen(rng, places)
    data = bytearray(words.batch([Payload("never-stored", 40)], 1, b"h"))
    at = between(rng, 0, len(data) - 1)
    data[at] ^= 1 << between(rng, 0, 7)
    if 0 <= at < 8 or 12 <= at < 16:
        data = data[:-1]  # base offset and epoch are the broker's to give: damage there would be no damage
    return joined(encode_request(0, words.BY_NAME, 1, "hostile", words.produce(place, bytes(data), -1)))


def framed(body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + body


def joined(chunks: tuple[Buffer, ...]) -> bytes:  # type: ignore[type-arg]
    return b"".join(bytes(chunk) for chunk in chunks)


