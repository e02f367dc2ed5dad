"""Repositories, submodules and large files over ssh with a deploy key, and what is said when it is refused."""

import hashlib
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deployd.domain.errors import BuildFailed
from deployd.domain.secret import Secret
from tests.deployd.adapters.git.served import Served, add_submodule, head
from tests.deployd.adapters.git.test_lfs import BIG, LfsServer, needs_lfs, with_pointer
from tests.support.git_http import serve_git
from tests.support.ssh_git import SshGit, serve_over_ssh


class OverSsh(Served):
    """`ssh` serves what lies in `top`; `lfs` holds what it names as large files."""

    def __init__(self, folder: Path, base_url: str, ssh: SshGit, lfs: LfsServer) -> None:
        super().__init__(folder, base_url, path=f"{ssh.programs}:/usr/local/bin:/usr/bin:/bin")
        self.ssh = ssh
        self.lfs = lfs


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[OverSsh]:
    lfs = LfsServer()
    (tmp_path / "served").mkdir()
    async with serve_git(tmp_path / "served", more=lfs.add_to) as base_url:
        ssh = serve_over_ssh(tmp_path / "ssh", tmp_path / "served", base_url)
        yield OverSsh(tmp_path, base_url, ssh, lfs)


@pytest.mark.parametrize("short", [False, True])
async def test_a_repository_comes_with_the_key_of_deployds_user(served: OverSsh, short: bool) -> None:
    served.make("app", {"index.html": "over ssh"})
    address = served.ssh.short("app") if short else served.ssh.url("app")
    project = await served.checkout(await served.fetch(address))
    assert (project / "index.html").read_text() == "over ssh"


@pytest.mark.parametrize("kind", ["relative", "whole", "short"])
async def test_a_submodule_comes_over_ssh_too(served: OverSsh, kind: str) -> None:
    words, app = served.make("words", {"words.txt": "inner"}), served.make("app")
    url = {"relative": "../words", "whole": served.ssh.url("words"), "short": served.ssh.short("words")}[kind]
    add_submodule(app, "vendor/words", url, head(words))
    project = await served.checkout(await served.fetch(served.ssh.url("app")))
    assert (project / "vendor/words/words.txt").read_text() == "inner"


async def test_a_submodule_over_ssh_may_lie_in_a_repository_over_http(served: OverSsh) -> None:
    words, app = served.make("words", {"words.txt": "inner"}), served.make("app")
    add_submodule(app, "words", served.ssh.url("words"), head(words))
    project = await served.checkout(await served.fetch("app"))
    assert (project / "words/words.txt").read_text() == "inner"


@pytest.mark.parametrize("short", [False, True])
async def test_large_files_come_from_where_the_host_says(served: OverSsh, short: bool) -> None:
    needs_lfs()
    served.lfs.objects[hashlib.sha256(BIG).hexdigest()] = BIG
    with_pointer(served, "app")
    commit = await served.fetch(served.ssh.short("app") if short else served.ssh.url("app"))
    project = await served.checkout(commit)
    assert (project / "big.bin").read_bytes() == BIG


async def test_a_large_file_that_the_host_does_not_have_is_named(served: OverSsh) -> None:
    needs_lfs()
    with_pointer(served, "app")
    with pytest.raises(BuildFailed, match=rf"could not be fetched: .*{hashlib.sha256(BIG).hexdigest()}.*not exist"):
        await served.fetch(served.ssh.url("app"))


async def test_a_key_that_is_not_let_in_is_told_as_such(served: OverSsh) -> None:
    served.make("app")
    served.ssh.lock_out()
    with pytest.raises(BuildFailed, match=r"/app lets none of the ssh keys of deployd's user in: add its public key"):
        await served.fetch(served.ssh.url("app"))


async def test_an_apps_own_key_is_taken_for_all_that_belongs_to_it_and_never_touches_a_disk(served: OverSsh) -> None:
    needs_lfs()
    served.lfs.objects[hashlib.sha256(BIG).hexdigest()] = BIG
    words, app = served.make("words", {"words.txt": "inner"}), with_pointer(served, "app")
    add_submodule(app, "words", "../words", head(words))
    own = served.ssh.lock_out()
    before = set(os.listdir("/proc/self/fd"))
    key = Secret(own.strip().replace("\n", "\r\n"))  # As a form in a browser or an editor elsewhere leaves it.
    project = await served.checkout(await served.fetch(served.ssh.short("app"), key=key))
    assert ((project / "words/words.txt").read_text(), (project / "big.bin").read_bytes()) == ("inner", BIG)
    assert set(os.listdir("/proc/self/fd")) <= before
    assert not any(own.encode() in file.read_bytes() for file in served.folder.glob("mirrors/**/*") if file.is_file())


@pytest.mark.parametrize("passphrase", ["", "hunter2"])
async def test_an_apps_own_key_that_is_not_let_in_is_told_as_such(served: OverSsh, passphrase: str) -> None:
    served.make("app")
    served.ssh.lock_out()
    key = Secret(served.ssh.make_key("other", passphrase))
    with pytest.raises(BuildFailed, match=r"/app does not let the key in DEPLOYD_GIT_KEY in: add its public key"):
        await served.fetch(served.ssh.url("app"), key=key)


async def test_a_host_key_is_kept_and_another_one_refused(served: OverSsh) -> None:
    served.make("app")
    await served.fetch(served.ssh.url("app"))
    served.ssh.change_host_key()
    with pytest.raises(BuildFailed, match=r"The ssh host key of ssh://.*/app differs from the one known here"):
        await served.fetch(served.ssh.url("app"), "main")


async def test_a_repository_that_is_not_there_is_told(served: OverSsh) -> None:
    with pytest.raises(BuildFailed, match=r"There is no git repository at ssh://.*/nothing\."):
        await served.fetch(served.ssh.url("nothing"))


async def test_without_ssh_the_sentence_says_what_to_install(tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "git").symlink_to(shutil.which("git") or "git")
    served = Served(tmp_path, "", path=str(programs))
    with pytest.raises(BuildFailed, match=r"ssh is not installed on this machine; install it"):
        await served.fetch("ssh://git@127.0.0.1/app")
