"""The quick third of the corpus; `make corpus` runs all of it."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.corpus.app import CorpusApp
from tests.e2e.corpus.check import check
from tests.e2e.corpus.locks import KEPT as LOCKS
from tests.e2e.corpus.table import APPS
from tests.support.daemon import Daemon, running_daemon
from tests.support.git_http import serve_git

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

_QUICK = [app for app in APPS if app.quick]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_daemon(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Daemon]:
    async with running_daemon(tmp_path_factory.mktemp("corpus"), drain_seconds=1.0) as daemon:
        yield daemon


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("app", _QUICK, ids=lambda app: app.name)
async def test_an_app_comes_out_as_the_corpus_says(shared_daemon: Daemon, tmp_path: Path, app: CorpusApp) -> None:
    async with serve_git(tmp_path) as base_url:
        result = await check(shared_daemon, app, tmp_path, base_url, twice=False)
    assert result.problem == "", "\n".join(result.log)


def test_the_corpus_is_as_large_as_it_says() -> None:
    everywhere = [app for app in APPS if not app.needs and not app.only_with]
    assert len([app for app in everywhere if not app.refused]) >= 40
    assert len(_QUICK) * 3 >= len(everywhere)
    assert not [app.name for app in _QUICK if app.only_with]
    assert len({app.name for app in APPS}) == len(APPS)


def test_kept_lockfiles_name_no_registry() -> None:
    locks = [path for path in LOCKS.rglob("*") if path.is_file()]
    assert locks
    named = re.compile(r"(resolved|tarball|registry|index)\W+https?://")
    assert [path for path in locks if named.search(path.read_text())] == []
