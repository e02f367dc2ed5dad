"""ConfigActor over a file that says what the test wants it to say."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from actors.config import ConfigActor
from actors.journal import Journal
from deployd.adapters.toml_file import TomlFile
from deployd.config import AppConfig, Config
from deployd.domain.errors import DeploydError, StateConflict
from deployd.domain.event import EventType
from deployd.kernel.actor import Actor
from deployd.kernel.problems import Problems
from deployd.kernel.ref import Ref
from deployd.messages.config import ConfigEdited, ConfigMessage
from deployd.messages.deploy import DeployMessage, PutApps, RequestDeployment, StopApp
from deployd.settings.declared import Declared
from tests.support.actor_runner import running
from tests.web.bench import CLOCK, Bench, serving

WHOLE = Config(prune=True, apps={"shop": AppConfig(repo="https://git.test/shop.git")})
CUT = Config(prune=True)


class Readings(TomlFile):
    """What is found at each reading; the test itself tells that there was an edit."""

    def __init__(self, *readings: Config) -> None:
        super().__init__(Path("deployd.toml"))
        self._readings = list(readings)

    async def load(self) -> Config:
        return self._readings.pop(0)

    async def edits(self) -> AsyncIterator[None]:
        await asyncio.Event().wait()
        yield


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with serving(tmp_path) as served:
        yield served


async def _applied(bench: Bench, times: int) -> None:
    await _noted(bench, EventType.CONFIG_APPLIED, times)


async def _noted(bench: Bench, kind: EventType, times: int) -> None:
    async with asyncio.timeout(20):
        while times > len([one for one in await bench.stores.events.recent(100, None) if one.type == kind]):
            await asyncio.sleep(0.01)


@asynccontextmanager
async def _following(
    bench: Bench, *readings: Config, deploy: Ref[DeployMessage] | None = None, on_disk: TomlFile | None = None
) -> AsyncIterator[tuple[Ref[ConfigMessage], Problems]]:
    """The first reading is that of the start."""
    desk, stores, file, problems = bench.desk, bench.stores, on_disk or Readings(*readings), Problems()
    journal = Journal(stores.deployments, stores.events, desk.log, CLOCK)
    ref: Ref[ConfigMessage] = Ref("config")

    def build(ref: Ref[Any]) -> ConfigActor:
        return ConfigActor(
            ref,
            file,
            readings[0],
            stores.apps,
            stores.deployments,
            deploy or desk.deploy,
            journal,
            problems,
            Declared(),
            sure_seconds=0.01,
        )

    async with running(build, ref):
        yield ref, problems


async def _stopped_after_an_edit(bench: Bench, *readings: Config) -> list[str]:
    async with _following(bench, *readings) as (ref, _):
        await _applied(bench, 1)
        ref.tell(ConfigEdited())
        await _applied(bench, 2)
    return [one.app for one in bench.orders if isinstance(one, StopApp)]


async def test_an_app_whose_table_is_gone_is_stopped_with_prune(bench: Bench) -> None:
    assert await _stopped_after_an_edit(bench, WHOLE, CUT, CUT) == ["shop"]


async def test_an_app_whose_table_was_only_not_written_yet_is_not_stopped(bench: Bench) -> None:
    assert await _stopped_after_an_edit(bench, WHOLE, CUT, WHOLE) == []


class BusyOnce(Actor[DeployMessage]):
    """A DeployActor that takes up nothing of the first order."""

    expected = (DeploydError,)

    def __init__(self, ref: Ref[DeployMessage], deploy: Ref[DeployMessage]) -> None:
        super().__init__(ref)
        self._deploy = deploy
        self._busy = True

    async def handle(self, message: DeployMessage) -> object:
        if self._busy:
            self._busy = False
            raise StateConflict("The database is being copied; try again.")
        assert isinstance(message, PutApps | RequestDeployment)
        return await self._deploy.ask(message, 5.0)


async def test_apps_that_were_refused_as_a_whole_are_tried_again_at_the_next_edit(bench: Bench) -> None:
    busy: Ref[DeployMessage] = Ref("busy")
    async with (
        running(lambda ref: BusyOnce(ref, bench.desk.deploy), busy),
        _following(bench, WHOLE, WHOLE, deploy=busy) as (ref, problems),
    ):
        await _noted(bench, EventType.CONFIG_REFUSED, 1)
        assert "The database is being copied; try again." in " ".join(problems.all())
        ref.tell(ConfigEdited())
        await _applied(bench, 1)
    assert [app.name for app in await bench.stores.apps.all()] == ["shop"]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (5_000 * "9", "deployd.toml:2:13: A number of 5,000 digits is too long to be read."),
        (400 * "9", "deployd.toml:2:13: `logs.keep_days` must be a whole number from 1 to 1,000,000,000"),
        (5_000 * "[", "deployd.toml:2:1: The lists or tables here are nested too deeply."),
    ],
)
async def test_an_edit_without_end_is_refused_and_the_actor_goes_on(
    bench: Bench, tmp_path: Path, value: str, why: str
) -> None:
    """No restart is allowed here: the first crash would end the test."""
    file = tmp_path / "deployd.toml"
    file.write_text("[logs]\nkeep_days = 1\n")
    on_disk = TomlFile(file)
    async with _following(bench, await on_disk.load(), on_disk=on_disk) as (_, problems):
        await _applied(bench, 1)
        file.write_text(f"[logs]\nkeep_days = {value}\n")
        await _noted(bench, EventType.CONFIG_REFUSED, 1)
        assert why in " ".join(problems.all())
        file.write_text("[logs]\nkeep_days = 2\n")
        await _applied(bench, 2)
        assert problems.all() == []
