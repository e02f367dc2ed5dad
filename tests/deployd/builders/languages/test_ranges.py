"""Ranges of other languages in npm's words."""

import pytest

from deployd.builders.languages.ranges import composer_range, ruby_range


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3.3.0", "3.3.0"),
        ("~> 1.14", ">=1.14 <2"),
        ("~> 3.2.1", ">=3.2.1 <3.3"),
        ("~> 3", ">=3 <4"),
        (">= 3.0, < 4", ">=3.0 <4"),
        ("~> 1.14 or ~> 2.0", ">=1.14 <2 || >=2.0 <3"),
        (">= 1.13.0 and < 1.18.0", ">=1.13.0 <1.18.0"),
        ("~> 1.15-dev", ">=1.15 <2"),
        ("", ""),
        ("whatever", ""),
    ],
)
def test_ruby_and_elixir(text: str, expected: str) -> None:
    assert ruby_range(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (">=8.2", ">=8.2"),
        ("^8.1|^8.2", "^8.1 || ^8.2"),
        ("^8.1 || ^8.2", "^8.1 || ^8.2"),
        ("~8.2", ">=8.2 <9"),
        ("~8.2.0", ">=8.2.0 <8.3"),
        (">=8.1 <8.4", ">=8.1 <8.4"),
        (">=8.1,<8.4", ">=8.1 <8.4"),
        (">= 8.1", ">=8.1"),
        ("8.*", "8.*"),
        ("*", ""),
        ("", ""),
    ],
)
def test_php(text: str, expected: str) -> None:
    assert composer_range(text) == expected
