"""What the log store asks SQLite when it reads: the statements, and the way from a row to a line."""

from typing import Any

from deployd.domain.ids import AppName
from deployd.domain.log_line import Level, LogLine, Source
from deployd.logs.level import RANK

_LEVELS = tuple(sorted(RANK, key=RANK.__getitem__))
_SOURCES = {source.value: source for source in Source}
_TROUBLE = RANK[Level.WARN]

_SELECT = """
SELECT a.name, l.seq, l.time_ms, l.level, l.source, l.process, l.stream, l.deployment, l.release, l.text
FROM log_line AS l JOIN log_app AS a ON a.id = l.app
"""
# The row of the last line seen, or of its place when it was deleted meanwhile; of an app that is gone nothing is known
# any more, and some hundred lines shown again do less harm than all of them.
_SEEN = """
WITH seen (app, seq) AS (SELECT (SELECT id FROM log_app WHERE name = ?), ?), seen_row (id) AS (SELECT coalesce(
    (SELECT l.id FROM log_line AS l, seen WHERE l.app = seen.app AND l.seq <= seen.seq ORDER BY l.seq DESC LIMIT 1),
    (SELECT l.id - 1 FROM log_line AS l, seen WHERE l.app = seen.app AND l.seq > seen.seq ORDER BY l.seq LIMIT 1),
    CASE WHEN (SELECT seq FROM seen) > 0 THEN (SELECT max(id) - 500 FROM log_line) END,
    0
))
"""


def select(
    app: AppName | None,
    after: int | None,
    after_app: AppName | None,
    before: int | None,
    level: Level,
    deployment: str | None,
    limit: int,
) -> tuple[str, list[Any]]:
    """A statement and its values. The newest come first unless it reads on from `after`."""
    where: list[tuple[str, list[Any]]] = []
    if app is not None:
        # The unary plus leaves the choice of index to the deployment, which has fewer lines than its app.
        column = "l.app" if deployment is None else "+l.app"
        where.append((f"{column} = (SELECT id FROM log_app WHERE name = ?)", [app]))
        if after is not None:
            where.append(("l.seq > ?", [after]))
        if before is not None:
            where.append(("l.seq < ?", [before]))
    elif after is not None:
        where.append(("l.id > (SELECT id FROM seen_row)", []))
    if RANK[level]:
        where.append(("l.level >= ?", [RANK[level]]))
        if RANK[level] >= _TROUBLE:
            where.append((f"l.level >= {_TROUBLE}", []))  # word for word what the partial index says
    if deployment is not None:
        where.append(("l.deployment = ?", [deployment]))
    reads_on = app is None and after is not None
    # Within one app both orders are the same one; each fits another index.
    order = "l.seq" if app is not None and deployment is None else "l.id"
    text = (
        f"{_SEEN if reads_on else ''}{_SELECT}"
        f"WHERE {' AND '.join(condition for condition, _ in where) or 'TRUE'}\n"
        f"ORDER BY {order} {'DESC' if after is None else 'ASC'} LIMIT ?"
    )
    values = [after_app, after] if reads_on else []
    return text, [*values, *(value for _, each in where for value in each), limit]


def line_of(row: tuple[Any, ...]) -> LogLine:
    name, seq, time_ms, level, source, process, stream, deployment, release, text = row
    return LogLine(
        app=name,
        seq=seq,
        time_ms=time_ms,
        level=_LEVELS[level],
        source=_SOURCES[source],
        process=process,
        stream=stream,
        deployment=deployment,
        release=release,
        text=text,
    )
