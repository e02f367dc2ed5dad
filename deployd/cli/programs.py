"""What doctor asks of the programs of this host: which are there for deployd and its builds, and too old for what."""

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from uv import find_uv_bin

from deployd.builders.sandbox import SEARCH_PATH
from deployd.builders.toolchains.node_lines import OLDEST_MAINTAINED
from deployd.cli.check import Check, bad, good

if TYPE_CHECKING:
    from deployd.builders.toolchains.host import Host

_PROBE_SECONDS = 10.0
_LONGEST_ANSWER = 60
_FETCHED = "nothing to do: builds fetch node from the npm registry"
_NPM_FETCHED = "nothing to do: builds fetch npm along with node from the npm registry"


class Least(msgspec.Struct, frozen=True):
    """An older `program` than `version` lacks what `since` says; `remedy` tells what then happens, too."""

    program: str
    version: tuple[int, ...]
    since: str
    remedy: str


LEAST = (
    Least(
        "git",
        (2, 31),
        "the first that takes a login from deployd",
        "install a newer git; until then private repositories cannot be fetched over https",
    ),
    Least(
        "git",
        (2, 32),
        "the first that leaves the .gitconfig of deployd's user aside on request",
        "install a newer git; until then what that file says holds for every fetch",
    ),
    Least(
        "node",
        (OLDEST_MAINTAINED,),
        "the oldest that builds take for a project that names none",
        "nothing to do: such builds fetch a newer node from the npm registry",
    ),
    Least(
        "npm",
        (7,),
        "the first that knows workspaces and the package-lock.json of today",
        "npm install -g npm@10; until then builds that run on this host's node install with the old one",
    ),
    Least(
        "bubblewrap",
        (0, 8),
        "the first that can forbid builds to make namespaces (--disable-userns)",
        "install a newer bubblewrap; until then builds with steps are refused",
    ),
    Least(
        "slirp4netns",
        (0, 4),
        "the first that confines itself (--enable-seccomp)",
        "install a newer slirp4netns; until then builds reach what listens on this host's loopback",
    ),
)
"""Of several that a program is too old for, the first is told."""


def programs(host: "Host | None" = None) -> list[Check]:
    """As deployd and its builds find them: not in the PATH of this shell, nor in a home folder."""
    from deployd.builders.toolchains.host import Host

    host = host or Host()
    git = _program("git", shutil.which("git", path=host.search_path), host, "apt install git", needed=True)
    node = _program("node", host.find("node"), host, _FETCHED)
    npm = _program("npm", host.find("npm"), host, _NPM_FETCHED)
    if not npm.ok and not node.ok:
        npm = msgspec.structs.replace(npm, remedy=_NPM_FETCHED)
    uv = _program("uv", _uv(), host, "pip install uv; without it no Python app can be built")
    return [git, node, npm, uv]


def too_old(program: str, said: str) -> Least | None:
    """`said` is what it prints as its version."""
    from deployd.builders.toolchains.host import parse_version

    version = parse_version(said)
    if version is None:
        return None
    numbers = tuple(map(int, version.split(".")))
    return next((least for least in LEAST if least.program == program and numbers < least.version), None)


def older(said: str, least: Least) -> str:
    return f"{said} is older than {'.'.join(map(str, least.version))}, {least.since}"


def run(argv: list[str], search_path: str = SEARCH_PATH) -> subprocess.CompletedProcess[str] | None:
    env = {"PATH": search_path, "HOME": "/nonexistent", "LANG": "C.UTF-8"}
    try:
        return subprocess.run(
            argv, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            timeout=_PROBE_SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None


def first_line(answer: subprocess.CompletedProcess[str] | None) -> str | None:
    """None when the program did not do what it was asked."""
    if answer is None or answer.returncode != 0:
        return None
    return (answer.stdout.strip().splitlines() or [""])[0][:_LONGEST_ANSWER]


def _program(name: str, path: str | Path | None, host: "Host", absent: str, needed: bool = False) -> Check:
    from deployd.builders.toolchains.host import parse_version

    if path is None:
        return bad(name, f"{name} is missing", absent, needed)
    said = first_line(run([str(path), "--version"], host.search_path))
    if said is None:
        return bad(name, f"{path} does not run", absent, needed)
    if parse_version(said) is None:
        return bad(name, f"{path} says {said!r}, which is no version", absent, needed=False)
    least = too_old(name, said)
    return good(name, said) if least is None else bad(name, older(said, least), least.remedy, needed=False)


def _uv() -> str | None:
    """The one that every build gets: it came with deployd."""
    try:
        return find_uv_bin()
    except FileNotFoundError:
        return None
