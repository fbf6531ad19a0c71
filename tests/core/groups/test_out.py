import pytest

from odradek.core.groups.out import Appended, Reply, ShardOut


def test_replies_and_batches_keep_the_order_in_which_they_were_decided() -> None:
    out = ShardOut()
    out.reply(1, "a")
    out.append(((b"k", None),), 5, ((2, "b"),), ())
    out.reply(3, "c", after_commit=True)
    assert out.acts == [
        Reply(1, "a", False),
        Appended(((b"k", None),), 5, ((2, "b"),), ()),
        Reply(3, "c", True),
    ]


def test_an_empty_batch_is_a_bug() -> None:
    with pytest.raises(AssertionError):
        ShardOut().append((), 5, (), ())
