"""What serves is asked again and again; who is not well gets no requests while somebody else can."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from actors.deploy.fleet import Fleet
from actors.deploy.pulse import Pulse
from actors.proxy import ProxyActor
from deployd.adapters.http_probe.probe import AiohttpProbe
from deployd.domain.app import App, AppSettings
from deployd.domain.build import BuildPlan
from deployd.domain.edge import EdgeSettings
from deployd.domain.event import EventType
from deployd.domain.ids import AppName, DeploymentId, InstanceId
from deployd.domain.instance import Instance, InstanceState
from deployd.domain.route import Address, Route
from deployd.kernel.clock import SystemClock
from deployd.kernel.ref import Ref
from deployd.messages.proxy import ProxyMessage, SwitchTraffic
from deployd.ports.stores import Stores
from deployd.proxy.proxy import Proxy
from deployd.stores.master_key import MasterKey
from deployd.stores.sqlite import SqliteDatabase
from deployd.stores.stores import open_stores
from tests.actors.deploy.partial_tools import partial_tools
from tests.deployd.proxy.rig import no_control
from tests.deployd.proxy.wire import Conversation, Upstream
from tests.support.actor_runner import running

SHOP = AppName("shop")


class Patient(Upstream):
    """A server whose health the test decides."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.well = True
        self.hosts: set[bytes] = set()

    async def _answer(self, conversation: Conversation) -> None:
        request = await conversation.request()
        self.hosts.add(request.field("host") or b"")
        status = 200 if self.well else 500
        await conversation.send(b"HTTP/1.1 %d Word\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % status)


class Ward:
    """The pulse with real stores, a real proxy and real servers."""

    def __init__(self, stores: Stores, proxy: Ref[ProxyMessage], health: AiohttpProbe) -> None:
        nobody = cast(Any, None)
        self.stores = stores
        self.proxy = proxy
        self.tools = partial_tools(stores, SystemClock(), health=health, proxy=proxy)
        self.fleet = Fleet(self.tools, nobody, nobody)
        self.pulse = Pulse(self.tools, self.fleet)
        self.patients: list[Patient] = []

    async def upstream_app(self, **settings: Any) -> App:
        app = App(
            name=SHOP,
            settings=AppSettings(upstream=tuple(str(one.address) for one in self.patients), **settings),
            created_ms=0,
        )
        await self.stores.apps.put(app)
        await self.route(*[patient.address for patient in self.patients])
        return app

    async def route(self, *targets: Address, release: int | None = None) -> None:
        route = Route(app=SHOP, hosts=("shop.test",), targets=targets, release=release)
        await self.proxy.ask(SwitchTraffic(route=route), 5)

    async def targets(self) -> tuple[Address, ...]:
        route = await self.stores.routes.get(SHOP)
        assert route is not None
        return route.targets

    async def events(self) -> list[tuple[str, str]]:
        kinds = (EventType.TARGET_TAKEN_OUT, EventType.TARGET_TAKEN_BACK)
        return [(one.type, one.subject) for one in reversed(await self.stores.events.recent(50)) if one.type in kinds]

    async def rounds(self, app: App, count: int) -> list[int]:
        """How many targets there are after each of so many rounds."""
        found = []
        for _ in range(count):
            await self.pulse.check(app)
            found.append(len(await self.targets()))
        return found


@asynccontextmanager
async def opened_ward(folder: Path, patients: int) -> AsyncIterator[Ward]:
    async with AsyncExitStack() as stack:
        database = await SqliteDatabase.open(folder / "deployd.db")
        stack.push_async_callback(database.close)
        stores = open_stores(database, MasterKey(bytes(32)))
        health = AiohttpProbe()
        stack.push_async_callback(health.close)
        plane = Proxy(control_hosts=frozenset(), control=no_control, on_access=lambda _: None)
        stack.push_async_callback(plane.close, 0)
        ref: Ref[ProxyMessage] = Ref("proxy")
        await stack.enter_async_context(running(lambda ref: ProxyActor(ref, plane, stores.routes), ref))
        ward = Ward(stores, ref, health)
        for _ in range(patients):
            patient = Patient()
            await patient.open()
            stack.push_async_callback(patient.close)
            ward.patients.append(patient)
        yield ward


@pytest.fixture
async def ward(tmp_path: Path) -> AsyncIterator[Ward]:
    async with opened_ward(tmp_path, 2) as ward:
        yield ward


async def test_three_misses_take_a_target_out_and_two_successes_back_in(ward: Ward) -> None:
    app = await ward.upstream_app()
    sick = ward.patients[0]
    assert await ward.rounds(app, 1) == [2]
    sick.well = False
    assert await ward.rounds(app, 5) == [2, 2, 1, 1, 1]
    assert await ward.targets() == (ward.patients[1].address,)
    sick.well = True
    assert await ward.rounds(app, 3) == [1, 2, 2]
    name = str(sick.address)
    assert await ward.events() == [("target.taken_out", name), ("target.taken_back", name)]


async def test_a_success_between_two_misses_starts_the_count_over(ward: Ward) -> None:
    app = await ward.upstream_app()
    for well in (False, False, True, False, False):
        ward.patients[0].well = well
        assert await ward.rounds(app, 1) == [2]
    assert await ward.events() == []


async def test_when_none_is_well_all_go_on_getting_requests(ward: Ward) -> None:
    app = await ward.upstream_app()
    for patient in ward.patients:
        patient.well = False
    assert await ward.rounds(app, 4) == [2, 2, 2, 2]
    ward.patients[1].well = True
    assert await ward.rounds(app, 2) == [2, 1]


async def test_the_only_target_is_never_taken_out_but_told_of(tmp_path: Path) -> None:
    async with opened_ward(tmp_path, 1) as ward:
        app = await ward.upstream_app()
        ward.patients[0].well = False
        assert await ward.rounds(app, 5) == [1, 1, 1, 1, 1]
        assert [kind for kind, _ in await ward.events()] == ["target.taken_out"]


async def test_targets_are_asked_under_a_name_that_the_app_is_served_at(ward: Ward) -> None:
    app = await ward.upstream_app(domains=("*.shop.test", "shop.test/api"))
    await ward.rounds(app, 1)
    assert ward.patients[0].hosts == {b"shop.test"}


async def test_instances_of_the_release_that_serves_are_watched_and_no_others(ward: Ward) -> None:
    app = App(name=SHOP, settings=AppSettings(repo="https://git.test/shop.git"), created_ms=0)
    await ward.stores.apps.put(app)
    plan = BuildPlan(builder="test", why="a test", processes={"web": "serve"})
    release = await ward.stores.releases.add(SHOP, "art", "c" * 40, "one", plan, 1, 0)
    addresses = [patient.address for patient in ward.patients]
    for number, address in enumerate((*addresses, Address(host="127.0.0.1", port=1))):
        instance = Instance(
            id=InstanceId(f"ins-{number}"),
            app=SHOP,
            release=release.number if number < 2 else release.number + 1,
            deployment=DeploymentId("dep"),
            process=f"web.{number}",
            state=InstanceState.RUNNING,
            created_ms=0,
            port=address.port,
        )
        await ward.stores.instances.put(instance)
    await ward.route(*addresses, release=release.number)
    ward.patients[1].well = False
    assert await ward.rounds(app, 3) == [2, 2, 1]
    ward.patients[1].well = True
    assert await ward.rounds(app, 2) == [1, 2]
    assert set(await ward.targets()) == set(addresses)


async def test_a_route_that_was_changed_meanwhile_is_left_alone(ward: Ward) -> None:
    app = await ward.upstream_app()
    ward.patients[0].well = False
    await ward.rounds(app, 2)
    changed = msgspec.structs.replace(app, settings=msgspec.structs.replace(app.settings, health="/up"))
    await ward.stores.apps.put(changed)
    assert await ward.rounds(app, 1) == [2]
    assert await ward.rounds(changed, 1) == [1]


async def test_watching_goes_on_by_itself_and_stops_when_it_is_told_so(ward: Ward) -> None:
    app = await ward.upstream_app(proxy=EdgeSettings(health_seconds=0.05))
    ward.patients[0].well = False
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(ward.pulse.watch())
        async with asyncio.timeout(20):
            while len(await ward.targets()) == 2:
                await asyncio.sleep(0.01)
            unwatched = msgspec.structs.replace(app.settings, proxy=EdgeSettings(health_seconds=0))
            await ward.stores.apps.put(msgspec.structs.replace(app, settings=unwatched))
            while len(await ward.targets()) == 1:
                await asyncio.sleep(0.01)
        watching.cancel()
