"""A real proxy on port 0, and what it hands to the access log."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from deployd.domain.edge import EdgeSettings
from deployd.domain.ids import AppName
from deployd.domain.route import Address, Route, StaticSite
from deployd.proxy.access import AccessRecord
from deployd.proxy.limits import ProxyLimits
from deployd.proxy.proxy import Proxy

APP = AppName("app")
HOSTS = ("app.test",)
NO_SETTINGS = EdgeSettings()
QUICK_RECORDS = ProxyLimits(access_batch_seconds=0.01)
Control = Callable[[], asyncio.Protocol]


class Bench:
    """The proxy under test with its port and its records."""

    def __init__(
        self,
        limits: ProxyLimits,
        control: Control,
        trusted: frozenset[str],
        proxy_protocol: bool = False,
        http2: bool = False,
    ) -> None:
        self.records: list[AccessRecord] = []
        self._arrived = asyncio.Event()
        self.proxy = Proxy(
            control_hosts=frozenset({"control.test"}),
            control=control,
            on_access=self._note,
            limits=limits,
            trusted=trusted,
            proxy_protocol=proxy_protocol,
            http2=http2,
        )
        self.port = 0

    def route(
        self,
        *targets: Address,
        release: int = 1,
        site: StaticSite | None = None,
        closed: str | None = None,
        edge: EdgeSettings = NO_SETTINGS,
        hosts: tuple[str, ...] = HOSTS,
    ) -> None:
        self.proxy.switch(
            Route(app=APP, hosts=hosts, release=release, targets=targets, site=site, closed_because=closed, edge=edge)
        )

    async def recorded(self, count: int) -> list[AccessRecord]:
        async with asyncio.timeout(5):
            while len(self.records) < count:
                self._arrived.clear()
                await self._arrived.wait()
        return self.records

    def _note(self, records: Sequence[AccessRecord]) -> None:
        self.records.extend(records)
        self._arrived.set()


def no_control() -> asyncio.Protocol:
    raise AssertionError("no request of this test is for the control host")


class MakeBench(Protocol):
    def __call__(
        self,
        *,
        control: Control = no_control,
        trusted: frozenset[str] = frozenset(),
        limits: ProxyLimits = QUICK_RECORDS,
        proxy_protocol: bool = False,
        http2: bool = False,
    ) -> Awaitable[Bench]: ...
