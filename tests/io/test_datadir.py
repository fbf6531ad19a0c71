"""The data directory: claimed by one process, and only if it is ours."""

import os

import pytest

from odradek.io.datadir import DataDir, Unusable


def claimed(path, node_id):
    return DataDir(path, node_id, lambda: "drawn" + os.urandom(4).hex())


def test_a_missing_directory_is_made_and_marked(tmp_path):
    claimed(str(tmp_path / "a" / "b"), 7).release()

    marker = (tmp_path / "a" / "b" / "meta.properties").read_text()
    assert "format=odradek-1\nnode.id=7\n" in marker


def test_the_id_of_a_directory_is_drawn_once(tmp_path):
    first = claimed(str(tmp_path), 1)
    first.release()
    again = claimed(str(tmp_path), 1)
    again.release()

    assert first.id == again.id != first.cluster_id == again.cluster_id


def test_a_damaged_marker_is_refused(tmp_path):
    (tmp_path / "meta.properties").write_text("format=odradek-1\nnode.id=1\n")

    with pytest.raises(Unusable, match=r"meta\.properties is incomplete"):
        claimed(str(tmp_path), 1)


def test_a_directory_in_use_is_refused_with_the_process_that_uses_it(tmp_path):
    claim = claimed(str(tmp_path), 1)

    with pytest.raises(Unusable, match=f"in use by process {os.getpid()}"):
        claimed(str(tmp_path), 1)

    claim.release()
    claimed(str(tmp_path), 1).release()


def test_a_directory_with_something_else_in_it_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")

    with pytest.raises(Unusable, match=r"it holds 'thesis\.txt'"):
        claimed(str(tmp_path), 1)

    assert os.listdir(tmp_path) == ["thesis.txt"]


def test_the_directory_of_another_broker_is_refused(tmp_path):
    (tmp_path / "meta.properties").write_text("version=1\ncluster.id=abc\nnode.id=1\n")

    with pytest.raises(Unusable, match="another broker"):
        claimed(str(tmp_path), 1)

    assert os.listdir(tmp_path) == ["meta.properties"]


def test_a_directory_of_another_node_is_refused_and_can_be_used_by_its_own(tmp_path):
    claimed(str(tmp_path), 1).release()

    with pytest.raises(Unusable, match="belongs to node 1, and this is node 2"):
        claimed(str(tmp_path), 2)

    claimed(str(tmp_path), 1).release()


def test_a_first_start_that_was_cut_short_can_be_repeated(tmp_path):
    (tmp_path / ".lock").write_text("1\n")
    (tmp_path / ".meta.properties.tmp").write_text("version=")

    claimed(str(tmp_path), 1).release()

    assert "format=odradek-1" in (tmp_path / "meta.properties").read_text()


def test_a_file_in_the_place_of_the_directory_is_refused(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(Unusable, match="is a file"):
        claimed(str(tmp_path / "file"), 1)


def test_a_directory_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(Unusable, match="Not a directory"):
        claimed(str(tmp_path / "file" / "below"), 1)
