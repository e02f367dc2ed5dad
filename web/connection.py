"""A connection to deployd's own web server: aiohttp's, with our answer to what is no request, and not without end.

At the control host the proxy sees to both before; here it is for the admin listener and the unix socket.
"""

import asyncio
from collections.abc import Callable

from aiohttp import web

from web.own_log import OWN_LOG
from web.problems import problem

_HEADER_SECONDS = 10.0
_IDLE_SECONDS = 75.0
_LINE_BYTES = 65_536
"""More than the proxy lets through, so that it is the one that says what is too long."""
_TOO_SLOW = "The request's header did not arrive in time."


class Connection(web.RequestHandler):
    """`header_seconds` is how long a header may take from its first byte to its last."""

    __slots__ = ("_header_seconds", "_header_timer")

    def __init__(
        self, server: web.Server, loop: asyncio.AbstractEventLoop, header_seconds: float = _HEADER_SECONDS
    ) -> None:
        super().__init__(
            server,
            loop=loop,
            logger=OWN_LOG,
            access_log=None,  # type: ignore[arg-type]  # Which is how aiohttp says: none.
            keepalive_timeout=_IDLE_SECONDS,
            max_line_size=_LINE_BYTES,
            max_field_size=_LINE_BYTES,
        )
        self._header_seconds = header_seconds
        self._header_timer: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        waits = self._waiter is not None and not self._waiter.done()
        if not waits:
            self._stop_timer()
        elif self._header_timer is None:
            self._header_timer = self._loop.call_later(self._header_seconds, self._give_up)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def _stop_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _give_up(self) -> None:
        """The request is none yet, so there is nothing that aiohttp could answer."""
        self._header_timer = None
        if self.transport is not None:
            answer = problem(408, "Request Timeout", _TOO_SLOW)
            fields = f"Content-Type: {answer.content_type}\r\nContent-Length: {answer.content_length}\r\n"
            head = f"HTTP/1.1 408 Request Timeout\r\n{fields}Cache-Control: no-store\r\nConnection: close\r\n\r\n"
            assert isinstance(answer.body, bytes)
            self.transport.write(head.encode() + answer.body)
        self.force_close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        super().handle_error(request, status, exc, message)  # Logs it, and raises when an answer has begun already.
        if status >= 500:
            answer = problem(status, "Failed", "deployd failed to answer this; its log says why.")
        else:
            answer = problem(status, "Bad Request", "This is not a valid HTTP request.")
        answer.headers["Server"] = "deployd"  # aiohttp would say its version.
        answer.force_close()
        return answer


def connections(server: web.Server) -> Callable[[], Connection]:
    loop = asyncio.get_running_loop()
    return lambda: Connection(server, loop)
