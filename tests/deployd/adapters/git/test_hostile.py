"""Repositories made to do harm, or merely strange: nothing runs, nothing leaves the folder, bytes stay bytes."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deployd.domain.errors import BuildFailed
from tests.deployd.adapters.git.served import Served, commit_tree
from tests.support.git_http import serve_git
from tests.support.repos import commit, git, write


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    (tmp_path / "served").mkdir()
    async with serve_git(tmp_path / "served") as base_url:
        yield Served(tmp_path, base_url)


async def test_neither_hooks_nor_filters_nor_monitors_of_a_repository_run(served: Served) -> None:
    flag = served.folder / "ran"
    script = f"#!/bin/sh\ntouch {flag}\ncat\n"
    config = f'[core]\n\tfsmonitor = {flag}\n\thooksPath = hooks\n[filter "evil"]\n\tsmudge = touch {flag}\n'
    files = {
        "hooks/post-checkout": script,
        "hooks/reference-transaction": script,
        ".gitattributes": "* filter=evil diff=evil merge=evil\n",
        ".gitconfig": config,
        "config": config,
        "page.html": "page",
    }
    app = served.make("app", files)
    for name in ("hooks/post-checkout", "hooks/reference-transaction"):
        (app / name).chmod(0o755)
    commit(app, "Executable")
    project = await served.checkout(await served.fetch("app"))
    assert (project / "page.html").read_text() == "page"
    assert os.access(project / "hooks/post-checkout", os.X_OK)
    assert not flag.exists()


async def test_configuration_of_this_machine_does_not_reach_git(served: Served) -> None:
    """HOME is the folder of the test."""
    flag = served.folder / "ran"
    text = f'[core]\n\tfsmonitor = touch {flag}\n[filter "evil"]\n\tsmudge = touch {flag}; cat\n[include]\n\tpath = x\n'
    (served.folder / ".gitconfig").write_text(text)
    (served.folder / ".config/git").mkdir(parents=True)
    (served.folder / ".config/git/config").write_text(text)
    (served.folder / ".config/git/attributes").write_text("* text eol=crlf filter=evil\n")
    served.make("app", {"run.sh": "one\ntwo\n", ".gitattributes": "*.sh filter=evil\n"})
    project = await served.checkout(await served.fetch("app"))
    assert (project / "run.sh").read_bytes() == b"one\ntwo\n"
    assert not flag.exists()


HOOK = b"#!/bin/sh\ntouch /tmp/ran\n"


@pytest.mark.parametrize("name", [b".git", b".GIT", b".Git", b"git~1", ".g\u200cit".encode(), b"..", b".", b".git "])
async def test_a_path_by_which_git_itself_could_be_written_is_refused(served: Served, name: bytes) -> None:
    app = served.make("app")
    inner = commit_tree(app, ("100755", "blob", HOOK, b"post-checkout"))
    folder = git(app, "rev-parse", f"{inner}^{{tree}}").encode()
    commit_tree(app, ("100644", "blob", b"page", b"index.html"), ("40000", "hash", folder, name))
    with pytest.raises(BuildFailed, match=r"holds the path .*, which git refuses to write: remove it\."):
        await served.checkout(await served.fetch("app"))
    assert not any(path.name == "post-checkout" for path in served.folder.glob("**/project/**/*"))
    assert not (served.folder / "post-checkout").exists()


async def test_a_path_with_a_slash_in_one_name_stays_inside(served: Served) -> None:
    app = served.make("app")
    commit_tree(app, ("100644", "blob", b"x", b"../outside"))
    with pytest.raises(BuildFailed):
        await served.checkout(await served.fetch("app"))
    assert not (served.folder / "outside").exists()


async def test_a_file_is_never_written_through_a_link_of_the_same_name(served: Served) -> None:
    app = served.make("app")
    (served.folder / "outside").mkdir()
    inner = commit_tree(app, ("100644", "blob", b"x", b"file"))
    folder = git(app, "rev-parse", f"{inner}^{{tree}}").encode()
    target = str(served.folder / "outside").encode()
    commit_tree(app, ("120000", "blob", target, b"way"), ("40000", "hash", folder, b"way"))
    with contextlib.suppress(BuildFailed):
        await served.checkout(await served.fetch("app"))
    assert list((served.folder / "outside").iterdir()) == []


async def test_links_out_of_the_project_stay_links_for_packing_to_refuse(served: Served) -> None:
    app = served.make("app")
    (app / "secrets").symlink_to("/etc/passwd")
    (app / "up").symlink_to("../../..")
    commit(app, "Links")
    project = await served.checkout(await served.fetch("app"))
    assert (os.readlink(project / "secrets"), os.readlink(project / "up")) == ("/etc/passwd", "../../..")


async def test_any_name_that_git_knows_is_checked_out(served: Served) -> None:
    names = [
        b"-rf",
        b"--help",
        b"new\nline",
        b"caf\xe9",
        b"\xff\xfe",
        b" ",
        b"tab\t",
        b"back\\slash",
        b'"quoted"',
        b"*",
    ]
    app = served.make("app", {"sub/-u": "x"})
    for name in names:
        (app / os.fsdecode(name)).write_bytes(name)
    commit(app, "Names")
    project = await served.checkout(await served.fetch("app"))
    assert {name: (project / os.fsdecode(name)).read_bytes() for name in names} == {name: name for name in names}
    assert (project / "sub/-u").read_text() == "x"


async def test_files_come_out_byte_for_byte_unless_the_repository_says_otherwise(served: Served) -> None:
    app = served.make("app")
    (app / "windows.sh").write_bytes(b"#!/bin/sh\r\necho\r\n")
    (app / "mixed.txt").write_bytes(b"one\r\ntwo\nthree\r")
    commit(app, "Line ends")
    project = await served.checkout(await served.fetch("app"), "plain")
    assert (project / "windows.sh").read_bytes() == b"#!/bin/sh\r\necho\r\n"
    assert (project / "mixed.txt").read_bytes() == b"one\r\ntwo\nthree\r"
    write(app, {".gitattributes": "*.bat text eol=crlf\n", "run.bat": "one\ntwo\n"}, "Attributes")
    project = await served.checkout(await served.fetch("app"), "converted")
    assert (project / "run.bat").read_bytes() == b"one\r\ntwo\r\n"
    assert (project / "mixed.txt").read_bytes() == b"one\r\ntwo\nthree\r"


async def test_a_commit_without_a_file_is_an_empty_project(served: Served) -> None:
    app = served.make("app")
    git(app, "rm", "-q", "-r", ".")
    git(app, "commit", "-q", "-m", "Nothing left")
    assert list((await served.checkout(await served.fetch("app"))).iterdir()) == []


async def test_a_head_that_no_commit_was_made_on_is_named(served: Served) -> None:
    app = served.make("app")
    git(app, "symbolic-ref", "HEAD", "refs/heads/unborn")
    with pytest.raises(BuildFailed, match="has no commit yet: push one, or name a branch"):
        await served.fetch("app")
    assert (await served.fetch("app", "main")).message == "First version"


async def test_a_tree_of_many_thousand_files_is_checked_out(served: Served) -> None:
    app = served.make("app")
    sha = git(app, "rev-parse", "HEAD:index.html")
    (served.folder / "lines").write_text("".join(f"100644 {sha}\tf/{n % 200}/{n}\n" for n in range(5_000)))
    git(app, "-c", f"alias.many=!git update-index --index-info < '{served.folder}/lines'", "many")
    git(app, "commit", "-q", "-m", "Many")
    project = await served.checkout(await served.fetch("app"))
    assert sum(len(files) for _, _, files in os.walk(project)) == 5_001


async def test_a_huge_file_is_streamed(served: Served) -> None:
    """Measured over the children of a process of its own."""
    app = served.make("app")
    (app / "huge.bin").touch()
    os.truncate(app / "huge.bin", 300 << 20)
    git(app, "-c", "core.bigFileThreshold=1m", "-c", "core.compression=1", "add", "huge.bin")
    git(app, "commit", "-q", "-m", "Huge")
    (app / "huge.bin").unlink()
    script = f"""
import asyncio, pathlib, resource
from deployd.adapters.git.repositories import GitRepositories
from deployd.domain.repository_address import RepositoryAddress
top = pathlib.Path({str(served.folder)!r})
async def main():
    sources = GitRepositories(top / "mirrors", 60)
    commit = await sources.fetch("shop", RepositoryAddress(url={str(app)!r}), None, lambda line: None)
    (top / "project").mkdir()
    await sources.checkout("shop", commit, top / "project")
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
asyncio.run(main())
"""
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", script], check=True, timeout=110, capture_output=True, text=True
    )
    assert (served.folder / "project/huge.bin").stat().st_size == 300 << 20
    assert int(done.stdout) < 150
