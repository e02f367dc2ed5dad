"""What stands between a client and the app does so for streams as for connections: canaries, stickiness, the door."""

import asyncio
import base64
import re

import msgspec
import pytest

from deployd.domain.edge import Canary, EdgeSettings
from deployd.domain.ids import DeploymentId
from deployd.domain.route import Address, CanaryRoute, Route
from deployd.proxy.door.password import hash_password
from tests.deployd.proxy.http2.client import Answer, Http2Client, http2_client
from tests.deployd.proxy.http2.test_http2 import MAKER, opened
from tests.deployd.proxy.rig import APP, HOSTS, Bench, MakeBench
from tests.deployd.proxy.test_canary import failing
from tests.deployd.proxy.wire import Conversation, answering, upstream

COOKIE = re.compile(
    r"(deployd_canary|deployd_instance)=([0-9a-f-]+); Path=/; (Max-Age=2592000; )?HttpOnly; SameSite=Lax; Secure"
)


def serve(bench: Bench, *live: Address, canary: Address | None = None, sticky: bool = False, **rule: object) -> None:
    beside = None
    if canary is not None:
        who = msgspec.convert({"release": 2, **rule}, Canary)
        beside = CanaryRoute(canary=who, deployment=DeploymentId("dep-1"), targets=(canary,))
    edge = EdgeSettings(sticky=sticky)
    bench.proxy.switch(Route(app=APP, hosts=HOSTS, release=1, targets=live, canary=beside, edge=edge))


async def visit(client: Http2Client, **fields: str) -> Answer:
    return await client.answer(await client.ask(fields=tuple(fields.items())))


async def test_visitors_of_one_connection_draw_their_own_lots_and_keep_them(make_bench: MakeBench) -> None:
    bench, port = await opened(make_bench)
    async with (
        upstream(answering(b"live")) as live,
        upstream(answering(b"canary")) as canary,
        http2_client(port, MAKER.root) as client,
    ):
        serve(bench, live.address, canary=canary.address, percent=50)
        asked = [await client.ask() for _ in range(30)]
        answers = [await client.answer(number) for number in asked]
        assert {answer.body for answer in answers} == {b"live", b"canary"}
        for answer in answers:
            found = COOKIE.fullmatch(answer.fields["set-cookie"])
            assert found is not None
            again = await visit(client, cookie=f"a=b; {found[1]}={found[2]}")
            assert (again.body, "set-cookie" in again.fields) == (answer.body, False)
        traffic = bench.proxy.traffic(APP)
        assert traffic.live is not None
        assert traffic.canary is not None
        chosen = [answer.body for answer in answers]
        assert traffic.live.requests == 2 * chosen.count(b"live")
        assert traffic.canary.requests == 2 * chosen.count(b"canary")
        assert [record.release for record in await bench.recorded(60)].count(2) == traffic.canary.requests


async def test_errors_of_streams_count_for_the_side_that_answered(make_bench: MakeBench) -> None:
    bench, port = await opened(make_bench)
    async with (
        upstream(answering(b"live")) as live,
        upstream(failing()) as canary,
        http2_client(port, MAKER.root) as client,
    ):
        serve(bench, live.address, canary=canary.address, header="X-Canary: yes")
        asked = [await client.ask(fields=[("x-canary", side)]) for side in ("yes", "no", "yes", "no", "no")]
        statuses = [(await client.answer(number)).status for number in asked]
        assert statuses == [500, 200, 500, 200, 200]
        traffic = bench.proxy.traffic(APP)
        assert traffic.live is not None
        assert traffic.canary is not None
        assert (traffic.live.requests, traffic.live.errors) == (3, 0)
        assert (traffic.canary.requests, traffic.canary.errors) == (2, 2)


async def test_a_stream_that_is_given_up_leaves_its_side(make_bench: MakeBench) -> None:
    bench, port = await opened(make_bench)
    asked = asyncio.Event()

    async def silent(conversation: Conversation) -> None:
        await conversation.request()
        asked.set()
        await conversation.closed()

    async with upstream(answering()) as live, upstream(silent) as canary, http2_client(port, MAKER.root) as client:
        serve(bench, live.address, canary=canary.address, percent=100)
        number = await client.ask()
        await asked.wait()
        client.h2.reset_stream(number)
        await client.flush()
        (record,) = await bench.recorded(1)
        assert (record.status, record.release) == (499, 2)
        assert bench.proxy.stats().in_flight == 0
        traffic = bench.proxy.traffic(APP)
        assert traffic.canary is not None
        assert (traffic.canary.requests, traffic.canary.errors) == (1, 0)


async def test_stickiness_and_a_canary_hold_for_streams_together(make_bench: MakeBench) -> None:
    bench, port = await opened(make_bench)
    async with (
        upstream(answering(b"a")) as one,
        upstream(answering(b"b")) as two,
        upstream(answering(b"canary")) as canary,
        http2_client(port, MAKER.root) as client,
    ):
        serve(bench, one.address, two.address, canary=canary.address, sticky=True, percent=0.01)
        first = await visit(client)
        cookies = first.cookies
        assert [line.partition("=")[0] for line in cookies] == ["deployd_instance", "deployd_canary"]
        assert all(COOKIE.fullmatch(line) for line in cookies)
        kept = [("cookie", line.partition(";")[0]) for line in cookies]  # One field each, as browsers send them.
        for _ in range(10):
            again = await client.answer(await client.ask(fields=kept))
            assert (again.body, "set-cookie" in again.fields) == (first.body, False)


async def test_maintenance_is_told_to_streams_and_the_health_path_is_let_through(make_bench: MakeBench) -> None:
    bench, port = await opened(make_bench)
    async with upstream(answering(b"up")) as app, http2_client(port, MAKER.root) as client:
        bench.proxy.switch(
            Route(
                app=APP,
                hosts=HOSTS,
                release=1,
                targets=(app.address,),
                maintenance="Back at ten.",
                health_path="/up",
            )
        )
        told, health = await client.ask(body=b"x" * 1_000, method="POST"), await client.ask("/up")
        page = await client.answer(told)
        assert (page.status, page.fields["retry-after"], b"Back at ten." in page.body) == (503, "60", True)
        assert (await client.answer(health)).body == b"up"


@pytest.mark.parametrize("password", ["open sesame", "wrong", None])
async def test_a_password_is_asked_for_on_each_stream(make_bench: MakeBench, password: str | None) -> None:
    bench, port = await opened(make_bench)
    edge = EdgeSettings(basic_auth={"me": hash_password(b"open sesame")})
    async with upstream(answering(b"hello")) as app, http2_client(port, MAKER.root) as client:
        bench.proxy.switch(Route(app=APP, hosts=HOSTS, release=1, targets=(app.address,), edge=edge))
        login = "Basic " + base64.b64encode(f"me:{password}".encode()).decode()
        fields = [("authorization", login)] if password else []
        asked = [await client.ask(fields=fields, method="POST", body=b"x" * size) for size in (0, 10, 60_000)]
        answers = [await client.answer(number) for number in asked]
        if password == "open sesame":
            assert [(answer.status, answer.body) for answer in answers] == [(200, b"hello")] * 3
        else:
            assert {answer.status for answer in answers} == {401}
            assert answers[0].fields["www-authenticate"].startswith("Basic ")
            assert app.connections == 0
