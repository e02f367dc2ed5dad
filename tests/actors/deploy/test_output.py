"""What is left of an instance's output when it ends."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from actors.deploy.fleet import Fleet
from actors.journal import Journal
from deployd.domain.app import App, AppSettings
from deployd.domain.ids import AppName, DeploymentId, InstanceId
from deployd.domain.instance import Instance, InstanceState
from deployd.kernel.actor import Actor
from deployd.kernel.clock import SystemClock
from deployd.kernel.ref import Ref
from deployd.logs.sqlite import SqliteLogStore
from deployd.messages.log import AppendAt, AppendLines, LogMessage
from deployd.runtimes.output_reader import InotifyOutputReader
from deployd.runtimes.process import ProcessRuntime
from deployd.stores.master_key import MasterKey
from deployd.stores.sqlite import SqliteDatabase
from deployd.stores.stores import open_stores
from tests.actors.deploy.partial_tools import partial_tools
from tests.support.actor_runner import running

SHOP = AppName("shop")
LINES = [f"line {number:06}" for number in range(100_000)]
ENDED = Instance(
    id=InstanceId("ins-1"),
    app=SHOP,
    release=1,
    deployment=DeploymentId("dep-1"),
    process="web.1",
    state=InstanceState.CRASHED,
    created_ms=0,
)


class BusyLog(Actor[LogMessage]):
    """Never comes to the end of what is at the file's beginning."""

    def __init__(self, ref: Ref[LogMessage]) -> None:
        super().__init__(ref)
        self.stored: list[str] = []

    async def handle(self, message: LogMessage) -> object:
        match message:
            case AppendAt(lines=lines, position=position) if position.offset < 500_000:
                return self.spawn(asyncio.Event().wait(), name="busy")
            case AppendAt(lines=lines, position=position):
                self.stored += [line.text for line in lines]
                return position.offset
            case AppendLines(lines=lines):
                self.stored += [line.text for line in lines]
            case _:
                raise AssertionError(message)
        return None


class Yard:
    def __init__(self, fleet: Fleet, log: BusyLog, stores: Any, output: Path) -> None:
        self.fleet = fleet
        self.log = log
        self.stores = stores
        self.output = output


@pytest.fixture
async def yard(tmp_path: Path) -> AsyncIterator[Yard]:
    async with AsyncExitStack() as stack:
        database = await SqliteDatabase.open(tmp_path / "deployd.db")
        stack.push_async_callback(database.close)
        stores = open_stores(database, MasterKey(bytes(32)))
        await stores.apps.put(App(name=SHOP, settings=AppSettings(repo="https://git.test/shop.git"), created_ms=0))
        logs = await SqliteLogStore.open(tmp_path / "logs.db")
        stack.push_async_callback(logs.close)
        runtime = ProcessRuntime(tmp_path, SystemClock())
        stack.callback(runtime.close)
        ref = Ref[Any]("log")
        log = await stack.enter_async_context(running(BusyLog, ref))
        tools = partial_tools(
            stores,
            SystemClock(),
            journal=Journal(stores.deployments, stores.events, ref, SystemClock()),
            logs=logs,
            runtime=runtime,
            output=InotifyOutputReader(),
            log=ref,
        )
        fleet = Fleet(tools, _nobody_follows, lambda *_: None, rest_of_output_seconds=0.5)
        yield Yard(fleet, log, stores, runtime.output(ENDED))


def _nobody_follows(work: Coroutine[Any, Any, None], _: str) -> asyncio.Task[None]:
    raise AssertionError(work)


async def test_the_end_of_an_output_that_cannot_be_stored_in_time_is_kept_and_the_rest_is_counted(yard: Yard) -> None:
    await yard.stores.instances.put(ENDED)
    yard.output.write_text("\n".join(LINES) + "\n")
    assert await yard.fleet.retire(ENDED) == LINES[-20:]
    first, *rest = yard.log.stored
    assert first.endswith(" bytes of output of web.1 are left out: more came than could be stored.")
    assert rest[1:] == LINES[-len(rest) + 1 :]
    left_out = int(first.split()[0].replace(",", ""))
    assert left_out + len("\n".join(rest)) == len("\n".join(LINES))
    assert await yard.stores.instances.of_app(SHOP) == []
    assert not yard.output.exists()


async def test_the_last_lines_that_a_crash_is_told_with_are_bounded(yard: Yard) -> None:
    await yard.stores.instances.put(ENDED)
    yard.output.write_text("\n" * 500_000 + "\n".join(["z" * 10_000] * 30 + ["TypeError: x"]))
    *long, last = await yard.fleet.retire(ENDED)
    assert last == "TypeError: x"
    assert long == ["z" * 1_999 + "…"] * 19
