"""Finds the file that a path names inside a static site, and keeps small ones in memory under their time of change."""

import mimetypes
import os
import re
import stat
from collections import OrderedDict
from email.utils import formatdate
from urllib.parse import unquote_to_bytes

import msgspec

from deployd.domain.route import StaticSite
from deployd.proxy.limits import ProxyLimits

_TYPES = mimetypes.MimeTypes()
for _type, _suffix in (
    ("text/javascript", ".js"),
    ("text/javascript", ".mjs"),
    ("application/wasm", ".wasm"),
    ("font/woff2", ".woff2"),
    ("font/woff", ".woff"),
    ("image/webp", ".webp"),
    ("image/avif", ".avif"),
    ("image/svg+xml", ".svg"),
    ("application/manifest+json", ".webmanifest"),
    ("text/markdown", ".md"),
):
    _TYPES.add_type(_type, _suffix)
_TEXT = re.compile(r"text/|application/(?:json|javascript|xml|manifest\+json)|image/svg")
_ENTRY_COST = 512


class StaticFile(msgspec.Struct, frozen=True, kw_only=True):
    """`body` is None when the file is too big to be kept in memory."""

    path: str
    size: int
    changed_ns: int
    content_type: bytes
    etag: bytes
    modified: bytes
    body: bytes | None


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """The path names a folder and lacks its slash."""

    location: bytes


def split_target(target: bytes) -> tuple[bytes, bytes]:
    path, mark, query = target.partition(b"?")
    return path, mark + query


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


class FileCache:
    """Least recently used first out, bounded by the bytes it keeps."""

    def __init__(self, limits: ProxyLimits) -> None:
        self._most = limits.static_cache_bytes
        self._inline = limits.static_inline_bytes
        self._files: OrderedDict[str, StaticFile] = OrderedDict()
        self.bytes = 0

    def resolve(self, site: StaticSite, path: bytes) -> StaticFile | Moved | None:
        """What answers 200 for this path; None is a 404."""
        parts = segments(path)
        if parts is None:
            return None
        name = os.path.join(site.root, *parts)
        try:
            found = os.stat(name)
            if stat.S_ISDIR(found.st_mode):
                if not path.endswith(b"/"):
                    return Moved(location=b"/" + path.strip(b"/") + b"/") if self._index(site, name) else None
                name = os.path.join(name, "index.html")
                found = os.stat(name)
            elif path.endswith(b"/"):
                return None
        except OSError:
            return self._fallback(site, parts)
        return self._load(site, name, found)

    def page(self, site: StaticSite, name: str) -> StaticFile | None:
        """A file at the top of the site, such as 404.html."""
        path = os.path.join(site.root, name)
        try:
            return self._load(site, path, os.stat(path))
        except OSError:
            return None

    def _index(self, site: StaticSite, folder: str) -> bool:
        index = os.path.join(folder, "index.html")
        return os.path.isfile(index) and _inside(site.root, index)

    def _fallback(self, site: StaticSite, parts: list[str]) -> StaticFile | None:
        """A single-page app draws unknown pages itself; something like a missing script is still missing."""
        if not site.spa or (parts and "." in parts[-1] and not parts[-1].endswith(".html")):
            return None
        return self.page(site, "index.html")

    def _load(self, site: StaticSite, path: str, found: os.stat_result) -> StaticFile | None:
        kept = self._files.get(path)
        if kept is not None and kept.changed_ns == found.st_mtime_ns and kept.size == found.st_size:
            self._files.move_to_end(path)
            return kept
        if not stat.S_ISREG(found.st_mode) or not _inside(site.root, path):
            return None
        try:
            file = self._read(path, found)
        except OSError:
            return None
        self._keep(path, file)
        return file

    def _read(self, path: str, found: os.stat_result) -> StaticFile:
        body = None
        if found.st_size <= self._inline:
            with open(path, "rb") as file:
                body = file.read(self._inline + 1)
        return StaticFile(
            path=path,
            size=found.st_size if body is None else len(body),
            changed_ns=found.st_mtime_ns,
            content_type=_content_type(path),
            etag=b'"%x-%x"' % (found.st_mtime_ns, found.st_size),
            modified=formatdate(int(found.st_mtime), usegmt=True).encode(),
            body=body,
        )

    def _keep(self, path: str, file: StaticFile) -> None:
        self._forget(path)
        self._files[path] = file
        self.bytes += _cost(file)
        while self.bytes > self._most:
            self._forget(next(iter(self._files)))

    def _forget(self, path: str) -> None:
        file = self._files.pop(path, None)
        if file is not None:
            self.bytes -= _cost(file)


def _inside(root: str, path: str) -> bool:
    """Follows every symbolic link: the file must still lie in the site, and in none of its hidden folders."""
    real_root = os.path.realpath(root)
    real = os.path.realpath(path)
    if not real.startswith(real_root + os.sep):
        return False
    inner = real[len(real_root) + 1 :].split(os.sep)
    return not any(part.startswith(".") and part != ".well-known" for part in inner)


def _content_type(path: str) -> bytes:
    kind = _TYPES.guess_type(path)[0] or "application/octet-stream"
    return (f"{kind}; charset=utf-8" if _TEXT.match(kind) else kind).encode()


def _cost(file: StaticFile) -> int:
    return _ENTRY_COST + len(file.path) + len(file.body or b"")
