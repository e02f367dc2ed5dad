import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from deployd.builders.caches.key import tree_key
from deployd.domain.build import Dependencies, Tool

NPM = Dependencies(
    steps=("npm ci",),
    folders=("node_modules",),
    inputs=("package.json", "package-lock.json", ".npmrc", "patches"),
    reusable=True,
)
NODE = Tool(name="node", wanted="22", version="22.11.0", place="node-22.11.0/bin")
ENV = {"NODE_ENV": "production"}


def key(
    project: Path, dependencies: Dependencies = NPM, tools: tuple[Tool, ...] = (NODE,), env: dict[str, str] = ENV
) -> str | None:
    return tree_key(project, dependencies, tools, env, lambda: None)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "patches").mkdir()
    for name in ("package.json", "package-lock.json", "patches/one.patch", "server.js"):
        (tmp_path / name).write_text("{}")
    return tmp_path


def test_the_key_does_not_depend_on_times_or_on_what_is_no_input(project: Path) -> None:
    before = key(project)
    os.utime(project / "package.json", (1, 1))
    (project / "server.js").write_text("changed")
    assert key(project, env={**ENV, "GREETING": "hello"}) == before
    assert before is not None


@pytest.mark.parametrize(
    "change",
    [
        lambda project: (project / "package-lock.json").write_text("{ }"),
        lambda project: (project / ".npmrc").write_text("registry=https://npm.example.test"),
        lambda project: (project / "package.json").rename(project / ".npmrc"),
        lambda project: (project / "patches/two.patch").touch(),
        lambda project: (project / "patches/one.patch").write_text("other"),
    ],
)
def test_every_change_of_an_input_gives_another_key(project: Path, change: Callable[[Path], object]) -> None:
    before = key(project)
    change(project)
    assert key(project) not in (before, None)


@pytest.mark.parametrize(
    ("dependencies", "tool", "env"),
    [
        (msgspec.structs.replace(NPM, steps=("npm ci --include=dev",)), NODE, ENV),
        (msgspec.structs.replace(NPM, at="web"), NODE, ENV),
        (msgspec.structs.replace(NPM, folders=("node_modules", "vendor")), NODE, ENV),
        (NPM, msgspec.structs.replace(NODE, version="22.12.0"), ENV),
        (NPM, NODE, {"NODE_ENV": "development"}),
        (NPM, NODE, {**ENV, "npm_config_registry": "https://npm.example.test"}),
    ],
)
def test_every_change_of_how_it_is_installed_gives_another_key(
    project: Path, dependencies: Dependencies, tool: Tool, env: dict[str, str]
) -> None:
    assert key(project, dependencies, (tool,), env) not in (key(project), None)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", ["package.json", "patches"])
@pytest.mark.parametrize("target", ["/etc/passwd", "/dev/zero", "..", "loop"])
def test_an_input_that_is_a_link_is_not_read_and_nothing_is_taken_over(project: Path, name: str, target: str) -> None:
    place = project / name
    place.rename(project / "moved")
    place.symlink_to(name if target == "loop" else target)
    assert key(project) is None


@pytest.mark.timeout(20)
def test_a_pipe_in_place_of_an_input_does_not_hold_the_build(project: Path) -> None:
    (project / "package.json").unlink()
    os.mkfifo(project / "package.json")
    key(project)
