"""Certificates are renewed in time and without anybody noticing; when that fails, everybody hears it."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import repeat
from pathlib import Path
from typing import Any

from aiohttp import web

from deployd.adapters import acme
from deployd.adapters.acme.request import renewal_id
from deployd.config import CertificateFiles
from deployd.domain.certificate import DAY_MS, ChallengeKind, Issued, renew_at_ms
from deployd.domain.event import EventType
from deployd.kernel.ref import Ref
from deployd.messages.certificates import CertificateMessage
from tests.actors.certificates.world import OnlyBy, World, an_authority, look, served_chain
from tests.deployd.adapters.acme.scripted import Say, problem, scripted
from tests.deployd.proxy.wire import Conversation, answering, get, upstream
from tests.support.certificate_maker import CertificateMaker

NAME = "shop.example.com"
MAKER = CertificateMaker()


class TlsLoad:
    def __init__(self) -> None:
        self.answered = 0
        self.failures: list[str] = []
        self.leaves: set[bytes] = set()
        self._one = asyncio.Event()

    def note(self, leaf: bytes) -> None:
        self.answered += 1
        self.leaves.add(leaf)
        self._one.set()

    async def until_served(self, chain: str) -> None:
        """Until a client got that certificate in its handshake."""
        leaf = ssl.PEM_cert_to_DER_cert(chain.partition("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----")
        async with asyncio.timeout(30):
            while leaf not in self.leaves:
                self._one.clear()
                await self._one.wait()


@asynccontextmanager
async def tls_load(port: int, root: str, clients: int = 4) -> AsyncIterator[TlsLoad]:
    """Each client makes a handshake of its own for every third request."""
    load = TlsLoad()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_ask(port, root, load)) for _ in range(clients)]
        yield load
        for task in tasks:
            task.cancel()


async def _ask(port: int, root: str, load: TlsLoad) -> None:
    trusted = ssl.create_default_context(cadata=root)
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusted, server_hostname=NAME)
            leaf = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            try:
                for _ in range(3):
                    writer.write(get(host=NAME))
                    answer = await Conversation(reader, writer).response()
                    assert answer.body == b"hello", answer
                    load.note(leaf)
            finally:
                writer.transport.abort()
        except (OSError, asyncio.IncompleteReadError) as error:
            load.failures.append(repr(error))


async def test_a_renewal_fails_no_handshake_and_no_request_under_load(world: World) -> None:
    async with upstream(answering()) as app, an_authority(world) as pebble:
        await world.route(NAME, port=app.address.port)
        async with world.actor(world.authority(pebble)) as ref:
            first = await world.until_issued(NAME)
            world.clock.days_ahead = 59
            async with tls_load(world.https_port, pebble.root) as load:
                await load.until_served(first.certificate.chain)
                world.clock.days_ahead = 61
                look(ref)
                second = await world.until_issued(NAME, other_than=first.certificate.chain)
                await load.until_served(second.certificate.chain)
    assert load.failures == []
    assert load.answered > 20
    assert second.certificate.key != first.certificate.key


async def test_a_renewal_by_tls_alpn_fails_no_handshake_either(world: World) -> None:
    board = OnlyBy(world.proxy.board, ChallengeKind.TLS_ALPN_01)
    async with upstream(answering()) as app, an_authority(world) as pebble:
        await world.route(NAME, port=app.address.port)
        async with world.actor(world.authority(pebble), board) as ref:
            first = await world.until_issued(NAME)
            async with tls_load(world.https_port, pebble.root) as load:
                await load.until_served(first.certificate.chain)
                world.clock.days_ahead = 61
                look(ref)
                second = await world.until_issued(NAME, other_than=first.certificate.chain)
                await load.until_served(second.certificate.chain)
    assert load.failures == []
    assert board.put_up_for == [NAME, NAME]


async def test_nothing_is_renewed_before_a_third_of_its_life_is_left(world: World) -> None:
    async with an_authority(world) as pebble:
        await world.route(NAME)
        async with world.actor(world.authority(pebble)) as ref:
            first = await world.until_issued(NAME)
            world.clock.days_ahead = 58
            await world.route(NAME, "www.example.com")
            look(ref)
            await world.until_issued("www.example.com")
        kept = {one.name: one for one in await world.stores.certificates.certificates()}
    assert kept[NAME].certificate == first.certificate
    assert first.renew_ms == renew_at_ms(first.certificate, lambda: 0.5)


async def hold(world: World, **changes: Any) -> Issued:
    """A certificate from the scripted authority, in the store."""
    certificate = MAKER.make(NAME).certificate(NAME)
    fields: dict[str, Any] = {
        "name": NAME,
        "certificate": certificate,
        "renew_ms": certificate.not_after_ms - 30 * DAY_MS,
        **changes,
    }
    issued = Issued(**fields)
    await world.stores.certificates.issue(issued)
    return issued


async def test_a_rate_limit_is_kept_for_as_long_as_the_authority_says(world: World) -> None:
    async with scripted() as server:
        server.says["/order"] = repeat(problem("rateLimited", 429, {"Retry-After": "7200"}, "Too many certificates."))
        await world.route(NAME)
        async with world.actor(acme.connect(server.directory, "", "", world.clock)) as ref:
            order = await world.until_put_off(NAME)
            event = await world.until_noted(EventType.CERTIFICATE_FAILED)
            world.clock.days_ahead = 1 / 24
            await _looked(world, ref)
            assert server.asked["/order"] == 1
            world.clock.days_ahead = 2.1 / 24
            look(ref)
            await world.until_put_off(NAME, failures=2)
        assert server.asked["/order"] == 2
    assert order.try_ms - event.time_ms >= 7_190_000
    assert "Too many certificates." in str(order.reason)


async def test_failures_are_tried_again_later_each_time_but_every_day(world: World) -> None:
    waits = []
    async with scripted() as server:
        server.says["/order"] = repeat(problem("serverInternal", 500))
        await world.route(NAME)
        async with world.actor(acme.connect(server.directory, "", "", world.clock)) as ref:
            for failures in range(1, 12):
                order = await world.until_put_off(NAME, failures)
                waits.append(int((order.try_ms - world.clock.now_ms()) / 60_000 + 0.1))
                world.clock.days_ahead += 1.01
                look(ref)
    assert waits == [4, 9, 18, 36, 72, 144, 288, 576, 1152, 1296, 1296]


async def test_the_authority_may_ask_for_a_renewal_before_its_time(world: World) -> None:
    async with scripted() as server:
        server.ari = True
        issued = await hold(world, directory=server.directory)
        number = renewal_id(issued.certificate.chain)
        start = (world.clock.now_ms() - 2 * DAY_MS) // 1000
        server.says[f"/ari/{number}"] = repeat(_window(start, start + 86_400))
        server.says["/order"] = repeat(problem("serverInternal", 500))
        await world.route(NAME)
        async with world.actor(acme.connect(server.directory, "", "", world.clock)):
            await world.until_put_off(NAME)
        (kept,) = await world.stores.certificates.certificates()
        assert server.asked[f"/ari/{number}"] == 1
    assert start * 1000 <= kept.renew_ms <= start * 1000 + DAY_MS
    assert kept.ask_ms > world.clock.now_ms() + 3_000_000


async def test_a_certificate_that_is_about_to_expire_is_alarmed_about_once_everywhere(world: World) -> None:
    async with scripted() as server:
        server.says["/order"] = repeat(problem("serverInternal", 500, detail="Out of paper."))
        await hold(world, directory=server.directory, ask_ms=2**50)
        world.clock.days_ahead = 77
        await world.route(NAME)
        async with world.actor(acme.connect(server.directory, "", "", world.clock)) as ref:
            await world.until_put_off(NAME)
            event = await world.until_noted(EventType.CERTIFICATE_EXPIRING)
            await _looked(world, ref)
        warnings = world.warnings.all()
    assert (event.subject, event.app) == (NAME, "shop")
    assert [text for text in world.said() if "expires on" in text] != []
    alerts = [one for one in await world.stores.events.recent(100) if one.type == EventType.CERTIFICATE_EXPIRING]
    assert len(alerts) == 1
    assert any(text.startswith(f"The certificate for {NAME} expires on") for text in warnings)


async def test_a_certificate_that_has_expired_is_alarmed_about_again(world: World) -> None:
    async with scripted() as server:
        server.says["/order"] = repeat(problem("serverInternal", 500, detail="Out of paper."))
        await hold(world, directory=server.directory, ask_ms=2**50)
        world.clock.days_ahead = 77
        await world.route(NAME)
        async with world.actor(acme.connect(server.directory, "", "", world.clock)) as ref:
            await world.until_noted(EventType.CERTIFICATE_EXPIRING)
            world.clock.days_ahead = 91
            for _ in range(2):
                await _looked(world, ref)
    alerts = [one for one in await world.stores.events.recent(100) if one.type == EventType.CERTIFICATE_EXPIRING]
    ended = [one.data["not_after_ms"] <= one.time_ms for one in reversed(alerts)]  # type: ignore[operator]
    assert ended == [False, True]
    assert any(text.startswith(f"The certificate for {NAME} expired on") for text in world.warnings.all())


async def test_the_users_own_certificate_is_served_instead_and_none_is_ordered(world: World, tmp_path: Path) -> None:
    own = MAKER.make("*.example.com")
    files = _write(tmp_path, own.chain, own.key)
    async with scripted() as server:
        await hold(world, directory=server.directory, ask_ms=2**50)
        await world.route(NAME)
        async with world.actor(acme.connect(server.directory, "", "", world.clock), files=[files]) as ref:
            leaf = await served_chain(world.https_port, NAME, MAKER.root)
            await _looked(world, ref)
        assert server.asked["/order"] == 0
    assert ssl.DER_cert_to_PEM_cert(leaf) == own.chain


async def test_own_files_that_are_renewed_are_served_without_a_restart(world: World, tmp_path: Path) -> None:
    first, second = MAKER.make(NAME), MAKER.make(NAME)
    files = _write(tmp_path, first.chain, first.key)
    await world.route(NAME)
    async with world.actor(None, files=[files]) as ref:
        assert ssl.DER_cert_to_PEM_cert(await served_chain(world.https_port, NAME, MAKER.root)) == first.chain
        _write(tmp_path, second.chain, first.key)
        await _looked(world, ref)
        assert [text.partition(": ")[2] for text in world.warnings.all()] == [
            "the key does not belong to the certificate, or is locked by a passphrase."
        ]
        assert ssl.DER_cert_to_PEM_cert(await served_chain(world.https_port, NAME, MAKER.root)) == first.chain
        _write(tmp_path, second.chain, second.key)
        async with asyncio.timeout(20):
            while ssl.DER_cert_to_PEM_cert(await served_chain(world.https_port, NAME, MAKER.root)) != second.chain:
                await asyncio.sleep(0.05)
    assert world.warnings.all() == []


def _write(folder: Path, chain: str, key: str) -> CertificateFiles:
    files = CertificateFiles(cert=str(folder / "own.pem"), key=str(folder / "own.key"))
    Path(files.cert).write_text(chain)
    Path(files.key).touch(mode=0o600)
    Path(files.key).write_text(key)
    return files


async def _looked(world: World, ref: Ref[CertificateMessage]) -> None:
    """Returns when the actor has looked at the routes after now."""
    before = world.routes.looks
    look(ref)
    async with asyncio.timeout(10):
        while world.routes.looks < before + 2:
            look(ref)
            await asyncio.sleep(0.02)


def _window(start: int, end: int) -> Say:
    """Between two times in seconds since 1970."""
    times = {key: datetime.fromtimestamp(time, UTC).isoformat() for key, time in (("start", start), ("end", end))}
    return lambda: web.json_response({"suggestedWindow": times})
