"""An app as the data plane sees it: what serves it now, what still drains, and what was counted."""

import asyncio
from typing import TYPE_CHECKING

from deployd.domain.canary_verdict import Counts, Traffic
from deployd.domain.deployment import SwitchReport
from deployd.domain.edge import EdgeSettings, Reuse
from deployd.domain.ids import AppName
from deployd.domain.place import Place
from deployd.domain.route import Address, Route
from deployd.proxy.doorman import Doorman
from deployd.proxy.error_pages import ErrorPages
from deployd.proxy.leaving import ask_to_leave
from deployd.proxy.sticky import Sticky
from deployd.proxy.target import Backend, SiteBackend, Target

if TYPE_CHECKING:
    from deployd.proxy.exchange import Exchange
    from deployd.proxy.plane import Plane
    from deployd.proxy.variant import Split


class Tally:
    """What ended since the last swap; of the `failed`, the former targets had no part in the `broken`."""

    __slots__ = ("broken", "by_new", "by_old", "cut", "errors", "failed", "longest_wait")

    def __init__(self) -> None:
        self.by_old = 0
        self.by_new = 0
        self.errors = 0
        self.failed = 0
        self.broken = 0
        self.cut = 0
        self.longest_wait = 0.0

    def after(self, earlier: Counts) -> Counts:
        """What the release that serves did until now, if it had done `earlier` before."""
        return Counts(
            requests=earlier.requests + self.by_new + self.broken, errors=earlier.errors + self.errors + self.broken
        )


class Service:
    """Changed only by `switch`, in one step of the event loop: a request sees all of it old or all new."""

    def __init__(self, app: AppName, plane: "Plane") -> None:
        self.app = app
        self.doorman = Doorman(self, plane)
        self.door: Doorman | None = None
        """Only while there is something to do for it."""
        self.upgraded: frozenset[bytes] = frozenset()
        """The hosts for which the doorman has to be asked, where he only sends http to https."""
        self.error_pages: ErrorPages | None = None
        self.body_limit = 0
        self.hsts = b""
        self.strips = False
        """Whether the app does not get to see the path prefix that it is served under."""
        self.compresses = False
        self.sticky: Sticky | None = None
        self.idle_seconds = 0.0
        """For how long a pooled connection may have been idle to get a request that can be sent twice…"""
        self.unsafe_idle_seconds = 0.0
        """… or another one."""
        self.owns_first = False
        """Whether a client's first request, if it cannot be sent twice, has to be the first of its connection."""
        self.tunnel_idle_seconds = float("inf")
        self.release: int | None = None
        self.targets: tuple[Target, ...] = ()
        self.site: SiteBackend | None = None
        self.closed_because: str | None = None
        self.canary: Split | None = None
        """Only while some of the visitors get another release."""
        self.statuses = [0] * 6
        self.failed = 0
        self._plane = plane
        self._former: set[Backend] = set()
        self._tally = Tally()
        self._earlier = self._older = self._newer = self._before = Counts()
        self._drained = asyncio.Event()
        self._drained.set()

    def switch(self, route: Route, canary: "Split | None" = None) -> None:
        """Targets whose address stays keep their pool and counts; the others get nothing new from now on."""
        known = self.known_targets()
        targets = tuple(known.get(address) or Target(address) for address in route.targets)
        site = self.site
        if site is None or route.site != site.site:
            site = None if route.site is None else SiteBackend(route.site)
        before = self.backends()
        if route.release != self.release or not self._former:
            self._count_anew(route.release)
        self.release, self.targets, self.site = route.release, targets, site
        self.canary = canary
        self.closed_because = route.closed_because
        for target in targets:
            target.revive()
        self._retire(before)
        self._apply(route.edge, route.hosts)
        self.doorman.serve(route)

    def known_targets(self) -> dict[Address, Target]:
        return {target.address: target for target in (*self._former, *self.backends()) if isinstance(target, Target)}

    def _count_anew(self, release: int | None) -> None:
        self._earlier = self._tally.after(self._earlier)
        if release != self.release:
            self._before = self._earlier.since(self._older)
            self._earlier = self._older = self._newer = Counts()
        self._tally = Tally()
        self.doorman.pause.forget()

    def remember(self) -> None:
        """Once a minute: what a release did lately is what the next one is compared with."""
        self._older, self._newer = self._newer, self._tally.after(self._earlier)

    def _apply(self, edge: EdgeSettings, hosts: tuple[str, ...]) -> None:
        limits = self._plane.limits
        self.compresses = edge.compress
        self.strips = edge.strip_prefix and any(Place.parse(host).prefix for host in hosts)
        self.sticky = Sticky(self._plane.cookie_key, self.targets) if edge.sticky and len(self.targets) > 1 else None
        self.owns_first = edge.reuse is Reuse.SAFE
        self.idle_seconds = limits.pool_idle_seconds
        aggressive = edge.reuse is Reuse.AGGRESSIVE
        self.unsafe_idle_seconds = limits.pool_idle_seconds if aggressive else limits.unsafe_reuse_seconds
        for target in self.targets:
            target.pools = edge.reuse is not Reuse.NEVER
            if not target.pools:
                target.close_idle()
        self.tunnel_idle_seconds = edge.tunnel_idle_seconds or float("inf")

    def retire(self) -> None:
        """The app is no longer routed: what is in flight may finish."""
        before = self.backends()
        self.targets, self.site, self.canary = (), None, None
        self._retire(before)
        self.doorman.pause.end()

    def waited(self, seconds: float) -> None:
        """So long did a request wait for its target."""
        if seconds > self._tally.longest_wait:
            self._tally.longest_wait = seconds

    def traffic(self) -> Traffic:
        now = self._tally.after(self._earlier)
        if self.canary is None:
            return Traffic(release=self.release, now=now, before=self._before)
        live, canary = self.canary.figures(self.release)
        return Traffic(release=self.release, now=now, before=self._before, live=live, canary=canary)

    def backends(self) -> tuple[Backend, ...]:
        own = (*self.targets, self.site) if self.site is not None else self.targets
        return own if self.canary is None else (*own, *self.canary.backends())

    def current_targets(self) -> tuple[Target, ...]:
        return self.targets if self.canary is None else (*self.targets, *self.canary.targets())

    def in_flight(self) -> int:
        return sum(len(backend.exchanges) for backend in {*self.backends(), *self._former})

    async def drain(self, seconds: float) -> SwitchReport:
        """Waits until nothing is in flight on former backends, then or after `seconds` says what was counted.

        WebSockets are asked to leave one after another meanwhile; whatever is left in the end is cut.
        """
        loop = asyncio.get_running_loop()
        started = loop.time()
        tally = self._tally
        tunnels = [exchange.tunnel for exchange in self._remaining() if exchange.tunnel is not None]
        try:
            async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
                asking = group.create_task(ask_to_leave(tunnels, seconds), name=f"ask {self.app}'s WebSockets to leave")
                await self._drained.wait()
                asking.cancel()
        except TimeoutError:
            for exchange in self._remaining():
                exchange.cut()
        return SwitchReport(
            served_by_old=tally.by_old,
            served_by_new=tally.by_new,
            failed=tally.failed,
            cut=tally.cut,
            drain_seconds=round(loop.time() - started, 3),
            longest_hold_seconds=round(max(tally.longest_wait, self.doorman.pause.longest_seconds), 3),
            asked_to_leave=len(tunnels),
        )

    def _remaining(self) -> "list[Exchange]":
        return [exchange for backend in self._former for exchange in backend.exchanges]

    def count(self, status: int, backend: Backend | None, failed: bool, cut: bool) -> None:
        """An exchange ended; `backend` no longer holds it."""
        self.statuses[status // 100 if 100 <= status < 600 else 0] += 1
        tally = self._tally
        if cut:
            tally.cut += 1
        elif failed:
            tally.failed += 1
            self.failed += 1
            if backend is None or not backend.draining:
                tally.broken += 1
        elif backend is not None and backend.draining:
            tally.by_old += 1
        elif backend is not None:  # otherwise it ended at the door
            tally.by_new += 1
            if status >= 500:
                tally.errors += 1
        if backend is not None and backend.draining:
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
