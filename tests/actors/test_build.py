"""Whatever one build runs into, the others go on, and the actor with them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from actors.build import BuildActor, BuildTools
from actors.journal import Journal
from deployd.config import DeployConfig
from deployd.domain.app import App, AppSettings
from deployd.domain.build import BuildPlan, BuildWishes
from deployd.domain.deployment import Deployment, Stage, Trigger
from deployd.domain.ids import AppName, DeploymentId
from deployd.domain.repository_address import RepositoryAddress
from deployd.domain.secret import Secret
from deployd.kernel.budget import Budget
from deployd.kernel.failure import ActorFailure, Next
from deployd.kernel.ref import Ref
from deployd.kernel.supervisor import ChildSpec, GiveUp, Supervisor
from deployd.messages.build import BuildMessage, StartBuild
from deployd.messages.deploy import BuildEnded, DeployMessage
from deployd.messages.log import LogMessage
from deployd.ports.source_repository import Commit
from deployd.stores.master_key import MasterKey
from deployd.stores.sqlite import SqliteDatabase
from deployd.stores.stores import open_stores
from tests.deployd.kernel.stage import HandClock

SHOP = AppName("shop")


class Sources:
    async def fetch(
        self,
        app: AppName,
        repo: RepositoryAddress,
        ref: str | None,
        on_line: Callable[[str], None],
        key: Secret | None = None,
    ) -> Commit:
        return Commit(sha="c" * 40, message="A commit")

    async def checkout(self, app: AppName, commit: Commit, folder: Path) -> None:
        pass

    async def forget(self, app: AppName) -> None:
        pass


class Builder:
    """Plans fail in a way that nobody foresaw, but for the one build that waits in `build` for the test."""

    def __init__(self) -> None:
        self.steady = ""
        self.building = asyncio.Event()
        self.go_on = asyncio.Event()

    def warnings(self) -> tuple[str, ...]:
        return ()

    async def look(self) -> None:
        pass

    def expect(self) -> None:
        pass

    async def plan(self, project: Path, wishes: BuildWishes) -> BuildPlan:
        if project.name != self.steady:
            raise KeyError("a line that no one thought of")
        return BuildPlan(builder="test", why="a test")

    async def build(
        self, project: Path, plan: BuildPlan, env: Mapping[str, str], cache: Path, on_line: Callable[[str], None]
    ) -> BuildPlan:
        self.building.set()
        await self.go_on.wait()
        return plan

    async def settle(self, cache: Path) -> None:
        pass

    async def tidy(self, cache: Path) -> str | None:
        raise ZeroDivisionError


class Artifacts:
    async def pack(self, folder: Path, apart: Collection[str] = (), memory: str = "") -> str:
        return "digest"

    async def unpack(self, digest: str, folder: Path) -> None:
        pass

    async def keep_only(self, digests: set[str]) -> int:
        return 0


class Site:
    def __init__(self, database: SqliteDatabase, folder: Path) -> None:
        self.stores = open_stores(database, MasterKey(bytes(32)))
        self.builder = Builder()
        self.build: Ref[BuildMessage] = Ref("build")
        self.deploy: Ref[DeployMessage] = Ref("deploy")
        self.failures: list[ActorFailure] = []
        clock, log = HandClock(), Ref[LogMessage]("log")
        self.journal = Journal(self.stores.deployments, self.stores.events, log, clock)
        tools = BuildTools(
            stores=self.stores,
            sources=Sources(),
            builder=self.builder,
            artifacts=Artifacts(),
            journal=self.journal,
            folder=folder / "builds",
            caches=folder / "caches",
            clock=clock,
        )
        config = DeployConfig(builds_at_once=30)
        self.supervisor = Supervisor(
            "test",
            [
                ChildSpec(
                    ref=self.build,
                    build=lambda ref: BuildActor(ref, tools, config, self.deploy, log),
                    give_up=GiveUp.PARK,
                )
            ],
            budget=Budget(restarts=3),
            report=self.failures.append,
        )

    async def ask_for(self, name: str) -> DeploymentId:
        deployment = Deployment(
            id=DeploymentId(name), app=SHOP, trigger=Trigger.CLI, by="tests", stage=Stage.QUEUED, requested_ms=0
        )
        await self.journal.begin(deployment)
        self.build.tell(StartBuild(deployment=deployment.id))
        return deployment.id

    async def ended(self, count: int) -> list[BuildEnded]:
        """Once so many have."""
        ended: list[BuildEnded] = []
        async with asyncio.timeout(20):
            while len(ended) < count:
                ended += [one for one in self.deploy.mailbox.batch(100) if isinstance(one, BuildEnded)]
                await asyncio.sleep(0.01)
        return ended


@asynccontextmanager
async def a_site(folder: Path) -> AsyncIterator[Site]:
    database = await SqliteDatabase.open(folder / "deployd.db")
    site = Site(database, folder)
    await site.stores.apps.put(App(name=SHOP, settings=AppSettings(repo="https://example.com/shop.git"), created_ms=0))
    await site.supervisor.start()
    try:
        yield site
    finally:
        await site.supervisor.stop()
        await database.close()


async def test_builds_that_nobody_foresaw_fail_alone_and_use_up_no_restart(tmp_path: Path) -> None:
    count = 20
    async with a_site(tmp_path) as site:
        site.builder.steady = "steady"
        await site.ask_for("steady")
        await asyncio.wait_for(site.builder.building.wait(), 10)
        for number in range(count):
            await site.ask_for(f"broken-{number}")
        broken = await site.ended(count)
        site.builder.go_on.set()
        (steady,) = await site.ended(1)
        (status,) = site.supervisor.status()

    assert {one.deployment for one in broken} == {f"broken-{number}" for number in range(count)}
    assert {one.error for one in broken} == {
        "deployd failed at building (KeyError: 'a line that no one thought of'): that is a fault in deployd, "
        "whose own log has the details; report it."
    }
    assert (steady.deployment, steady.error) == ("steady", None)
    assert (status.restarts, status.state) == (0, "running")
    assert {failure.next for failure in site.failures} == {Next.GO_ON}
    assert {type(failure.crash.error) for failure in site.failures} == {KeyError, ZeroDivisionError}
