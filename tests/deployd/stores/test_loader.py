"""The .sql files and how they are read."""

from pathlib import Path

import pytest

import sql
from sql.loader import migrations, parse_queries, queries, statements

FOLDER = Path(sql.__file__).parent


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.sql")), ids=lambda file: file.name)
def test_every_file_of_queries_is_well_formed(file: Path) -> None:
    assert queries(file.stem)


def test_a_query_is_found_by_its_name_without_comment_and_semicolon() -> None:
    text = "-- name: one\n-- The first.\nSELECT 1;\n\n-- name: two\n-- The second.\nSELECT 2,\n    3;\n"
    assert parse_queries("numbers", text) == {"one": "SELECT 1", "two": "SELECT 2,\n    3"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("-- name: a\n-- Once.\nSELECT 1;\n-- name: a\n-- Twice.\nSELECT 2;\n", "names a twice"),
        ("-- name: a\nSELECT 1;\n", "a needs one comment line"),
        ("-- name: a\n-- Nothing follows.\n", "a needs one comment line"),
        ("-- name: a\n-- Two.\nSELECT 1;\nSELECT 2;\n", "a must be exactly one statement"),
    ],
)
def test_a_malformed_query_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_queries("numbers", text)


def test_statements_end_where_a_line_ends_with_a_semicolon() -> None:
    assert statements("CREATE TABLE a (b TEXT DEFAULT ';x');\n\nCREATE INDEX c ON a (b);\n") == (
        "CREATE TABLE a (b TEXT DEFAULT ';x')",
        "CREATE INDEX c ON a (b)",
    )


def test_both_engines_are_at_the_same_version() -> None:
    names = {engine: [migration.name for migration in migrations(engine)] for engine in ("sqlite", "postgres")}
    assert names["sqlite"] == names["postgres"]
