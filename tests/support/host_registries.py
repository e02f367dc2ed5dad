"""How this host reaches its package registries, for a root that shall reach them alike."""

import os
import re
import shutil
import subprocess
from pathlib import Path

_NAMES = re.compile(
    r"(https?|all|no|ftp)_proxy|(pip|uv|npm_config)_\w+|\w*(ssl_|ca_?certs?|ca_bundle|cainfo|_cert)\w*", re.I
)
_SETTINGS = ("/etc/pip.conf", "/etc/uv/uv.toml", "~/.config/pip/pip.conf", "~/.config/uv/uv.toml")
_NPM_SETTINGS = ("/etc/npmrc", "/usr/etc/npmrc", "~/.npmrc")
_LOCAL_AUTHORITIES = Path("/usr/local/share/ca-certificates")
_COPIES = "etc/ssl/host-registries"
_INDEXES = ("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Identifier: Packages")


def apt_sources(suite: str) -> str:
    """The sources.list of that suite of Debian, from where this host has its own; "" when this is not a Debian."""
    own = _own_suite()
    lines = []
    for index in dict.fromkeys(_said(_INDEXES).splitlines()):
        uri, release, component = index.split()
        if own and (release == own or release.startswith(f"{own}-")):
            lines.append(f"deb {uri} {suite}{release.removeprefix(own)} {component}\n")
    return "".join(lines)


def mirror(suite: str) -> str:
    """The first address that serves this suite."""
    return apt_sources(suite).split()[1]


def copy_into(root: Path, homes: tuple[str, ...]) -> None:
    """pip's, uv's, npm's and apt's settings, local authorities and names of hosts; `homes` are relative to the root."""
    for source in _SETTINGS:
        for home in homes if source.startswith("~") else ("",):
            _copy_text([Path(source).expanduser()], root, root / home / source.removeprefix("~").lstrip("/"))
    for home in homes:
        _copy_text([Path(name).expanduser() for name in _NPM_SETTINGS], root, root / home / ".npmrc")
    for path in sorted(Path("/etc/apt/apt.conf.d").glob("*")):
        if all(line.startswith(("Acquire::", "//", "#")) for line in path.read_text().splitlines() if line.strip()):
            shutil.copy(path, root / "etc/apt/apt.conf.d")
    for name in ("hosts", "resolv.conf"):
        shutil.copy(f"/etc/{name}", root / "etc" / name)
    if _LOCAL_AUTHORITIES.is_dir():
        shutil.copytree(_LOCAL_AUTHORITIES, root / _LOCAL_AUTHORITIES.relative_to("/"), dirs_exist_ok=True)
    for value in _environment().values():
        _redirected(value, root)


def environment() -> dict[str, str]:
    """What commands in such a root need; a path of this host is that of its copy."""
    return {name: _redirected(value, None) for name, value in _environment().items()}


def _environment() -> dict[str, str]:
    """A folder of this host is not in the root: a setting that names one is left out."""
    return {name: value for name, value in os.environ.items() if _NAMES.fullmatch(name) and not Path(value).is_dir()}


def _copy_text(sources: list[Path], root: Path, target: Path) -> None:
    lines = [line for source in sources if source.is_file() for line in source.read_text().splitlines()]
    kept = [line for line in lines if not Path(line.rpartition("=")[2].strip() or ".").is_dir()]
    if kept:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("".join(_redirected(line, root) + "\n" for line in kept))


def _redirected(text: str, root: Path | None) -> str:
    """The text with the copy's path for that of a file of this host, which is copied when a root is given.

    A copy below /etc/ssl, where sandboxed builds look, and of its own, because packages write the usual file anew.
    """
    for path in re.findall(r"(?<![\w:/])/[\w./@+-]+", text):
        if not Path(path).is_file():
            continue
        copy = f"{_COPIES}/{path.strip('/').replace('/', '-')}"
        if root is not None:
            (root / _COPIES).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, root / copy)
        text = text.replace(path, f"/{copy}")
    return text


def _own_suite() -> str:
    release = Path("/etc/os-release").read_text()
    found = re.search(r"^VERSION_CODENAME=(\w+)$", release, re.M) if re.search(r"^ID=debian$", release, re.M) else None
    return found[1] if found else ""


def _said(argv: tuple[str, ...]) -> str:
    return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True).stdout
