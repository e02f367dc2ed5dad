"""Which files are opened, and which are refused and left alone."""

import sqlite3
import stat
from pathlib import Path

import pytest

from deployd.domain.errors import StoreUnusable
from deployd.stores.sqlite_file import open_checked, run

PAGE_BYTES = 4096


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "deployd.db"


def filled(file: Path, rows: int) -> bytes:
    """The bytes of a closed database file."""
    connection = open_checked(file)
    for number in range(rows):
        name = f"{number:04}" + "x" * 500
        run(connection, "INSERT INTO tokens (name, hash, created_ms) VALUES ($1, $1, 1)", (name,))
    connection.close()
    return file.read_bytes()


def refused(file: Path, complaint: str) -> None:
    before = file.read_bytes()
    with pytest.raises(StoreUnusable, match=complaint):
        open_checked(file)
    assert file.read_bytes() == before


def test_a_new_file_is_made_for_its_owner_only(file: Path) -> None:
    connection = open_checked(file)
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in file.parent.iterdir()} == {
        "deployd.db": 0o600,
        "deployd.db-shm": 0o600,
        "deployd.db-wal": 0o600,
    }
    connection.close()
    assert [path.name for path in file.parent.iterdir()] == ["deployd.db"]


def test_a_file_that_is_no_database_is_left_as_it_is(file: Path) -> None:
    file.parent.mkdir()
    file.write_text("remember the milk\n" * 100)
    refused(file, r"deployd\.db is damaged \(file is not a database\)")


def test_a_truncated_database_is_left_as_it_is(file: Path) -> None:
    whole = filled(file, 50)
    file.write_bytes(whole[: len(whole) // 2])
    refused(file, "is damaged")


def test_a_database_with_an_overwritten_page_is_left_as_it_is(file: Path) -> None:
    whole = filled(file, 200)
    middle = whole.index(b"0100x") // PAGE_BYTES * PAGE_BYTES
    file.write_bytes(whole[:middle] + b"\xff" * PAGE_BYTES + whole[middle + PAGE_BYTES :])
    refused(file, "is damaged")


def test_a_newer_database_is_left_as_it_is(file: Path) -> None:
    filled(file, 1)
    newer = sqlite3.connect(file, isolation_level=None)
    newer.execute("INSERT INTO schema_version (version, name) VALUES (2000, 'later')")
    newer.close()
    refused(file, "made by a newer deployd")


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreUnusable, match="cannot be opened: Is a directory"):
        open_checked(tmp_path)
