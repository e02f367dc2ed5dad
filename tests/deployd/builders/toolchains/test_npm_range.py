"""Versions and ranges as the npm world writes them."""

import pytest

from deployd.builders.toolchains import npm_range

VERSIONS = (
    "0.12.0",
    "16.20.2",
    "18.0.0",
    "18.20.4",
    "20.9.0",
    "20.20.2",
    "21.1.0",
    "22.3.0",
    "22.11.0",
    "23.0.0",
    "26.10.0",
    "27.0.0-rc.1",
)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("20", "20.20.2"),
        ("v22.3.0", "22.3.0"),
        ("=20.9.0", "20.9.0"),
        ("22.x", "22.11.0"),
        ("20.*", "20.20.2"),
        ("18.x.x", "18.20.4"),
        ("", "26.10.0"),
        ("*", "26.10.0"),
        ("latest", "26.10.0"),
        (">=18 <23", "22.11.0"),
        (">=18,<23", "22.11.0"),
        (">= 18", "26.10.0"),
        (">=v18", "26.10.0"),
        (">18 < 22.4", "22.3.0"),
        (">=18.0.0 <=22", "22.11.0"),
        ("^20.9 || >=22 <23", "22.11.0"),
        ("^18||^20", "20.20.2"),
        ("^ 20", "20.20.2"),
        ("~20.9", "20.9.0"),
        ("~> 20.9", "20.9.0"),
        ("18 - 20", "20.20.2"),
        ("<18", "16.20.2"),
        (">=99", None),
        ("27.0.0-rc.1", "27.0.0-rc.1"),
        ("banana", None),
        ("20.9.0.0", None),
        ("1" * 201, None),
    ],
)
def test_the_newest_version_in_a_range_is_chosen(wanted: str, expected: str | None) -> None:
    assert npm_range.newest(wanted, VERSIONS) == expected


@pytest.mark.parametrize("wanted", ["banana", "lts/*", "20.9.0.0", "x" * 300, "; rm -rf /"])
def test_what_is_no_range_is_told_apart(wanted: str) -> None:
    assert not npm_range.is_range(wanted)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("9.1.0", "9.1.0"),
        ("v22.3.0", "22.3.0"),
        ("= 1.2.3", "1.2.3"),
        ("9.1.0+sha512.abc", "9.1.0"),
        ("5.0.0-rc.1", "5.0.0-rc.1"),
        ("9.1", None),
        ("^9.1.0", None),
        ("", None),
        ("9.1.0 || 10", None),
    ],
)
def test_one_exact_version_is_told_apart_from_a_range(wanted: str, expected: str | None) -> None:
    assert npm_range.exact(wanted) == expected
