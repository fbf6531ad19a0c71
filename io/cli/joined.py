"""Consuming as a member of a group: read what is assigned, commit what was printed, follow rebalances.

Knows: when to beat, commit and join again.  Does not know: how records are printed, the wire.
Invariant: nothing is committed that was not printed; the group is left however this ends.
"""

from time import monotonic, sleep

from odradek.io.cli.consume import Order, Output, complain, positions_of
from odradek.io.cli.moments import START
from odradek.io.client import Client, Place
from odradek.io.client_fetcher import Fetcher
from odradek.io.client_groups import committed_offsets
from odradek.io.client_member import GroupMember
from odradek.io.client_offsets import EARLIEST, LATEST

COMMIT_S = 5.0
IDLE_S = 0.1


def read_as_member(connected: Client, group: str, order: Order, output: Output) -> None:
    """Print the records of the group's share until there are enough."""
    connected.topics(order.topics)
    member = GroupMember(connected, group, order.topics)
    try:
        while not _one_generation(connected, member, group, order, output):
            output.done.clear()
    finally:
        member.leave()


def _one_generation(connected: Client, member: GroupMember, group: str, order: Order, output: Output) -> bool:
    """Read from one assignment to the next; whether all was read that was asked for."""
    member.join()
    restart = EARLIEST if order.begin.kind == START else LATEST
    positions = _begin(connected, member, group, order)
    fetcher = Fetcher(connected, positions, committed=order.committed, restart=restart)
    committed: dict[Place, int] = {}
    commit_at = monotonic() + COMMIT_S
    try:
        while not output.is_full and not (order.exit_at_end and fetcher.at_end()):
            if not member.beat():
                return False
            if not fetcher.positions:
                sleep(IDLE_S)  # More members than partitions: this one waits for another to leave.
                continue
            chunks = fetcher.poll()
            complain(fetcher)
            output.write(chunks)
            if monotonic() >= commit_at:
                if not member.commit(_news(output.done, committed)):
                    return False
                committed.update(output.done)
                commit_at = monotonic() + COMMIT_S
        return True
    finally:
        member.commit(_news(output.done, committed))


def _begin(connected: Client, member: GroupMember, group: str, order: Order) -> dict[Place, int]:
    if not member.assigned:
        return {}
    found = committed_offsets(connected, group, member.assigned)
    new = [place for place in member.assigned if place not in found]
    return {**found, **(positions_of(connected, order, new) if new else {})}


def _news(done: dict[Place, int], committed: dict[Place, int]) -> dict[Place, int]:
    return {place: offset for place, offset in done.items() if committed.get(place) != offset}
