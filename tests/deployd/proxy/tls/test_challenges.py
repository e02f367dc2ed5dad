"""Answers to an authority hang at our listeners exactly as long as an order is pending."""

import hashlib
import ssl

import pytest
from cryptography import x509

from deployd.domain.certificate import Challenge, ChallengeKind
from tests.deployd.proxy.rig import Bench
from tests.deployd.proxy.tls.rig import connected, leaf_of, listen, trusting
from tests.deployd.proxy.wire import answering, get, upstream
from tests.deployd.proxy.wire import connected as plainly_connected
from tests.support.certificate_maker import CertificateMaker

MAKER = CertificateMaker()
APP = MAKER.make("app.test").certificate("app.test")
HTTP = Challenge(kind=ChallengeKind.HTTP_01, name="app.test", token="t0ken", answer="t0ken.thumb")
ALPN = Challenge(kind=ChallengeKind.TLS_ALPN_01, name="app.test", token="t0ken", answer="t0ken.thumb")
PLACE = "/.well-known/acme-challenge/t0ken"
ACME_IDENTIFIER = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")


def blind() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["acme-tls/1"])
    return context


@pytest.mark.parametrize("host", ["app.test", "stranger.test"])
async def test_a_token_is_answered_before_routing_and_only_while_it_hangs_there(bench: Bench, host: str) -> None:
    async with plainly_connected(bench.port) as client:
        await bench.proxy.board.put_up(HTTP)
        await client.send(get(PLACE, host))
        answer = await client.response()
        assert (answer.status, answer.body) == (200, b"t0ken.thumb")
        bench.proxy.board.take_down(HTTP)
        await client.send(get(PLACE, host))
        assert (await client.response()).status == 404


@pytest.mark.parametrize("path", ["/.well-known/acme-challenge/other", "/.well-known/acme-challenge/", "/t0ken"])
async def test_what_is_not_our_token_is_the_apps(bench: Bench, path: str) -> None:
    await bench.proxy.board.put_up(HTTP)
    async with upstream(answering(b"the app")) as app, plainly_connected(bench.port) as client:
        bench.route(app.address)
        await client.send(get(path))
        assert (await client.response()).body == b"the app"


async def test_an_authority_that_asks_by_alpn_gets_the_proof_and_browsers_what_they_always_get(bench: Bench) -> None:
    bench.proxy.certificates.hold([APP])
    port = await listen(bench)
    await bench.proxy.board.put_up(ALPN)
    async with connected(port, "app.test", blind()) as client:
        proof = x509.load_der_x509_certificate(leaf_of(client))
        assert client.writer.get_extra_info("ssl_object").selected_alpn_protocol() == "acme-tls/1"
        assert await client.closed()
    extension = proof.extensions.get_extension_for_oid(ACME_IDENTIFIER)
    assert extension.critical
    assert extension.value.public_bytes() == b"\x04\x20" + hashlib.sha256(b"t0ken.thumb").digest()
    names = proof.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["app.test"]
    async with connected(port, "app.test", trusting(MAKER.root)) as client:
        await client.send(get())
        assert (await client.response()).status == 404


@pytest.mark.parametrize("name", ["app.test", "stranger.test"])
async def test_the_proof_is_gone_with_its_order(bench: Bench, name: str) -> None:
    port = await listen(bench)
    await bench.proxy.board.put_up(ALPN)
    bench.proxy.board.take_down(ALPN)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        async with connected(port, name, blind()):
            pass


async def test_the_board_offers_what_the_listeners_can_answer(bench: Bench) -> None:
    assert bench.proxy.board.kinds() == (ChallengeKind.HTTP_01,)
    await listen(bench)
    assert bench.proxy.board.kinds() == (ChallengeKind.HTTP_01, ChallengeKind.TLS_ALPN_01)
