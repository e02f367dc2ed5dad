"""Talks to an ACME authority: nonces, deadlines, and what its refusals mean (RFC 8555 sections 6.5 to 6.7)."""

import ssl
from collections import deque
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import msgspec

from deployd.adapters.acme.jws import Signer
from deployd.domain.errors import ProviderUnavailable
from deployd.kernel.clock import Clock

_SECONDS = 30.0
_MOST_BYTES = 1 << 20
_NONCES_KEPT = 16
_TRIES = 10
"""A nonce may be refused for no fault of ours, and several in a row."""
_PREFIX = "urn:ietf:params:acme:error:"


class Directory(msgspec.Struct, frozen=True, rename="camel"):
    """Where the authority does what."""

    new_nonce: str
    new_account: str
    new_order: str
    renewal_info: str | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """`retry_after_seconds` is the authority's wish, when it named one."""

    status: int
    location: str | None
    retry_after_seconds: float | None
    body: bytes

    def read(self, kind: type[Any]) -> Any:
        try:
            return msgspec.json.decode(self.body, type=kind)
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            raise ProviderUnavailable("The authority answered what is no ACME.") from error


class Refusal(ProviderUnavailable):
    """The authority said no; `kind` is its word for why, such as `rateLimited`."""

    def __init__(self, kind: str, status: int, text: str, retry_after_seconds: float | None) -> None:
        super().__init__(text, retry_after_seconds=retry_after_seconds)
        self.kind = kind
        self.status = status


class _Problem(msgspec.Struct, frozen=True):
    type: str = ""
    detail: str = ""
    subproblems: tuple["_Problem", ...] = ()


class AcmeSession:
    """One conversation at a time needs no lock: nonces are taken and given back as they come."""

    def __init__(self, directory: str, roots: ssl.SSLContext, clock: Clock, user_agent: str) -> None:
        self._url = directory
        self._clock = clock
        self._roots = roots
        self._user_agent = user_agent
        self._http: aiohttp.ClientSession | None = None
        self._directory: Directory | None = None
        self._nonces: deque[str] = deque(maxlen=_NONCES_KEPT)

    async def directory(self) -> Directory:
        if self._directory is None:
            answer = await self.get(self._url)
            self._directory = answer.read(Directory)
        return self._directory

    async def get(self, url: str) -> Answer:
        return self._checked(await self._ask("GET", url, None))

    async def post(self, signer: Signer, url: str, payload: object) -> Answer:
        """Signed. Raises Refusal, or ProviderUnavailable when there was no answer at all."""
        for tries_left in range(_TRIES - 1, -1, -1):
            answer = await self._ask("POST", url, signer.sign(url, await self._nonce(), payload))
            try:
                return self._checked(answer)
            except Refusal as refusal:
                if refusal.kind != "badNonce" or not tries_left:
                    raise
        raise AssertionError("the last try returns or raises")

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close()

    async def _nonce(self) -> str:
        if not self._nonces:
            await self._ask("HEAD", (await self.directory()).new_nonce, None)
        if not self._nonces:
            raise ProviderUnavailable("The authority gave no nonce.")
        return self._nonces.pop()

    async def _ask(self, method: str, url: str, body: bytes | None) -> Answer:
        headers = {"Content-Type": "application/jose+json"} if body is not None else {}
        try:
            async with self._session().request(
                method, url, data=body, headers=headers, allow_redirects=False
            ) as response:
                answer = Answer(
                    status=response.status,
                    location=response.headers.get("Location"),
                    retry_after_seconds=self._seconds(response.headers.get("Retry-After")),
                    body=await _bounded(response),
                )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ProviderUnavailable(f"The authority at {url} does not answer: {error or 'too slow'}.") from error
        if nonce := response.headers.get("Replay-Nonce"):
            self._nonces.append(nonce)
        return answer

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            self._http = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._roots, limit=8),
                timeout=aiohttp.ClientTimeout(total=_SECONDS),
                headers={"User-Agent": self._user_agent},
                trust_env=True,
            )
        return self._http

    def _checked(self, answer: Answer) -> Answer:
        if answer.status < 300:
            return answer
        try:
            problem = msgspec.json.decode(answer.body, type=_Problem)
        except (msgspec.ValidationError, msgspec.DecodeError):
            problem = _Problem(detail=f"status {answer.status}")
        kind = problem.type.removeprefix(_PREFIX)
        raise Refusal(kind, answer.status, f"The authority refused: {_said(problem)}", answer.retry_after_seconds)

    def _seconds(self, retry_after: str | None) -> float | None:
        """Of either form that Retry-After may have: seconds, or a date."""
        if retry_after is None:
            return None
        if retry_after.isascii() and retry_after.isdigit():
            return float(retry_after)
        try:
            when = parsedate_to_datetime(retry_after)
        except ValueError:
            return None
        return max(0.0, when.replace(tzinfo=when.tzinfo or UTC).timestamp() - self._clock.now_ms() / 1000)


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    body = b""
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > _MOST_BYTES:
            raise ProviderUnavailable("The authority answered more than a certificate could be.")
    return body


def _said(problem: _Problem) -> str:
    details = [problem.detail or problem.type, *(one.detail for one in problem.subproblems if one.detail)]
    return " ".join(details)[:500]
