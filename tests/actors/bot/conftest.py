"""What the bot's tests share."""

import importlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.actors.bot.world import World, a_world


@pytest.fixture(scope="session")
def aiogram_loaded() -> None:
    """Takes seconds, once, outside the tests' own deadlines."""
    importlib.import_module("deployd.adapters.telegram.client")


@pytest.fixture
async def world(aiogram_loaded: None, tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path) as world:
        yield world
