import os
from pathlib import Path

import pytest

from deployd.builders.caches.budget import keep_below

KIB = 1024


def fill(folder: Path, kib: int, used: int) -> None:
    folder.mkdir(parents=True)
    (folder / "content").write_bytes(b"x" * (kib * KIB))
    for path in (folder / "content", folder):
        os.utime(path, (used, used))


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    fill(tmp_path / "trees" / ("a" * 64), 100, used=1)
    fill(tmp_path / "kept/next", 100, used=2)
    fill(tmp_path / "work/npm", 100, used=3)
    fill(tmp_path / "work/xdg/yarn", 100, used=4)
    fill(tmp_path / "trees" / ("b" * 64), 100, used=5)
    return tmp_path


def left(cache: Path) -> list[str]:
    return sorted(str(path.parent.relative_to(cache)) for path in cache.rglob("content"))


@pytest.mark.parametrize(
    ("most_kib", "gone"),
    [(600, 0), (450, 1), (340, 2), (230, 3), (120, 4), (0, 5)],
)
def test_what_was_used_longest_ago_goes_first_until_it_fits(cache: Path, most_kib: int, gone: int) -> None:
    order = [f"trees/{'a' * 64}", "kept/next", "work/npm", "work/xdg/yarn", f"trees/{'b' * 64}"]
    freed = keep_below(cache, most_kib * KIB)
    assert left(cache) == sorted(order[gone:])
    assert freed >= gone * 100 * KIB
    assert (cache / "work/xdg").is_dir()


def test_a_tree_is_as_large_as_it_says(cache: Path) -> None:
    (cache / "trees" / ("b" * 64) / "bytes").write_text(str(1 << 30))
    keep_below(cache, 1 << 20)
    assert left(cache) == []


def test_read_only_folders_go_and_links_are_not_followed(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "file").touch()
    module = cache / "work/go/pkg/mod"
    fill(module, 1, used=1)
    (module / "link").symlink_to(outside)
    module.chmod(0o555)
    (cache / "work/linked").symlink_to(outside)
    keep_below(cache, 0)
    assert left(cache) == []
    assert (outside / "file").exists()


def test_an_app_that_was_never_built_has_nothing_to_lose(tmp_path: Path) -> None:
    assert keep_below(tmp_path / "none", 0) == 0
