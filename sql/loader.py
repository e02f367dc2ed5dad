"""Reads the .sql files of this package: named queries and numbered migrations."""

import re
from functools import cache
from importlib.resources import files
from typing import Literal, NamedTuple

Engine = Literal["sqlite", "postgres"]

_NAME = re.compile(r"^-- name: ([a-z_]+)$", re.MULTILINE)
_MIGRATION = re.compile(r"([0-9]{4})_[a-z0-9_]+\.sql")
_STATEMENT_END = re.compile(r";[ \t]*$", re.MULTILINE)


class Migration(NamedTuple):
    """`statements` run in order, in one transaction with the others that are due."""

    version: int
    name: str
    statements: tuple[str, ...]


@cache
def queries(subject: str) -> dict[str, str]:
    """The queries of `sql/SUBJECT.sql` by name: each is `-- name: x`, a comment saying what it does, one statement."""
    text = files("sql").joinpath(f"{subject}.sql").read_text(encoding="utf-8")
    return parse_queries(subject, text)


def parse_queries(subject: str, text: str) -> dict[str, str]:
    """Raises ValueError for a name used twice, a query without its sentence, or one with several statements."""
    parts = _NAME.split(text)
    found: dict[str, str] = {}
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        comment, _, query = body.strip().partition("\n")
        if name in found:
            raise ValueError(f"sql/{subject}.sql names {name} twice.")
        if not comment.startswith("-- ") or not query.strip():
            raise ValueError(f"sql/{subject}.sql: {name} needs one comment line and then its statement.")
        if len(statements(query)) != 1:
            raise ValueError(f"sql/{subject}.sql: {name} must be exactly one statement.")
        found[name] = statements(query)[0]
    return found


def statements(text: str) -> tuple[str, ...]:
    """Splits where a line ends with a semicolon."""
    return tuple(part.strip() for part in _STATEMENT_END.split(text) if part.strip())


@cache
def migrations(engine: Engine) -> tuple[Migration, ...]:
    """In the order they are to be applied; ValueError unless they are numbered 1, 2, 3…"""
    found = []
    for file in sorted(files("sql").joinpath("migrations", engine).iterdir(), key=lambda file: file.name):
        match = _MIGRATION.fullmatch(file.name)
        if match is not None:
            found.append(Migration(int(match[1]), file.name, statements(file.read_text(encoding="utf-8"))))
    if [migration.version for migration in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"The migrations for {engine} are not numbered 1, 2, 3…: {[one.name for one in found]}")
    return tuple(found)
