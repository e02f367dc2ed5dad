"""doctor on a host whose programs are missing, old, current, or print nonsense."""

from pathlib import Path

import pytest

from deployd.builders.toolchains.host import Host
from deployd.cli import host_checks
from deployd.cli.check import Check
from deployd.cli.programs import LEAST, programs, too_old

NOTHING = "nothing to do: builds fetch node from the npm registry"
NEWER = "nothing to do: such builds fetch a newer node from the npm registry"
NPM_COMES = "nothing to do: builds fetch npm along with node from the npm registry"
TOLD = {"git": "git version 2.39.5", "node": "v20.9.0", "npm": "10.1.0"}


def checked(folder: Path, **told: str | None) -> dict[str, Check]:
    """On a host with programs that print this; None for one that is missing."""
    for name, says in {**TOLD, **told}.items():
        if says is not None:
            make_program(folder, name, f"echo '{says}'")
    return {check.name: check for check in programs(Host(str(folder), (str(folder),)))}


def make_program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize("version", ["v20.9.0", "v22.20.0", "v100.0.0"])
def test_a_node_that_builds_take_is_all_right(tmp_path: Path, version: str) -> None:
    assert checked(tmp_path, node=version)["node"] == Check(name="node", ok=True, found=version)


@pytest.mark.parametrize("version", ["v18.19.0", "v9.11.2"])
def test_an_old_node_is_told_with_what_builds_do_instead(tmp_path: Path, version: str) -> None:
    node = checked(tmp_path, node=version)["node"]
    assert node.found == f"{version} is older than 20, the oldest that builds take for a project that names none"
    assert (node.ok, node.needed, node.remedy) == (False, False, NEWER)


def test_a_missing_node_is_no_obstacle(tmp_path: Path) -> None:
    checks = checked(tmp_path, node=None, npm=None)
    assert (checks["node"].found, checks["node"].remedy) == ("node is missing", NOTHING)
    assert checks["npm"].remedy == NPM_COMES
    assert not any(checks[name].ok or checks[name].needed for name in ("node", "npm"))


def test_a_node_in_a_home_folder_is_none_as_builds_cannot_see_it(tmp_path: Path) -> None:
    make_program(tmp_path, "node", "echo v22.20.0")
    node = next(check for check in programs(Host(str(tmp_path))) if check.name == "node")
    assert (node.found, node.remedy) == ("node is missing", NOTHING)


def test_what_says_no_version_is_quoted(tmp_path: Path) -> None:
    node = checked(tmp_path, node="nonsense")["node"]
    assert node.found == f"{tmp_path}/node says 'nonsense', which is no version"
    assert (node.ok, node.needed, node.remedy) == (False, False, NOTHING)


def test_what_does_not_run_is_told(tmp_path: Path) -> None:
    checked(tmp_path)
    make_program(tmp_path, "node", "exit 1")
    checks = {check.name: check for check in programs(Host(str(tmp_path), (str(tmp_path),)))}
    assert (checks["node"].found, checks["node"].remedy) == (f"{tmp_path}/node does not run", NOTHING)


def test_without_an_npm_builds_leave_the_node_aside(tmp_path: Path) -> None:
    npm = checked(tmp_path, npm=None)["npm"]
    assert (npm.ok, npm.needed, npm.remedy) == (False, False, NPM_COMES)


def test_an_old_npm_matters_only_beside_a_node_that_builds_take(tmp_path: Path) -> None:
    npm = checked(tmp_path, npm="6.14.4")["npm"]
    assert npm.found == "6.14.4 is older than 7, the first that knows workspaces and the package-lock.json of today"
    assert (npm.remedy or "").startswith("npm install -g npm@10; ")
    npm = checked(tmp_path, node="v18.19.0", npm="6.14.4")["npm"]
    assert npm.remedy == NPM_COMES


@pytest.mark.parametrize(
    ("says", "least"),
    [
        ("git version 2.9.5", (2, 31)),
        ("git version 2.30.2", (2, 31)),
        ("git version 2.31.1", (2, 32)),
        ("git version 2.32.0", None),
        ("git version 2.100.0 (Apple Git-155)", None),
        ("git version 3.0.0", None),
        ("no version at all", None),
    ],
)
def test_versions_are_compared_as_numbers(says: str, least: tuple[int, ...] | None) -> None:
    found = too_old("git", says)
    assert (found and found.version) == least


def test_an_old_git_is_told_and_a_missing_one_fails_the_doctor(tmp_path: Path) -> None:
    git = checked(tmp_path, git="git version 2.30.2")["git"]
    assert git.found == "git version 2.30.2 is older than 2.31, the first that takes a login from deployd"
    assert (git.ok, git.needed) == (False, False)
    (tmp_path / "git").unlink()
    git = checked(tmp_path, git=None)["git"]
    assert (git.found, git.needed, git.remedy) == ("git is missing", True, "apt install git")


def test_a_bubblewrap_that_lacks_what_builds_ask_of_it_does_not_work(tmp_path: Path) -> None:
    refuses = (
        'case "$*" in --version) echo "bubblewrap $V";; *--disable-userns*) echo "Unknown option" >&2; exit 1;; esac'
    )
    make_program(tmp_path, "bwrap", f"V=0.6.1; {refuses}")
    sandbox = host_checks.walls(str(tmp_path))[0]
    assert sandbox.found.startswith("bubblewrap 0.6.1 is older than 0.8, the first that can forbid builds to make")
    assert (sandbox.ok, sandbox.needed) == (False, False)


def test_a_bubblewrap_that_got_it_from_its_distribution_works_whatever_its_version(tmp_path: Path) -> None:
    make_program(tmp_path, "bwrap", "echo bubblewrap 0.6.3")
    assert host_checks.walls(str(tmp_path))[0].found == "bubblewrap works"


def test_an_old_slirp4netns_is_told(tmp_path: Path) -> None:
    make_program(tmp_path, "slirp4netns", "echo slirp4netns version 0.3.2")
    make_program(tmp_path, "ip", "true")
    network = host_checks.walls(str(tmp_path))[1]
    assert (
        network.found
        == "slirp4netns version 0.3.2 is older than 0.4, the first that confines itself (--enable-seccomp)"
    )
    assert (network.ok, network.needed) == (False, False)


def test_of_each_program_the_oldest_bar_comes_first() -> None:
    assert sorted(LEAST, key=lambda least: (least.program, least.version)) == sorted(LEAST, key=lambda one: one.program)
