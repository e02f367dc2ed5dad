"""A deployment never stays unfinished, even when there is nobody left who would build it or report its end."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from actors.build import BuildActor
from actors.deploy import DeployActor
from actors.deploy.builds import Builds
from deployd.config import DeployConfig
from deployd.domain.app import App, AppSettings
from deployd.domain.deployment import Deployment, Outcome, Stage, Trigger
from deployd.domain.errors import StateConflict
from deployd.domain.ids import AppName, DeploymentId
from deployd.kernel.backoff import Backoff
from deployd.kernel.budget import Budget
from deployd.kernel.ref import Ref
from deployd.kernel.supervisor import ChildSpec, GiveUp, Supervisor
from deployd.messages.build import BuildMessage, CancelBuild, StartBuild
from deployd.messages.deploy import DeployMessage, LookAfterBuilds, RequestDeployment
from deployd.stores.master_key import MasterKey
from deployd.stores.sqlite import SqliteDatabase
from deployd.stores.stores import open_stores
from tests.actors.deploy.partial_tools import partial_tools
from tests.deployd.kernel.stage import HandClock
from tests.support.actor_runner import running

SHOP = AppName("shop")


class Site:
    """DeployActor's world as far as builds are concerned; BuildActor's mailbox is read by the test."""

    def __init__(self, database: SqliteDatabase) -> None:
        self.clock = HandClock()
        self.build: Ref[BuildMessage] = Ref("build")
        self.stores = open_stores(database, MasterKey(bytes(32)))
        self.tools = partial_tools(
            self.stores,
            self.clock,
            config=DeployConfig(fetch_seconds=100, build_seconds=1_000),
            proxy=Ref("proxy"),
            build=self.build,
        )

    async def deployment(self, name: str, stage: Stage = Stage.QUEUED) -> Deployment:
        made = Deployment(
            id=DeploymentId(name), app=SHOP, trigger=Trigger.CLI, by="tests", stage=Stage.QUEUED, requested_ms=0
        )
        await self.tools.journal.begin(made)
        if stage is not Stage.QUEUED:
            await self.stores.deployments.move(made.id, Stage.QUEUED, stage, 0)
        return await self.stores.deployments.get(made.id)

    async def outcomes(self) -> dict[str, Outcome | None]:
        return {one.id: one.outcome for one in await self.stores.deployments.of_app(SHOP, 10)}

    def told(self) -> list[object]:
        return list(self.build.mailbox.batch(len(self.build.mailbox)))


@asynccontextmanager
async def _site(folder: Path) -> AsyncIterator[Site]:
    async with AsyncExitStack() as stack:
        database = await SqliteDatabase.open(folder / "deployd.db")
        stack.push_async_callback(database.close)
        site = Site(database)
        settings = AppSettings(repo="https://example.com/shop.git")
        await site.stores.apps.put(App(name=SHOP, settings=settings, created_ms=0))
        yield site


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with _site(tmp_path) as site:
        yield site


@asynccontextmanager
async def given_up(build: Ref[BuildMessage]) -> AsyncIterator[None]:
    """BuildActor fails at each start, until its supervisor has had enough."""

    def broken(ref: Ref[BuildMessage]) -> BuildActor:
        raise ValueError("no builds today")

    supervisor = Supervisor(
        "test",
        [ChildSpec(ref=build, build=broken, give_up=GiveUp.PARK)],
        backoff=Backoff(first_seconds=0.0),
        budget=Budget(restarts=0),
        report=lambda failure: None,
    )
    await supervisor.start()
    try:
        yield
    finally:
        await supervisor.stop()


@pytest.mark.parametrize(("stage", "seconds"), [(Stage.FETCHING, 100), (Stage.BUILDING, 1_000), (Stage.PACKING, 100)])
async def test_a_build_that_is_far_beyond_its_deadline_is_ended_and_cancelled(
    site: Site, stage: Stage, seconds: int
) -> None:
    builds, lost = Builds(site.tools), await site.deployment("dep_1", stage)
    await builds.end_lost([lost])
    site.clock.seconds += seconds + 59
    await builds.end_lost([lost])
    assert await site.outcomes() == {"dep_1": None}
    site.clock.seconds += 2
    await builds.end_lost([lost])
    assert await site.outcomes() == {"dep_1": Outcome.FAILED}
    assert site.told() == [CancelBuild(deployment=lost.id)]
    reason = (await site.stores.deployments.get(lost.id)).reason
    assert reason == f"{stage.capitalize()} did not end within {seconds} s, and could not be stopped."


async def test_each_stage_has_its_own_time(site: Site) -> None:
    builds, one = Builds(site.tools), await site.deployment("dep_1", Stage.FETCHING)
    await builds.end_lost([one])
    site.clock.seconds += 150
    await site.stores.deployments.move(one.id, Stage.FETCHING, Stage.DETECTING, 0)
    await builds.end_lost(await site.stores.deployments.unfinished())
    site.clock.seconds += 150
    await builds.end_lost(await site.stores.deployments.unfinished())
    assert await site.outcomes() == {"dep_1": None}


async def test_a_rollout_has_deadlines_of_its_own(site: Site) -> None:
    builds, one = Builds(site.tools), await site.deployment("dep_1", Stage.STARTING)
    await builds.end_lost([one])
    site.clock.seconds += 1_000_000
    await builds.end_lost([one])
    assert await site.outcomes() == {"dep_1": None}


async def test_builds_of_an_actor_that_was_given_up_end_and_new_ones_are_refused(site: Site) -> None:
    ref: Ref[DeployMessage] = Ref("deploy")
    await site.deployment("dep_1", Stage.BUILDING)
    await site.deployment("dep_2")
    async with running(lambda ref: DeployActor(ref, site.tools), ref), given_up(site.build):
        ref.tell(LookAfterBuilds())
        with pytest.raises(StateConflict, match="BuildActor failed too often"):
            await ref.ask(RequestDeployment(app=SHOP, trigger=Trigger.CLI, by="tests"), 5)
        assert await site.outcomes() == {"dep_1": Outcome.INTERRUPTED, "dep_2": Outcome.FAILED}
        assert await site.stores.deployments.unfinished() == []


async def test_a_build_that_a_crashed_actor_forgot_is_handed_over_again(site: Site) -> None:
    ref: Ref[DeployMessage] = Ref("deploy")
    async with running(lambda ref: DeployActor(ref, site.tools), ref):
        asked = RequestDeployment(app=SHOP, trigger=Trigger.CLI, by="tests")
        deployment = await ref.ask(asked, 5)
        assert site.told() == [StartBuild(deployment=deployment.id)]  # and BuildActor is gone with it
        ref.tell(LookAfterBuilds())
        await ref.ask(asked, 5)
        assert StartBuild(deployment=deployment.id) in site.told()


async def test_a_build_that_stops_with_deployd_stays_for_the_next_one(site: Site) -> None:
    """BuildActor is stopped before DeployActor; that is no failure."""
    builds, queued = Builds(site.tools), await site.deployment("dep_1")
    site.build.mailbox.close()
    builds.check()
    assert await builds.start(queued)
    assert await site.outcomes() == {"dep_1": None}
