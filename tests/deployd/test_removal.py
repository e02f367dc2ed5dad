"""Whatever was left, goes; nothing else does."""

import os
from pathlib import Path

from deployd.removal import remove


def test_a_tree_deeper_than_python_can_recurse_goes(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    folder = os.open(tmp_path / "tree", os.O_RDONLY)
    for _ in range(2_000):
        os.mkdir("deeper", dir_fd=folder)
        inner = os.open("deeper", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(folder)
    remove(tmp_path / "tree")
    assert list(tmp_path.iterdir()) == []


def test_folders_that_were_made_read_only_go(tmp_path: Path) -> None:
    (tmp_path / "tree" / "locked").mkdir(parents=True)
    (tmp_path / "tree" / "locked" / "file").touch()
    (tmp_path / "tree" / "locked").chmod(0o500)
    remove(tmp_path / "tree")
    assert list(tmp_path.iterdir()) == []


def test_what_a_link_leads_to_stays(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    remove(tmp_path / "link")
    assert [path.name for path in tmp_path.rglob("*")] == ["kept", "file"]


def test_what_is_not_there_needs_no_removal(tmp_path: Path) -> None:
    remove(tmp_path / "nothing")
