"""The name of a dependency tree: a digest over everything that decides what an installation puts there."""

import hashlib
import os
import platform
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from deployd.builders.caches.fingerprint import Entry, fingerprint
from deployd.builders.caches.places import inside
from deployd.builders.sandbox import SEARCH_PATH
from deployd.domain.build import Dependencies, Tool
from deployd.kernel.in_thread import Check

_MOST_BYTES = 64 << 20
_TOOLS_ENV = ("NPM_CONFIG_", "PNPM_", "YARN_", "BUN_", "UV_", "PIP_", "POETRY_", "PDM_", "NODE_", "PYTHON")
"""Variables beginning with one of these change what package managers install."""


class Unusable(Exception):
    """An input cannot be read safely, so nothing can be said about what an installation would give."""


def tree_key(
    project: Path, dependencies: Dependencies, tools: Sequence[Tool], env: Mapping[str, str], check: Check
) -> str | None:
    """None when the packages cannot be taken over."""
    digest = hashlib.sha256()
    try:
        for part in _parts(project, dependencies, tools, env, check):
            digest.update(b"%d:%b" % (len(part), part))
    except (Unusable, OSError):
        return None
    return digest.hexdigest()


def _parts(
    project: Path, dependencies: Dependencies, tools: Sequence[Tool], env: Mapping[str, str], check: Check
) -> Iterator[bytes]:
    # The interpreter is what a Python environment links to, and stands for the age of the host's own programs.
    interpreter = os.path.realpath(shutil.which("python3", path=SEARCH_PATH) or "")
    words = [platform.machine(), *platform.libc_ver(), interpreter, dependencies.at, *dependencies.folders]
    words += ["steps", *dependencies.steps, "tools"]
    words += [word for tool in tools for word in (tool.name, tool.version, tool.place)]
    words += [f"{key}={value}" for key, value in sorted(env.items()) if key.upper().startswith(_TOOLS_ENV)]
    for word in words:
        yield os.fsencode(word)
    for name in sorted(os.path.normpath(name) for name in dependencies.inputs):
        yield os.fsencode(name)
        yield from _content(project, name, check)


def _content(project: Path, name: str, check: Check) -> Iterator[bytes]:
    """A file, or a folder with all it holds, that lies where it says; a link could stand for any file of this host."""
    if not inside(project, name):
        raise Unusable
    root = os.fsencode(project)
    for entry in fingerprint(project, (name,), check):
        yield entry.path
        yield _one(root + b"/" + entry.path, entry)


def _one(path: bytes, entry: Entry) -> bytes:
    if not stat.S_ISREG(entry.mode):
        return entry.target
    if entry.size > _MOST_BYTES:
        raise Unusable
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        return file.read(_MOST_BYTES)
