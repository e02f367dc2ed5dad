"""The exchange with a static site: small files at once from memory, big ones by sendfile or piece by piece."""

import asyncio
import os
import secrets
from typing import TYPE_CHECKING

from deployd.proxy.conditional import Unsatisfiable, is_conditional, not_modified, precondition_fails, wanted_range
from deployd.proxy.exchange import Exchange
from deployd.proxy.ranges import Span, last_line, part_head, spans
from deployd.proxy.sendfile import NoSendfile, SendfileSocket, sendfile_socket
from deployd.proxy.site_paths import Moved, moved_to, split_target
from deployd.proxy.static_files import StaticFile, identity, reopen

if TYPE_CHECKING:
    from deployd.domain.route import StaticSite

_PIECE = 256 * 1024
_METHODS = b"Allow: GET, HEAD, OPTIONS\r\n"

Part = bytes | Span
"""Of a body: bytes of our own, or those of the file."""


class SiteExchange(Exchange):
    __slots__ = ("_resumed", "_socket")

    def start(self) -> None:
        assert self.service is not None
        backend = self.service.site
        assert backend is not None
        self._resumed: asyncio.Event | None = None
        self._socket: SendfileSocket | None = None
        self.bind(backend)
        if self.head.method in (b"GET", b"HEAD"):
            self._look_up(backend.site)
        elif self.head.method == b"OPTIONS":
            self.answer(204, b"HTTP/1.1 204 No Content\r\n%b\r\n" % _METHODS, b"")
        else:
            self.refuse(405, "A static site only knows GET, HEAD and OPTIONS.", _METHODS)

    def _look_up(self, site: "StaticSite") -> None:
        path, query = split_target(self.head.target)
        prefix = self._stripped()
        path = path[len(prefix) :]
        files, codings = self.plane.files, self.head.codings
        found = files.resolve(site, path, codings, self.plane.now)
        if isinstance(found, Moved):
            self._redirect(prefix + moved_to(path, found) + query)
        elif found is not None:
            self._serve(found)
        elif (page := files.page(site, "404.html", codings)) is not None and page.body is not None:
            self.answer(404, _retold(page, b"404 Not Found", page.size), page.body)
        else:
            self.refuse(404, "This site has no such page.")

    def _stripped(self) -> bytes:
        assert self.service is not None
        return self.plane.table.prefix_of(self.head.host, self.head.target) if self.service.strips else b""

    def _redirect(self, location: bytes) -> None:
        self.answer(301, b"HTTP/1.1 301 Moved Permanently\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n" % location, b"")

    def _serve(self, file: StaticFile) -> None:
        if is_conditional(self.head.fields) and self._serve_on_condition(file):
            return
        if file.body is not None or self.head.method == b"HEAD":
            self.answer(200, file.head, file.body or b"")
        else:
            self._begin(200, file, file.head, [(0, file.size)])

    def _serve_on_condition(self, file: StaticFile) -> bool:
        """False when the whole file is the answer after all."""
        fields = self.head.fields
        if precondition_fails(fields, file.etag, file.modified):
            self.refuse(412, "The file is not in the version that was asked for.")
            return True
        if not_modified(fields, file.etag, file.modified):
            self.answer(304, b"HTTP/1.1 304 Not Modified\r\n%b\r\n" % file.about, b"")
            return True
        wanted = wanted_range(fields, file.etag, file.modified) if self.head.method == b"GET" else None
        if wanted is None:
            return False
        try:
            found = spans(wanted, file.size)
        except Unsatisfiable:
            self.refuse(416, "The file ends before that range.", b"Content-Range: bytes */%d\r\n" % file.size)
            return True
        if found:
            self._serve_parts(file, found)
        return bool(found)

    def _serve_parts(self, file: StaticFile, found: list[Span]) -> None:
        parts: list[Part] = [*found]
        if len(found) == 1:
            start, stop = found[0]
            extra = b"Content-Range: bytes %d-%d/%d\r\n" % (start, stop - 1, file.size)
            head = _retold(file, b"206 Partial Content", stop - start, extra)
        else:
            boundary = secrets.token_hex(16).encode()
            parts = [part for span in found for part in (part_head(boundary, file.content_type, span, file.size), span)]
            parts.append(last_line(boundary))
            length = sum(len(part) if isinstance(part, bytes) else part[1] - part[0] for part in parts)
            head = _retold(file, b"206 Partial Content", length, b"", b"multipart/byteranges; boundary=" + boundary)
        body = file.body
        if body is None:
            self._begin(206, file, head, parts)
        else:
            self.answer(
                206, head, b"".join([part if isinstance(part, bytes) else body[part[0] : part[1]] for part in parts])
            )

    def _begin(self, status: int, file: StaticFile, head: bytes, parts: list[Part]) -> None:
        self.plane.tasks.spawn(self._transfer(status, file, head, parts), name=f"send {file.path}")

    async def _transfer(self, status: int, file: StaticFile, head: bytes, parts: list[Part]) -> None:
        if self.ended:
            return
        try:
            opened = reopen(file)
        except OSError:
            self.fail(500, "The file was changed while it was being read; ask for it again.")
            return
        transport = self.client.transport
        self._resumed = asyncio.Event()
        self._resumed.set()
        try:
            self._socket = sendfile_socket(self.plane.loop, transport)
            if self._socket is not None:
                transport.set_write_buffer_limits(0)  # what we write is on its way at once, or we are told to wait
            self.status = status
            self.seen = self.plane.now
            line = self.client.connection_line(self.head)
            transport.write(b"%b%b%b\r\n" % (head[:-2], self.plane.date, line))
            if await self._send(parts, opened, file):
                self._finish(transport)
            elif not self.ended:
                self.break_off()
        finally:
            os.close(opened)
            if self._socket is not None:
                self._socket.close()

    def _finish(self, transport: asyncio.Transport) -> None:
        if self._socket is not None:
            transport.set_write_buffer_limits()
        self.end()

    async def _send(self, parts: list[Part], opened: int, file: StaticFile) -> bool:
        """Whether all of it went out, as it was when its head was written."""
        for part in parts:
            if isinstance(part, bytes):
                self._write(part)
                continue
            start, stop = part
            while start < stop and not self.ended:
                if identity(os.fstat(opened)) != file.identity:
                    return False
                sent = await self._send_some(opened, start, stop)
                if sent == 0:
                    return False
                start += max(0, sent)
        return not self.ended

    async def _send_some(self, opened: int, start: int, stop: int) -> int:
        """How many bytes went out, 0 when there are no more; -1: it has waited, and wants to be called again."""
        assert self._resumed is not None
        await self._resumed.wait()
        if self.ended:
            return 0
        try:
            if self._socket is not None and not self.client.transport.get_write_buffer_size():
                sent = await self._socket.send(opened, start, stop)
                if sent > 0:
                    self.sent += sent
                    self.seen = self.plane.now
                return sent
        except NoSendfile:
            pass
        except ConnectionError:
            self.client.abort()
            return 0
        except OSError:
            return 0
        return await self._copy_some(opened, start, stop)

    async def _copy_some(self, opened: int, start: int, stop: int) -> int:
        try:
            piece = await asyncio.to_thread(os.pread, opened, min(_PIECE, stop - start), start)
        except OSError:
            return 0
        if piece and not self.ended:
            self._write(piece)
        return len(piece)

    def _write(self, piece: bytes) -> None:
        self.sent += len(piece)
        self.seen = self.plane.now
        self.client.transport.write(piece)

    def pause_source(self) -> None:
        if self._resumed is not None:
            self._resumed.clear()

    def resume_source(self) -> None:
        if self._resumed is not None:
            self._resumed.set()

    def sweep(self, now: float) -> None:
        """What the kernel sends by itself fills no buffer that anybody else would watch."""
        if self._socket is not None and now - self.seen > self.plane.limits.body_idle_seconds:
            self.client.abort()

    def end(self) -> None:
        self.resume_source()
        if self._socket is not None:
            self._socket.wake()
        super().end()


def _retold(file: StaticFile, status: bytes, length: int, extra: bytes = b"", kind: bytes = b"") -> bytes:
    """The head of the file's 200 with another status, length and perhaps type."""
    lines = file.head.split(b"\r\n")
    lines[0] = b"HTTP/1.1 " + status
    lines[1] = b"Content-Length: %d" % length
    if kind:
        lines[2] = b"Content-Type: " + kind
    if status[:3] == b"404":
        lines = [line for line in lines if not line.startswith((b"ETag", b"Last-Modified"))]
    return b"\r\n".join(lines)[:-2] + extra + b"\r\n"
