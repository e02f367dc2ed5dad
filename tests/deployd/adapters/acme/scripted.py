"""An authority on loopback that checks every signature and says what a test wants said: for what Pebble never says."""

import base64
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiohttp import web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

Say = Callable[[], web.Response]


class Scripted:
    """`says` holds, for a path, what is answered next there; then the ordinary answer follows again."""

    def __init__(self) -> None:
        self.says: dict[str, Iterator[Say]] = {}
        self.asked: Counter[str] = Counter()
        self.orders: list[dict[str, Any]] = []
        self.ari = False
        self.base = ""
        self._number = 0
        self._keys: dict[str, ec.EllipticCurvePublicKey] = {}

    @property
    def directory(self) -> str:
        return f"{self.base}/dir"

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        return app

    async def _serve(self, request: web.Request) -> web.Response:
        path = request.path
        self.asked[path] += 1
        payload = self._checked(await request.read(), str(request.url)) if request.method == "POST" else None
        say = next(self.says.get(path, iter(())), None)
        answer = say() if say is not None else self._ordinary(path, payload)
        self._number += 1
        answer.headers["Replay-Nonce"] = f"nonce{self._number}"
        return answer

    def _ordinary(self, path: str, payload: Any) -> web.Response:
        match path:
            case "/dir":
                places = {"newNonce": "nonce", "newAccount": "account", "newOrder": "order"}
                places |= {"renewalInfo": "ari"} if self.ari else {}
                return web.json_response({key: f"{self.base}/{place}" for key, place in places.items()})
            case "/account":
                return web.json_response({"status": "valid"}, status=201, headers={"Location": f"{self.base}/me"})
            case "/order":
                self.orders.append(payload)
                return web.json_response({}, status=201, headers={"Location": f"{self.base}/order/1"})
        return web.Response()

    def _checked(self, body: bytes, url: str) -> Any:
        """The payload, of what is signed by whom it says, for this address."""
        outer = msgspec.json.decode(body, type=dict[str, str])
        protected = msgspec.json.decode(_plain(outer["protected"]))
        assert (protected["alg"], protected["url"]) == ("ES256", url)
        assert ("jwk" in protected) != ("kid" in protected)
        if "jwk" in protected:
            x, y = (int.from_bytes(_plain(protected["jwk"][name])) for name in ("x", "y"))
            key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
            self._keys[f"{self.base}/me"] = key
        else:
            key = self._keys[protected["kid"]]
        raw = _plain(outer["signature"])
        assert len(raw) == 64
        signature = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
        key.verify(signature, f"{outer['protected']}.{outer['payload']}".encode(), ec.ECDSA(hashes.SHA256()))
        return msgspec.json.decode(_plain(outer["payload"])) if outer["payload"] else None


def problem(kind: str, status: int, headers: dict[str, str] | None = None, detail: str = "No.") -> Say:
    document = {"type": f"urn:ietf:params:acme:error:{kind}", "detail": detail}
    return lambda: web.json_response(document, status=status, headers=headers)


@asynccontextmanager
async def scripted() -> AsyncIterator[Scripted]:
    authority = Scripted()
    runner = web.AppRunner(authority.app(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    authority.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield authority
    finally:
        await runner.cleanup()


def _plain(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
