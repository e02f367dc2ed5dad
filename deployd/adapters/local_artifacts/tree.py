"""What may be in an artifact: files, folders, and links that stay inside it or point at the system's programs."""

import os
import posixpath
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

SYSTEM_FOLDERS = ("/usr/", "/opt/", "/bin/", "/lib/", "/lib64/")
"""A link may point here: a Python environment is tied to its interpreter by one."""


class Entry(NamedTuple):
    name: str
    path: str
    info: os.stat_result


class EscapingLink(ValueError):
    """The text names the link and where it points."""


def entries(folder: Path) -> Iterator[Entry]:
    """Everything below `folder` in the order of its names, a folder before what it holds; links are not followed.

    Sockets, pipes and devices are left out: they cannot be brought back to life.
    """
    waiting = _children(str(folder), "")
    while waiting:
        entry = waiting.pop()
        yield entry
        if stat.S_ISDIR(entry.info.st_mode):
            waiting += _children(entry.path, entry.name + "/")


def check_link(name: str, target: str, allowed: tuple[str, ...] = SYSTEM_FOLDERS) -> None:
    """Raises EscapingLink when the link would lead out of the artifact."""
    if target.startswith("/"):
        inside = posixpath.normpath(target).startswith(allowed)
    else:
        landed = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
        inside = landed != ".." and not landed.startswith("../")
    if not inside:
        raise EscapingLink(f"the link {name} points outside the project, at {target}")


def _children(folder: str, prefix: str) -> list[Entry]:
    """Last name first, to be popped from the end."""
    with os.scandir(folder) as found:
        children = [
            Entry(prefix + child.name, child.path, child.stat(follow_symlinks=False))
            for child in sorted(found, key=lambda child: child.name, reverse=True)
        ]
    return [child for child in children if _kept(child.info.st_mode)]


def _kept(mode: int) -> bool:
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)
