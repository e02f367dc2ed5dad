import os
import shutil
import time
from pathlib import Path

import pytest

from deployd.builders.caches.fingerprint import Entry, fingerprint, look_again
from deployd.builders.caches.pruning import Difference, apply_difference, find_difference
from deployd.removal import remove

STEPS = ("npm prune --omit=dev",)


def go_on() -> None:
    pass


def look(project: Path) -> list[Entry]:
    return fingerprint(project, ("node_modules",), go_on)


def told(entries: list[Entry]) -> set[tuple[object, ...]]:
    """A folder's time says nothing about the folder itself."""
    return {(entry.path, entry.mode, entry.size, entry.is_folder or entry.mtime_ns) for entry in entries}


def names(project: Path) -> set[str]:
    return {os.fsdecode(entry.path) for entry in look(project)}


def prune(project: Path) -> None:
    """What a package manager does: folders go, links go, its own note is written in place, a new file appears."""
    modules = project / "node_modules"
    shutil.rmtree(modules / "typescript")
    shutil.rmtree(modules / "@types")
    (modules / ".bin/tsc").unlink()
    (modules / ".package-lock.json").write_text("pruned")
    (modules / ".meta/new").mkdir(parents=True)
    (modules / ".meta/new/link").symlink_to("../../express")
    (modules / ".meta/tool").write_text("#!/bin/sh")
    (modules / ".meta/tool").chmod(0o755)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    project = tmp_path / "project"
    for file in ("express/index.js", "typescript/bin/tsc", "@types/node/index.d.ts", ".package-lock.json"):
        path = project / "node_modules" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("installed")
    (project / "node_modules/.bin").mkdir()
    (project / "node_modules/.bin/tsc").symlink_to("../typescript/bin/tsc")
    return project


def again(project: Path) -> Path:
    """The same packages for the next build."""
    other = project.with_name("again")
    shutil.copytree(project, other, symlinks=True)
    return other


def let_time_pass(project: Path, since_ns: int) -> None:
    """Filesystems may tell the time in steps of 10 ms."""
    probe = project.with_name("probe")
    while not probe.exists() or probe.lstat().st_ctime_ns < since_ns:
        probe.write_text("")


def learnt(project: Path, installed: list[Entry]) -> Difference | None:
    since, before = time.time_ns(), look_again(project, installed, go_on)
    let_time_pass(project, since)
    prune(project)
    return find_difference(project, STEPS, installed, before, look(project), since)


def test_what_pruning_did_is_done_again_without_it(project: Path) -> None:
    second = again(project)
    difference = learnt(project, look(project))
    assert difference is not None
    assert {os.fsdecode(entry.path) for entry in difference.removed} == {
        "node_modules/typescript",
        "node_modules/@types",
        "node_modules/.bin/tsc",
    }
    assert apply_difference(second, difference, remove)
    assert names(second) == names(project)
    assert (second / "node_modules/.package-lock.json").read_text() == "pruned"
    assert os.access(second / "node_modules/.meta/tool", os.X_OK)
    assert os.readlink(second / "node_modules/.meta/new/link") == "../../express"


def test_what_a_build_made_inside_the_packages_stays_unless_its_package_goes(project: Path) -> None:
    second = again(project)
    difference = learnt(project, look(project))
    assert difference is not None
    (second / "node_modules/.prisma/client").mkdir(parents=True)
    (second / "node_modules/.prisma/client/index.js").write_text("generated")
    (second / "node_modules/typescript/made-by-the-build").touch()
    assert apply_difference(second, difference, remove)
    assert (second / "node_modules/.prisma/client/index.js").read_text() == "generated"
    assert not (second / "node_modules/typescript").exists()


def test_nothing_is_learnt_when_pruning_removed_what_the_build_had_made(project: Path) -> None:
    installed = look(project)
    (project / "node_modules/extra").mkdir()
    before = look(project)
    prune(project)
    (project / "node_modules/extra").rmdir()
    assert find_difference(project, STEPS, installed, before, look(project), 0) is None


def test_nothing_is_learnt_when_pruning_changed_what_the_build_had_changed(project: Path) -> None:
    installed = look(project)
    (project / "node_modules/.package-lock.json").write_text("changed by the build")
    assert learnt(project, installed) is None


@pytest.mark.parametrize("spoilt", ["removed", "changed", "added", "of another kind"])
def test_packages_that_are_not_as_installed_are_not_touched(project: Path, spoilt: str) -> None:
    second = again(project)
    difference = learnt(project, look(project))
    assert difference is not None
    modules = second / "node_modules"
    match spoilt:
        case "removed":
            shutil.rmtree(modules / "@types")
        case "changed":
            (modules / ".package-lock.json").write_text("the build has added a package")
        case "added":
            (modules / ".meta").mkdir()
        case _:
            shutil.rmtree(modules / "typescript")
            (modules / "typescript").write_text("")
    before = names(second)
    assert not apply_difference(second, difference, remove)
    assert names(second) == before


@pytest.mark.parametrize("link", ["node_modules", "node_modules/@types"])
def test_a_link_that_a_build_has_put_on_the_way_is_not_followed(project: Path, tmp_path: Path, link: str) -> None:
    (project / "node_modules/@types/react").mkdir()
    outside = tmp_path / "outside"
    shutil.copytree(project / link, outside, symlinks=True)
    second = again(project)
    installed = before = look(project)
    shutil.rmtree(project / "node_modules/@types/node")
    difference = find_difference(project, STEPS, installed, before, look(project), 0)
    assert difference is not None
    shutil.rmtree(second / link)
    (second / link).symlink_to(outside)
    assert not apply_difference(second, difference, remove)
    assert list(outside.rglob("index.d.ts")) != []


def test_looking_again_finds_what_was_added_removed_or_noted(project: Path) -> None:
    installed, modules = look(project), project / "node_modules"
    (modules / "express/made-by-the-build").mkdir()
    (modules / "express/made-by-the-build/index.js").touch()
    (modules / "typescript/bin/tsc").unlink()
    shutil.rmtree(modules / "@types")
    (modules / ".package-lock.json").write_text("changed by the build")
    assert told(look_again(project, installed, go_on)) == told(look(project))


def test_looking_again_reads_no_folder_that_is_as_it_was(project: Path) -> None:
    installed = look(project)
    (project / "node_modules/express/index.js").write_text("overwritten in place")
    assert told(look_again(project, installed, go_on)) == told(installed)


def test_what_the_build_overwrote_in_place_is_not_taken_for_the_work_of_pruning(project: Path) -> None:
    installed = look(project)
    (project / "node_modules/express/index.js").write_text("overwritten in place")
    difference = learnt(project, installed)
    assert difference is not None
    assert b"node_modules/express/index.js" not in {written.now.path for written in difference.written}


@pytest.mark.parametrize("link", ["node_modules", "node_modules/express"])
def test_looking_again_follows_no_link(project: Path, tmp_path: Path, link: str) -> None:
    installed = look(project)
    outside = tmp_path / "outside"
    shutil.copytree(project / link, outside)
    (outside / "secret").touch()
    shutil.rmtree(project / link)
    (project / link).symlink_to(outside)
    assert b"secret" not in {os.path.basename(entry.path) for entry in look_again(project, installed, go_on)}
