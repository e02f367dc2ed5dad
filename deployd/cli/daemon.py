"""Talks HTTP to the daemon over its unix socket; standard library only, because importing aiohttp takes 0.2 s."""

import http.client
import os
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from deployd.cli.failure import DaemonUnreachable, Failure, Missing

PREFIX = "/api/v1"
_ANSWER_SECONDS = 75.0
"""Longer than the longest wait the API offers (60 s)."""

Shape = TypeVar("Shape")


class _Refusal(msgspec.Struct, frozen=True):
    detail: str = ""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float | None) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path
        self.opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.opened.settimeout(timeout)

    def connect(self) -> None:
        """Through a descriptor of the folder, since a unix address holds only 107 bytes."""
        folder = os.open(self._path.parent, os.O_PATH | os.O_DIRECTORY)
        try:
            self.opened.connect(f"/proc/self/fd/{folder}/{self._path.name}")
            self.sock = self.opened
        finally:
            os.close(folder)

    def close(self) -> None:
        super().close()
        self.opened.close()


class Daemon:
    """Raises DaemonUnreachable when nobody answers, Missing on 404, Failure with the daemon's sentence otherwise."""

    def __init__(self, socket_path: Path, answer_seconds: float = _ANSWER_SECONDS) -> None:
        self.socket_path = socket_path
        self._answer_seconds = answer_seconds

    def get(self, path: str, shape: type[Shape], **query: object) -> Shape:
        return msgspec.json.decode(self._exchange("GET", _address(path, query), None), type=shape)

    def text(self, path: str, **query: object) -> str:
        """For what is no JSON."""
        return self._exchange("GET", _address(path, query), None).decode()

    def send(
        self, method: str, path: str, shape: type[Shape], body: object = None, seconds: float | None = None
    ) -> Shape:
        return msgspec.json.decode(self._exchange(method, _address(path, {}), body, seconds), type=shape)

    def tell(self, method: str, path: str, body: object = None) -> None:
        """For what is answered without content."""
        self._exchange(method, _address(path, {}), body)

    def stream(self, path: str, **query: object) -> "EventStream":
        return EventStream(self._open("GET", _address(path, query), None, timeout=None))

    def _exchange(self, method: str, address: str, body: object, seconds: float | None = None) -> bytes:
        connection, response = self._open(method, address, body, seconds or self._answer_seconds)
        with closing(connection), self._reachable():
            return response.read()

    def _open(
        self, method: str, address: str, body: object, timeout: float | None
    ) -> tuple[_UnixConnection, http.client.HTTPResponse]:
        connection = _UnixConnection(self.socket_path, timeout)
        try:
            with self._reachable():
                payload = None if body is None else msgspec.json.encode(body)
                connection.request(method, address, payload, {"Content-Type": "application/json"})
                response = connection.getresponse()
                if response.status >= 400:
                    raise _refused(response.status, response.read())
        except BaseException:
            connection.close()
            raise
        return connection, response

    def _reachable(self) -> "_Reachable":
        return _Reachable(self.socket_path, self._answer_seconds)


class _Reachable:
    """Turns what the socket and HTTP layers raise into one sentence."""

    def __init__(self, path: Path, answer_seconds: float) -> None:
        self._path = path
        self._answer_seconds = answer_seconds

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        match error:
            case FileNotFoundError() | NotADirectoryError() | ConnectionRefusedError():
                raise DaemonUnreachable(
                    f"No deployd answers at {self._path}; start it with `deployd serve`, or name its --config."
                ) from error
            case PermissionError():
                raise DaemonUnreachable(
                    f"{self._path} belongs to another user: run this with sudo, or as the user who runs deployd."
                )
            case TimeoutError():
                raise DaemonUnreachable(f"deployd at {self._path} did not answer in {self._answer_seconds:g} s.")
            case OSError() | http.client.HTTPException():
                raise DaemonUnreachable(f"deployd at {self._path} broke the connection: {error}.") from error


class EventStream:
    """The `data:` payloads of a server-sent event stream, until it ends or `close` is called from any thread."""

    def __init__(self, opened: tuple[_UnixConnection, http.client.HTTPResponse]) -> None:
        self._connection, self._response = opened

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self._response.close()
        self._connection.close()

    def __iter__(self) -> Iterator[bytes]:
        with suppress(OSError, http.client.HTTPException, ValueError):
            for line in self._response:
                if line.startswith(b"data:"):
                    yield line[len(b"data:") :].strip()

    def close(self) -> None:
        """Wakes whoever reads."""
        with suppress(OSError):
            self._connection.opened.shutdown(socket.SHUT_RDWR)


def segment(text: str) -> str:
    """One path segment of an address, whatever the user typed."""
    return quote(text, safe="")


def _address(path: str, query: dict[str, object]) -> str:
    given = {name: value for name, value in query.items() if value is not None}
    return PREFIX + path + ("?" + urlencode(given) if given else "")


def _refused(status: int, body: bytes) -> Failure:
    try:
        sentence = msgspec.json.decode(body, type=_Refusal).detail
    except msgspec.DecodeError:
        sentence = ""
    kind = Missing if status == 404 else Failure
    return kind(sentence or f"deployd answered with status {status}.")
