"""Opens the log store's SQLite file: WAL, schema up to date, refused (never overwritten) when it is not usable."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from deployd.domain.errors import DeploydError, ProviderUnavailable, StoreUnusable

_BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_BUSY_SECONDS = 10.0
_WAL_BYTES = 16 * 1024 * 1024
_MAGIC = b"SQLite format 3\0"


def connect(path: Path) -> sqlite3.Connection:
    """A connection in autocommit; any thread may use it, one at a time."""
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA cache_size = -8192")
    # A commit is on the disk when it returns: the reader then lets go of the file the lines came from.
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def prepare(path: Path) -> sqlite3.Connection:
    """Makes the file or brings it up to date; the writing connection. Raises StoreUnusable."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        header = _header(path)
    except OSError as error:
        raise StoreUnusable(f"The log store {path} cannot be opened: {error.strerror}.") from error
    if header and header != _MAGIC:
        # SQLite itself would take a file of a few bytes for an empty database and write over it.
        raise StoreUnusable(f"The log store {path} is corrupted: it is not an SQLite database. Move it away.")
    connection: sqlite3.Connection | None = None
    try:
        with errors_of(path):
            connection = connect(path)
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
            _migrate(connection, path)
    except DeploydError:
        if connection is not None:
            connection.close()
        raise
    return connection


@contextmanager
def errors_of(path: Path) -> Iterator[None]:
    """sqlite3's errors as ours: corrupted = StoreUnusable, anything else (disk full, I/O) = ProviderUnavailable."""
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _BROKEN:
            raise StoreUnusable(
                f"The log store {path} is corrupted ({error}). Move it away to start with an empty one, or restore it."
            ) from error
        raise ProviderUnavailable(f"The log store {path} did not do its work: {error}.") from error


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _header(path: Path) -> bytes:
    """The first bytes of the file, which is made when there is none."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        return os.read(file, len(_MAGIC))
    finally:
        os.close(file)


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    scripts = _scripts()
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    tables: int = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if version > len(scripts):
        raise StoreUnusable(
            f"The log store {path} was written by a newer deployd (version {version}); upgrade deployd."
        )
    if version == 0 and tables:
        raise StoreUnusable(f"{path} is some other SQLite database, not a log store; name another file.")
    for number, script in enumerate(scripts[version:], start=version + 1):
        # executescript cannot run inside a transaction opened before it, so the script brings its own.
        try:
            connection.executescript(f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {number};\nCOMMIT;")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


def _scripts() -> list[str]:
    folder = resources.files("sql") / "migrations" / "logs_sqlite"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return [file.read_text(encoding="utf-8") for file in files]
