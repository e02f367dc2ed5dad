"""An app's own pages for the errors that deployd answers in its place, taken from the release."""

import html
import mimetypes
import os
import stat
from collections.abc import Mapping
from pathlib import Path

import msgspec

PAGE_BYTES = 65_536
REASON = b"{{reason}}"
REQUEST_ID = b"{{request_id}}"
_TYPES = mimetypes.MimeTypes()


class ErrorPage(msgspec.Struct, frozen=True, kw_only=True):
    content_type: bytes
    body: bytes

    def saying(self, reason: str, request_id: str) -> bytes:
        """With what deployd's own page would have shown, where the file asks for it."""
        body = self.body.replace(REQUEST_ID, html.escape(request_id).encode())
        return body.replace(REASON, html.escape(reason).encode())


class ErrorPages:
    """`files` by `503` or `5xx`; each is read once, when it is first needed. A file that cannot be shown is no page."""

    def __init__(self, folder: str, files: Mapping[str, str]) -> None:
        self._folder = folder
        self._files = files
        self._read: dict[str, ErrorPage | None] = {}

    def find(self, status: int) -> ErrorPage | None:
        file = self._files.get(str(status)) or self._files.get(f"{status // 100}xx")
        if file is None:
            return None
        if file not in self._read:
            self._read[file] = _page(self._folder, file)
        return self._read[file]


def _page(folder: str, file: str) -> ErrorPage | None:
    try:
        body = _content(folder, file)
    except OSError:
        return None
    if body is None:
        return None
    kind = _TYPES.guess_type(file)[0] or "text/html"
    charset = "; charset=utf-8" if kind.startswith("text/") else ""
    return ErrorPage(content_type=f"{kind}{charset}".encode(), body=body)


def _content(folder: str, file: str) -> bytes | None:
    """None for what is too large or lies outside; judged by what was opened, whatever its name leads to later."""
    handle = os.open(os.path.join(folder, file), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(handle, "rb") as opened:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_size > PAGE_BYTES:
            return None
        if not Path(os.readlink(f"/proc/self/fd/{handle}")).is_relative_to(os.path.realpath(folder)):
            return None
        body = opened.read(PAGE_BYTES + 1)
        return body if len(body) <= PAGE_BYTES else None
