"""Consumer groups through every client: join, crash, rejoin, committed offsets."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from harness import FEATURES, TIMESTAMPS, ClientFailed, eventually, made_records

PARTITIONS = 6
SESSION_MS = 6000  # the least a broker allows by default
REBALANCE_S = 40
READ_S = 20


class Group:
    """Members under test, what each was last assigned, and all that any of them has read."""

    def __init__(self, start_worker, client):
        self.start_worker, self.client = start_worker, client
        self.members = []
        self.seen = []
        self.assigned = {}

    def join(self, count):
        joining = [self.start_worker(self.client) for _ in range(count)]
        with ThreadPoolExecutor(count) as pool:
            list(pool.map(lambda member: member.join(group="g", topic="t", session_ms=SESSION_MS), joining))
        self.members += joining
        return joining

    def look(self):
        for member in self.members:
            found = member.poll()
            self.assigned[member] = found["assigned"]
            self.seen += [tuple(place) for place in found["seen"]]
        return sorted(len(self.assigned[member]) for member in self.members)

    def owns_everything_once(self):
        return sorted(itertools.chain(*(self.assigned[m] for m in self.members))) == list(range(PARTITIONS))

    def settle(self):
        """Wait until the partitions are shared out evenly."""
        even = [PARTITIONS // len(self.members)] * len(self.members)

        def shared_out(shares):
            return shares == even and self.owns_everything_once()

        eventually(self.look, shared_out, REBALANCE_S, "shares of the members")

    def read_until(self, places):
        eventually(
            lambda: (self.look(), len(set(self.seen)))[1], lambda count: count >= len(places), READ_S, "records read"
        )
        assert set(self.seen) == places

    def commit(self):
        with ThreadPoolExecutor(len(self.members)) as pool:
            list(pool.map(lambda member: member.commit(), self.members))

    def crash(self, member):
        member.crash()
        self.members.remove(member)

    def leave(self):
        with ThreadPoolExecutor(len(self.members)) as pool:
            list(pool.map(lambda member: member.leave(), self.members))
        self.members = []


def write(helper, per_partition, places, seed):
    records = made_records(per_partition * PARTITIONS, PARTITIONS, FEATURES - {TIMESTAMPS}, seed)
    where = helper.produce(topic="t", records=records, compression="none")
    places.update(map(tuple, where))


def committed_is(helper, expected):
    wanted = {str(partition): expected for partition in range(PARTITIONS)}
    look = partial(helper.committed, group="g", topic="t")
    eventually(look, lambda found: found == wanted, READ_S, f"committed, not {expected}")


def test_three_members_share_survive_a_crash_and_take_the_third_back(client, worker, helper):
    helper.create_topic(topic="t", partitions=PARTITIONS, configs={})
    places = set()
    group = Group(worker, client)

    group.join(3)
    group.settle()
    write(helper, 100, places, seed=1)
    group.read_until(places)
    group.commit()
    committed_is(helper, 100)
    assert helper.group(group="g") == {"state": "STABLE", "members": 3}

    group.crash(group.members[1])
    group.settle()
    write(helper, 10, places, seed=2)
    group.read_until(places)
    group.commit()
    committed_is(helper, 110)

    (newcomer,) = group.join(1)
    group.settle()
    write(helper, 10, places, seed=3)
    group.read_until(places)
    group.commit()
    committed_is(helper, 120)
    assert group.assigned[newcomer]
    assert len(group.seen) == len(places), "all was committed before each rebalance, so nothing is read twice"

    group.leave()
    eventually(lambda: helper.group(group="g"), lambda g: g == {"state": "EMPTY", "members": 0}, READ_S, "group")


def test_a_group_that_comes_back_goes_on_where_it_committed(client, worker, helper):
    helper.create_topic(topic="t", partitions=PARTITIONS, configs={})
    before, after = set(), set()
    write(helper, 20, before, seed=1)
    first = Group(worker, client)
    first.join(1)
    first.read_until(before)
    first.commit()
    first.leave()
    write(helper, 5, after, seed=2)

    second = Group(worker, client)
    second.join(1)

    second.read_until(after)
    second.leave()


def test_a_group_with_members_cannot_be_deleted_and_one_without_is_gone(client, worker, helper):
    deleter = helper if "delete_group" in client.cannot_do else worker(client)
    helper.create_topic(topic="t", partitions=PARTITIONS, configs={})
    places = set()
    write(helper, 5, places, seed=1)
    group = Group(worker, client)
    group.join(1)
    group.read_until(places)
    group.commit()

    with pytest.raises(ClientFailed):
        deleter.delete_group(group="g")

    group.leave()
    eventually(lambda: helper.group(group="g")["state"], lambda state: state == "EMPTY", READ_S, "group")
    deleter.delete_group(group="g")
    assert helper.list_groups() == []
