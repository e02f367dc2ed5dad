"""The https listener: which certificate, which TLS, and what the app is told."""

import asyncio
import socket
import ssl
from typing import cast

import pytest

from deployd.domain.certificate import Certificate
from deployd.proxy.limits import ProxyLimits
from deployd.proxy.tls.certificates import Certificates
from tests.deployd.proxy.rig import Bench, MakeBench
from tests.deployd.proxy.tls.rig import connected, leaf_of, listen, trusting
from tests.deployd.proxy.wire import Conversation, Received, answering, get, upstream
from tests.deployd.proxy.wire import connected as plainly_connected
from tests.support.certificate_maker import CertificateMaker

MAKER = CertificateMaker()
APP = MAKER.make("app.test").certificate("app.test")
REFUSED = (ssl.SSLError, ConnectionError)


@pytest.fixture
async def port(bench: Bench) -> int:
    bench.proxy.certificates.hold([APP])
    return await listen(bench)


async def test_a_request_over_tls_is_served_and_the_app_is_told(bench: Bench, port: int) -> None:
    seen: list[Received] = []

    async def serve(conversation: Conversation) -> None:
        seen.append(await conversation.request())
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")

    async with upstream(serve) as app, connected(port, "app.test", trusting(MAKER.root)) as client:
        bench.route(app.address)
        await client.send(get())
        assert (await client.response()).body == b"hello"
    assert seen[0].field("X-Forwarded-Proto") == b"https"
    assert client.writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"


@pytest.mark.parametrize(
    ("names", "asked", "expected"),
    [
        (("a.x.test", "*.x.test"), "a.x.test", "a.x.test"),
        (("*.x.test", "a.x.test"), "a.x.test", "a.x.test"),
        (("*.x.test",), "a.x.test", "*.x.test"),
        (("a.x.test",), "A.X.TEST", "a.x.test"),
        (("*.x.test",), "a.b.x.test", None),
        (("*.x.test",), "x.test", None),
        (("a.x.test",), "b.x.test", None),
        (("a.x.test",), None, None),
        ((), "a.x.test", None),
    ],
)
async def test_the_name_in_the_handshake_decides_and_an_exact_one_beats_a_wildcard(
    bench: Bench, names: tuple[str, ...], asked: str | None, expected: str | None
) -> None:
    held = {name: MAKER.make(name).certificate(name) for name in names}
    bench.proxy.certificates.hold(held.values())
    port = await listen(bench)
    context = trusting(MAKER.root)
    if asked is None:
        context.check_hostname = False
    if expected is None:
        with pytest.raises(REFUSED):
            async with connected(port, asked, context):
                pass
    else:
        async with connected(port, asked, context) as client:
            assert ssl.DER_cert_to_PEM_cert(leaf_of(client)) == held[expected].chain


@pytest.mark.parametrize(
    ("names", "host", "expected"),
    [
        (("a.test",), b"a.test", True),
        (("*.test",), b"a.test", True),
        (("*.test",), b"a.b.test", False),
        (("*.test",), b"test", False),
        (("a.test",), b"b.test", False),
        ((), b"a.test", False),
    ],
)
def test_a_host_has_a_certificate_when_its_handshake_would_succeed(
    names: tuple[str, ...], host: bytes, expected: bool
) -> None:
    certificates = Certificates()
    certificates.hold([Certificate(names=names, chain="", key=APP.key, not_before_ms=0, not_after_ms=0)])
    assert certificates.has(host) is expected


@pytest.mark.parametrize(
    ("highest", "agreed"),
    [
        (ssl.TLSVersion.TLSv1_1, None),
        (ssl.TLSVersion.TLSv1_2, "TLSv1.2"),
        (ssl.TLSVersion.TLSv1_3, "TLSv1.3"),
    ],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
async def test_nothing_older_than_tls_1_2_is_spoken(port: int, highest: ssl.TLSVersion, agreed: str | None) -> None:
    context = trusting(MAKER.root)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = min(highest, ssl.TLSVersion.TLSv1_2)
    context.maximum_version = highest
    if agreed is None:
        with pytest.raises(REFUSED):
            async with connected(port, "app.test", context):
                pass
    else:
        async with connected(port, "app.test", context) as client:
            assert client.writer.get_extra_info("ssl_object").version() == agreed


@pytest.mark.parametrize("cipher", ["AES128-SHA", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES128-SHA256"])
async def test_ciphers_without_forward_secrecy_or_authentication_are_refused(port: int, cipher: str) -> None:
    context = trusting(MAKER.root)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(f"{cipher}:@SECLEVEL=0")
    with pytest.raises(REFUSED):
        async with connected(port, "app.test", context):
            pass


@pytest.mark.parametrize("highest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_session_is_taken_up_again_even_after_the_certificate_was_renewed(
    bench: Bench, port: int, highest: ssl.TLSVersion
) -> None:
    context = trusting(MAKER.root)
    context.maximum_version = highest
    first, session = await asyncio.to_thread(_blocking_session, port, context, None)
    bench.proxy.certificates.hold([MAKER.make("app.test").certificate("app.test")])
    again, _ = await asyncio.to_thread(_blocking_session, port, context, session)
    assert (first, again) == (False, True)


@pytest.mark.parametrize("highest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_the_keys_of_session_tickets_are_replaced_and_clients_with_old_ones_are_served(
    make_bench: MakeBench, highest: ssl.TLSVersion
) -> None:
    bench = await make_bench(limits=ProxyLimits(ticket_key_seconds=0.0))
    bench.proxy.certificates.hold([APP])
    port = await listen(bench)
    context = trusting(MAKER.root)
    context.maximum_version = highest
    first, session = await asyncio.to_thread(_blocking_session, port, context, None)
    again, _ = await asyncio.to_thread(_blocking_session, port, context, session)
    assert (first, session is not None, again) == (False, True, False)


def test_a_context_listens_for_its_time_and_an_authority_is_expected_at_the_next_one_too() -> None:
    certificates = Certificates()
    first = certificates.listening(1_000.0, 60.0)
    certificates.prove("app.test", ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    assert certificates.listening(1_059.9, 60.0) is first
    second = certificates.listening(1_060.0, 60.0)
    assert second is not first
    assert second._msg_callback is not None  # type: ignore[attr-defined]
    certificates.proven("app.test")
    assert second._msg_callback is None  # type: ignore[attr-defined]


def _blocking_session(
    port: int, context: ssl.SSLContext, session: ssl.SSLSession | None
) -> tuple[bool, ssl.SSLSession | None]:
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="app.test", session=session) as secure,
    ):
        secure.sendall(b"GET / HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n")
        while secure.recv(65_536):
            pass
        return bool(secure.session_reused), secure.session


async def test_a_new_certificate_is_served_from_the_next_handshake_on_and_open_connections_stay(
    bench: Bench, port: int
) -> None:
    renewed = MAKER.make("app.test").certificate("app.test")
    async with upstream(answering()) as app:
        bench.route(app.address)
        async with connected(port, "app.test", trusting(MAKER.root)) as before:
            bench.proxy.certificates.hold([renewed])
            async with connected(port, "app.test", trusting(MAKER.root)) as after:
                for client in (before, after):
                    await client.send(get())
                    assert (await client.response()).body == b"hello"
                assert ssl.DER_cert_to_PEM_cert(leaf_of(before)) == APP.chain
                assert ssl.DER_cert_to_PEM_cert(leaf_of(after)) == renewed.chain


async def test_a_body_of_megabytes_comes_through_whole_both_ways(bench: Bench, port: int) -> None:
    body = bytes(range(256)) * 8192

    async def echo(conversation: Conversation) -> None:
        request = await conversation.request()
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(request.body) + request.body)

    async with upstream(echo) as app, connected(port, "app.test", trusting(MAKER.root)) as client:
        bench.route(app.address)
        await client.send(b"POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        assert (await client.response()).body == body


@pytest.mark.parametrize("start", [b"", b"\x16\x03\x01"])
async def test_a_client_that_does_not_go_on_with_its_handshake_is_cut_after_its_time(
    make_bench: MakeBench, start: bytes
) -> None:
    assert ProxyLimits().handshake_seconds == 10.0
    bench = await make_bench(limits=ProxyLimits(handshake_seconds=0.2))
    async with plainly_connected(await listen(bench)) as client:
        await client.send(start)
        async with asyncio.timeout(5):
            assert await _all_of(client) == b""


async def _all_of(client: Conversation) -> bytes:
    try:
        return await client.reader.read()
    except ConnectionError:
        return b""


async def test_a_plain_request_on_the_https_port_does_no_harm(bench: Bench, port: int) -> None:
    async with plainly_connected(port) as client:
        await client.send(get())
        assert b"HTTP" not in await _all_of(client)
    async with connected(port, "app.test", trusting(MAKER.root)) as client:
        await client.send(get())
        assert (await client.response()).status == 404


async def test_the_control_host_is_served_over_tls_too(make_bench: MakeBench) -> None:
    class Control(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast(asyncio.Transport, transport)

        def data_received(self, data: bytes) -> None:
            body = b"secure" if b"\r\nX-Forwarded-Proto: https\r\n" in data else b"plain!"
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n" + body)

    bench = await make_bench(control=Control)
    bench.proxy.certificates.hold([MAKER.make("control.test").certificate("control.test")])
    port = await listen(bench)
    async with connected(port, "control.test", trusting(MAKER.root)) as client:
        await client.send(get(host="control.test"))
        assert (await client.response()).body == b"secure"


async def test_an_idle_tls_connection_is_closed_after_its_time(make_bench: MakeBench) -> None:
    bench = await make_bench(limits=ProxyLimits(keep_alive_seconds=0.05, sweep_seconds=0.02))
    bench.proxy.certificates.hold([APP])
    port = await listen(bench)
    async with connected(port, "app.test", trusting(MAKER.root)) as client:
        assert await client.closed()


async def test_a_websocket_passes_through_tls_and_ends_quietly(bench: Bench, port: int) -> None:
    async def serve(conversation: Conversation) -> None:
        await conversation.head()
        await conversation.send(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        )
        while data := await conversation.reader.read(100):
            await conversation.send(data)

    head = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    head += "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    async with upstream(serve) as app, connected(port, "app.test", trusting(MAKER.root)) as client:
        bench.route(app.address)
        await client.send(get(extra=head))
        assert (await client.response()).status == 101
        await client.send(b"ping")
        assert await client.exactly(4) == b"ping"
