"""The git command lines and the environment they run in, built here and run elsewhere."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

HEAD_REF = "refs/deployd/fetched"
"""Where the mirror keeps the last commit that was asked for."""

SSH = "GIT_SSH_COMMAND"

SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_ALLOWED = ("https", "http", "ssh", "git", "file")
_SAFE_CONFIG = (
    "protocol.allow=never",
    *(f"protocol.{name}.allow=always" for name in _ALLOWED),
    "protocol.ext.allow=never",
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "fetch.recurseSubmodules=false",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=30",
    # A collection that runs on by itself would be a process without an owner.
    "gc.autoDetach=false",
    "maintenance.autoDetach=false",
    "gc.pruneExpire=1.day.ago",
    "advice.detachedHead=false",
    # Files come out byte for byte, unless the repository's own .gitattributes say otherwise.
    "core.autocrlf=false",
    "core.attributesFile=/dev/null",
    "core.protectHFS=true",
    "core.protectNTFS=true",
    # Above this size a file is streamed instead of held in memory.
    "core.bigFileThreshold=16m",
    "checkout.workers=0",
)
_LFS_FILTER = (
    "filter.lfs.process=git-lfs filter-process",
    "filter.lfs.smudge=git-lfs smudge -- %f",
    "filter.lfs.required=true",
)
_LFS_ALL = ("lfs.fetchInclude=", "lfs.fetchExclude=")
"""A pointer that stands where a file should be would be served as if it were the file."""


def ssh(key: str | None = None) -> str:
    """What git runs; with the private key in that file, and no other one, when there is one."""
    command = "ssh -oBatchMode=yes -oConnectTimeout=15 -oStrictHostKeyChecking=accept-new"
    return command if key is None else f"{command} -oIdentitiesOnly=yes -i {key}"


def environment(
    passed: Mapping[str, str], own: Mapping[str, str], config: Mapping[str, str] = MappingProxyType({})
) -> dict[str, str]:
    """No prompt, no askpass, no configuration but ours; `passed` brings HOME, proxies and certificates."""
    return {
        "PATH": SEARCH_PATH,
        "LC_ALL": "C",
        **passed,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "/bin/true",
        "SSH_ASKPASS": "/bin/true",
        "SSH_ASKPASS_REQUIRE": "never",
        SSH: ssh(),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_PROTOCOL_FROM_USER": "1",
        **_config(config),
        **own,
    }


def _config(settings: Mapping[str, str]) -> dict[str, str]:
    """As git reads configuration from its environment."""
    env = {"GIT_CONFIG_COUNT": str(len(settings))} if settings else {}
    for number, (key, value) in enumerate(settings.items()):
        env |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return env


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


def write_tree(mirror: Path, commit: str, *, lfs: bool) -> list[str]:
    """Writes the commit's files into GIT_WORK_TREE, noting them in GIT_INDEX_FILE."""
    return _git(mirror, ["read-tree", "-m", "-u", f"{commit}^{{commit}}"], (*_LFS_FILTER, *_LFS_ALL) if lfs else ())


def list_paths(mirror: Path, commit: str, paths: Sequence[str]) -> list[str]:
    """Prints `MODE KIND HASH SIZE<tab>PATH<nul>` for each of the paths that the commit holds."""
    return _git(mirror, ["--literal-pathspecs", "ls-tree", "-l", "-z", "--full-tree", commit, "--", *paths])


def list_submodules(mirror: Path, commit: str) -> list[str]:
    """Prints `KEY<newline>VALUE<nul>`; includes are not followed in a blob."""
    return _git(mirror, ["config", "--blob", f"{commit}:.gitmodules", "--no-includes", "--list", "-z"])


def find_lfs(mirror: Path, commit: str) -> list[str]:
    """Exits with 0 when some .gitattributes of the commit hands files to Git LFS, else with 1."""
    return _git(mirror, ["grep", "-q", "-F", "filter=lfs", commit, "--", ":(glob)**/.gitattributes"])


def find_pointers(mirror: Path, commit: str) -> list[str]:
    """Exits with 0 when the commit holds a file that only points to the real one."""
    return _git(mirror, ["grep", "-q", "-e", "^version https://git-lfs.github.com/spec/", commit])


def fetch_lfs(mirror: Path, remote: str, server: str, commit: str) -> list[str]:
    """Brings the files behind the commit's pointers; what a repository's .lfsconfig says has no say."""
    config = (f"remote.origin.url={remote}", f"lfs.url={server}", "lfs.dialTimeout=15", "lfs.activityTimeout=30")
    return _git(mirror, ["lfs", "fetch", "origin", commit], (*config, *_LFS_ALL))


def _git(mirror: Path, arguments: Sequence[str], more: Sequence[str] = ()) -> list[str]:
    config = [part for setting in (*_SAFE_CONFIG, *more) for part in ("-c", setting)]
    return ["git", f"--git-dir={mirror}", *config, *arguments]
