"""A file gets new content at once, or stays as it is."""

import os
import stat
from pathlib import Path

import pytest

from deployd.adapters.toml_file.rewriting import replace
from deployd.domain.errors import StateConflict


def test_mode_owner_and_labels_stay_and_nothing_is_left_beside(tmp_path: Path) -> None:
    file = tmp_path / "deployd.toml"
    file.write_bytes(b"old")
    file.chmod(0o604)
    labelled = True
    try:
        os.setxattr(file, "user.note", b"mine")
    except OSError:  # Not every file system has labels.
        labelled = False
    if os.geteuid() == 0:
        os.chown(file, 65534, 65533)
    before = file.stat()
    replace(file, b"old", b"new")
    after = file.stat()
    assert file.read_bytes() == b"new"
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert stat.S_IMODE(after.st_mode) == 0o604
    assert not labelled or os.getxattr(file, "user.note") == b"mine"
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_somebody_else_changed_meanwhile_is_left_to_them(tmp_path: Path) -> None:
    file = tmp_path / "deployd.toml"
    file.write_bytes(b"theirs")
    with pytest.raises(StateConflict, match="was changed by somebody else just now"):
        replace(file, b"old", b"new")
    assert file.read_bytes() == b"theirs"
    assert list(tmp_path.iterdir()) == [file]
