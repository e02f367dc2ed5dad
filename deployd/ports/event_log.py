"""Facts: written down, then told to whoever listens."""

from typing import Protocol

from deployd.domain.event import Event


class EventFeed(Protocol):
    """One listener's bounded queue (1,000; the oldest gives way, since the rows hold the truth)."""

    async def next(self) -> Event: ...

    def close(self) -> None: ...


class EventLog(Protocol):
    async def record(self, event: Event) -> None:
        """Durable first, then told to every open feed."""
        ...

    def subscribe(self) -> EventFeed: ...

    async def recent(self, limit: int, app: str | None = None) -> list[Event]:
        """Newest first."""
        ...
