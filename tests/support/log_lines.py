"""Log lines for tests."""

from collections.abc import Sequence

from deployd.domain.ids import AppName
from deployd.domain.log_line import Level, LogLine, NewLine, Portion, Source
from deployd.ports.log_store import LogStore

SHOP = AppName("shop")
BLOG = AppName("blog")


def line(
    text: str = "hello",
    app: AppName = SHOP,
    *,
    time_ms: int = 1_000,
    level: Level = Level.INFO,
    source: Source = Source.APP,
    deployment: str | None = None,
) -> NewLine:
    return NewLine(
        app=app,
        time_ms=time_ms,
        level=level,
        source=source,
        text=text,
        process="web.1",
        stream="stdout",
        deployment=deployment,
        release=3,
    )


async def put(store: LogStore, lines: Sequence[NewLine]) -> list[LogLine]:
    """Without a position, as deployd's own lines are stored."""
    (stored,) = await store.append(Portion(lines=lines))
    return stored.lines
