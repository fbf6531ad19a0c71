"""The clauses of the disk contract (`core/effects.py`), for every disk that signs it.

A disk under test is a `ContractDisk`.  Faults are injected by the adapter, so that each disk can fail in its own way.
"""

import errno
import os
import signal
import subprocess
import sys
from typing import Any, Protocol

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odradek.core.effects import Append, Effect, List, Read, Remove, Replace, Sync, Truncate
from odradek.core.errors import Broken
from odradek.core.events import Done, Event, Failed
from odradek.io.disk import Disk


class ContractDisk(Protocol):
    """What a disk must offer to be put through these tests."""

    def perform(self, *effects: Effect) -> list[Event]:
        """Perform one batch and return every completion that follows from it, in the order it came."""

    def kill(self) -> None:
        """The process dies at once and another opens the directory: the page cache survives."""

    def full_after(self, size: int) -> None:
        """The next batch finds the disk full when it has appended this many bytes; after it there is room again."""

    def fail_next_sync(self) -> None:
        """The next sync of a file fails once, as a lost write does; one after it would succeed."""

    def close(self) -> None:
        """The test is over."""


class RealDisk:
    """`io.disk` over a temporary directory."""

    def __init__(self, root: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.patch = monkeypatch
        self.bell = os.eventfd(0)
        self.disk = self.opened()

    def opened(self) -> Disk:
        return Disk(self.root, lambda: os.eventfd_write(self.bell, 1), open_files=4)

    def perform(self, *effects: Effect) -> list[Event]:
        disk = self.disk
        for effect in effects:
            disk.acts[type(effect)](effect)
            assert not any(isinstance(e, Done) and e.then is effect for e in disk.events)
        disk.flush()
        while disk.busy:
            os.eventfd_read(self.bell)
            disk.collect()
            disk.flush()
        came, disk.events = disk.events, []
        self.patch.undo()
        return came

    def kill(self) -> None:
        abandoned, self.disk = self.disk, self.opened()
        abandoned.close()

    def full_after(self, size: int) -> None:
        left = size
        whole = os.writev

        def writev(fd: int, buffers: list[Any]) -> int:
            nonlocal left
            if not left:
                raise OSError(errno.ENOSPC, "No space left on device")
            data = b"".join(buffers)[:left]
            left -= len(data)
            return whole(fd, [data])

        self.patch.setattr(os, "writev", writev)

    def fail_next_sync(self) -> None:
        whole, failures = os.fdatasync, [OSError(errno.EIO, "lost write")]

        def fdatasync(fd: int) -> None:
            if failures:
                raise failures.pop()
            whole(fd)

        self.patch.setattr(os, "fdatasync", fdatasync)

    def close(self) -> None:
        self.disk.close()
        os.close(self.bell)


@pytest.fixture(params=[RealDisk], ids=["real"])
def disks(request, tmp_path, monkeypatch):
    """Makes empty disks; each is closed at the end of the test."""
    opened = []

    def make():
        root = tmp_path / str(len(opened))
        root.mkdir()
        opened.append(request.param(str(root), monkeypatch))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


@pytest.fixture
def disk(disks):
    return disks()


def contents(disk, *files):
    return [event.value for event in disk.perform(*(Read(file, 0, 1 << 20, file) for file in files))]


def test_appends_to_one_file_happen_in_order(disk):
    came = disk.perform(Append("t/0", (b"one", b" "), 1), Append("t/0", (b"two",), 2), Read("t/0", 0, 99, 3))

    assert came == [Done(1), Done(2), Done(3, b"one two")]


def test_effects_of_different_kinds_on_one_file_happen_in_order(disk):
    came = disk.perform(
        Append("f", (b"abcdef",), 1),
        Truncate("f", 3, 2),
        Append("f", (b"X",), 3),
        Read("f", 0, 99, 4),
        Remove("f", 5),
        Append("f", (b"anew",), 6),
        Read("f", 0, 99, 7),
    )

    inline = [Done(1), Done(2), Done(3), Done(4, b"abcX"), Done(6), Done(7, b"anew")]
    assert [event for event in came if event.then != 5] == inline
    assert Done(5) in came


def test_an_append_that_is_done_survives_a_kill(disk):
    disk.perform(Append("t/0", (b"kept",), 1))

    disk.kill()

    assert contents(disk, "t/0") == [b"kept"]


def test_a_file_can_be_appended_to_after_a_kill(disk):
    disk.perform(Append("t/0", (b"before",), 1))
    disk.kill()

    disk.perform(Append("t/0", (b" after",), 2), Sync("t/0", 3))

    assert contents(disk, "t/0") == [b"before after"]


def test_a_sync_completes_after_everything_asked_of_the_file_before(disk):
    came = disk.perform(Append("f", (b"a",), 1), Append("f", (b"b",), 2), Sync("f", 3))

    assert came == [Done(1), Done(2), Done(3)]


def test_merged_syncs_are_each_done_in_order(disk):
    came = disk.perform(Append("f", (b"a",), 1), Sync("f", 2), Append("f", (b"b",), 3), Sync("f", 4), Sync("f", 5))

    assert [event for event in came if event.then in (2, 4, 5)] == [Done(2), Done(4), Done(5)]
    assert [event for event in came if event.then in (1, 3)] == [Done(1), Done(3)]


def test_a_sync_in_the_background_is_done_too(disk):
    came = disk.perform(Append("f", (b"a",), 1), Sync("f", 2, behind=True))

    assert came == [Done(1), Done(2)]


def test_a_sync_of_a_file_made_anew_under_its_old_name_counts_for_the_new_one(disk):
    came = disk.perform(
        Append("f", (b"old",), 1), Sync("f", 2), Remove("f", 3), Append("f", (b"new",), 4), Sync("f", 5)
    )

    assert sorted(event.then for event in came if isinstance(event, Done)) == [1, 2, 3, 4, 5]
    assert contents(disk, "f") == [b"new"]


def test_a_sync_of_a_missing_file_is_done(disk):
    assert disk.perform(Sync("gone", 1)) == [Done(1)]


def test_a_buffer_given_away_is_not_changed(disk):
    buffer = bytearray(b"given")

    disk.perform(Append("f", (memoryview(buffer)[1:3],), 1), Sync("f", 2))

    assert buffer == b"given"
    assert contents(disk, "f") == [b"iv"]


def test_an_append_that_finds_the_disk_full_leaves_the_file_as_it_was(disk):
    disk.perform(Append("f", (b"kept",), 1))
    disk.full_after(3)

    came = disk.perform(Append("f", (b"too much",), 2))

    assert came == [Failed(2, "ENOSPC")]
    assert contents(disk, "f") == [b"kept"]


def test_appends_behind_one_that_found_the_disk_full_fail_with_it(disk):
    disk.full_after(6)

    came = disk.perform(
        Append("f", (b"four",), 1), Append("f", (b"four",), 2), Append("f", (b"x",), 3), Append("f", (b"",), 4)
    )

    assert came == [Done(1), Failed(2, "ENOSPC"), Failed(3, "ENOSPC"), Failed(4, "ENOSPC")]
    assert contents(disk, "f") == [b"four"]


def test_an_append_behind_a_failed_one_does_not_take_its_place_when_a_read_came_between(disk):
    disk.full_after(0)

    came = disk.perform(Append("f", (b"four",), 1), Read("f", 0, 9, 2), Append("f", (b"x",), 3))

    assert came == [Failed(1, "ENOSPC"), Done(2, b""), Failed(3, "ENOSPC")]


def test_a_disk_that_was_full_can_be_appended_to_again(disk):
    disk.full_after(0)
    disk.perform(Append("f", (b"lost",), 1))

    assert disk.perform(Append("f", (b"kept",), 2), Sync("f", 3)) == [Done(2), Done(3)]


def test_after_a_failed_sync_everything_fails_and_nothing_is_retried(disk):
    disk.fail_next_sync()

    came = disk.perform(Append("f", (b"a",), 1), Sync("f", 2), Sync("f", 3))
    after = disk.perform(
        Append("f", (b"b",), 4), Sync("g", 5), Read("f", 0, 9, 6), Truncate("f", 0, 7), Remove("f", 8), List(9)
    )

    assert came == [Done(1), Failed(2, "EIO"), Failed(3, "EIO")]
    assert after == [Failed(then, "EIO") for then in (4, 5, 6, 7, 8, 9)]


def test_a_replace_whose_sync_fails_is_the_end_of_the_directory(disk):
    disk.perform(Replace("f", b"old", 1))
    disk.fail_next_sync()

    assert disk.perform(Replace("f", b"new", 2)) == [Failed(2, "EIO")]
    assert disk.perform(Read("f", 0, 9, 3)) == [Failed(3, "EIO")]
    disk.kill()
    assert contents(disk, "f") == [b"old"]


def test_an_append_makes_the_file_and_its_directories(disk):
    disk.perform(Append("a/b/c", (b"deep",), 1))

    assert disk.perform(List(2)) == [Done(2, (("a/b/c", 4),))]


def test_the_list_is_sorted_and_has_sizes(disk):
    disk.perform(Append("b/1", (b"xx",), 1), Append("a", (b"x",), 2), Replace("b/0", b"", 3))

    assert disk.perform(List(4)) == [Done(4, (("a", 1), ("b/0", 0), ("b/1", 2)))]


def test_a_list_sees_what_was_appended_before(disk):
    assert disk.perform(Append("f", (b"abc",), 1), List(2)) == [Done(1), Done(2, (("f", 3),))]


def test_removing_a_missing_file_is_done_at_once(disk):
    assert disk.perform(Remove("no/where", 1)) == [Done(1)]


def test_removing_the_last_file_of_a_directory_removes_the_directory(disk):
    disk.perform(Append("t/0", (b"x",), 1), Append("t/1", (b"x",), 2))

    came = disk.perform(Remove("t/0", 3), Remove("t/1", 4), Append("t", (b"a file now",), 5))

    assert sorted(came) == [Done(3), Done(4), Done(5)]
    assert disk.perform(List(6)) == [Done(6, (("t", 10),))]


def test_a_read_ends_where_the_file_ends(disk):
    disk.perform(Append("f", (b"0123456789",), 1))

    came = disk.perform(Read("f", 2, 3, 2), Read("f", 8, 99, 3), Read("f", 10, 1, 4), Read("gone", 0, 9, 5))

    assert [event.value for event in came] == [b"234", b"89", b"", b""]


def test_truncate_leaves_a_shorter_file_alone(disk):
    disk.perform(Append("f", (b"abc",), 1))

    assert disk.perform(Truncate("f", 9, 2), Truncate("gone", 0, 3)) == [Done(2), Done(3)]
    assert disk.perform(List(4)) == [Done(4, (("f", 3),))]


def test_replace_puts_new_content_in_place_of_the_whole_file(disk):
    disk.perform(Append("f", (b"a long old content",), 1))

    came = disk.perform(Replace("f", b"new", 2), Read("f", 0, 99, 3), Append("f", (b"er",), 4), Read("f", 0, 99, 5))

    assert came == [Done(2), Done(3, b"new"), Done(4), Done(5, b"newer")]


def test_replaces_of_one_file_happen_in_order(disk):
    came = disk.perform(*(Replace("d/f", bytes([n]), n) for n in range(9)), Remove("d/f", 9), Replace("d/f", b"z", 10))

    assert [event for event in came if event.then != 9] == [Done(n) for n in range(11) if n != 9]
    assert contents(disk, "d/f") == [b"z"]


def test_a_directory_about_to_get_a_file_again_is_not_removed_with_its_last_one(disk):
    disk.perform(Append("d/a", (b"x",), 1))

    came = disk.perform(Replace("d/b", b"y", 2), Remove("d/a", 3))

    assert sorted(came, key=lambda event: event.then) == [Done(2), Done(3)]
    assert contents(disk, "d/b") == [b"y"]


def test_a_file_in_the_place_of_a_directory_just_removed_does_not_fail_the_sync_of_what_was_there(disk):
    disk.perform(Append("t/0", (b"x",), 1))

    came = disk.perform(Sync("t/0", 2), Remove("t/0", 3), Append("t", (b"y",), 4), Sync("t", 5))

    assert sorted(came, key=lambda event: event.then) == [Done(then) for then in (2, 3, 4, 5)]


def test_more_chunks_than_one_call_takes_are_written_whole_and_in_order(disk):
    chunks = tuple(n.to_bytes(2, "big") for n in range(3000))

    disk.perform(Append("f", chunks, 1))

    assert contents(disk, "f") == [b"".join(chunks)]


BAD_NAMES = ["../x", "/etc/x", "a/../b", "a//b", "", ".hidden", "a/.", "meta.properties", "a\0b", "ä", "a\\b"]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_leaves_the_directory_or_is_not_ours_is_a_bug(disk, name):
    with pytest.raises(Broken):
        disk.perform(Append(name, (b"x",), 1))
    with pytest.raises(Broken):
        disk.perform(Replace(name, b"x", 2))


NAMES = st.sampled_from(["a", "d/b", "d/c", "e/f/g", "h0", "h1", "h2"])
BYTES = st.binary(max_size=20)
SIZES = st.integers(0, 30)
OPERATIONS = st.one_of(
    st.builds(lambda f, b: Append(f, tuple(b), None), NAMES, st.lists(BYTES, max_size=3)),
    st.builds(lambda f, b: Sync(f, None, b), NAMES, st.booleans()),
    st.builds(lambda f, at, size: Read(f, at, size, None), NAMES, SIZES, SIZES),
    st.builds(lambda f, size: Truncate(f, size, None), NAMES, SIZES),
    st.builds(lambda f, b: Replace(f, b, None), NAMES, BYTES),
    st.builds(lambda f: Remove(f, None), NAMES),
)


def expected(model, effect):
    """Perform an effect on a dict of files; returns what its completion brings."""
    match effect:
        case Append(file, chunks, _):
            model[file] = model.get(file, b"") + b"".join(chunks)
        case Truncate(file, size, _):
            if file in model:
                model[file] = model[file][:size]
        case Replace(file, data, _):
            model[file] = data
        case Remove(file, _):
            model.pop(file, None)
        case Read(file, at, size, _):
            return model.get(file, b"")[at : at + size]
    return None


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(OPERATIONS, max_size=12), max_size=6), st.booleans())
def test_any_sequence_of_effects_does_what_a_dictionary_of_files_would(disks, batches, killed):
    disk = disks()
    model: dict[str, bytes] = {}
    for batch in batches:
        effects = [effect._replace(then=n) for n, effect in enumerate(batch)]
        values = [expected(model, effect) for effect in effects]

        came = disk.perform(*effects)

        assert sorted(came, key=lambda event: event.then) == [Done(n, value) for n, value in enumerate(values)]
    if killed:
        disk.kill()
    (listed,) = disk.perform(List(0))
    assert listed.value == tuple(sorted((file, len(data)) for file, data in model.items()))
    assert contents(disk, *model) == list(model.values())


KILLED = """
import os, signal, sys
from odradek.core.effects import Append, Replace
from odradek.io.disk import Disk
disk = Disk(sys.argv[1], lambda: None, 8)
disk.append(Append("t/0", (b"acknowledged",), 1))
disk.flush()
print([event.then for event in disk.events], flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_was_told_is_done_is_there(tmp_path):
    ended = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], capture_output=True, check=False)

    assert (ended.returncode, ended.stdout) == (-signal.SIGKILL, b"[1]\n")
    assert (tmp_path / "t" / "0").read_bytes() == b"acknowledged"
