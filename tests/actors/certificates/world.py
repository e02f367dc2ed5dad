"""CertificateActor between a real proxy, a real database and a real authority."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from actors.certificates import CertificateActor, CertificateTools
from actors.journal import Journal
from deployd.adapters import acme
from deployd.config import CertificateFiles
from deployd.domain.certificate import Challenge, ChallengeKind, Issued, Order
from deployd.domain.event import Event, EventType
from deployd.domain.ids import AppName
from deployd.domain.route import Address, Route
from deployd.kernel.clock import SystemClock
from deployd.kernel.problems import Problems
from deployd.kernel.ref import Ref
from deployd.messages.certificates import CertificateMessage, HostsRouted
from deployd.messages.log import AppendLines, LogMessage
from deployd.ports.certificate_authority import CertificateAuthority
from deployd.ports.challenge_board import ChallengeBoard
from deployd.ports.route_store import RouteStore
from deployd.ports.stores import Stores
from deployd.proxy.proxy import Proxy
from deployd.proxy.tls.own_files import OwnFiles
from deployd.proxy.tls.pem import read_certificate
from deployd.stores.master_key import MasterKey
from deployd.stores.stores import open_database, open_stores
from tests.contracts.samples import an_app
from tests.support.actor_runner import running
from tests.support.pebble import Pebble, pebble

CONTROL = "deployd.localhost"
SECONDS = 60.0


class MovableClock(SystemClock):
    """The real time, and days on top of it."""

    def __init__(self) -> None:
        self.days_ahead = 0.0

    def now_ms(self) -> int:
        return super().now_ms() + int(self.days_ahead * 86_400_000)


class OnlyBy:
    """A board that offers one kind of proof; with `held`, a proof is only put up once that is set."""

    def __init__(self, board: ChallengeBoard, kind: ChallengeKind, held: asyncio.Event | None = None) -> None:
        self._board = board
        self._kind = kind
        self._held = held
        self.asked = asyncio.Event()
        self.put_up_for: list[str] = []
        self.take_down = board.take_down

    def kinds(self) -> tuple[ChallengeKind, ...]:
        return (self._kind,)

    async def put_up(self, challenge: Challenge) -> None:
        self.put_up_for.append(challenge.name)
        self.asked.set()
        if self._held is not None:
            await self._held.wait()
        await self._board.put_up(challenge)


class SeenRoutes:
    """Counts how often the routes were looked at."""

    def __init__(self, store: RouteStore) -> None:
        self.put = store.put
        self.get = store.get
        self.remove = store.remove
        self.listed = store.listed
        self._store = store
        self.looks = 0

    async def all(self) -> list[Route]:
        self.looks += 1
        return await self._store.all()


class World:
    def __init__(self, folder: Path, stores: Stores) -> None:
        self.folder = folder
        self.stores = stores
        self.routes = SeenRoutes(stores.routes)
        self.clock = MovableClock()
        self.warnings = Problems()
        self.log: Ref[LogMessage] = Ref("log", 10_000)
        self.journal = Journal(stores.deployments, stores.events, self.log, self.clock)
        self.proxy = Proxy(control_hosts=frozenset({CONTROL}), control=_no_control, on_access=lambda _: None)
        self.http_port = 0
        self.https_port = 0

    async def listen(self) -> None:
        self.http_port = await self.proxy.listen("127.0.0.1", 0)
        door = socket.create_server(("127.0.0.1", 0))
        self.https_port = door.getsockname()[1]
        await self.proxy.accept_tls_from(door)

    async def route(self, *hosts: str, app: str = "shop", port: int = 0) -> None:
        """Also writes the row, as ProxyActor does. Without a `port` the app is closed."""
        targets = (Address(host="127.0.0.1", port=port),) if port else ()
        closed = None if port else "not there"
        route = Route(app=AppName(app), hosts=hosts, release=1, targets=targets, closed_because=closed)
        await self.stores.apps.put(an_app(app))
        self.proxy.switch(route)
        await self.stores.routes.put(route)

    def authority(self, pebble: Pebble) -> CertificateAuthority:
        return acme.connect(pebble.directory, "", str(pebble.ca_file), self.clock)

    @asynccontextmanager
    async def actor(
        self,
        authority: CertificateAuthority | None,
        board: ChallengeBoard | None = None,
        files: Sequence[CertificateFiles] = (),
    ) -> AsyncIterator[Ref[CertificateMessage]]:
        """Runs one, whose authority is closed with it."""
        tools = CertificateTools(
            authority=authority,
            public=False,
            store=self.stores.certificates,
            routes=self.routes,
            files=OwnFiles(files),
            shelf=self.proxy.certificates,
            board=board or self.proxy.board,
            read=read_certificate,
            journal=self.journal,
            warnings=self.warnings,
            clock=self.clock,
            random=lambda: 0.5,
            control_host=CONTROL,
            accepting=lambda: self.proxy.accepting,
        )
        ref: Ref[CertificateMessage] = Ref("certificates")
        try:
            async with running(lambda ref: CertificateActor(ref, tools), ref):
                yield ref
        finally:
            if authority is not None:
                await authority.close()

    async def until_issued(self, name: str, other_than: str = "") -> Issued:
        """An order that failed is tried again minutes later: what the actor said of it is the failure here."""
        async with asyncio.timeout(SECONDS):
            while True:
                for issued in await self.stores.certificates.certificates():
                    chain = issued.certificate.chain
                    if issued.name == name and chain != other_than and self._serves(name, chain):
                        return issued
                for order in await self.stores.certificates.orders():
                    assert order.name != name or not order.reason, order.reason
                await asyncio.sleep(0.05)

    def _serves(self, name: str, chain: str) -> bool:
        served = self.proxy.certificates.served().get(name)
        return served is not None and served.chain == chain

    async def until_put_off(self, name: str, failures: int = 1) -> Order:
        async with asyncio.timeout(SECONDS):
            while True:
                for order in await self.stores.certificates.orders():
                    if order.name == name and order.failures >= failures:
                        return order
                await asyncio.sleep(0.05)

    async def until_noted(self, kind: EventType) -> Event:
        async with asyncio.timeout(SECONDS):
            while True:
                for event in await self.stores.events.recent(100):
                    if event.type == kind:
                        return event
                await asyncio.sleep(0.05)

    def said(self) -> list[str]:
        """The log lines that were written since the last time."""
        return [
            line.text
            for letter in self.log.mailbox.batch(10_000)
            if isinstance(letter, AppendLines)
            for line in letter.lines
        ]


@asynccontextmanager
async def a_world(folder: Path) -> AsyncIterator[World]:
    database = await open_database(folder / "deployd.db", "")
    world = World(folder, open_stores(database, MasterKey(bytes(range(32)))))
    try:
        await world.listen()
        yield world
    finally:
        await world.proxy.close(0)
        await database.close()


@asynccontextmanager
async def an_authority(world: World, **settings: str) -> AsyncIterator[Pebble]:
    async with pebble(world.folder / "pebble", world.http_port, world.https_port, settings) as running:
        yield running


async def served_chain(port: int, name: str, root: str, protocols: Sequence[str] = ("http/1.1",)) -> bytes:
    """The leaf (DER) that a client which checks everything gets; ssl.SSLError or ConnectionError otherwise."""
    trusted = ssl.create_default_context(cadata=root)
    trusted.set_alpn_protocols(list(protocols))
    async with asyncio.timeout(10):
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusted, server_hostname=name)
    leaf: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    return leaf


def client(root: str) -> aiohttp.TCPConnector:
    """Trusts only what `root` has signed, and finds every name at 127.0.0.1."""
    return aiohttp.TCPConnector(ssl=ssl.create_default_context(cadata=root), resolver=_Loopback(), force_close=True)


class _Loopback(aiohttp.abc.AbstractResolver):
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[aiohttp.abc.ResolveResult]:
        return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": family, "proto": 0, "flags": 0}]

    async def close(self) -> None: ...


def _no_control() -> asyncio.Protocol:
    raise AssertionError("no request of these tests is for the control host")


def look(ref: Ref[CertificateMessage]) -> None:
    assert ref.tell(HostsRouted())
