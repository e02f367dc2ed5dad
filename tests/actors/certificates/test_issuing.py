"""A routed name gets its certificate from a real authority, whatever comes in between."""

import asyncio
import sqlite3

import aiohttp
import msgspec
import pytest
from cryptography import x509

from deployd.domain.certificate import ChallengeKind, OrderState
from deployd.domain.event import EventType
from tests.actors.certificates.world import OnlyBy, World, an_authority, client, look, served_chain
from tests.deployd.proxy.wire import answering, upstream


@pytest.mark.parametrize("kind", list(ChallengeKind))
async def test_a_routed_name_is_proven_and_served_over_tls(world: World, kind: ChallengeKind) -> None:
    board = OnlyBy(world.proxy.board, kind)
    async with upstream(answering(b"hello")) as app, an_authority(world) as pebble:
        await world.route("shop.example.com", port=app.address.port)
        async with world.actor(world.authority(pebble), board):
            await world.until_issued("shop.example.com")
            async with (
                aiohttp.ClientSession(connector=client(pebble.root)) as session,
                session.get(f"https://shop.example.com:{world.https_port}/") as answer,
            ):
                assert (answer.status, await answer.text()) == (200, "hello")
            event = await world.until_noted(EventType.CERTIFICATE_ISSUED)
    assert (event.subject, event.app) == ("shop.example.com", "shop")
    assert board.put_up_for == ["shop.example.com"]
    assert await world.stores.certificates.orders() == []


async def test_an_authority_that_refuses_every_second_nonce_is_borne_with(world: World) -> None:
    async with an_authority(world, PEBBLE_WFE_NONCEREJECT="50") as pebble:
        await world.route("shop.example.com")
        async with world.actor(world.authority(pebble)):
            await world.until_issued("shop.example.com")
    assert world.warnings.all() == []


async def test_each_name_of_an_app_has_a_certificate_of_its_own_and_other_hosts_are_not_asked_for(world: World) -> None:
    hosts = ("shop.example.com", "www.example.com", "www.example.com/api", "*.example.com", "shop.localhost", "shop")
    async with an_authority(world) as pebble:
        await world.route(*hosts)
        async with world.actor(world.authority(pebble)) as ref:
            await world.until_issued("shop.example.com")
            await world.until_issued("www.example.com")
            look(ref)
        said = pebble.said()
    assert {one.name for one in await world.stores.certificates.certificates()} == {
        "shop.example.com",
        "www.example.com",
    }
    assert said.count("Added order") == 2
    assert [text for text in world.said() if "only DNS" in text] == [
        "*.example.com gets no certificate: only DNS can prove a wildcard; name one of your own in [tls]."
    ]


async def test_a_name_that_is_not_routed_is_never_asked_for_and_gets_no_handshake(world: World) -> None:
    async with an_authority(world) as pebble:
        await world.route("shop.example.com")
        async with world.actor(world.authority(pebble)):
            await world.until_issued("shop.example.com")
            with pytest.raises(OSError):  # noqa: PT011 - an alert or a reset, as it comes through
                await served_chain(world.https_port, "stranger.example.com", pebble.root)
        said = pebble.said()
    assert "shop.example.com" in said
    assert "stranger" not in said


async def test_a_route_that_goes_takes_its_order_along(world: World) -> None:
    board = OnlyBy(world.proxy.board, ChallengeKind.HTTP_01, held=asyncio.Event())
    async with an_authority(world) as pebble:
        await world.route("shop.example.com")
        async with world.actor(world.authority(pebble), board) as ref:
            await board.asked.wait()
            await world.route("other.localhost")
            look(ref)
            async with asyncio.timeout(20):
                while await world.stores.certificates.orders():
                    await asyncio.sleep(0.02)


async def test_an_order_is_gone_on_with_after_a_restart(world: World) -> None:
    interrupted = OnlyBy(world.proxy.board, ChallengeKind.HTTP_01, held=asyncio.Event())
    async with an_authority(world) as pebble:
        await world.route("shop.example.com")
        async with world.actor(world.authority(pebble), interrupted):
            await interrupted.asked.wait()
        (order,) = await world.stores.certificates.orders()
        assert (order.name, order.state) == ("shop.example.com", OrderState.PLACED)
        async with world.actor(world.authority(pebble)):
            issued = await world.until_issued("shop.example.com")
        assert pebble.said().count("Added order") == 1
    assert issued.certificate.key == order.key


async def test_an_order_that_the_authority_has_forgotten_is_placed_anew_at_once(world: World) -> None:
    interrupted = OnlyBy(world.proxy.board, ChallengeKind.HTTP_01, held=asyncio.Event())
    async with an_authority(world) as pebble:
        await world.route("shop.example.com")
        async with world.actor(world.authority(pebble), interrupted):
            await interrupted.asked.wait()
    (order,) = await world.stores.certificates.orders()
    async with an_authority(world) as pebble:
        moved = pebble.directory
        lost = msgspec.structs.replace(order, directory=moved, url=f"{moved.removesuffix('dir')}my-order/none")
        await world.stores.certificates.put_order(lost, 0)
        async with world.actor(world.authority(pebble)):
            await world.until_issued("shop.example.com")
    assert world.warnings.all() == []


async def test_a_name_that_cannot_be_proven_is_put_off_and_everybody_hears_why(world: World) -> None:
    async with an_authority(world) as pebble:
        await world.route("shop.example.com")
        deaf = OnlyBy(_Silent(), ChallengeKind.HTTP_01)
        async with world.actor(world.authority(pebble), deaf) as ref:
            order = await world.until_put_off("shop.example.com")
            event = await world.until_noted(EventType.CERTIFICATE_FAILED)
            look(ref)
        assert pebble.said().count("Added order") == 1
    assert (order.state, order.url, order.failures) == (OrderState.WAITING, None, 1)
    assert order.try_ms - event.time_ms > 200_000
    assert (event.subject, event.data["failures"]) == ("shop.example.com", 1)
    (warning,) = world.warnings.all()
    assert warning.startswith("No certificate for shop.example.com yet: The authority could not see that")
    assert warning.endswith("The next try is in 4 min.") or warning.endswith("The next try is in 5 min.")


class _Silent:
    """Hangs nothing up, so that the authority finds 404."""

    def kinds(self) -> tuple[ChallengeKind, ...]:
        return (ChallengeKind.HTTP_01,)

    async def put_up(self, challenge: object) -> None: ...

    def take_down(self, challenge: object) -> None: ...


async def test_no_private_key_stands_in_the_database(world: World) -> None:
    async with an_authority(world) as pebble:
        await world.route("shop.example.com")
        async with world.actor(world.authority(pebble)):
            issued = await world.until_issued("shop.example.com")
    with sqlite3.connect(world.folder / "deployd.db") as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    kept = b"".join(path.read_bytes() for path in world.folder.glob("deployd.db*"))
    body = "".join(issued.certificate.key.reveal().splitlines()[1:-1])
    assert b"BEGIN CERTIFICATE" in kept
    assert b"PRIVATE KEY" not in kept
    assert body[:40].encode() not in kept


async def test_an_issued_certificate_is_for_p256_and_this_name(world: World) -> None:
    async with an_authority(world) as pebble:
        await world.route("shop.example.com")
        async with world.actor(world.authority(pebble)):
            await world.until_issued("shop.example.com")
            leaf = x509.load_der_x509_certificate(await served_chain(world.https_port, "shop.example.com", pebble.root))
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["shop.example.com"]
    assert leaf.public_key().curve.name == "secp256r1"  # type: ignore[union-attr]
