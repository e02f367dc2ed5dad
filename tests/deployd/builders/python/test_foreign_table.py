"""Tables of Poetry and Pipenv as requirements."""

import tomllib

import pytest

from deployd.builders.python.foreign_table import requirements_of, version_range

RANGES = [
    ("*", ""),
    ("^3.11", ">=3.11,<4"),
    ("^1.2.3", ">=1.2.3,<2"),
    ("^0.2.3", ">=0.2.3,<0.3"),
    ("^0.0.3", ">=0.0.3,<0.0.4"),
    ("^0", ">=0,<1"),
    ("~1.2.3", ">=1.2.3,<1.3"),
    ("~1.2", ">=1.2,<1.3"),
    ("~1", ">=1,<2"),
    ("1.2.3", "==1.2.3"),
    ("1.2.*", "==1.2.*"),
    ("==1.2.3", "==1.2.3"),
    (">=1.2, <2.0", ">=1.2,<2.0"),
    (">=1.2 <2.0", ">=1.2,<2.0"),
    ("~=1.4", "~=1.4"),
    ("^2.7 || ^3.6", ""),
]


@pytest.mark.parametrize(("text", "expected"), RANGES)
def test_ranges_are_said_as_python_says_them(text: str, expected: str) -> None:
    assert version_range(text) == expected


REQUIREMENTS = [
    ('flask = "^3.0"', ("flask>=3.0,<4",)),
    ('flask = "*"', ("flask",)),
    ('python = "^3.11"', ()),
    ('requests = {version = "^2", extras = ["socks", "x"]}', ("requests[socks,x]>=2,<3",)),
    ('x = {version = "1.0", optional = true}', ()),
    ('x = {version = "1.0", markers = "os_name == \'nt\'"}', ("x==1.0 ; (os_name == 'nt')",)),
    ('x = {version = "1.0", platform = "linux"}', ('x==1.0 ; sys_platform == "linux"',)),
    ('x = {version = "*", sys_platform = "== \'win32\'"}', ("x ; sys_platform == 'win32'",)),
    ('x = {version = "1", python = "^3.9"}', ('x==1 ; python_version >= "3.9" and python_version < "4"',)),
    ('x = {git = "https://example.com/x.git", tag = "v1"}', ("x @ git+https://example.com/x.git@v1",)),
    ('x = {git = "https://example.com/x.git"}', ("x @ git+https://example.com/x.git",)),
    ('x = {path = "./libs/x"}', ("x @ ./libs/x",)),
    ('x = {url = "https://example.com/x.whl"}', ("x @ https://example.com/x.whl",)),
    ('x = [{version = "1", platform = "a"}, {version = "2", platform = "b"}]',
     ('x==1 ; sys_platform == "a"', 'x==2 ; sys_platform == "b"')),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), REQUIREMENTS)
def test_tables_become_requirements(text: str, expected: tuple[str, ...]) -> None:
    assert requirements_of(tomllib.loads(text), versions=True) == expected


def test_beside_a_lockfile_versions_are_left_to_it() -> None:
    table = tomllib.loads('flask = "^3.0"\nrequests = {version = "^2", extras = ["socks"]}')
    assert requirements_of(table, versions=False) == ("flask", "requests[socks]")
