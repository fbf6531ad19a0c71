"""An idempotent producer while the broker dies by kill -9 and returns: nothing acknowledged lost, nothing doubled."""

from collections import Counter

from harness import REFERENCE, Rec, eventually

COUNT = 3000
ACKED_BEFORE_THE_KILL = 600
PROGRESS_S = 30


def test_a_kill_loses_nothing_acknowledged_and_doubles_nothing(client, broker, worker):
    worker(REFERENCE).create_topic(topic="t", partitions=1, configs={})
    records = [Rec(0, None, None, None, (b"record %d" % i).hex(), []) for i in range(COUNT)]
    under_test = worker(client)
    under_test.start_sending(topic="t", records=records)

    eventually(
        under_test.progress, lambda p: p["acked"] >= ACKED_BEFORE_THE_KILL, PROGRESS_S, "acknowledged before the kill"
    )
    broker.kill()
    at_the_kill = under_test.progress()["acked"]
    broker.restart()
    sent = under_test.finish_sending()

    assert at_the_kill < COUNT, "the kill came too late to prove anything"
    assert sent["failed"] == []
    assert len(sent["acked"]) == COUNT
    read = worker(REFERENCE).consume("t")
    assert_each_once(records, read)
    at = {record.offset: record.value for record in read}
    for index, _, offset in sent["acked"]:
        assert at[offset] == records[index].value


def assert_each_once(records, read):
    counts = Counter(record.value for record in read)
    assert [v for v, n in counts.items() if n > 1] == [], "doubled"
    assert [r.value for r in records if r.value not in counts] == [], "lost"
    assert [record.value for record in read] == [record.value for record in records], "order"
