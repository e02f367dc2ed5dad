"""Which file of a static site a path names: the file itself, the same with .html, or the index of a folder.

`/about` is `about`, `about.html` or the folder `about/` with its index.html, in this order; a folder's own address ends
in a slash, a page's does not, and who asks the other way round is sent to the right one.
"""

import os
import stat
from urllib.parse import unquote_to_bytes

import msgspec

from deployd.domain.route import StaticSite

_INDEX = "index.html"
_PAGE = ".html"


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """The path names a folder and lacks its slash, or a page and has one; `slash` is what its address ends in."""

    slash: bytes


def segments(path: bytes) -> list[str] | None:
    """The decoded parts of a path; None when it names nothing that is ever served: dot files, traversal, NUL."""
    try:
        text = unquote_to_bytes(path).decode("utf-8")
    except UnicodeDecodeError:
        return None
    if "\0" in text or "\\" in text:
        return None
    parts = [part for part in text.split("/") if part]
    if any(part.startswith(".") and part != ".well-known" for part in parts):
        return None
    return parts


def find(site: StaticSite, parts: list[str], slash: bool) -> tuple[str | Moved | None, bool]:
    """What the path leads to, and whether no other file could take precedence over it."""
    base = os.path.join(site.root, *parts)
    kind = _kind(base)
    page, index = base + _PAGE, os.path.join(base, _INDEX)
    if kind == stat.S_IFREG and not slash:
        return base, True
    if kind == stat.S_IFDIR and slash and _kind(index) == stat.S_IFREG:
        return index, True
    if parts and _kind(page) == stat.S_IFREG and kind != stat.S_IFREG:
        return (Moved(slash=b""), False) if slash else (page, False)
    if kind == stat.S_IFDIR and not slash and _kind(index) == stat.S_IFREG:
        return Moved(slash=b"/"), False
    return (_fallback(site, parts) if kind is None else None), False


def _fallback(site: StaticSite, parts: list[str]) -> str | None:
    """A single-page app draws unknown pages itself; something like a missing script is still missing."""
    if not site.spa or (parts and "." in parts[-1] and not parts[-1].endswith(_PAGE)):
        return None
    return os.path.join(site.root, _INDEX)


def _kind(path: str) -> int | None:
    try:
        return stat.S_IFMT(os.stat(path).st_mode)
    except OSError:
        return None


def split_target(target: bytes) -> tuple[bytes, bytes]:
    path, mark, query = target.partition(b"?")
    return path, mark + query


def moved_to(path: bytes, moved: Moved) -> bytes:
    """Inside the site, whatever the path began with: `//host` would lead elsewhere."""
    return b"/" + path.strip(b"/") + moved.slash
