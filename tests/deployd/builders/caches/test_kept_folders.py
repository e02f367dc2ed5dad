import os
from pathlib import Path

import pytest

from deployd.builders.caches.kept_folders import KeptFolders

NEXT = "web/.next/cache"


def go_on() -> None:
    pass


@pytest.fixture
def kept(tmp_path: Path) -> KeptFolders:
    return KeptFolders(tmp_path / "kept")


def project(tmp_path: Path, name: str, text: str | None = None) -> Path:
    folder = tmp_path / name
    (folder / "web/.next").mkdir(parents=True)
    if text is not None:
        (folder / NEXT).mkdir()
        (folder / NEXT / "pack").write_text(text)
    return folder


def test_what_one_build_left_the_next_finds_and_the_artifact_never_holds_it(kept: KeptFolders, tmp_path: Path) -> None:
    first = project(tmp_path, "first", "one")
    kept.take_out(first, (NEXT,), go_on)
    assert os.listdir(first / "web/.next") == []
    second = tmp_path / "second"
    second.mkdir()
    kept.bring(second, (NEXT,), go_on)
    assert (second / NEXT / "pack").read_text() == "one"


def test_a_build_that_fails_after_writing_into_it_spoils_nothing(kept: KeptFolders, tmp_path: Path) -> None:
    kept.take_out(project(tmp_path, "first", "one"), (NEXT,), go_on)
    failing, later = project(tmp_path, "failing"), project(tmp_path, "later")
    kept.bring(failing, (NEXT,), go_on)
    (failing / NEXT / "pack").write_text("half")
    kept.bring(later, (NEXT,), go_on)
    assert (later / NEXT / "pack").read_text() == "one"


def test_the_newest_replaces_the_one_before_and_clearing_leaves_only_that(kept: KeptFolders, tmp_path: Path) -> None:
    for name in ("one", "two"):
        kept.take_out(project(tmp_path, name, name), (NEXT,), go_on)
    kept.clear()
    assert len(os.listdir(tmp_path / "kept")) == 1
    third = project(tmp_path, "third")
    kept.bring(third, (NEXT,), go_on)
    assert (third / NEXT / "pack").read_text() == "two"


def test_what_the_repository_holds_itself_is_not_overwritten(kept: KeptFolders, tmp_path: Path) -> None:
    kept.take_out(project(tmp_path, "first", "one"), (NEXT,), go_on)
    second = project(tmp_path, "second", "checked in")
    kept.bring(second, (NEXT,), go_on)
    assert (second / NEXT / "pack").read_text() == "checked in"


@pytest.mark.parametrize("link", ["web", "web/.next", "web/.next/cache"])
def test_links_are_neither_followed_in_nor_out(kept: KeptFolders, tmp_path: Path, link: str) -> None:
    outside = tmp_path / "outside"
    for name in (".", ".next/cache", "cache"):
        (outside / name).mkdir(parents=True, exist_ok=True)
        (outside / name / "secret").write_text("planted")
    before = sorted(outside.rglob("*"))
    hostile = tmp_path / "hostile"
    (hostile / link).parent.mkdir(parents=True)
    (hostile / link).symlink_to(outside)
    kept.take_out(hostile, (NEXT,), go_on)
    assert not (tmp_path / "kept").exists()

    kept.take_out(project(tmp_path, "honest", "one"), (NEXT,), go_on)
    (hostile / link).unlink(missing_ok=True)
    (hostile / link).symlink_to(outside)
    kept.bring(hostile, (NEXT,), go_on)
    assert sorted(outside.rglob("*")) == before


def test_a_name_that_leads_out_of_the_project_is_nothing(kept: KeptFolders, tmp_path: Path) -> None:
    outside = project(tmp_path, "outside", "theirs")
    mine = project(tmp_path, "mine")
    kept.take_out(mine, (f"../outside/{NEXT}", ".", str(outside / NEXT)), go_on)
    assert (outside / NEXT / "pack").read_text() == "theirs"
    assert mine.is_dir()
