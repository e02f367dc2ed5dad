"""Lines and readers' positions into the log store, inside one transaction of the caller."""

import sqlite3
from collections.abc import Sequence
from itertools import compress, islice
from typing import Any

from deployd.domain.ids import AppName
from deployd.domain.log_line import LogLine, NewLine, Portion, Position, Stored
from deployd.logs.level import RANK

_NEXT_SEQ = "INSERT INTO log_app (name) VALUES (?) ON CONFLICT (name) DO UPDATE SET name = name RETURNING id, last_seq"
_COUNT = "UPDATE log_app SET last_seq = ?, bytes = bytes + ? WHERE id = ?"
_INSERT = """
INSERT INTO log_line (app, seq, time_ms, level, source, process, stream, deployment, release, size, text)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_FIRST_POSITION = """
INSERT INTO log_position (file, position) VALUES (?, ?)
ON CONFLICT (file) DO UPDATE SET position = excluded.position WHERE position = 0
"""
_NEXT_POSITION = "UPDATE log_position SET position = ? WHERE file = ? AND position = ?"
_STORED_POSITION = "SELECT position FROM log_position WHERE file = ?"


def append(connection: sqlite3.Connection, portions: Sequence[Portion]) -> list[Stored]:
    """The lines of all that are accepted in one go: most portions are a line or two, and statements cost more."""
    verdicts = [_advance(connection, portion.position) for portion in portions]
    accepted = [is_accepted for is_accepted, _ in verdicts]
    lines = iter(_insert(connection, [line for portion in compress(portions, accepted) for line in portion.lines]))
    return [
        Stored(lines=list(islice(lines, len(portion.lines))) if is_accepted else [], position=position)
        for portion, (is_accepted, position) in zip(portions, verdicts, strict=True)
    ]


def _advance(connection: sqlite3.Connection, to: Position | None) -> tuple[bool, int | None]:
    """Compare and set; refused when the lines from its start on are stored already, or those before it are not."""
    if to is None:
        return True, None
    if to.start == 0:
        moved = connection.execute(_FIRST_POSITION, (to.file, to.offset))
    else:
        moved = connection.execute(_NEXT_POSITION, (to.offset, to.file, to.start))
    if moved.rowcount == 1:
        return True, to.offset
    row = connection.execute(_STORED_POSITION, (to.file,)).fetchone()
    return False, int(row[0]) if row else 0


def _insert(connection: sqlite3.Connection, lines: Sequence[NewLine]) -> list[LogLine]:
    stored: list[LogLine] = []
    rows: list[tuple[Any, ...]] = []
    counters: dict[AppName, list[int]] = {}
    for line in lines:
        counter = counters.get(line.app)
        if counter is None:
            app_id, last_seq = connection.execute(_NEXT_SEQ, (line.app,)).fetchone()
            counter = counters[line.app] = [app_id, last_seq, 0]
        size = len(line.text) if line.text.isascii() else len(line.text.encode())
        counter[1] += 1
        counter[2] += size
        stored.append(_numbered(line, counter[1]))
        rows.append(_row(line, counter[0], counter[1], size))
    connection.executemany(_INSERT, rows)
    connection.executemany(_COUNT, [(last_seq, size, app_id) for app_id, last_seq, size in counters.values()])
    return stored


def _numbered(line: NewLine, seq: int) -> LogLine:
    return LogLine(
        app=line.app,
        seq=seq,
        time_ms=line.time_ms,
        level=line.level,
        source=line.source,
        process=line.process,
        stream=line.stream,
        deployment=line.deployment,
        release=line.release,
        text=line.text,
    )


def _row(line: NewLine, app_id: int, seq: int, size: int) -> tuple[Any, ...]:
    return (
        app_id,
        seq,
        line.time_ms,
        RANK[line.level],
        line.source.value,
        line.process,
        line.stream,
        line.deployment,
        line.release,
        size,
        line.text,
    )
