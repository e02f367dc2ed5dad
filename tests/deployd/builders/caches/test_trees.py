import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from deployd.builders.caches.fingerprint import fingerprint
from deployd.builders.caches.trees import TreeChanged, Trees

KEY = "a" * 64
OTHER = "b" * 64
HOSTILE = [b"caf\xe9.js", b"new\nline", b"-rf"]


def go_on() -> None:
    pass


def store(trees: Trees, key: str, project: Path, folders: tuple[str, ...] = ("node_modules",)) -> bool:
    taken = trees.take(project, folders, go_on)
    if taken is not None:
        trees.store(key, taken, go_on)
    return taken is not None


class Shop:
    """A place with trees, and projects that an installation has filled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trees = Trees(folder / "trees")
        self._number = 0

    def empty(self) -> Path:
        self._number += 1
        project = self.folder / f"project-{self._number}"
        project.mkdir()
        return project

    def installed(self, text: str = "module.exports = 1") -> Path:
        project = self.empty()
        package = project / "node_modules/left-pad"
        (package / "lib").mkdir(parents=True)
        (package / "index.js").write_text(text)
        (package / "lib/cli.js").write_text("#!/usr/bin/env node")
        (package / "lib/cli.js").chmod(0o755)
        (project / "node_modules/.bin").mkdir()
        (project / "node_modules/.bin/left-pad").symlink_to("../left-pad/lib/cli.js")
        (project / "node_modules/.package-lock.json").write_text("{}")
        for name in HOSTILE:
            Path(os.fsdecode(os.fsencode(package) + b"/" + name)).write_text("x")
        return project

    def stored(self, key: str = KEY) -> Path:
        project = self.installed()
        assert store(self.trees, key, project)
        return project

    def bring(self, project: Path, key: str = KEY) -> bool:
        return self.trees.bring(key, project, go_on) is not None


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def seen(project: Path) -> list[tuple[object, ...]]:
    entries = fingerprint(project, ("node_modules",), go_on)
    return sorted((entry.path, entry.mode, entry.mtime_ns, entry.target, entry.size) for entry in entries)


@pytest.mark.parametrize("spare", [False, True])
def test_what_is_brought_is_what_was_installed_to_the_last_link_right_and_time(shop: Shop, spare: bool) -> None:
    first, second = shop.stored(), shop.empty()
    before = seen(first)
    if spare:
        shop.trees.make_spare(go_on)
    assert shop.bring(second)
    assert seen(second) == before
    assert seen(first) == before


@pytest.mark.parametrize("spare", [False, True])
def test_files_are_shared_but_not_those_in_which_package_managers_take_notes(shop: Shop, spare: bool) -> None:
    first, second = shop.stored(), shop.empty()
    if spare:
        shop.trees.make_spare(go_on)
    shop.bring(second)
    assert (first / "node_modules/left-pad/index.js").samefile(second / "node_modules/left-pad/index.js")
    notes = "node_modules/.package-lock.json"
    (second / notes).write_text("changed in place")
    assert (first / notes).read_text() == "{}"
    assert shop.bring(shop.empty())


def test_every_build_gets_the_spare_only_once(shop: Shop) -> None:
    shop.stored()
    shop.trees.make_spare(go_on)
    one, two = shop.empty(), shop.empty()
    assert shop.bring(one)
    shutil.rmtree(one)
    assert shop.bring(two)
    assert (two / "node_modules/left-pad/index.js").read_text() == "module.exports = 1"


def write(path: Path) -> None:
    path.write_text("generated anew")


def same_size(path: Path) -> None:
    path.write_text("module.exports = 2")


def forbid(path: Path) -> None:
    path.chmod(0o600)


@pytest.mark.parametrize("spare", [False, True])
@pytest.mark.parametrize("change", [write, same_size, forbid])
def test_a_tree_into_which_a_build_has_written_is_dropped_and_the_file_copied_from_then_on(
    shop: Shop, change: Callable[[Path], None], spare: bool
) -> None:
    shop.stored()
    if spare:
        shop.trees.make_spare(go_on)
    index = "node_modules/left-pad/index.js"
    build = shop.empty()
    shop.bring(build)
    change(build / index)
    if spare:
        shop.trees.make_spare(go_on)
    next_build = shop.empty()
    with pytest.raises(TreeChanged) as raised:
        shop.bring(next_build)
    assert raised.value.paths == [index.encode()]
    assert list(next_build.iterdir()) == []
    assert not shop.bring(next_build)

    shop.stored()
    for _ in range(3):
        build = shop.empty()
        assert shop.bring(build)
        assert (build / index).read_text() == "module.exports = 1"
        change(build / index)


def test_nothing_is_brought_for_another_key(shop: Shop) -> None:
    shop.stored()
    project = shop.empty()
    assert not shop.bring(project, OTHER)
    assert list(project.iterdir()) == []


def test_the_two_trees_used_last_are_kept(shop: Shop) -> None:
    keys = [letter * 64 for letter in "abc"]
    shop.stored(keys[0])
    os.utime(shop.folder / "trees" / keys[0], (1, 1))
    shop.stored(keys[1])
    os.utime(shop.folder / "trees" / keys[1], (2, 2))
    assert shop.bring(shop.empty(), keys[0])
    shop.stored(keys[2])
    assert [shop.bring(shop.empty(), key) for key in keys] == [True, False, True]


def test_a_tree_whose_listing_a_power_loss_has_torn_is_not_used(shop: Shop) -> None:
    shop.stored()
    os.truncate(shop.folder / "trees" / KEY / "listing", 3)
    project = shop.empty()
    assert not shop.bring(project)
    assert list(project.iterdir()) == []


@pytest.mark.parametrize("torn", ["node_modules/left-pad/index.js", "node_modules/.package-lock.json"])
def test_a_tree_whose_files_a_power_loss_has_torn_is_not_used(shop: Shop, torn: str) -> None:
    shop.stored()
    os.truncate(shop.folder / "trees" / KEY / "files" / torn, 0)
    project = shop.empty()
    with pytest.raises(TreeChanged) as raised:
        shop.bring(project)
    assert raised.value.paths == [torn.encode()]
    assert list(project.iterdir()) == []


def test_a_spare_that_is_not_whole_is_not_used(shop: Shop) -> None:
    shop.stored()
    shop.trees.make_spare(go_on)
    (shop.folder / "trees" / KEY / "spare/node_modules/left-pad/index.js").unlink()
    project = shop.empty()
    assert shop.bring(project)
    assert (project / "node_modules/left-pad/index.js").exists()


def test_a_folder_that_the_repository_holds_itself_is_left_alone(shop: Shop) -> None:
    shop.stored()
    project = shop.empty()
    (project / "node_modules").mkdir()
    assert not shop.bring(project)
    assert list((project / "node_modules").iterdir()) == []


def test_an_installation_that_left_nothing_is_not_kept(shop: Shop) -> None:
    assert not store(shop.trees, KEY, shop.empty())
    assert not shop.bring(shop.empty())


@pytest.mark.parametrize("link", ["packages", "packages/web", "packages/web/node_modules"])
def test_a_link_on_the_way_to_a_folder_is_neither_kept_nor_followed(shop: Shop, tmp_path: Path, link: str) -> None:
    folder = "packages/web/node_modules"
    outside = tmp_path / "outside"
    for name in ("web/node_modules", "node_modules", "."):
        (outside / name).mkdir(parents=True, exist_ok=True)
        (outside / name / "secret").write_text("planted")
    before = sorted(path for path in outside.rglob("*"))
    hostile = shop.empty()
    (hostile / link).parent.mkdir(parents=True, exist_ok=True)
    (hostile / link).symlink_to(outside)
    assert not store(shop.trees, KEY, hostile, (folder,))

    honest = shop.empty()
    (honest / folder).mkdir(parents=True)
    (honest / folder / "x.js").touch()
    assert store(shop.trees, KEY, honest, (folder,))
    assert not shop.bring(hostile)
    assert sorted(path for path in outside.rglob("*")) == before


def test_links_inside_a_folder_are_kept_as_links_wherever_they_point(shop: Shop) -> None:
    project = shop.installed()
    (project / "node_modules/etc").symlink_to("/etc")
    store(shop.trees, KEY, project)
    brought = shop.empty()
    assert shop.bring(brought)
    assert os.readlink(brought / "node_modules/etc") == "/etc"
    kept = shop.folder / "trees" / KEY / "files/node_modules/etc"
    assert kept.is_symlink()


def test_a_folder_that_becomes_a_link_while_it_is_stored_is_not_followed(shop: Shop, tmp_path: Path) -> None:
    project, outside = shop.installed(), tmp_path / "outside"
    package = project / "node_modules/left-pad"
    taken = shop.trees.take(project, ("node_modules",), go_on)
    assert taken is not None
    package.rename(outside)
    package.symlink_to(outside)
    with pytest.raises(OSError, match="left-pad"):
        shop.trees.store(KEY, taken, go_on)
    assert (outside / "index.js").stat().st_nlink == 1
    assert not shop.bring(shop.empty())
    assert list((shop.folder / "trees").iterdir()) == []


def test_what_is_taken_away_while_it_is_stored_is_not_kept(shop: Shop) -> None:
    project = shop.installed()
    taken = shop.trees.take(project, ("node_modules",), go_on)
    assert taken is not None
    (project / "node_modules/left-pad/index.js").unlink()
    with pytest.raises(FileNotFoundError):
        shop.trees.store(KEY, taken, go_on)
    assert not shop.bring(shop.empty())
    assert list((shop.folder / "trees").iterdir()) == []


def test_notes_of_package_managers_are_stored_as_they_were_when_taken(shop: Shop) -> None:
    project = shop.installed()
    taken = shop.trees.take(project, ("node_modules",), go_on)
    assert taken is not None
    (project / "node_modules/.package-lock.json").write_text("by the build")
    shop.trees.store(KEY, taken, go_on)
    brought = shop.empty()
    assert shop.bring(brought)
    assert (brought / "node_modules/.package-lock.json").read_text() == "{}"


def test_pipes_and_sockets_are_left_out(shop: Shop) -> None:
    project = shop.installed()
    os.mkfifo(project / "node_modules/pipe")
    store(shop.trees, KEY, project)
    brought = shop.empty()
    assert shop.bring(brought)
    assert not os.path.lexists(brought / "node_modules/pipe")


def test_several_folders_of_a_monorepo_come_back_each_in_its_place(shop: Shop) -> None:
    project = shop.installed()
    for folder in ("packages/a/node_modules", "packages/b/node_modules"):
        (project / folder).mkdir(parents=True)
        (project / folder / "own.js").write_text(folder)
    folders = ("node_modules", "packages/a/node_modules", "packages/b/node_modules", "packages/c/node_modules")
    store(shop.trees, KEY, project, folders)
    for _ in range(2):
        shop.trees.make_spare(go_on)
        brought = shop.empty()
        (brought / "packages/a").mkdir(parents=True)
        assert shop.bring(brought)
        assert (brought / "packages/b/node_modules/own.js").read_text() == "packages/b/node_modules"
        assert (brought / "node_modules/left-pad/index.js").exists()
        assert not (brought / "packages/c").exists()
        shop.trees.clear()
