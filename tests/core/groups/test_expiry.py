from typing import Any

MINUTE = 60_000
RETENTION = 60 * MINUTE


def brief(make_lab: Any) -> Any:
    return make_lab(offsets_retention_ms=RETENTION, group_max_session_timeout_ms=10**9)


def test_offsets_of_a_plain_consumer_expire_after_the_retention_from_their_commit(make_lab: Any) -> None:
    lab = brief(make_lab)
    lab.commit({("t", 0): 1})
    lab.wait(30 * MINUTE)
    lab.commit({("t", 1): 1})
    lab.wait(30 * MINUTE)
    assert lab.offsets() == {("t", 1): 1}
    lab.wait(30 * MINUTE)
    assert lab.listing() == []


def test_offsets_of_an_active_member_do_not_expire(make_lab: Any) -> None:
    lab = brief(make_lab)
    (first,), generation = lab.stable(session_ms=10**9)
    lab.commit({("t", 0): 1}, first, generation)
    lab.wait(10 * RETENTION)
    assert lab.offsets() == {("t", 0): 1}


def test_offsets_a_group_left_expire_from_when_it_became_empty(make_lab: Any) -> None:
    lab = brief(make_lab)
    (first,), generation = lab.stable(session_ms=10**9)
    lab.commit({("t", 0): 1}, first, generation)
    lab.wait(2 * RETENTION)
    lab.leave(first)
    lab.wait(RETENTION - 10 * MINUTE)
    assert lab.offsets() == {("t", 0): 1}
    lab.wait(20 * MINUTE)
    assert lab.offsets() == {}
    assert lab.listing() == []


def test_when_it_became_empty_survives_a_fail_over(make_lab: Any) -> None:
    lab = brief(make_lab)
    (first,), generation = lab.stable(session_ms=10**9)
    lab.commit({("t", 0): 1}, first, generation)
    lab.leave(first)
    lab.wait(50 * MINUTE)
    lab.fail_over(snapshot=True)
    lab.wait(20 * MINUTE)
    assert lab.listing() == []


def test_offsets_of_topics_a_stable_group_no_longer_wants_expire(make_lab: Any) -> None:
    lab = brief(make_lab)
    (first,), generation = lab.stable(session_ms=10**9, topics=("t",))
    lab.commit({("t", 0): 1, ("u", 0): 1}, first, generation)
    lab.wait(RETENTION + 10 * MINUTE)
    assert lab.offsets() == {("t", 0): 1}


def test_nothing_expires_where_subscriptions_cannot_be_read(make_lab: Any) -> None:
    lab = brief(make_lab)
    (first,), generation = lab.stable(session_ms=10**9, protocols={"range": b"?"})
    lab.commit({("u", 0): 1}, first, generation)
    lab.wait(10 * RETENTION)
    assert lab.offsets() == {("u", 0): 1}


def test_a_retention_the_client_asked_for_comes_first(make_lab: Any) -> None:
    lab = brief(make_lab)
    lab.commit({("t", 0): 1}, version=4, retention_ms=5 * MINUTE)
    lab.commit({("t", 1): 1}, version=4, retention_ms=10 * RETENTION)
    lab.fail_over()
    lab.wait(20 * MINUTE)
    assert lab.offsets() == {("t", 1): 1}
    lab.wait(2 * RETENTION)
    assert lab.offsets() == {("t", 1): 1}


def test_an_empty_group_without_offsets_is_forgotten_at_the_next_check(lab: Any) -> None:
    (first,), _ = lab.stable()
    lab.leave(first)
    assert lab.listing() == ["g"]
    lab.wait(10 * MINUTE)
    assert lab.listing() == []
    lab.fail_over()
    assert lab.listing() == []


def test_a_group_someone_is_about_to_join_is_not_forgotten(lab: Any) -> None:
    (first,), generation = lab.stable()
    lab.keep_alive([first], generation, 9 * MINUTE)
    lab.leave(first)
    pending = lab.joined(version=4, session_ms=30 * MINUTE).member_id
    lab.wait(2 * MINUTE)
    assert "g" in lab.shard.ledger.metadata
    assert lab.joined(member=pending, version=4).error_code == 0


def test_offsets_of_a_deleted_topic_go_with_it(lab: Any) -> None:
    (first,), generation = lab.stable()
    lab.commit({("t", 0): 1, ("u", 0): 1}, first, generation)
    lab.commit({("t", 0): 1}, group="plain")
    lab.step(lab.shard.topic_deleted, "t")
    assert lab.offsets() == {("u", 0): 1}
    assert lab.listing() == ["g"]
    assert lab.state() == "Stable"
