"""Versions of Python as projects write them, in the words of packaging, Poetry, Pipenv, pyenv and Heroku."""

import pytest

from deployd.builders.toolchains import python_range

VERSIONS = ("3.8.20", "3.9.2", "3.11.2", "3.12.1", "3.12.10", "3.13.0", "3.14.0rc1")


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("3.12", "3.12.10"),
        ("3", "3.13.0"),
        ("3.12.1", "3.12.1"),
        ("3.12.2", None),
        (">=3.11", "3.13.0"),
        (">= 3.11, < 3.13", "3.12.10"),
        (">=3.11 <3.12", "3.11.2"),
        ("3.11.*", "3.11.2"),
        ("==3.11.*", "3.11.2"),
        ("3.11.x", "3.11.2"),
        ("^3.11", "3.13.0"),
        ("^3.11.1,<3.13", "3.12.10"),
        ("~3.11", "3.11.2"),
        ("~3.12.1", "3.12.10"),
        ("~3", "3.13.0"),
        ("~=3.11", "3.13.0"),
        ("~=3.12.1", "3.12.10"),
        ("!=3.13.*", "3.12.10"),
        ("^3.8 || 3.99", "3.13.0"),
        ("3.9 || 3.8", "3.9.2"),
        ("python-3.12.1", "3.12.1"),
        ("python3.12", "3.12.10"),
        ("cpython-3.11", "3.11.2"),
        ("v3.11", "3.11.2"),
        ("*", "3.13.0"),
        ("", "3.13.0"),
        ("3.14", None),
        (">=3.14", None),
        ("3.14.0rc1", "3.14.0rc1"),
        ("<3.9,>=3.8", "3.8.20"),
    ],
)
def test_the_newest_version_in_a_range_is_chosen(wanted: str, expected: str | None) -> None:
    assert python_range.newest(wanted, VERSIONS) == expected


@pytest.mark.parametrize("wanted", ["banana", "pypy3.10", ">=three", "3.12 banana", "^", ">" * 300, "3.12; rm -rf /"])
def test_what_is_no_version_is_told_apart(wanted: str) -> None:
    with pytest.raises(python_range.Unreadable):
        python_range.newest(wanted, VERSIONS)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [("3.12.4", "3.12.10"), ("==3.11.9", "3.11.2"), ("python-3.11.9", "3.11.2"), ("3.10.1", None), (">=3.12.4", None)],
)
def test_an_exact_version_has_a_nearest_one(wanted: str, expected: str | None) -> None:
    assert python_range.nearest(wanted, VERSIONS) == expected
