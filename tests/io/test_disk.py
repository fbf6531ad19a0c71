"""What the real disk does beneath the contract: which calls it makes, what it keeps open."""

import os
import stat

import pytest

from odradek.core.effects import Append, List, Read, Remove, Replace, Sync, Truncate
from odradek.core.events import Done, Failed
from odradek.io.disk import Disk


class Bench:
    """A disk, and a record of what was synced: a path below the root for each call, in order."""

    def __init__(self, root, monkeypatch, open_files=8):
        self.root = str(root)
        self.bell = os.eventfd(0)
        self.disk = Disk(self.root, lambda: os.eventfd_write(self.bell, 1), open_files)
        self.synced = []
        for name in ("fsync", "fdatasync"):
            monkeypatch.setattr(os, name, self.recorded(getattr(os, name)))

    def recorded(self, whole):
        def sync(fd):
            self.synced.append(os.path.relpath(os.readlink(f"/proc/self/fd/{fd}"), self.root))
            whole(fd)

        return sync

    def perform(self, *effects):
        for effect in effects:
            self.disk.acts[type(effect)](effect)
        self.disk.flush()
        while self.disk.busy:
            os.eventfd_read(self.bell)
            self.disk.collect()
            self.disk.flush()
        came, self.disk.events = self.disk.events, []
        return came

    def fresh(self):
        synced, self.synced = self.synced, []
        return synced


@pytest.fixture
def bench(tmp_path, monkeypatch):
    made = Bench(tmp_path, monkeypatch)
    yield made
    made.disk.close()
    os.close(made.bell)


def test_the_first_sync_of_a_new_file_covers_it_and_every_directory_above(bench):
    bench.perform(Append("a/b/f", (b"x",), 1), Sync("a/b/f", 2))

    assert bench.fresh() == ["a/b/f", "a/b", "a", "."]


def test_a_later_sync_covers_the_file_only(bench):
    bench.perform(Append("a/f", (b"x",), 1), Sync("a/f", 2))
    bench.fresh()
    bench.perform(Append("a/f", (b"x",), 3), Sync("a/f", 4))

    assert bench.fresh() == ["a/f"]


def test_a_sync_with_nothing_new_touches_no_disk(bench):
    bench.perform(Append("a/f", (b"x",), 1), Sync("a/f", 2))
    bench.fresh()

    assert bench.perform(Sync("a/f", 3)) == [Done(3)]
    assert bench.fresh() == []


def test_the_first_sync_of_a_life_does_not_trust_what_an_earlier_one_left(bench, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "f").write_bytes(b"not synced before the kill")

    bench.perform(Sync("a/f", 1))

    assert bench.fresh() == ["a/f", "a", "."]


def test_syncs_of_one_batch_share_one_call_for_each_file_and_directory(bench):
    effects = [Append(f"d/{n % 2}", (b"x",), n) for n in range(10)] + [Sync(f"d/{n % 2}", n + 10) for n in range(10)]
    came = bench.perform(*effects)

    assert sorted(event.then for event in came) == list(range(20))
    assert bench.fresh() == ["d/0", "d/1", "d", "."]


def test_a_new_file_beside_a_durable_one_makes_the_directory_be_synced_again(bench):
    bench.perform(Append("d/0", (b"x",), 1), Sync("d/0", 2))
    bench.fresh()
    bench.perform(Append("d/1", (b"x",), 3), Sync("d/1", 4))

    assert bench.fresh() == ["d/1", "d"]


def test_a_removal_that_is_done_is_durable(bench):
    bench.perform(Append("d/0", (b"x",), 1), Append("d/1", (b"x",), 2), Sync("d/0", 3), Sync("d/1", 4))
    bench.fresh()
    bench.perform(Remove("d/0", 5))

    assert bench.fresh() == ["d"]


def test_a_sync_after_a_truncate_covers_it(bench):
    bench.perform(Append("f", (b"abc",), 1), Sync("f", 2))
    bench.fresh()
    bench.perform(Truncate("f", 1, 3), Sync("f", 4))

    assert bench.fresh() == ["f"]


def test_a_replace_syncs_the_new_content_before_it_takes_the_name_and_the_directory_after(bench):
    bench.perform(Replace("d/f", b"new", 1))

    assert bench.fresh() == ["d/.f.tmp", "d", "."]


def test_consecutive_appends_to_a_file_leave_in_one_call(bench, monkeypatch):
    calls = []
    whole = os.writev
    monkeypatch.setattr(os, "writev", lambda fd, buffers: (calls.append(len(buffers)), whole(fd, buffers))[1])

    bench.perform(Append("f", (b"a", b"b"), 1), Append("g", (b"c",), 2), Append("f", (b"d",), 3))

    assert calls == [3, 1]


def test_a_short_write_is_continued(bench, monkeypatch):
    whole = os.writev
    monkeypatch.setattr(os, "writev", lambda fd, buffers: whole(fd, [b"".join(buffers)[:3]]))

    bench.perform(Append("f", (b"ab", b"", b"cdefg", b"hij"), 1))

    assert bench.perform(Read("f", 0, 99, 2)) == [Done(2, b"abcdefghij")]


def test_many_files_share_few_descriptors_and_none_is_closed_before_it_is_durable(bench):
    for n in range(40):
        bench.perform(Append(f"d/{n}", (b"%d" % n,), n))
    opened = [name for name in os.listdir("/proc/self/fd") if points_below(name, bench.root)]

    assert len(opened) <= 8 + 1
    assert [event.value for event in bench.perform(*(Read(f"d/{n}", 0, 9, n) for n in range(40)))] == [
        b"%d" % n for n in range(40)
    ]
    assert [f"d/{n}" for n in range(32)] == [path for path in bench.fresh() if path not in ("d", ".")][:32]


def points_below(descriptor, root):
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}").startswith(root)
    except FileNotFoundError:
        return False


def test_a_link_in_the_place_of_a_file_is_not_followed(bench, tmp_path):
    (tmp_path / "outside").write_bytes(b"secret")
    (tmp_path / "link").symlink_to(tmp_path / "outside")

    assert bench.perform(Append("link", (b"x",), 1)) == [Failed(1, "ELOOP")]
    assert (tmp_path / "outside").read_bytes() == b"secret"


def test_a_link_in_the_place_of_a_directory_is_not_followed(bench, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "outside")

    assert isinstance(bench.perform(Append("link/f", (b"x",), 1))[0], Failed)
    assert list((tmp_path / "outside").iterdir()) == []


def test_what_an_interrupted_replace_left_is_not_listed_and_goes_away(bench, tmp_path):
    (tmp_path / ".f.tmp").write_bytes(b"half")
    (tmp_path / "meta.properties").write_bytes(b"the driver's")
    (tmp_path / ".lock").write_bytes(b"")

    assert bench.perform(List(1)) == [Done(1, ())]
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "meta.properties"]


def test_a_held_file_can_be_read_after_its_removal(bench):
    bench.perform(Append("d/f", (b"still here",), 1))
    held = bench.disk.pin("d/f")

    bench.perform(Remove("d/f", 2))

    assert os.pread(held.fd, 99, 0) == b"still here"
    assert os.fstat(held.fd).st_nlink == 0
    bench.disk.unpin(held)
    assert held.fd == -1


def test_a_held_file_that_is_cut_says_which_bytes_are_gone(bench):
    bench.perform(Append("f", (b"0123456789",), 1))
    held = bench.disk.pin("f")

    bench.perform(Truncate("f", 4, 2), Append("f", (b"other",), 3))

    assert held.cut == 4
    assert bench.disk.pin("f").cut > 4


def test_a_disk_without_room_for_a_replacement_keeps_the_old_content(bench, monkeypatch):
    bench.perform(Replace("f", b"old", 1))

    def write(fd, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", write)
    came = bench.perform(Replace("f", b"new", 2), Read("f", 0, 9, 3))

    assert came == [Failed(2, "ENOSPC"), Done(3, b"old")]
    assert sorted(os.listdir(bench.root)) == ["f"]


def test_files_are_not_executable_and_not_writable_by_others(bench):
    bench.perform(Append("d/f", (b"x",), 1))

    assert stat.S_IMODE(os.stat(os.path.join(bench.root, "d/f")).st_mode) & 0o133 == 0


def test_a_bug_in_a_sync_thread_reaches_the_hub(bench, monkeypatch):
    monkeypatch.setattr(os, "fdatasync", None)

    with pytest.raises(Exception, match="commit"):
        bench.perform(Append("f", (b"x",), 1), Sync("f", 2))
