"""A whole deployd driven from a chat."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from deployd.domain.canary_verdict import FEWEST_ERRORS
from tests.e2e.test_canary import ask, begun, deployed, version
from tests.support.daemon import Daemon, running_daemon
from tests.support.ports import free_port
from tests.support.repos import repo_with, write
from tests.support.telegram_api import TOKEN, TelegramApi, telegram_api

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

ANN = 42


@asynccontextmanager
async def a_bot(folder: Path, more_toml: str = "", server_toml: str = "") -> AsyncIterator[tuple[TelegramApi, Daemon]]:
    async with telegram_api() as api:
        bot = f'[telegram]\ntoken = "{TOKEN}"\napi_base = "{api.url}"\nallow = [{ANN}]\n'
        async with running_daemon(folder, apps_toml=bot + more_toml, server_toml=server_toml) as daemon:
            yield api, daemon


async def test_a_person_deploys_watches_and_rolls_back_from_a_phone(tmp_path: Path) -> None:
    repo = repo_with({"index.html": "first"}, tmp_path / "site")
    async with a_bot(tmp_path) as (api, daemon):
        await daemon.create_app("site", str(repo))
        await api.say(ANN, "/deploy site")
        card = await api.message(ANN, "site", seconds=30)
        await api.wait_for(lambda: "v1: live" in card.text, 20)
        assert await daemon.get("site.test") == (200, "first")
        write(repo, {"index.html": "second"}, "Second")
        assert (await daemon.deploy("site"))["outcome"] == "live"
        await api.message(ANN, "v2: live", seconds=20)
        await api.say(ANN, "/rollback site")
        question = await api.message(ANN, "v1?", seconds=20)
        await api.press(ANN, question, question.labels[0])
        await api.wait_for(lambda: sum("v1: live" in message.text for message in api.to(ANN)) == 2, 20)
        assert await daemon.get("site.test") == (200, "first")


async def test_a_canary_is_begun_watched_and_promoted_from_a_phone(tmp_path: Path) -> None:
    async with a_bot(tmp_path) as (api, daemon):
        repo = await deployed(daemon, tmp_path / "app")
        write(repo, version("v2"), "Better")
        await api.say(ANN, "/canary app 50 % main")
        card = await api.message(ANN, "app v2: canary", seconds=60)
        assert "For 50 % of the visitors" in card.text
        assert {(await ask(daemon))[1] for _ in range(40)} == {"v1", "v2"}
        await api.wait_for(lambda: "p95" in card.text and " ms" in card.text, 30)
        await api.press(ANN, card, "Promote")
        question = await api.message(ANN, "Give everybody v2 of app?", seconds=20)
        await api.press(ANN, question, "Promote v2")
        await api.message(ANN, "app v2: live", seconds=30)
        await api.wait_for(lambda: "It is not running any more." in card.text, 20)
        assert {(await ask(daemon))[1] for _ in range(10)} == {"v2"}


async def test_a_failing_canary_is_told_and_an_app_is_closed_and_opened_from_a_phone(tmp_path: Path) -> None:
    async with a_bot(tmp_path) as (api, daemon):
        repo = await deployed(daemon, tmp_path / "app")
        write(repo, version("v2", broken=True), "Broken")
        await begun(daemon, header="X-Canary: 1")
        for _ in range(FEWEST_ERRORS):
            assert (await ask(daemon, **{"X-Canary": "1"}))[:2] == (500, "v2")
        alert = await api.message(ANN, "the canary v2 was aborted by itself", seconds=60)
        assert "10 of 10 requests (100 %) were answered with errors" in alert.text
        assert (await ask(daemon, **{"X-Canary": "1"}))[:2] == (200, "v1")

        await api.say(ANN, "/maintenance app on Back at ten.")
        closed = await api.message(ANN, "app is in maintenance", seconds=20)
        assert "Back at ten." in (await daemon.get("app.test"))[1]
        await api.press(ANN, closed, "Open to visitors")
        await api.message(ANN, "app is open to visitors.", seconds=20)
        assert await daemon.get("app.test") == (200, "v1")

        await api.say(ANN, "/pause app 30")
        paused = await api.message(ANN, "Requests for app wait", seconds=20)
        waiting = asyncio.create_task(daemon.get("app.test"))
        await api.press(ANN, paused, "Resume")
        await api.message(ANN, "▶️", seconds=20)
        assert await waiting == (200, "v1")


async def test_a_certificate_that_does_not_come_is_told_and_stands_among_the_warnings(tmp_path: Path) -> None:
    repo = repo_with({"index.html": "first"}, tmp_path / "site")
    nobody = f"https://127.0.0.1:{free_port()}/directory"
    tls, listener = f'[tls]\nacme = true\ndirectory = "{nobody}"\n', f'https = "127.0.0.1:{free_port()}"'
    async with a_bot(tmp_path, tls, listener) as (api, daemon):
        await daemon.create_app("site", str(repo), domains=["site.example.com"])
        assert (await daemon.deploy("site"))["outcome"] == "live"
        told = ("certificate", "site.example.com")
        await api.wait_for(lambda: any(all(words in one.text for words in told) for one in api.to(ANN)), 60)
        _, ready = await daemon.api("GET", "/readyz")
        assert any("No certificate for site.example.com yet" in warning for warning in ready["warnings"])
