"""docs/security.md names only tests that exist, and at least one for every threat."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "security.md").read_text()
THREATS = [line for line in PAGE.partition("## Threats")[2].partition("\n## ")[0].splitlines() if line.startswith("|")][
    2:
]
NAMED = sorted(set(re.findall(r"`(tests/[\w/.]+)::(\w+)`", PAGE)))


@cache
def names_in(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / file).read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_a_named_test_exists(file: str, name: str) -> None:
    assert name in names_in(file)


def test_every_threat_has_a_test() -> None:
    assert len(THREATS) > 20
    assert [line for line in THREATS if "::test_" not in line] == []
