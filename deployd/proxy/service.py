"""An app as the data plane sees it: what serves it now, what still drains, and what was counted."""

import asyncio

from deployd.domain.deployment import SwitchReport
from deployd.domain.ids import AppName
from deployd.domain.route import Route
from deployd.proxy.target import Backend, SiteBackend, Target


class Tally:
    """What ended since the last swap."""

    __slots__ = ("by_new", "by_old", "cut", "failed")

    def __init__(self) -> None:
        self.by_old = 0
        self.by_new = 0
        self.failed = 0
        self.cut = 0


class Service:
    """Changed only by `switch`, in one step of the event loop: a request sees all of it old or all new."""

    def __init__(self, app: AppName) -> None:
        self.app = app
        self.release: int | None = None
        self.targets: tuple[Target, ...] = ()
        self.site: SiteBackend | None = None
        self.closed_because: str | None = None
        self.statuses = [0] * 6
        self.failed = 0
        self._former: set[Backend] = set()
        self._tally = Tally()
        self._drained = asyncio.Event()
        self._drained.set()

    def switch(self, route: Route) -> None:
        """Targets whose address stays keep their pool and counts; the others get nothing new from now on."""
        known = {target.address: target for target in (*self._former, *self.targets) if isinstance(target, Target)}
        targets = tuple(known.get(address) or Target(address) for address in route.targets)
        site = self.site
        if site is None or route.site != site.site:
            site = None if route.site is None else SiteBackend(route.site)
        before = self.backends()
        self.release, self.targets, self.site = route.release, targets, site
        self.closed_because = route.closed_because
        for target in targets:
            target.revive()
        self._retire(before)
        self._tally = Tally()

    def retire(self) -> None:
        """The app is no longer routed: what is in flight may finish."""
        before = self.backends()
        self.targets, self.site = (), None
        self._retire(before)

    def backends(self) -> tuple[Backend, ...]:
        return (*self.targets, self.site) if self.site is not None else self.targets

    def in_flight(self) -> int:
        return sum(len(backend.exchanges) for backend in {*self.backends(), *self._former})

    async def drain(self, seconds: float) -> SwitchReport:
        """Waits until nothing is in flight on former backends, then or after `seconds` says what was counted."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        tally = self._tally
        try:
            async with asyncio.timeout(seconds):
                await self._drained.wait()
        except TimeoutError:
            for exchange in [exchange for backend in self._former for exchange in backend.exchanges]:
                exchange.cut()
        return SwitchReport(
            served_by_old=tally.by_old,
            served_by_new=tally.by_new,
            failed=tally.failed,
            cut=tally.cut,
            drain_seconds=round(loop.time() - started, 3),
        )

    def count(self, status: int, backend: Backend | None, failed: bool, cut: bool) -> None:
        """An exchange ended; `backend` no longer holds it."""
        self.statuses[status // 100 if 100 <= status < 600 else 0] += 1
        tally = self._tally
        if cut:
            tally.cut += 1
        elif failed:
            tally.failed += 1
            self.failed += 1
        elif backend is not None and backend.draining:
            tally.by_old += 1
        else:
            tally.by_new += 1
        if backend is not None:
            self.unbound(backend)

    def unbound(self, backend: Backend) -> None:
        """One exchange less; the last one on a former backend ends the drain."""
        if backend.draining and not backend.exchanges:
            self._former.discard(backend)
            if not self._former:
                self._drained.set()

    def _retire(self, before: tuple[Backend, ...]) -> None:
        now = self.backends()
        for backend in before:
            if backend not in now:
                backend.drain()
                if backend.exchanges:
                    self._former.add(backend)
        self._former.difference_update(now)
        if self._former:
            self._drained.clear()
        else:
            self._drained.set()
