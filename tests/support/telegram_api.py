"""A Bot API server on loopback that keeps Telegram's rules: its limits, its error texts, its long polling."""

import asyncio
import html
import json
import re
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiohttp import web

TOKEN = "123456:AAHtest-token-test-token-test-token-te"
_TAG = re.compile(r"<(/?)([a-z]+)[^<>]*>")
_KNOWN_TAGS = {"b", "i", "code", "pre", "a"}


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """An answer with `ok: false`."""

    code: int
    description: str
    retry_after: int | None = None


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A request that arrived; `failed` is the code it was refused with."""

    method: str
    params: dict[str, Any]
    failed: int | None = None


class ShownMessage(msgspec.Struct, kw_only=True):
    """A message as the person sees it now; `edits` counts how often it changed."""

    chat: int
    id: int
    text: str
    raw: str
    buttons: list[dict[str, str]]
    edits: int = 0

    def button(self, label: str) -> dict[str, str]:
        return next(button for button in self.buttons if button["text"] == label)

    @property
    def labels(self) -> list[str]:
        return [button["text"] for button in self.buttons]


class _Refused(Exception):
    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.description)
        self.failure = failure


class TelegramApi:
    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.messages: dict[tuple[int, int], ShownMessage] = {}
        self._updates: list[dict[str, Any]] = []
        self._scripted: dict[str, deque[Failure]] = defaultdict(deque)
        self.page: bytes | None = None
        """What somebody between the bot and Telegram answers instead."""
        self._most: tuple[int, float] | None = None
        self._written: dict[int, deque[float]] = defaultdict(deque)
        self._changed = asyncio.Condition()
        self._next_id = 100
        self._runner: web.AppRunner | None = None
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    # What the test does

    async def up(self) -> None:
        """On the same port as before, when there was one."""
        app = web.Application()
        app.router.add_post("/bot{token}/{method}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def down(self) -> None:
        """The network is lost: open connections break, new ones are refused."""
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()

    def fail(self, method: str, *failures: Failure) -> None:
        """The next calls of `method` are refused like this, one after the other."""
        self._scripted[method].extend(failures)

    def limit(self, most: int, seconds: float) -> None:
        """So many messages and edits are taken in a chat within those seconds; more are refused, and asked to wait."""
        self._most = (most, seconds)

    async def say(self, user: int, text: str, chat_type: str = "private", **more: Any) -> None:
        """`more` are fields of the message."""
        await self.push({"message": self._message_json(user, self._new_id(), text, chat_type) | more})

    async def press(self, user: int, message: ShownMessage, label: str) -> None:
        query = {
            "id": str(self._new_id()),
            "from": _user_json(user),
            "chat_instance": "1",
            "data": message.button(label)["callback_data"],
            "message": self._message_json(message.chat, message.id, message.text),
        }
        await self.push({"callback_query": query})

    async def push(self, update: dict[str, Any]) -> None:
        """An update that is no word and no press."""
        async with self._changed:
            self._updates.append({"update_id": self._new_id()} | update)
            self._changed.notify_all()

    async def wait_for(self, predicate: Callable[[], bool], seconds: float = 5.0) -> None:
        """Returns as soon as it holds; AssertionError, with what people see, when it does not in time."""
        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(predicate)
        except TimeoutError:
            seen = "\n".join(f"{one.chat}/{one.id}: {one.text!r} {one.labels}" for one in self.messages.values())
            tail = "\n".join(f"{call.method} {call.failed or 'ok'}" for call in self.calls[-10:])
            raise AssertionError(f"It did not happen within {seconds} s. Seen:\n{seen}\nCalls:\n{tail}") from None

    async def message(self, user: int, has: str, seconds: float = 5.0) -> ShownMessage:
        """The newest message to `user` with these words, as soon as there is one."""
        await self.wait_for(lambda: bool(self._of(user, has)), seconds)
        return self._of(user, has)[-1]

    def to(self, user: int) -> list[ShownMessage]:
        return [message for message in self.messages.values() if message.chat == user]

    def delete(self, message: ShownMessage) -> None:
        """As the person does it in the app."""
        del self.messages[message.chat, message.id]

    def called(self, method: str) -> list[Call]:
        return [call for call in self.calls if call.method == method]

    # What the bot meets

    async def _answer(self, request: web.Request) -> web.Response:
        if self.page is not None:
            return web.Response(body=self.page, content_type="text/html")
        params = {key: _decoded(str(value)) for key, value in (await request.post()).items()}
        method = request.match_info["method"]
        try:
            result = await self._do(method, params, request.match_info["token"])
        except _Refused as refused:
            await self._record(Call(method=method, params=params, failed=refused.failure.code))
            return _refusal(refused.failure)
        await self._record(Call(method=method, params=params))
        return web.json_response({"ok": True, "result": result})

    async def _do(self, method: str, params: dict[str, Any], token: str) -> Any:
        if token != TOKEN:
            raise _Refused(Failure(code=401, description="Unauthorized"))
        if self._scripted[method]:
            raise _Refused(self._scripted[method].popleft())
        match method:
            case "getMe":
                return {"id": 123456, "is_bot": True, "first_name": "deployd", "username": "deployd_bot"}
            case "getUpdates":
                return await self._get_updates(params)
            case "sendMessage":
                self._count(params["chat_id"])
                return self._send(params)
            case "editMessageText":
                self._count(params["chat_id"])
                return self._edit(params)
            case "deleteMessage":
                return self.messages.pop((params["chat_id"], params["message_id"]), None) is not None
            case "setMyCommands" | "answerCallbackQuery":
                return True
            case _:
                raise _Refused(Failure(code=404, description="Not Found: method not found"))

    async def _get_updates(self, params: dict[str, Any]) -> list[dict[str, Any]]:
        offset = params.get("offset", 0)
        self._updates = [update for update in self._updates if update["update_id"] >= offset]
        try:
            async with asyncio.timeout(params.get("timeout", 0)), self._changed:
                await self._changed.wait_for(lambda: bool(self._updates))
        except TimeoutError:
            pass
        return list(self._updates)

    def _count(self, chat: int) -> None:
        if self._most is None:
            return
        most, seconds = self._most
        written, now = self._written[chat], asyncio.get_running_loop().time()
        while written and now - written[0] > seconds:
            written.popleft()
        if len(written) >= most:
            raise _Refused(slow_down(1))
        written.append(now)

    def _send(self, params: dict[str, Any]) -> dict[str, Any]:
        text, buttons = _checked(params)
        message = ShownMessage(
            chat=params["chat_id"], id=self._new_id(), text=text, raw=str(params["text"]), buttons=buttons
        )
        self.messages[message.chat, message.id] = message
        return self._message_json(message.chat, message.id, text)

    def _edit(self, params: dict[str, Any]) -> dict[str, Any]:
        message = self.messages.get((params["chat_id"], params["message_id"]))
        if message is None:
            raise _Refused(_bad("message to edit not found"))
        text, buttons = _checked(params)
        if (text, buttons) == (message.text, message.buttons):
            raise _Refused(
                _bad(
                    "message is not modified: specified new message content and reply markup are exactly the same "
                    "as a current content and reply markup of the message"
                )
            )
        message.text, message.raw, message.buttons = text, str(params["text"]), buttons
        message.edits += 1
        return self._message_json(message.chat, message.id, text)

    async def _record(self, call: Call) -> None:
        async with self._changed:
            self.calls.append(call)
            self._changed.notify_all()

    def _of(self, user: int, has: str) -> list[ShownMessage]:
        return [message for message in self.to(user) if has in message.text]

    def _new_id(self) -> int:
        self._next_id += 1
        return self._next_id

    def _message_json(self, chat: int, message: int, text: str, chat_type: str = "private") -> dict[str, Any]:
        return {
            "message_id": message,
            "date": 1_700_000_000,
            "chat": {"id": chat, "type": chat_type, "first_name": "Person", "title": "Group"},
            "from": _user_json(chat),
            "text": text,
        }


@asynccontextmanager
async def telegram_api() -> AsyncIterator[TelegramApi]:
    api = TelegramApi()
    await api.up()
    try:
        yield api
    finally:
        await api.down()


def slow_down(seconds: int) -> Failure:
    return Failure(code=429, description=f"Too Many Requests: retry after {seconds}", retry_after=seconds)


def blocked() -> Failure:
    return Failure(code=403, description="Forbidden: bot was blocked by the user")


def _refusal(failure: Failure) -> web.Response:
    body: dict[str, Any] = {"ok": False, "error_code": failure.code, "description": failure.description}
    if failure.retry_after is not None:
        body["parameters"] = {"retry_after": failure.retry_after}
    return web.json_response(body, status=failure.code)


def _bad(description: str) -> Failure:
    return Failure(code=400, description=f"Bad Request: {description}")


def _checked(params: dict[str, Any]) -> tuple[str, list[dict[str, str]]]:
    """The text as it is shown and the buttons, row after row; refuses what Telegram refuses."""
    raw = str(params["text"])
    text = _rendered(raw) if params.get("parse_mode") == "HTML" else raw
    if not text.strip():
        raise _Refused(_bad("message text is empty"))
    if len(text.encode("utf-16-le")) // 2 > 4096:
        raise _Refused(_bad("message is too long"))
    markup = params.get("reply_markup") or {"inline_keyboard": []}
    buttons = [button for row in markup["inline_keyboard"] for button in row]
    for button in buttons:
        _check_button(button)
    return text, buttons


def _check_button(button: dict[str, str]) -> None:
    if len(button.get("callback_data", "").encode()) > 64:
        raise _Refused(_bad("BUTTON_DATA_INVALID"))
    url = button.get("url")
    if url is not None and re.match(r"https?://([^/:]*\.)?localhost\b", url):
        raise _Refused(_bad(f"inline keyboard button URL '{url}' is invalid: Wrong HTTP URL"))


def _rendered(raw: str) -> str:
    open_tags: list[str] = []
    for match in _TAG.finditer(raw):
        closing, tag = match.groups()
        if tag not in _KNOWN_TAGS:
            raise _Refused(_bad(f'can\'t parse entities: Unsupported start tag "{tag}" at byte offset {match.start()}'))
        if not closing:
            open_tags.append(tag)
        elif not open_tags or open_tags.pop() != tag:
            raise _Refused(_bad(f"can't parse entities: Unexpected end tag at byte offset {match.start()}"))
    bare = _TAG.sub("", raw)
    if open_tags or "<" in bare:
        raise _Refused(_bad("can't parse entities: Can't find end of the entity"))
    return html.unescape(bare)


def _user_json(user: int) -> dict[str, Any]:
    return {"id": user, "is_bot": False, "first_name": "Person"}


def _decoded(value: str) -> Any:
    """Form fields carry objects and numbers as JSON; all else is text."""
    if re.fullmatch(r"-?\d+|\{.*\}|\[.*\]", value, re.DOTALL):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return value
