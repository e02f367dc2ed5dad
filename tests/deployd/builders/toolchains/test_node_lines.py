"""Node's release lines: names, which are supported for long, and what is chosen of them."""

import pytest

from deployd.builders.toolchains import node_lines, npm_range

BEFORE_OCTOBER = ("18.20.8", "20.20.2", "22.22.0", "23.9.0", "24.21.0", "25.2.0", "26.0.0", "26.10.0")
IN_OCTOBER = (*BEFORE_OCTOBER, "26.11.0")


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("", "24.21.0"),
        ("lts/*", "24.21.0"),
        ("lts", "24.21.0"),
        ("LTS/*", "24.21.0"),
        ("--lts", "24.21.0"),
        ("lts/-1", "22.22.0"),
        ("lts/iron", "20.20.2"),
        ("lts/Hydrogen", "18.20.8"),
        ("lts/nonsense", None),
        (">=18", "24.21.0"),
        (">=18 <23", "22.22.0"),
        ("*", "24.21.0"),
        (">=25", "26.10.0"),
        ("26", "26.10.0"),
        ("23", "23.9.0"),
        ("^20.9 || >=26", "20.20.2"),
        ("17", None),
    ],
)
def test_lines_that_are_supported_for_long_come_first(wanted: str, expected: str | None) -> None:
    assert node_lines.choose(wanted, BEFORE_OCTOBER) == expected


def test_an_even_line_counts_as_long_lived_from_its_eleventh_version_on() -> None:
    assert node_lines.choose("lts/*", IN_OCTOBER) == "26.11.0"
    assert node_lines.choose("lts/-1", IN_OCTOBER) == "24.21.0"


@pytest.mark.parametrize(
    ("version", "wanted", "expected"),
    [
        ("20.20.2", "", True),
        ("18.19.0", "", False),
        ("25.0.0", "", True),
        ("18.19.0", ">=18", True),
        ("20.20.2", "20", True),
        ("20.20.2", "22", False),
        ("20.20.2", "lts/iron", True),
        ("20.20.2", "lts/*", False),
        ("24.1.0", "lts/*", True),
        ("25.9.0", "lts/*", False),
        ("26.12.0", "lts/*", True),
        ("20.20.2", "20.20.2", True),
        ("20.20.2", "v20.20.1", False),
    ],
)
def test_the_host_has_node_when_its_own_fits(version: str, wanted: str, expected: bool) -> None:
    assert node_lines.fits_host(version, wanted) is expected


@pytest.mark.parametrize(("wanted", "known"), [("22", True), ("lts/*", True), ("lts/iron", True), ("banana", False)])
def test_what_is_no_version_of_node_is_told_apart(wanted: str, known: bool) -> None:
    assert node_lines.is_known(wanted) is known


@pytest.mark.parametrize(
    ("version", "expected"),
    [("14.21.3", "6"), ("16.20.2", "8"), ("18.20.8", "10"), ("22.11.0", "10"), ("26.1.0", "11")],
)
def test_each_node_has_the_npm_that_it_brought_along(version: str, expected: str) -> None:
    assert node_lines.npm_of(version) == expected
    assert npm_range.is_range(expected)
