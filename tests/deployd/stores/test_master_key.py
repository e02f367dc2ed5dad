"""The key file, and what opens with it."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deployd.domain.errors import StoreUnusable
from deployd.stores.master_key import MasterKey


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "master.key"


def test_a_key_is_made_once_for_its_owner_only(file: Path) -> None:
    sealed = MasterKey.load(file).seal(b"text", "here")
    assert MasterKey.load(file).open(sealed, "here") == b"text"
    assert (len(file.read_bytes()), stat.S_IMODE(file.stat().st_mode)) == (32, 0o600)
    assert list(file.parent.iterdir()) == [file]


def test_two_that_make_the_key_at_once_end_up_with_the_same(file: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: MasterKey.load(file), range(8)))
    sealed = keys[0].seal(b"text", "here")
    assert [key.open(sealed, "here") for key in keys] == [b"text"] * 8


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_may_read_is_refused(file: Path, mode: int) -> None:
    MasterKey.load(file)
    file.chmod(mode)
    with pytest.raises(StoreUnusable, match="can be read by others: chmod 600"):
        MasterKey.load(file)


def test_a_file_that_is_no_key_is_refused_and_left_as_it_is(file: Path) -> None:
    file.parent.mkdir()
    file.write_bytes(b"too short")
    file.chmod(0o600)
    with pytest.raises(StoreUnusable, match="holds 9 bytes, not 32"):
        MasterKey.load(file)
    assert file.read_bytes() == b"too short"


def test_the_same_text_is_never_sealed_the_same(file: Path) -> None:
    key = MasterKey.load(file)
    assert key.seal(b"text", "here") != key.seal(b"text", "here")


def test_what_was_changed_moved_or_sealed_with_another_key_does_not_open(file: Path) -> None:
    key = MasterKey.load(file)
    sealed = key.seal(b"text", "here")
    flipped = sealed[:-1] + bytes([sealed[-1] ^ 1])
    tries = [(key, flipped, "here"), (key, sealed, "there"), (MasterKey(os.urandom(32)), sealed, "here")]
    for opener, what, where in [*tries, (key, b"", "here")]:
        with pytest.raises(StoreUnusable, match="does not open with this master key"):
            opener.open(what, where)


def test_a_derived_key_is_the_same_for_the_same_purpose_and_key_only(file: Path) -> None:
    key = MasterKey.load(file).derived("cookies")
    assert len(key) == 32
    assert MasterKey.load(file).derived("cookies") == key
    others = {MasterKey.load(file).derived("tickets"), MasterKey(os.urandom(32)).derived("cookies"), file.read_bytes()}
    assert key not in others
