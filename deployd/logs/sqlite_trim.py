"""Deletes old lines in small steps, so that new lines get their turn in between."""

import sqlite3
from collections import Counter

from deployd.domain.ids import AppName
from deployd.logs.sqlite_file import transaction

STEP = 5_000

_OLDEST = "SELECT id, time_ms FROM log_line WHERE id > ? ORDER BY id LIMIT ?"
_DELETE_OLD = "DELETE FROM log_line WHERE id > ? AND id <= ? AND time_ms < ? RETURNING app, size"
_TOO_BIG = "SELECT id, bytes FROM log_app WHERE bytes > ? LIMIT 1"
_FIRST_OF_APP = "SELECT seq, size FROM log_line WHERE app = ? ORDER BY seq LIMIT ?"
_DELETE_FIRST = "DELETE FROM log_line WHERE app = ? AND seq <= ? RETURNING app, size"
_UNCOUNT = "UPDATE log_app SET bytes = bytes - ? WHERE id = ?"


def delete_old(connection: sqlite3.Connection, older_than_ms: int, cursor: int) -> tuple[int, int | None]:
    """One step from row `cursor` on; how many went and where to go on, None at the first stretch with nothing old."""
    rows = connection.execute(_OLDEST, (cursor, STEP)).fetchall()
    if not any(time_ms < older_than_ms for _, time_ms in rows):
        return 0, None
    last = rows[-1][0]
    return _delete(connection, _DELETE_OLD, (cursor, last, older_than_ms)), last


def delete_excess(connection: sqlite3.Connection, keep_bytes: int) -> int:
    """One step on some app with more text than that; 0 when there is none."""
    found = connection.execute(_TOO_BIG, (keep_bytes,)).fetchone()
    if found is None:
        return 0
    app, excess = found[0], found[1] - keep_bytes
    bound = 0
    for seq, size in connection.execute(_FIRST_OF_APP, (app, STEP)).fetchall():
        bound = seq
        excess -= size
        if excess <= 0:
            break
    return _delete(connection, _DELETE_FIRST, (app, bound))


def delete_app(connection: sqlite3.Connection, name: AppName, up_to: int) -> int:
    """One step on the app's lines. Its counter stays: a later app of that name numbers on, and no viewer is misled."""
    found = connection.execute("SELECT id FROM log_app WHERE name = ?", (name,)).fetchone()
    if found is None:
        return 0
    rows = connection.execute(_FIRST_OF_APP, (found[0], STEP)).fetchall()
    return _delete(connection, _DELETE_FIRST, (found[0], min(up_to, rows[-1][0]))) if rows else 0


def give_back_space(connection: sqlite3.Connection) -> bool:
    """One step of cutting free pages off the file; whether there are more."""
    # Not `execute`: it stops after the first page.
    connection.executescript(f"PRAGMA incremental_vacuum({STEP})")
    return bool(connection.execute("PRAGMA freelist_count").fetchone()[0])


def last_seq(connection: sqlite3.Connection, name: AppName) -> int:
    found = connection.execute("SELECT last_seq FROM log_app WHERE name = ?", (name,)).fetchone()
    return int(found[0]) if found else 0


def _delete(connection: sqlite3.Connection, statement: str, values: tuple[int, ...]) -> int:
    freed: Counter[int] = Counter()
    with transaction(connection):
        deleted = connection.execute(statement, values).fetchall()
        for app, size in deleted:
            freed[app] += size
        connection.executemany(_UNCOUNT, [(size, app) for app, size in freed.items()])
    return len(deleted)
