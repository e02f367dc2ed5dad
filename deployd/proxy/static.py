"""The exchange with a static site: small files at once from memory, big ones piece by piece from a thread."""

import asyncio
import os
from typing import BinaryIO

from deployd.proxy.conditional import Unsatisfiable, byte_range, field, not_modified
from deployd.proxy.exchange import Exchange
from deployd.proxy.static_files import Moved, StaticFile, split_target

_PIECE = 256 * 1024


class SiteExchange(Exchange):
    __slots__ = ("_resumed",)

    def start(self) -> None:
        assert self.service is not None
        backend = self.service.site
        assert backend is not None
        self._resumed: asyncio.Event | None = None
        self.bind(backend)
        if self.head.method not in (b"GET", b"HEAD"):
            self.refuse(405, "A static site only knows GET and HEAD.", b"Allow: GET, HEAD\r\n")
            return
        path, query = split_target(self.head.target)
        files = self.plane.files
        found = files.resolve(backend.site, path)
        if isinstance(found, Moved):
            self._redirect(found.location + query)
        elif found is not None:
            self._serve(found)
        elif (page := files.page(backend.site, "404.html")) is not None and page.body is not None:
            self._send_small(404, page, b"", page.body)
        else:
            self.refuse(404, "This site has no such page.")

    def _redirect(self, location: bytes) -> None:
        self.answer(301, b"HTTP/1.1 301 Moved Permanently\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n" % location, b"")

    def _serve(self, file: StaticFile) -> None:
        fields = self.head.fields
        if not_modified(fields, file.etag, file.modified):
            head = b"HTTP/1.1 304 Not Modified\r\nETag: %b\r\nLast-Modified: %b\r\n\r\n" % (file.etag, file.modified)
            self.answer(304, head, b"")
            return
        part = None
        if self.head.method == b"GET" and field(fields, b"range") is not None:
            try:
                part = byte_range(fields, file.size, file.etag, file.modified)
            except Unsatisfiable:
                self.refuse(416, "The file ends before that range.", b"Content-Range: bytes */%d\r\n" % file.size)
                return
        start, stop = part or (0, file.size)
        status = 206 if part else 200
        extra = b"Content-Range: bytes %d-%d/%d\r\n" % (start, stop - 1, file.size) if part else b""
        if file.body is not None:
            self._send_small(status, file, extra, file.body if part is None else file.body[start:stop])
        else:
            self._send_big(status, file, extra, start, stop)

    def _send_small(self, status: int, file: StaticFile, extra: bytes, body: bytes) -> None:
        self.answer(status, _head(status, file, extra, len(body)), body)

    def _send_big(self, status: int, file: StaticFile, extra: bytes, start: int, stop: int) -> None:
        head = _head(status, file, extra, stop - start)
        if self.head.method == b"HEAD":
            self.answer(status, head, b"")
            return
        self.plane.tasks.spawn(self._stream(status, file, head, start, stop), name=f"send {file.path}")

    async def _stream(self, status: int, file: StaticFile, head: bytes, start: int, stop: int) -> None:
        self._resumed = asyncio.Event()
        if not self.client.write_paused:
            self._resumed.set()
        try:
            opened = await asyncio.to_thread(_open, file, start)
        except OSError:
            self.fail(500, "The file cannot be read.")
            return
        try:
            if not self.ended:
                self.status = status
                line = self.client.connection_line(self.head)
                self.client.transport.write(b"%b%b%b\r\n" % (head[:-2], self.plane.date, line))
                await self._copy(opened, stop - start)
        finally:
            opened.close()

    async def _copy(self, opened: BinaryIO, left: int) -> None:
        assert self._resumed is not None
        while left and not self.ended:
            try:
                piece = await asyncio.to_thread(opened.read, min(_PIECE, left))
            except OSError:
                piece = b""
            if self.ended:
                return
            if not piece:
                self.break_off()
                return
            left -= len(piece)
            self.sent += len(piece)
            self.seen = self.plane.now
            self.client.transport.write(piece)
            await self._resumed.wait()
        self.end()

    def pause_source(self) -> None:
        if self._resumed is not None:
            self._resumed.clear()

    def resume_source(self) -> None:
        if self._resumed is not None:
            self._resumed.set()

    def end(self) -> None:
        self.resume_source()
        super().end()


def _head(status: int, file: StaticFile, extra: bytes, length: int) -> bytes:
    phrase = {200: b"OK", 206: b"Partial Content", 404: b"Not Found"}[status]
    validators = b"" if status == 404 else b"ETag: %b\r\nLast-Modified: %b\r\n" % (file.etag, file.modified)
    return (
        b"HTTP/1.1 %d %b\r\nContent-Type: %b\r\nContent-Length: %d\r\nAccept-Ranges: bytes\r\n"
        b"X-Content-Type-Options: nosniff\r\n%b%b\r\n" % (status, phrase, file.content_type, length, validators, extra)
    )


def _open(file: StaticFile, start: int) -> BinaryIO:
    """Refuses a file that was exchanged since its head was made."""
    opened = open(file.path, "rb")  # noqa: SIM115 (closed by the stream that reads it)
    found = os.fstat(opened.fileno())
    if found.st_size != file.size or found.st_mtime_ns != file.changed_ns:
        opened.close()
        raise OSError("the file was changed meanwhile")
    opened.seek(start)
    return opened
