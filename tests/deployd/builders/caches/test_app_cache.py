import os
from pathlib import Path

import pytest

from deployd.builders.caches.app_cache import AppCache

SAFE = ["work/npm/_cacache/x", "work/uv/wheels/x", "work/bun/x", "work/xdg/yarn/x"]
DOUBTFUL = ["work/gradle/x", "work/yarn/berry/x", "work/xdg/odd/x", "work/home/x"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (*SAFE, *DOUBTFUL):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def there(folder: Path) -> set[str]:
    return {name for name in (*SAFE, *DOUBTFUL) if (folder / name).exists()}


def test_after_an_interrupted_build_only_the_caches_that_survive_a_kill_are_kept(folder: Path) -> None:
    AppCache(folder).open()
    assert there(folder) == {*SAFE, *DOUBTFUL}
    AppCache(folder).open()
    assert there(folder) == set(SAFE)


def test_after_a_build_that_ended_by_itself_all_caches_are_kept(folder: Path) -> None:
    for _ in range(3):
        cache = AppCache(folder)
        cache.open()
        cache.close()
    assert there(folder) == {*SAFE, *DOUBTFUL}


def test_what_a_killed_build_left_half_made_is_cleared(folder: Path) -> None:
    for part in ("trees", "kept"):
        (folder / part / ".unfinished-0123/deep").mkdir(parents=True)
    AppCache(folder).open()
    assert [os.listdir(folder / part) for part in ("trees", "kept")] == [[], []]


def test_a_cache_in_place_of_which_a_build_put_a_link_is_removed_but_not_followed(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "file").touch()
    (folder / "work/elsewhere").symlink_to(outside)
    for _ in range(2):
        AppCache(folder).open()
    assert not (folder / "work/elsewhere").is_symlink()
    assert (outside / "file").exists()
