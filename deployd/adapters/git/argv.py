"""The git command lines and the environment they run in, built here and run elsewhere."""

from collections.abc import Mapping, Sequence
from pathlib import Path

HEAD_REF = "refs/deployd/fetched"
"""Where the mirror keeps the last commit that was asked for."""

SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_ALLOWED = ("https", "http", "ssh", "git", "file")
_SAFE_CONFIG = (
    "protocol.allow=never",
    *(f"protocol.{name}.allow=always" for name in _ALLOWED),
    "protocol.ext.allow=never",
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "credential.helper=",
    "fetch.recurseSubmodules=false",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=30",
    # A collection that runs on by itself would be a process without an owner.
    "gc.autoDetach=false",
    "maintenance.autoDetach=false",
    "gc.pruneExpire=1.day.ago",
    "advice.detachedHead=false",
)


def environment(passed: Mapping[str, str], credentials: Mapping[str, str]) -> dict[str, str]:
    """No prompt, no askpass, no configuration but ours; `passed` brings HOME, proxies and certificates."""
    return {
        "PATH": SEARCH_PATH,
        "LC_ALL": "C",
        **passed,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "/bin/true",
        "SSH_ASKPASS": "/bin/true",
        "SSH_ASKPASS_REQUIRE": "never",
        "GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oConnectTimeout=15 -oStrictHostKeyChecking=accept-new",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_PROTOCOL_FROM_USER": "1",
        **credentials,
    }


def init(mirror: Path) -> list[str]:
    return ["git", "init", "--quiet", "--bare", "--template=", str(mirror)]


def fetch_one(mirror: Path, url: str, name: str) -> list[str]:
    """Only the newest commit of `name`: a branch, a tag, HEAD or a full hash."""
    return _git(mirror, ["fetch", "--depth=1", "--no-tags", "--progress", "--", url, f"+{name}:{HEAD_REF}"])


def fetch_all(mirror: Path, url: str, *, shallow: bool) -> list[str]:
    """Every branch and tag with their history, for a commit that the server does not hand out by its hash."""
    refspecs = ["+refs/heads/*:refs/remotes/all/*", "+refs/tags/*:refs/tags/*", "+HEAD:refs/remotes/all-head"]
    deepen = ["--unshallow"] if shallow else []
    return _git(mirror, ["fetch", *deepen, "--no-tags", "--progress", "--", url, *refspecs])


def point_to(mirror: Path, commit: str) -> list[str]:
    """Keeps `commit` from being collected."""
    return _git(mirror, ["update-ref", HEAD_REF, f"{commit}^{{commit}}"])


def describe(mirror: Path, name: str = HEAD_REF) -> list[str]:
    """Prints the full hash, then the first line of the message."""
    return _git(
        mirror, ["log", "-1", "--no-show-signature", "--encoding=UTF-8", "--format=%H%n%s", f"{name}^{{commit}}"]
    )


def write_tree(mirror: Path, commit: str) -> list[str]:
    """Writes the commit's files into GIT_WORK_TREE, noting them in GIT_INDEX_FILE."""
    return _git(mirror, ["read-tree", "-m", "-u", f"{commit}^{{commit}}"])


def _git(mirror: Path, arguments: Sequence[str]) -> list[str]:
    config = [part for setting in _SAFE_CONFIG for part in ("-c", setting)]
    return ["git", f"--git-dir={mirror}", *config, *arguments]
