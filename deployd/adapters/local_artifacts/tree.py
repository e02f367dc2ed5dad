"""What may be in an artifact: files, folders, and links that stay inside it or point at the system's programs."""

import os
import posixpath
import stat
from collections.abc import Collection, Iterator
from typing import NamedTuple

from deployd.kernel.in_thread import Check

SYSTEM_FOLDERS = ("/usr/", "/opt/", "/bin/", "/lib/", "/lib64/")
"""A link may point here: a Python environment is tied to its interpreter by one."""

FILE, FOLDER, LINK = b"0", b"5", b"2"
"""The kinds as tar writes them."""


class Entry(NamedTuple):
    """`name` counts from the folder that was walked; `size` and `executable` are those of files, `target` of links."""

    name: str
    kind: bytes
    executable: bool
    size: int
    mtime_ns: int
    inode: int
    target: str


class Part(NamedTuple):
    """A folder packed on its own: where it lies in the whole (empty: it is the rest of the whole), and what it holds.

    A folder comes before what it holds, and everything in the order of its names.
    """

    at: str
    folder: str
    entries: list[Entry]


class EscapingLink(ValueError):
    """The text names the link and where it points."""


def parts_of(folder: str, apart: Collection[str], check: Check) -> list[Part]:
    """The rest first, then those of `apart` that are folders there, outermost only. Links are not followed.

    Sockets, pipes and devices are left out: they cannot be brought back to life.
    """
    parts = [Part("", folder, list(_walk(folder, apart, check)))]
    for entry in parts[0].entries:
        if entry.name in apart and entry.kind == FOLDER:
            inside = f"{folder}/{entry.name}"
            parts.append(Part(entry.name, inside, list(_walk(inside, (), check))))
    return parts


def check_links(part: Part, allowed: tuple[str, ...]) -> None:
    """Raises EscapingLink for the first link that would lead out of the whole."""
    for entry in part.entries:
        if entry.kind == LINK:
            check_link(posixpath.join(part.at, entry.name), entry.target, allowed)


def check_link(name: str, target: str, allowed: tuple[str, ...]) -> None:
    """Raises EscapingLink when the link would lead out of the artifact; `name` counts from its top."""
    if target.startswith("/"):
        inside = posixpath.normpath(target).startswith(allowed)
    else:
        landed = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
        inside = landed != ".." and not landed.startswith("../")
    if not inside:
        raise EscapingLink(f"the link {name} points outside the project, at {target}")
    # What comes before a later `..` may be a link itself: then the way back leads to where nothing was checked.
    steps = [step for step in target.split("/") if step not in ("", ".")]
    ups = next((number for number, step in enumerate(steps) if step != ".."), len(steps))
    if ".." in steps[ups:]:
        raise EscapingLink(f"the link {name} goes back by .. after a folder's name, at {target}; make it a direct one")


def _walk(folder: str, closed: Collection[str], check: Check) -> Iterator[Entry]:
    """Does not look into the folders named in `closed`."""
    waiting = _children(folder, "")
    while waiting:
        entry = waiting.pop()
        yield entry
        if entry.kind == FOLDER and entry.name not in closed:
            check()
            waiting += _children(f"{folder}/{entry.name}", f"{entry.name}/")


def _children(folder: str, prefix: str) -> list[Entry]:
    """Last name first, to be popped from the end."""
    with os.scandir(folder) as found:
        children = [entry for child in found if (entry := _entry(child, prefix)) is not None]
    children.sort(reverse=True)
    return children


def _entry(child: "os.DirEntry[str]", prefix: str) -> Entry | None:
    info = child.stat(follow_symlinks=False)
    mode, name = info.st_mode, prefix + child.name
    if stat.S_ISREG(mode):
        return Entry(name, FILE, mode & 0o111 != 0, info.st_size, info.st_mtime_ns, info.st_ino, "")
    if stat.S_ISDIR(mode):
        return Entry(name, FOLDER, False, 0, 0, 0, "")
    return Entry(name, LINK, False, 0, 0, 0, os.readlink(child.path)) if stat.S_ISLNK(mode) else None
