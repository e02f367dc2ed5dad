"""The access log's source: one record per request, handed over in batches so that no request waits for it."""

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from deployd.domain.ids import AppName
from deployd.proxy.limits import ProxyLimits


class AccessRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`status` is 499 when the client went away first; `app` is None when no app was found for the host.

    `target` is the upstream's host:port; `failed` tells that deployd, not the app, broke or refused the exchange.
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


OnAccess = Callable[[Sequence[AccessRecord]], None]


class AccessLog:
    """Hands records to `on_access` at most every `access_batch_seconds`; what overflows between is counted."""

    def __init__(self, on_access: OnAccess, limits: ProxyLimits) -> None:
        self._on_access = on_access
        self._seconds = limits.access_batch_seconds
        self._room = limits.access_queue
        self._records: list[AccessRecord] = []
        self._timer: asyncio.TimerHandle | None = None
        self.dropped = 0

    def add(self, record: AccessRecord) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._seconds, self.flush)
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
