"""Keeps what is known of a site's files, and the content of small ones, under their identity on the disk."""

import os
import stat
from collections import OrderedDict
from email.utils import formatdate

import msgspec

from deployd.domain.content_coding import SUFFIXES
from deployd.domain.route import StaticSite
from deployd.proxy.accept_encoding import Accepted
from deployd.proxy.file_types import caching, content_type
from deployd.proxy.limits import ProxyLimits
from deployd.proxy.site_paths import Moved, find, segments

_ENTRY_COST = 1_024
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_MOST_NAMES = 4_096

Identity = tuple[int, int, int, int]


class StaticFile(msgspec.Struct, frozen=True, kw_only=True):
    """One representation of a file: `body` is None when it is too big to be kept in memory.

    `about` are the header lines of every answer about it, 304 too, and `head` is that of its 200. `copies` are its
    compressed copies that lie beside it, smallest first.
    """

    path: str
    root: str
    identity: Identity
    size: int
    content_type: bytes
    etag: bytes
    modified: bytes
    about: bytes
    head: bytes
    body: bytes | None
    copies: tuple[tuple[bytes, str], ...] = ()


class FileCache:
    """Least recently used first out, bounded by the bytes it keeps."""

    def __init__(self, limits: ProxyLimits) -> None:
        self._most = limits.static_cache_bytes
        self._inline = limits.static_inline_bytes
        self._files: OrderedDict[tuple[str, bytes], StaticFile] = OrderedDict()
        self._names: dict[tuple[str, bytes], tuple[str, float]] = {}
        self.bytes = 0

    def resolve(
        self, site: StaticSite, path: bytes, codings: Accepted = (), now: float = 0.0
    ) -> StaticFile | Moved | None:
        """What answers 200 for this path, in the representation that the client likes best; None is a 404.

        What was looked at on the disk at the same `now` is not looked at again, unless that is 0.
        """
        known = self._names.get((site.root, path))
        if known is not None:
            name, looked = known
            file = self._files.get((name, b"")) if looked == now and now else None
            if file is None or file.body is None or file.root != site.root:
                file = self._load(site, name)
                self._names[site.root, path] = name, now
            if file is not None:
                return self._packed(site, file, codings) if codings and file.copies else file
            del self._names[site.root, path]
        parts = segments(path)
        if parts is None:
            return None
        found, first = find(site, parts, path.endswith(b"/") or not parts)
        if isinstance(found, Moved):
            return found
        file = self._load(site, found) if found is not None else None
        if file is None:
            return None
        if first:
            self._remember((site.root, path), file.path, now)
        return self._packed(site, file, codings) if codings and file.copies else file

    def page(self, site: StaticSite, name: str, codings: Accepted = ()) -> StaticFile | None:
        """A file at the top of the site, such as 404.html."""
        file = self._load(site, os.path.join(site.root, name))
        return self._packed(site, file, codings) if file is not None and codings and file.copies else file

    def _remember(self, key: tuple[str, bytes], name: str, now: float) -> None:
        if len(self._names) >= _MOST_NAMES:
            self._names.clear()
        self._names[key] = name, now

    def _packed(self, site: StaticSite, file: StaticFile, codings: Accepted) -> StaticFile:
        for group in codings:
            for coding, path in file.copies:
                if coding in group:
                    copy = self._load(site, path, coding, file)
                    if copy is not None:
                        return copy
        return file

    def _load(
        self, site: StaticSite, path: str, coding: bytes = b"", original: StaticFile | None = None
    ) -> StaticFile | None:
        try:
            found = os.stat(path)
            if not stat.S_ISREG(found.st_mode):
                return None
            kept = self._files.get((path, coding))
            if kept is not None and kept.root == site.root and kept.identity == identity(found):
                self._files.move_to_end((path, coding))
                return kept
            file = self._read(site, path, coding, original)
        except OSError:
            return None
        self._keep((path, coding), file)
        return file

    def _read(self, site: StaticSite, path: str, coding: bytes, original: StaticFile | None) -> StaticFile:
        """Looks only at what it has opened: a name may lead elsewhere a moment later."""
        opened = os.open(path, _FLAGS)
        try:
            found = os.fstat(opened)
            if not stat.S_ISREG(found.st_mode) or not _inside(site.root, _real_name(opened, path)):
                raise FileNotFoundError(path)
            body = os.pread(opened, self._inline + 1, 0) if found.st_size <= self._inline else None
        finally:
            os.close(opened)
        size = found.st_size if body is None else len(body)
        etag = b'"%x-%x%b"' % (found.st_mtime_ns, found.st_size, b"-" + coding if coding else b"")
        modified = formatdate(int(found.st_mtime), usegmt=True).encode()
        kind = original.content_type if original is not None else content_type(path)
        named = original.path if original is not None else path
        copies = () if original is not None else _copies(path)
        about = b"ETag: %b\r\nLast-Modified: %b\r\n%b%b" % (
            etag,
            modified,
            caching(named[len(site.root.rstrip("/")) :]),
            b"Vary: Accept-Encoding\r\n" if coding or copies else b"",
        )
        if coding:
            kind_lines = b"Content-Type: %b\r\nContent-Encoding: %b\r\n" % (kind, coding)
        else:
            kind_lines = b"Content-Type: %b\r\n" % kind
        about_body = b"%bAccept-Ranges: bytes\r\nX-Content-Type-Options: nosniff\r\n" % kind_lines
        return StaticFile(
            path=path,
            root=site.root,
            identity=identity(found),
            size=size,
            content_type=kind,
            etag=etag,
            modified=modified,
            about=about,
            head=b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%b%b\r\n" % (size, about_body, about),
            body=body,
            copies=copies,
        )

    def _keep(self, key: tuple[str, bytes], file: StaticFile) -> None:
        self._forget(key)
        self._files[key] = file
        self.bytes += _cost(file)
        while self.bytes > self._most:
            self._forget(next(iter(self._files)))

    def _forget(self, key: tuple[str, bytes]) -> None:
        file = self._files.pop(key, None)
        if file is not None:
            self.bytes -= _cost(file)


def reopen(file: StaticFile) -> int:
    """A descriptor of the very file that was looked at. OSError when another has taken its place, or it was changed."""
    opened = os.open(file.path, _FLAGS)
    if identity(os.fstat(opened)) != file.identity:
        os.close(opened)
        raise FileNotFoundError(file.path)
    return opened


def identity(found: os.stat_result) -> Identity:
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


def _real_name(opened: int, path: str) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{opened}")
    except FileNotFoundError:
        return os.path.realpath(path)  # no /proc on this system


def _inside(root: str, real: str) -> bool:
    """With every symbolic link followed, the file still lies in the site, and in none of its hidden folders."""
    real_root = os.path.realpath(root)
    if not real.startswith(real_root + os.sep):
        return False
    inner = real[len(real_root) + 1 :].split(os.sep)
    return not any(part.startswith(".") and part != ".well-known" for part in inner)


def _copies(path: str) -> tuple[tuple[bytes, str], ...]:
    found = []
    for coding, suffix in SUFFIXES.items():
        try:
            found.append((os.stat(path + suffix).st_size, coding, path + suffix))
        except OSError:
            continue
    return tuple((coding, name) for _, coding, name in sorted(found))


def _cost(file: StaticFile) -> int:
    return _ENTRY_COST + len(file.path) + len(file.body or b"")
