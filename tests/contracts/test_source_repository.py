"""What every source repository must do, run on the one there is."""

from pathlib import Path

import pytest

from deployd.adapters.git.repositories import GitRepositories
from deployd.domain.errors import BuildFailed
from deployd.domain.ids import AppName
from deployd.domain.repository_address import RepositoryAddress
from deployd.ports.source_repository import SourceRepository
from tests.support.repos import git, repo_with, write

APP = AppName("shop")


@pytest.fixture(params=["git"])
def sources(tmp_path: Path) -> SourceRepository:
    return GitRepositories(tmp_path / "mirrors", timeout_seconds=30)


async def test_a_checkout_holds_the_files_of_the_commit_that_was_fetched(
    sources: SourceRepository, tmp_path: Path
) -> None:
    repo = repo_with({"index.html": "one"}, tmp_path / "repo")
    first = await sources.fetch(APP, RepositoryAddress.parse(str(repo)), None, lambda line: None)
    write(repo, {"index.html": "two"}, "Second version")
    second = await sources.fetch(APP, RepositoryAddress.parse(str(repo)), "main", lambda line: None)
    for commit, text in ((first, "one"), (second, "two")):
        folder = tmp_path / commit.sha
        folder.mkdir()
        await sources.checkout(APP, commit, folder)
        assert [path.name for path in folder.iterdir()] == ["index.html"]
        assert (folder / "index.html").read_text() == text
    assert (second.sha, second.message) == (git(repo, "rev-parse", "HEAD"), "Second version")


async def test_what_cannot_be_fetched_is_one_sentence(sources: SourceRepository, tmp_path: Path) -> None:
    repo = repo_with({"index.html": "one"}, tmp_path / "repo")
    for address, ref in ((str(repo), "missing"), (str(tmp_path / "nothing"), None)):
        with pytest.raises(BuildFailed) as refused:
            await sources.fetch(APP, RepositoryAddress.parse(address), ref, lambda line: None)
        assert "\n" not in str(refused.value)


async def test_a_forgotten_app_can_be_fetched_again(sources: SourceRepository, tmp_path: Path) -> None:
    repo = repo_with({"index.html": "one"}, tmp_path / "repo")
    commit = await sources.fetch(APP, RepositoryAddress.parse(str(repo)), None, lambda line: None)
    await sources.forget(APP)
    await sources.forget(APP)
    assert await sources.fetch(APP, RepositoryAddress.parse(str(repo)), None, lambda line: None) == commit
