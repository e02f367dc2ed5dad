"""Asks an instance over HTTP from outside whether it can serve."""

import aiohttp
from yarl import URL

from deployd.domain.app import HealthCheck
from deployd.domain.route import Address

_HEADERS = {"User-Agent": "deployd-health", "Accept": "*/*"}
_READ_BUFFER_BYTES = 4096


class AiohttpProbe:
    """Every probe is a connection of its own: a kept one would say that the old process was fine."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def probe(
        self, address: Address, host: str, check: HealthCheck, door_pass: str | None = None, under: str = ""
    ) -> str | None:
        url = URL(f"http://{'unix' if address.path else address}{under}{check.path}", encoded=True)
        headers = {**_HEADERS, "Host": host} | ({"X-Deployd-Pass": door_pass} if door_pass else {})
        if not address.path:
            return await _ask(self._opened(), url, headers, check)
        async with _session(aiohttp.UnixConnector(address.path, force_close=True)) as session:
            return await _ask(session, url, headers, check)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = _session(aiohttp.TCPConnector(force_close=True, limit=0))
        return self._session


def _session(connector: aiohttp.BaseConnector) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        read_bufsize=_READ_BUFFER_BYTES,
    )


async def _ask(session: aiohttp.ClientSession, url: URL, headers: dict[str, str], check: HealthCheck) -> str | None:
    timeout = aiohttp.ClientTimeout(total=check.timeout_seconds)
    try:
        async with session.get(url, headers=headers, timeout=timeout, allow_redirects=False) as answer:
            return None if is_healthy(answer.status, check) else str(answer.status)
    except TimeoutError:
        return f"no answer in {check.timeout_seconds:g} s"
    except aiohttp.ClientError as error:
        return _reason(error)


def is_healthy(status: int, check: HealthCheck) -> bool:
    """Without a path of its own an app is well when it answers at all, a 404 or a login page included."""
    return status < 500 if check.path == "/" else 200 <= status < 400


def _reason(error: aiohttp.ClientError) -> str:
    match error:
        case aiohttp.ClientConnectorError() if isinstance(error.os_error, ConnectionRefusedError):
            return "no listener"
        case aiohttp.ClientConnectorDNSError():
            return "unknown host name"
        case aiohttp.ClientConnectorError():
            return f"not reachable ({error.strerror})"
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError():
            return "closed the connection without an answer"
        case aiohttp.ClientResponseError():
            return "the answer is not HTTP"
        case _:
            return f"no usable answer ({error})"
