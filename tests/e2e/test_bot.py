"""A whole deployd driven from a chat."""

from pathlib import Path

import pytest

from tests.support.daemon import running_daemon
from tests.support.repos import repo_with, write
from tests.support.telegram_api import TOKEN, telegram_api

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

ANN = 42


async def test_a_person_deploys_watches_and_rolls_back_from_a_phone(tmp_path: Path) -> None:
    repo = repo_with({"index.html": "first"}, tmp_path / "site")
    async with telegram_api() as api:
        bot = f'[telegram]\ntoken = "{TOKEN}"\napi_base = "{api.url}"\nallow = [{ANN}]\n'
        async with running_daemon(tmp_path, apps_toml=bot) as daemon:
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
