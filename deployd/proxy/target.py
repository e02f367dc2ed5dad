"""What a request is bound to: one upstream address with its pooled connections, or one static site."""

from collections import deque
from typing import TYPE_CHECKING

from deployd.domain.route import Address, StaticSite
from deployd.proxy.ejection import Trouble, after_answer, after_failure
from deployd.proxy.limits import ProxyLimits

if TYPE_CHECKING:
    from deployd.proxy.exchange import Exchange
    from deployd.proxy.response_head import ResponseHead
    from deployd.proxy.upstream import UpstreamConnection


class Backend:
    """Counts what is in flight; once `draining`, it gets nothing new and only finishes what it has."""

    __slots__ = ("draining", "exchanges")

    def __init__(self) -> None:
        self.exchanges: set[Exchange] = set()
        self.draining = False

    def drain(self) -> None:
        self.draining = True


class SiteBackend(Backend):
    __slots__ = ("site",)

    def __init__(self, site: StaticSite) -> None:
        super().__init__()
        self.site = site


class Target(Backend):
    """Left alone until `refused_until` (loop time) while another can serve; pools nothing unless `pools`."""

    __slots__ = ("address", "idle", "known", "known_raw", "name", "pools", "refused_until", "trouble")

    def __init__(self, address: Address) -> None:
        super().__init__()
        self.address = address
        self.name = str(address)
        self.idle: deque[UpstreamConnection] = deque()
        self.refused_until = 0.0
        self.trouble: Trouble | None = None
        self.pools = True
        self.known: ResponseHead | None = None
        self.known_raw = b""

    def take_idle(self, longest: float, now: float) -> "UpstreamConnection | None":
        """The connection used last, if it has not been idle for longer than is safe for this request."""
        idle = self.idle
        while idle:
            connection = idle.pop()
            if connection.transport.is_closing():
                continue
            if now - connection.idle_since <= longest:
                return connection
            idle.append(connection)  # the others are older still
            return None
        return None

    def give_back(self, connection: "UpstreamConnection", limits: ProxyLimits) -> None:
        if self.draining or not self.pools or len(self.idle) >= limits.pool_size:
            connection.close()
        else:
            self.idle.append(connection)

    def close_idle(self, unused_since: float = float("inf")) -> None:
        while self.idle and self.idle[0].idle_since <= unused_since:
            self.idle.popleft().close()

    def drain(self) -> None:
        super().drain()
        self.close_idle()

    def revive(self) -> None:
        """A former target serves again, as after a rollback to a release that was still running."""
        if self.draining:
            self.draining = False
            self.refused_until = 0.0
            self.trouble = None

    def note_answer(self, now: float) -> None:
        if self.trouble is not None:
            self.trouble = after_answer(self.trouble, now)

    def note_failure(self, now: float, refused: bool) -> bool:
        """It did not answer as it must (`refused`: not even its connection came about). Whether it is out for that."""
        before = self.trouble
        trouble = self.trouble = after_failure(before, now, refused)
        self.refused_until = trouble.until
        return trouble.ejections > (before.ejections if before is not None else 0)
