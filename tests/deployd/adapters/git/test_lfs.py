"""Files kept in Git LFS: the real ones come, or the deployment says why not."""

import base64
import hashlib
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from deployd.adapters.git.remote import parse_remote
from deployd.domain.errors import BuildFailed
from tests.deployd.adapters.git.served import Served, add_submodule, head
from tests.support.git_http import serve_git
from tests.support.repos import git, write

BIG = os.urandom(300_000)


def needs_lfs() -> None:
    if shutil.which("git-lfs") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("git-lfs is not installed")
        pytest.skip("git-lfs is not installed")


class LfsServer:
    """Answers `/NAME.git/info/lfs` with what is in `objects`; with `login`, only to those who send one."""

    login = False

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.logins: list[str] = []

    def add_to(self, app: web.Application) -> None:
        app.router.add_post("/{name}.git/info/lfs/objects/batch", self._batch)
        app.router.add_get("/objects/{oid}", self._object)

    async def _batch(self, request: web.Request) -> web.Response:
        self.logins.append(request.headers.get("Authorization", ""))
        if self.login and not self.logins[-1]:
            return web.Response(status=401, headers={"LFS-Authenticate": 'Basic realm="lfs"'})
        answer = []
        for wanted in (await request.json())["objects"]:
            self.asked.append(wanted["oid"])
            if wanted["oid"] in self.objects:
                href = f"http://{request.host}/objects/{wanted['oid']}"
                answer.append({**wanted, "actions": {"download": {"href": href}}})
            else:
                answer.append({**wanted, "error": {"code": 404, "message": "Object does not exist"}})
        body = {"transfer": "basic", "objects": answer}
        return web.json_response(body, content_type="application/vnd.git-lfs+json")

    async def _object(self, request: web.Request) -> web.Response:
        return web.Response(body=self.objects[request.match_info["oid"]])


@pytest.fixture
def lfs() -> LfsServer:
    needs_lfs()
    return LfsServer()


@pytest.fixture
async def served(tmp_path: Path, lfs: LfsServer) -> AsyncIterator[Served]:
    (tmp_path / "served").mkdir()
    async with serve_git(tmp_path / "served", more=lfs.add_to) as base_url:
        yield Served(tmp_path, base_url)


def pointer(content: bytes) -> str:
    oid = hashlib.sha256(content).hexdigest()
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(content)}\n"


def with_pointer(served: Served, name: str, **more: str) -> Path:
    """The pointer is written as it is: no filter is at work here."""
    files = {".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n", "big.bin": pointer(BIG)}
    return served.make(name, {**files, **more})


async def test_the_real_files_come_instead_of_pointers(served: Served, lfs: LfsServer) -> None:
    lfs.objects[hashlib.sha256(BIG).hexdigest()] = BIG
    with_pointer(served, "app")
    commit = await served.fetch("app")
    project = await served.checkout(commit)
    assert commit.lfs
    assert (project / "big.bin").read_bytes() == BIG


async def test_files_that_are_here_already_are_not_asked_for_again(served: Served, lfs: LfsServer) -> None:
    lfs.objects[hashlib.sha256(BIG).hexdigest()] = BIG
    app = with_pointer(served, "app")
    await served.fetch("app")
    write(app, {"index.html": "new"}, "The large file is the same")
    project = await served.checkout(await served.fetch("app"))
    assert (project / "big.bin").read_bytes() == BIG
    assert len(lfs.asked) == 1


async def test_those_of_a_submodule_come_as_well(served: Served, lfs: LfsServer) -> None:
    lfs.objects[hashlib.sha256(BIG).hexdigest()] = BIG
    media, app = with_pointer(served, "media"), served.make("app")
    add_submodule(app, "media", "../media", head(media))
    commit = await served.fetch("app")
    project = await served.checkout(commit)
    assert (project / "media/big.bin").read_bytes() == BIG
    assert not commit.lfs


async def test_the_login_of_the_repository_serves_for_its_large_files(
    tmp_path: Path, served: Served, lfs: LfsServer
) -> None:
    lfs.objects[hashlib.sha256(BIG).hexdigest()] = BIG
    with_pointer(served, "app")
    lfs.login = True
    address = served.base_url.replace("http://", "http://bot:s3cret-token@")
    await served.fetch(f"{address}/app")
    assert lfs.logins[-1] == f"Basic {base64.b64encode(b'bot:s3cret-token').decode()}"
    kept = [file.read_bytes() for file in (tmp_path / "mirrors").rglob("*") if file.is_file()]
    assert not any(b"s3cret" in content for content in kept)


async def test_a_file_that_the_server_does_not_have_is_a_failure_and_never_a_pointer(
    served: Served, lfs: LfsServer
) -> None:
    with_pointer(served, "app")
    with pytest.raises(BuildFailed, match=r"The Git LFS files of http.*/app could not be fetched: "):
        await served.fetch("app")


@pytest.mark.parametrize("setting", ["fetchexclude = *", "fetchinclude = nothing", "url = http://127.0.0.1:1/other"])
async def test_a_lfsconfig_neither_leaves_pointers_nor_sends_us_elsewhere(
    served: Served, lfs: LfsServer, setting: str
) -> None:
    lfs.objects[hashlib.sha256(BIG).hexdigest()] = BIG
    with_pointer(served, "app", **{".lfsconfig": f"[lfs]\n\t{setting}\n"})
    project = await served.checkout(await served.fetch("app"))
    assert (project / "big.bin").read_bytes() == BIG


async def test_a_repository_on_this_machine_gives_its_large_files(served: Served) -> None:
    app = served.make("app")
    git(app, "lfs", "install", "--local")
    git(app, "lfs", "track", "*.bin")
    (app / "big.bin").write_bytes(BIG)
    git(app, "add", "-A")
    git(app, "commit", "-q", "-m", "Large")
    project = await served.checkout(await served.fetch(str(app)))
    assert (project / "big.bin").read_bytes() == BIG


@pytest.fixture
def without_lfs(tmp_path: Path) -> str:
    """A PATH with git but no git-lfs."""
    folder = tmp_path / "programs"
    folder.mkdir()
    (folder / "git").symlink_to(shutil.which("git") or "git")
    return str(folder)


async def test_without_git_lfs_pointers_are_refused_and_the_sentence_says_what_to_install(
    tmp_path: Path, without_lfs: str
) -> None:
    async with serve_git(tmp_path / "served") as base_url:
        served = Served(tmp_path, base_url, path=without_lfs)
        with_pointer(served, "app")
        with pytest.raises(BuildFailed, match=r"it needs git-lfs on this host \(apt install git-lfs\)"):
            await served.fetch("app")


async def test_without_git_lfs_a_repository_that_keeps_nothing_there_is_taken(tmp_path: Path, without_lfs: str) -> None:
    async with serve_git(tmp_path / "served") as base_url:
        served = Served(tmp_path, base_url, path=without_lfs)
        served.make("app", {".gitattributes": "*.bin filter=lfs\n", "small.bin": "real", "index.html": "page"})
        project = await served.checkout(await served.fetch("app"))
    assert (project / "small.bin").read_text() == "real"


def test_where_large_files_are_asked_for() -> None:
    expected = {
        "https://host/a/b": "https://host/a/b.git/info/lfs",
        "https://me:token@host/a/b.git/": "https://host/a/b.git/info/lfs",
        "git@host:a/b.git": "git@host:a/b.git",
        "ssh://git@host/a/b.git": "ssh://git@host/a/b.git",
        "/srv/a": "file:///srv/a",
        "file:///srv/a": "file:///srv/a",
    }
    assert {url: parse_remote(url).lfs_server for url in expected} == expected
