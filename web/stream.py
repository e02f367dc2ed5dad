"""Live log lines for browsers: over a WebSocket, or as server-sent events where there can be none."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from deployd.domain.errors import DeploydError, UserMistake
from deployd.domain.ids import SYSTEM_APP, AppName
from deployd.domain.log_line import Level, LogLine, Source
from deployd.kernel.ref import Ref
from deployd.messages.log import Gap, LogMessage, LogTail, OpenTail
from web.known import FindDeployment, check_deployment
from web.wire import query_of

STREAM_PATH = "/api/v1/logs/stream"
EVENTS_PATH = "/api/v1/logs/events"

_ASK_SECONDS = 5.0
_HEARTBEAT_SECONDS = 20.0
_RETRY_MS = 2_000
_INCOMING_BYTES = 4096  # viewers only listen
_REASON_BYTES = 120  # a close frame has room for 123
_JSON = msgspec.json.Encoder()


class TailQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`after` is a sequence number, or APP:NUMBER for a tail of all apps."""

    app: str | None = None
    level: Level = Level.DEBUG
    deployment: str | None = None
    source: Source | None = None
    after: str | None = None


class LogStreams:
    """Holds the open tails, so that closing the server ends every stream; clients then come back with `after`."""

    def __init__(
        self,
        log: Ref[LogMessage],
        find: Callable[[str], Awaitable[object]],
        find_deployment: FindDeployment,
        heartbeat_seconds: float = _HEARTBEAT_SECONDS,
    ) -> None:
        """`find` raises NotFound for what is no app's name."""
        self._log = log
        self._find = find
        self._find_deployment = find_deployment
        self._heartbeat_seconds = heartbeat_seconds
        self._tails: set[LogTail] = set()
        self._closed = False

    def routes(self) -> list[web.RouteDef]:
        return [web.get(STREAM_PATH, self.stream), web.get(EVENTS_PATH, self.events, allow_head=False)]

    async def close(self, _: web.Application | None = None) -> None:
        """Fits `app.on_shutdown`."""
        self._closed = True
        for tail in list(self._tails):
            tail.close()

    async def stream(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(heartbeat=self._heartbeat_seconds, max_msg_size=_INCOMING_BYTES, compress=False)
        tail = await self._open(request, None)
        try:
            await socket.prepare(request)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_wait_for_goodbye(socket, tail))
                tasks.create_task(_send_frames(socket, tail))
        finally:
            self._forget(tail)
        return socket

    async def events(self, request: web.Request) -> web.StreamResponse:
        tail = await self._open(request, request.headers.get("Last-Event-ID"))
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )
        try:
            await response.prepare(request)
            await response.write(f"retry: {_RETRY_MS}\n\n".encode())
            await self._write_events(response, tail, one_app="app" in request.query)
        except (ConnectionError, DeploydError):
            pass  # the viewer went away, or comes back with Last-Event-ID once the store answers again
        finally:
            self._forget(tail)
        return response

    async def _write_events(self, response: web.StreamResponse, tail: LogTail, one_app: bool) -> None:
        while True:
            try:
                async with asyncio.timeout(self._heartbeat_seconds):
                    batch = await tail.next_batch()
            except TimeoutError:
                await response.write(b": still here\n\n")
                continue
            if not batch:
                return
            for name, frame in _frames(batch, one_app):
                await response.write(b"id: %b\ndata: %b\n\n" % (name.encode(), frame))

    async def _open(self, request: web.Request, last_event: str | None) -> LogTail:
        query = query_of(request, TailQuery)
        if query.app is not None and query.app != SYSTEM_APP:
            await self._find(query.app)
        if query.deployment is not None:
            await check_deployment(self._find_deployment, query.deployment, query.app)
        after_app, after = _resume_point(last_event or query.after, query.app)
        tail = await self._log.ask(
            OpenTail(
                app=None if query.app is None else AppName(query.app),
                level=query.level,
                deployment=query.deployment,
                source=query.source,
                after=after,
                after_app=after_app,
            ),
            timeout_seconds=_ASK_SECONDS,
        )
        self._tails.add(tail)
        if self._closed:
            tail.close()
        return tail

    def _forget(self, tail: LogTail) -> None:
        tail.close()
        self._tails.discard(tail)


async def _send_frames(socket: web.WebSocketResponse, tail: LogTail) -> None:
    """Waits when the viewer reads slowly; meanwhile its own tail fills up and drops, nobody else's."""
    try:
        while batch := await tail.next_batch():
            for _, frame in _frames(batch, one_app=False):
                await socket.send_str(frame.decode())
    except ConnectionError:
        tail.close()
    except DeploydError as error:
        await socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=str(error).encode()[:_REASON_BYTES])
    await socket.close(code=WSCloseCode.GOING_AWAY)


async def _wait_for_goodbye(socket: web.WebSocketResponse, tail: LogTail) -> None:
    """Nothing is expected from a viewer; reading is how a closed connection is noticed."""
    async for message in socket:
        if message.type is WSMsgType.ERROR:
            break
    tail.close()


def _frames(batch: list[LogLine | Gap], one_app: bool) -> Iterator[tuple[str, bytes]]:
    """JSON frames in order, each with the place from which the viewer can go on after it."""
    lines: list[LogLine] = []
    for item in batch:
        if isinstance(item, LogLine):
            lines.append(item)
            continue
        if lines:
            yield _place(lines[-1].app, lines[-1].seq, one_app), _JSON.encode({"lines": lines})
            lines = []
        yield _place(item.app, item.last, one_app), _JSON.encode({"gap": item})
    if lines:
        yield _place(lines[-1].app, lines[-1].seq, one_app), _JSON.encode({"lines": lines})


def _place(app: AppName, seq: int, one_app: bool) -> str:
    return str(seq) if one_app else f"{app}:{seq}"


def _resume_point(text: str | None, app: str | None) -> tuple[AppName | None, int | None]:
    if text is None or not text:
        return None, None
    name, _, number = text.rpartition(":")
    if not (number.isascii() and number.isdecimal() and len(number) <= 18):
        raise UserMistake(f"The place to go on from, {text!r}, is not usable: give NUMBER or APP:NUMBER.")
    if name and app is not None and name != app:
        raise UserMistake(f"The place to go on from, {text!r}, is of another app than {app!r}.")
    if not name and app is None and int(number):
        raise UserMistake("A tail of all apps goes on from APP:NUMBER, not from a number alone.")
    return (AppName(name) if name else None), int(number)
