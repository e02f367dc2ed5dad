"""Fetching with real git, over real HTTP on loopback."""

import asyncio
import base64
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.typedefs import Handler

from deployd.adapters.git.repositories import GitRepositories
from deployd.domain.errors import BuildFailed
from deployd.domain.ids import AppName
from deployd.domain.repository_address import RepositoryAddress
from deployd.ports.source_repository import Commit
from tests.support.git_http import serve_git
from tests.support.repos import git, repo_with, write
from tests.support.stream_server import stream_server

APP = AppName("shop")


class Setting:
    """A repository `work` served over HTTP, and the mirrors it is fetched into."""

    def __init__(self, folder: Path, base_url: str) -> None:
        self.work = folder / "served" / "work"
        self.base_url = base_url
        self.repo = f"{base_url}/work"
        self.mirrors = folder / "mirrors"
        self.sources = GitRepositories(self.mirrors, timeout_seconds=20)
        self.lines: list[str] = []

    async def fetch(self, ref: str | None = None, repo: str | None = None) -> Commit:
        return await self.sources.fetch(APP, RepositoryAddress.parse(repo or self.repo), ref, self.lines.append)

    def head(self, ref: str = "HEAD") -> str:
        return git(self.work, "rev-parse", f"{ref}^{{commit}}")


@pytest.fixture
async def setting(tmp_path: Path) -> AsyncIterator[Setting]:
    repo_with({"index.html": "one", "deep/page.html": "deep"}, tmp_path / "served" / "work")
    async with serve_git(tmp_path / "served") as base_url:
        yield Setting(tmp_path, base_url)


async def test_without_a_ref_the_head_of_the_remote_is_fetched(setting: Setting) -> None:
    write(setting.work, {"index.html": "two"}, "Second version\n\nWith a reason.")
    commit = await setting.fetch()
    assert commit == Commit(sha=setting.head(), message="Second version")


async def test_the_fetch_is_shallow(setting: Setting) -> None:
    for number in range(3):
        write(setting.work, {"index.html": str(number)}, f"Change {number}")
    await setting.fetch()
    assert git(setting.mirrors / "shop.git", "rev-list", "--all", "--count") == "1"


async def test_a_branch_and_both_kinds_of_tag_are_found(setting: Setting) -> None:
    git(setting.work, "checkout", "-q", "-b", "feature/new")
    write(setting.work, {"index.html": "feature"}, "On the branch")
    git(setting.work, "tag", "light")
    git(setting.work, "tag", "-a", "v1.0", "-m", "annotated")
    git(setting.work, "checkout", "-q", "main")
    branch = setting.head("feature/new")
    assert branch != setting.head()
    for ref in ("feature/new", "light", "v1.0"):
        assert (await setting.fetch(ref)).sha == branch


@pytest.mark.parametrize("digits", [40, 9])
async def test_a_commit_that_no_branch_ends_in_is_found_by_its_hash(setting: Setting, digits: int) -> None:
    old = setting.head()
    write(setting.work, {"index.html": "two"}, "Second version")
    await setting.fetch()
    assert (await setting.fetch(old[:digits])).sha == old


async def test_a_hash_that_the_server_refuses_by_itself_is_found_in_the_history(setting: Setting) -> None:
    git(setting.work, "config", "uploadpack.allowAnySHA1InWant", "false")
    old = setting.head()
    write(setting.work, {"index.html": "two"}, "Second version")
    # Protocol 0 is the one in which servers refuse; version 2 hands out whatever it has.
    sources = GitRepositories(
        setting.mirrors,
        timeout_seconds=20,
        pass_env={"GIT_CONFIG_PARAMETERS": "'protocol.version'='0'"},
    )
    commit = await sources.fetch(APP, RepositoryAddress.parse(setting.repo), old, setting.lines.append)
    assert commit.sha == old
    assert any("whole history" in line for line in setting.lines)


async def test_a_new_push_is_seen_by_the_next_fetch_and_checked_out_without_git_files(
    setting: Setting, tmp_path: Path
) -> None:
    await setting.fetch()
    write(setting.work, {"index.html": "two"}, "Second version")
    (setting.work / "deep/link").symlink_to("../index.html")
    (setting.work / "run.sh").write_text("#!/bin/sh\n")
    (setting.work / "run.sh").chmod(0o755)
    write(setting.work, {"index.html": "three"}, "Third version")
    commit = await setting.fetch()
    folder = tmp_path / "project"
    folder.mkdir()
    await setting.sources.checkout(APP, commit, folder)
    found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
    assert found == ["deep", "deep/link", "deep/page.html", "index.html", "run.sh"]
    assert (folder / "index.html").read_text() == "three"
    assert (folder / "deep/link").is_symlink()
    assert (folder / "run.sh").stat().st_mode & 0o111


@pytest.mark.parametrize("kind", ["path", "file URL"])
async def test_a_repository_on_this_machine_is_fetched(setting: Setting, kind: str) -> None:
    repo = str(setting.work) if kind == "path" else f"file://{setting.work}"
    assert (await setting.fetch(repo=repo)).sha == setting.head()


@pytest.mark.parametrize(
    ("ref", "sentence"),
    [
        ("no-such-branch", "has no branch, tag or commit 'no-such-branch'"),
        ("0123456789" * 4, "has no branch, tag or commit '0123456789"),
        ("--upload-pack=touch /tmp/x", "cannot be the name of a branch"),
        ("a:b", "cannot be the name of a branch"),
        ("main..other", "cannot be the name of a branch"),
    ],
)
async def test_a_ref_that_is_not_there_is_named(setting: Setting, ref: str, sentence: str) -> None:
    with pytest.raises(BuildFailed, match=sentence):
        await setting.fetch(ref)


async def test_a_repository_that_is_not_there_is_named(setting: Setting, tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match=f"There is no git repository at {setting.base_url}/nothing"):
        await setting.fetch(repo=f"{setting.base_url}/nothing")
    with pytest.raises(BuildFailed, match="There is no git repository at"):
        await setting.fetch(repo=str(tmp_path / "nothing"))


async def test_a_repository_without_a_commit_is_named(setting: Setting) -> None:
    git(setting.work.parent, "init", "-q", "empty")
    with pytest.raises(BuildFailed, match="has no commit yet"):
        await setting.fetch(repo=f"{setting.base_url}/empty")


async def test_a_host_that_does_not_listen_is_named(setting: Setting, unused_tcp_port: int) -> None:
    with pytest.raises(BuildFailed, match="could not be reached"):
        await setting.fetch(repo=f"http://127.0.0.1:{unused_tcp_port}/work")


async def test_missing_credentials_are_told_at_once_instead_of_asked_for(tmp_path: Path) -> None:
    repo_with({"index.html": "one"}, tmp_path / "served" / "work")
    sources = GitRepositories(tmp_path / "mirrors", timeout_seconds=20)
    async with serve_git(tmp_path / "served", login=("bot", "s3cret-token")) as base_url:
        with pytest.raises(BuildFailed, match="asks for credentials"):
            await sources.fetch(APP, RepositoryAddress.parse(f"{base_url}/work"), None, lambda line: None)


async def test_credentials_in_the_url_are_used_and_shown_nowhere(tmp_path: Path) -> None:
    work = repo_with({"index.html": "one"}, tmp_path / "served" / "work")
    sources = GitRepositories(tmp_path / "mirrors", timeout_seconds=20)
    said: list[str] = []
    async with serve_git(tmp_path / "served", login=("bot", "s3cret/token")) as base_url:
        address = base_url.removeprefix("http://")
        commit = await sources.fetch(
            APP, RepositoryAddress.parse(f"http://bot:s3cret%2Ftoken@{address}/work"), None, said.append
        )
        assert commit.sha == git(work, "rev-parse", "HEAD")
        with pytest.raises(BuildFailed) as refused:
            await sources.fetch(
                APP, RepositoryAddress.parse(f"http://bot:wr0ng-token@{address}/work"), None, said.append
            )
    kept = [file.read_bytes() for file in (tmp_path / "mirrors").rglob("*") if file.is_file()]
    assert "wr0ng" not in str(refused.value)
    assert not any("s3cret" in line or "wr0ng" in line for line in said)
    assert not any(b"s3cret" in content for content in kept)


@pytest.mark.parametrize(
    ("address", "login"), [("bot:s3cret%2Ftoken", ("bot", "s3cret/token")), ("s3cret", ("s3cret", ""))]
)
async def test_no_process_of_git_shows_the_login_in_its_environment_or_arguments(
    tmp_path: Path, address: str, login: tuple[str, str]
) -> None:
    repo_with({"index.html": "one"}, tmp_path / "served" / "work")
    sources = GitRepositories(tmp_path / "mirrors", timeout_seconds=20)
    seen: list[bytes] = []

    @web.middleware
    async def look(request: web.Request, handler: Handler) -> web.StreamResponse:
        seen.extend(await asyncio.to_thread(_of_processes_at, str(tmp_path / "mirrors")))
        return await handler(request)

    async with serve_git(tmp_path / "served", login, lambda app: app.middlewares.append(look)) as base_url:
        repo = RepositoryAddress.parse(base_url.replace("http://", f"http://{address}@") + "/work")
        await sources.fetch(APP, repo, None, lambda line: None)
    basic = base64.b64encode(":".join(login).encode())
    assert len(seen) >= 3 * 2
    assert not [shown for shown in seen if b"s3cret" in shown or basic in shown]


def _of_processes_at(folder: str) -> list[bytes]:
    """The arguments and environment of every process that has the folder's name in either."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            shown = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            if folder.encode() in shown and int(process.name) != os.getpid():
                found.append(shown)
    return found


async def test_a_server_that_never_answers_ends_with_the_deadline(tmp_path: Path) -> None:
    asked = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read()

    async with stream_server(say_nothing) as port:
        sources = GitRepositories(tmp_path / "mirrors", timeout_seconds=0.5)
        with pytest.raises(BuildFailed, match=r"could not be fetched within 0\.5 s"):
            await sources.fetch(APP, RepositoryAddress.parse(f"http://127.0.0.1:{port}/work"), None, lambda line: None)
        assert asked.is_set()


async def test_locks_that_a_killed_git_left_do_not_stop_the_next_fetch(setting: Setting) -> None:
    await setting.fetch()
    mirror = setting.mirrors / "shop.git"
    for lock in ("shallow.lock", "refs/deployd/fetched.lock", "packed-refs.lock", "HEAD.lock"):
        (mirror / lock).touch()
    write(setting.work, {"index.html": "two"}, "Second version")
    assert (await setting.fetch()).sha == setting.head()


@pytest.mark.parametrize("damage", ["HEAD", "shallow"])
async def test_a_damaged_mirror_is_made_anew(setting: Setting, damage: str) -> None:
    await setting.fetch()
    (setting.mirrors / "shop.git" / damage).write_text("garbage")
    write(setting.work, {"index.html": "two"}, "Second version")
    assert (await setting.fetch()).sha == setting.head()


async def test_a_mirror_of_another_repository_is_reused_for_the_new_one(setting: Setting) -> None:
    await setting.fetch()
    other = repo_with({"index.html": "other"}, setting.work.parent / "other")
    commit = await setting.fetch(repo=f"{setting.base_url}/other")
    assert commit.sha == git(other, "rev-parse", "HEAD")


async def test_forgetting_deletes_the_mirror_and_is_harmless_twice(setting: Setting) -> None:
    await setting.fetch()
    await setting.sources.forget(APP)
    await setting.sources.forget(APP)
    assert list(setting.mirrors.iterdir()) == []
