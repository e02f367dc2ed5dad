"""What the door says about https: redirects to it once there is a certificate, and HSTS over it."""

from pathlib import Path

import pytest

from deployd.domain.route import StaticSite
from tests.deployd.proxy.rig import Bench
from tests.deployd.proxy.test_door import asked, guarded
from tests.deployd.proxy.tls.rig import connected, listen, trusting
from tests.deployd.proxy.wire import Conversation, answering, upstream
from tests.deployd.proxy.wire import connected as plainly_connected
from tests.support.certificate_maker import CertificateMaker

MAKER = CertificateMaker()
CERTIFICATE = MAKER.make("app.test").certificate("app.test")


async def test_http_is_redirected_as_soon_as_https_listens_and_there_is_a_certificate(bench: Bench) -> None:
    async with upstream(answering()) as app, plainly_connected(bench.port) as client:
        guarded(bench, app.address)
        assert (await asked(client)).status == 200
        port = await listen(bench)
        assert (await asked(client)).status == 200
        bench.proxy.certificates.hold([CERTIFICATE])
        moved = await asked(client, "/a?b=1")
        assert (moved.status, moved.field("location")) == (308, b"https://app.test:%d/a?b=1" % port)
        assert (await asked(client, "/.well-known/acme-challenge/unknown")).status == 200
        guarded(bench, app.address, https_redirect=False)
        assert (await asked(client)).status == 200


async def test_only_the_hosts_that_have_a_certificate_now_are_redirected(bench: Bench) -> None:
    async with upstream(answering()) as app, plainly_connected(bench.port) as client:
        bench.route(app.address, hosts=("app.test", "other.test"))
        await listen(bench)
        assert await statuses(client) == [200, 200, 200]
        bench.proxy.certificates.hold([CERTIFICATE])
        assert await statuses(client) == [308, 308, 200]
        bench.proxy.certificates.hold([])
        assert await statuses(client) == [200, 200, 200]


async def test_names_below_a_wildcard_are_redirected_where_there_is_a_certificate(bench: Bench) -> None:
    bench.proxy.certificates.hold([CERTIFICATE])
    await listen(bench)
    async with upstream(answering()) as app, plainly_connected(bench.port) as client:
        bench.route(app.address, hosts=("*.test",))
        assert await statuses(client) == [308, 308, 200]


async def statuses(client: Conversation) -> list[int]:
    found = []
    for host in ("app.test", "APP.Test.:8080", "other.test"):
        await client.send(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        found.append((await client.response()).status)
    return found


async def test_over_https_nothing_is_redirected(bench: Bench) -> None:
    bench.proxy.certificates.hold([CERTIFICATE])
    port = await listen(bench)
    async with upstream(answering()) as app, connected(port, "app.test", trusting(MAKER.root)) as client:
        guarded(bench, app.address)
        assert (await asked(client)).status == 200


@pytest.mark.parametrize("seconds", [0, 31_536_000])
async def test_every_answer_over_https_tells_browsers_to_insist_on_it(
    bench: Bench, tmp_path: Path, seconds: int
) -> None:
    (tmp_path / "index.html").write_text("home")
    (tmp_path / "large.bin").write_bytes(b"x" * 300_000)
    expected = b"max-age=%d" % seconds if seconds else None
    bench.proxy.certificates.hold([CERTIFICATE])
    port = await listen(bench)
    async with upstream(answering()) as app, connected(port, "app.test", trusting(MAKER.root)) as client:
        guarded(bench, app.address, hsts_seconds=seconds, redirects={"/old": "/new"})
        answers = [await asked(client), await asked(client, "/old")]
        guarded(bench, site=StaticSite(root=str(tmp_path)), hsts_seconds=seconds)
        answers += [await asked(client, path) for path in ("/", "/large.bin", "/missing")]
    assert [answer.status for answer in answers] == [200, 308, 200, 200, 404]
    assert {answer.field("strict-transport-security") for answer in answers} == {expected}
