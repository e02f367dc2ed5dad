"""Opens deployd's SQLite file: checked before it is touched, then brought to the newest schema."""

import os
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deployd.domain.errors import DeploydError, ProviderUnavailable, StateConflict, StoreUnusable
from deployd.stores import migrate
from deployd.stores.database import Row, Value

_BUSY_SECONDS = 5.0


def open_checked(path: Path) -> sqlite3.Connection:
    """The writer's connection. StoreUnusable, with the file left as it is, when it is damaged, foreign or newer."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite gives -wal and -shm the same mode.
        connection = connect(path)
    except OSError as error:
        raise StoreUnusable(f"The database {path} cannot be opened: {error.strerror}.") from error
    try:
        _check(connection, path)
        # FULL, since a row is a promise: what a caller was told is stored survives a power cut, not only a crash.
        # Group commit shares the price of that fsync among all writers that wait.
        _enter_wal(connection)
        connection.execute("PRAGMA synchronous = FULL")
        # What is taken out of a row is taken off the disk: a login that is sealed from now on.
        connection.execute("PRAGMA secure_delete = ON")
        _migrate(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise expected(error, path) from error
    except BaseException:
        connection.close()
        raise
    return connection


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Usable from any one thread at a time; transactions are begun and ended by hand."""
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connection.row_factory = _as_dict
    connection.execute("PRAGMA foreign_keys = ON")
    if read_only:
        connection.execute("PRAGMA query_only = ON")
    return connection


def run(connection: sqlite3.Connection, sql: str, args: Sequence[Value] = ()) -> list[Row]:
    # SQLite reads $1 as a parameter named "1", numbered by first appearance: so the values go by name.
    return connection.execute(sql, {str(number): value for number, value in enumerate(args, 1)}).fetchall()


def expected(error: sqlite3.Error, path: Path) -> DeploydError | sqlite3.Error:
    """What a reader can do something about as one of our errors; anything else is a bug and stays what it is."""
    name = getattr(error, "sqlite_errorname", "")
    if name == "SQLITE_CONSTRAINT_FOREIGNKEY":
        return StateConflict("What this belongs to was removed meanwhile.")
    if name in ("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"):
        return StateConflict("There is such a row already.")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return _damaged(path, str(error))
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return ProviderUnavailable(f"The database {path} is locked by another program; try again.")
    if name.startswith(("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_CANTOPEN")):
        return ProviderUnavailable(f"The database {path} cannot be written or read now: {error}.")
    return error


def _check(connection: sqlite3.Connection, path: Path) -> None:
    complaints = [str(row["quick_check"]) for row in run(connection, "PRAGMA quick_check(1)")]
    if complaints != ["ok"]:
        raise _damaged(path, complaints[0].splitlines()[-1])


def _damaged(path: Path, why: str) -> StoreUnusable:
    return StoreUnusable(
        f"The database {path} is damaged ({why}) and was left as it is: restore a backup, or move it away."
    )


def _enter_wal(connection: sqlite3.Connection) -> None:
    """SQLite does not wait by itself for another connection that is switching at the same moment."""
    give_up = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if not error.sqlite_errorname.startswith("SQLITE_BUSY") or time.monotonic() > give_up:
                raise
            time.sleep(0.02)


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        run(connection, migrate.CREATE_TABLE)
        applied = int(run(connection, migrate.NEWEST)[0]["version"])
        for migration in migrate.due("sqlite", applied, f"The database {path}"):
            for statement in migration.statements:
                run(connection, statement)
            run(connection, migrate.NOTE, (migration.version, migration.name))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _as_dict(cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> dict[str, Any]:
    return {column[0]: value for column, value in zip(cursor.description, row, strict=True)}
