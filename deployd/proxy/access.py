"""The access log's source: records of requests, handed over in batches so that no request waits for it."""

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from deployd.domain.ids import AppName
from deployd.proxy.limits import ProxyLimits


class AccessRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`status` is 499 when the client went away first; `app` is None when no app was found for the host.

    `target` is the upstream's host:port; `failed` tells that deployd, not the app, broke or refused the exchange.
    Where more came than are recorded, it stands for about `stands_for` of them.
    """

    time_ms: int
    app: AppName | None
    release: int | None
    client: str
    method: str
    host: str
    path: str
    status: int
    sent_bytes: int
    duration_seconds: float
    request_id: str
    target: str | None = None
    failed: bool = False
    stands_for: int = 1


OnAccess = Callable[[Sequence[AccessRecord]], None]


class AccessLog:
    """Hands records to `on_access` at most every `access_batch_seconds`; what is left out between is counted.

    Storing a line costs more than proxying its request, so an app's flood is sampled: see `weight`.
    """

    def __init__(self, on_access: OnAccess, limits: ProxyLimits) -> None:
        self._on_access = on_access
        self._seconds = limits.access_batch_seconds
        self._room = limits.access_queue
        self._whole = limits.access_per_second
        self._one_in = limits.access_one_in
        self._seen: dict[AppName | None, int] = {}
        self._counted_until = 0.0
        self._records: list[AccessRecord] = []
        self._timer: asyncio.TimerHandle | None = None
        self.dropped = 0

    def weight(self, app: AppName | None, status: int) -> int:
        """How many requests a record of this one will stand for; 0 when it gets none. To be asked once for each."""
        if self._timer is None:
            self._begin_batch()
        seen = self._seen[app] = self._seen.get(app, 0) + 1
        if seen <= self._whole or status >= 500:
            return 1
        if seen % self._one_in:
            self.dropped += 1
            return 0
        return self._one_in

    def _begin_batch(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        if now >= self._counted_until:
            self._seen.clear()
            self._counted_until = now + 1.0
        self._timer = loop.call_later(self._seconds, self.flush)

    def add(self, record: AccessRecord) -> None:
        if len(self._records) >= self._room:
            self.dropped += 1
        else:
            self._records.append(record)

    def flush(self) -> None:
        """Hands over what there is; also called once when the proxy closes."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._records:
            records, self._records = self._records, []
            self._on_access(records)
