"""Reading a project from the disk: quick, bounded, and safe from what a repository may hold."""

import os
import time
from pathlib import Path

import pytest

from deployd.builders.detect import detect
from deployd.builders.listing import list_project
from deployd.domain.build import BuildWishes
from deployd.domain.errors import BuildFailed


def write(folder: Path, *names: str, text: str = "") -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_names_are_relative_and_folders_are_not_among_them(tmp_path: Path) -> None:
    write(tmp_path, "a", "b/c/d", ".hidden/e")
    (tmp_path / "empty").mkdir()
    assert list_project(tmp_path).files == {"a", "b/c/d", ".hidden/e"}


@pytest.mark.parametrize("skipped", ["node_modules", ".venv", ".git", "__pycache__"])
def test_what_was_installed_is_not_looked_at(skipped: str, tmp_path: Path) -> None:
    write(tmp_path, f"{skipped}/x/package.json", f"deep/{skipped}/package.json", "kept")
    assert list_project(tmp_path).files == {"kept"}


def test_names_that_are_not_utf_8_break_nothing(tmp_path: Path) -> None:
    write(tmp_path, "index.html", "grüße/ok.txt")
    for name in (b"caf\xe9.txt", b"\xff\xfe/inside.txt"):
        path = os.path.join(os.fsencode(tmp_path), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        Path(os.fsdecode(path)).touch()
    project = list_project(tmp_path)
    assert project.files == {"index.html", "grüße/ok.txt"}
    assert detect(project, BuildWishes()).static_root == "."


def test_loops_of_links_end(tmp_path: Path) -> None:
    write(tmp_path, "src/index.html")
    (tmp_path / "src/up").symlink_to("..")
    (tmp_path / "self").symlink_to("self")
    assert list_project(tmp_path).files == {"src/index.html", "src/up", "self"}


def procfile(folder: Path) -> Path:
    return folder / "Procfile"


def link_out(folder: Path) -> None:
    procfile(folder).symlink_to("/etc/passwd")


def link_to_itself(folder: Path) -> None:
    procfile(folder).symlink_to("Procfile")


def link_to_nothing(folder: Path) -> None:
    procfile(folder).symlink_to("nothing")


def link_to_a_folder(folder: Path) -> None:
    (folder / "folder").mkdir()
    procfile(folder).symlink_to("folder")


def pipe(folder: Path) -> None:
    os.mkfifo(procfile(folder))


def huge(folder: Path) -> None:
    with open(procfile(folder), "wb") as file:
        file.truncate(64 << 20)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (link_out, "Procfile is a link that leads out of the repository"),
        (link_to_itself, "Procfile cannot be read"),
        (link_to_nothing, "Procfile cannot be read: No such file"),
        (link_to_a_folder, "Procfile is not a regular file"),
        (pipe, "Procfile is not a regular file"),
        (huge, "Procfile is larger than 8 MiB"),
    ],
)
def test_a_file_that_is_no_text_is_refused_and_keeps_nobody_waiting(
    make: object, sentence: str, tmp_path: Path
) -> None:
    assert callable(make)
    make(tmp_path)
    with pytest.raises(BuildFailed, match=sentence):
        list_project(tmp_path).text("Procfile")


def test_a_link_inside_is_followed(tmp_path: Path) -> None:
    write(tmp_path, "deploy/Procfile", text="web: x")
    procfile(tmp_path).symlink_to("deploy/Procfile")
    assert list_project(tmp_path).text("Procfile") == "web: x"


def test_text_that_is_not_utf_8_is_read_all_the_same(tmp_path: Path) -> None:
    procfile(tmp_path).write_bytes(b"web: caf\xe9\n")
    assert list_project(tmp_path).text("Procfile") == "web: caf\ufffd\n"


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match="The project cannot be read: No such file"):
        list_project(tmp_path / "nothing")


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """10,000 files in 400 folders."""
    folder = tmp_path_factory.mktemp("big")
    write(folder, "go.mod", text="module example.com/shop\n")
    write(folder, "cmd/shop/main.go", text="package main\n")
    for number in range(400):
        inside = folder / f"packages/p{number % 20}/src/m{number}"
        inside.mkdir(parents=True)
        for each in range(25):
            (inside / f"file{each}.ts").touch()
    return folder


def test_ten_thousand_files_are_listed_and_planned_in_a_moment(big: Path) -> None:
    """The best of several, of our own time: the machine may be busy. The bench holds it to 20 ms."""
    spent = []
    for _ in range(7):
        before = time.thread_time()
        plan = detect(list_project(big), BuildWishes())
        spent.append(time.thread_time() - before)
    assert plan.builder == "go"
    assert min(spent) < 0.06


def test_more_files_than_anyone_checks_in_are_refused(big: Path) -> None:
    with pytest.raises(BuildFailed, match="more than 9,999 files"):
        list_project(big, most_files=9_999)
