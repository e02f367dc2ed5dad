"""Who gets the canary, what is counted, and what a visitor sees of it on the wire."""

import asyncio
import gzip
import re
from pathlib import Path

import msgspec
import pytest

from deployd.domain.deployment import SwitchReport
from deployd.domain.edge import Canary, CanaryRule, EdgeSettings
from deployd.domain.ids import DeploymentId
from deployd.domain.route import Address, CanaryRoute, Route, StaticSite
from deployd.proxy.canary import LOTS, Chooser, Figures, Latencies, Lots
from tests.deployd.proxy.rig import APP, HOSTS, Bench
from tests.deployd.proxy.wire import Conversation, Received, Serve, Upstream, answering, connected, get, upstream

KEY = bytes(32)
COOKIE = re.compile(rb"deployd_canary=([0-9]{1,4}-[0-9a-f]{32}); Path=([^;]*); Max-Age=2592000; HttpOnly; SameSite=Lax")


# Decisions


@pytest.mark.parametrize(
    ("rule", "fields", "ip", "picked"),
    [
        (CanaryRule(header="X-Canary: 1"), b"X-Canary: 1\r\n", "192.0.2.1", True),
        (CanaryRule(header="X-Canary: 1"), b"x-canary:1\r\n", "192.0.2.1", True),
        (CanaryRule(header="X-Canary: 1"), b"X-Canary: 11\r\n", "192.0.2.1", False),
        (CanaryRule(header="X-Canary: 1"), b"X-Canary-2: 1\r\n", "192.0.2.1", False),
        (CanaryRule(header="X-Canary: 1"), b"", "192.0.2.1", False),
        (CanaryRule(allow=("192.0.2.0/24",)), b"", "192.0.2.1", True),
        (CanaryRule(allow=("192.0.2.0/24",)), b"", "198.51.100.1", False),
        (CanaryRule(header="A: b", allow=("192.0.2.1",)), b"A: c\r\n", "192.0.2.1", True),
        (CanaryRule(percent=100), b"X-Canary: 1\r\n", "192.0.2.1", False),
    ],
)
def test_a_header_or_an_address_decides_at_once(rule: CanaryRule, fields: bytes, ip: str, picked: bool) -> None:
    assert Chooser(rule).picks_at_once(fields, ip) == picked


@pytest.mark.parametrize(
    ("percent", "count"), [(0.0, 0), (0.01, 1), (5.0, 500), (33.33, 3333), (99.99, 9_999), (100.0, LOTS)]
)
def test_the_percentage_is_that_share_of_the_lots(percent: float, count: int) -> None:
    chooser = Chooser(CanaryRule(percent=percent))
    assert sum(chooser.picks(lot) for lot in range(LOTS)) == count
    assert chooser.draws == (percent > 0)


def test_who_got_it_at_five_percent_gets_it_at_twenty() -> None:
    few, more = Chooser(CanaryRule(percent=5)), Chooser(CanaryRule(percent=20))
    assert all(more.picks(lot) for lot in range(LOTS) if few.picks(lot))


def test_a_lot_is_known_by_its_cookie_and_by_no_other() -> None:
    lots = Lots(KEY, "app v2 beside v1")
    line = lots.cookie(47, b"", secure=True)
    assert line.endswith(b"; Secure\r\n")
    found = COOKIE.search(line)
    assert found is not None
    value = found[1]
    assert lots.drawn(b"Cookie: a=b; deployd_canary=%b; c=d\r\n" % value) == 47
    assert lots.drawn(b"Cookie: a=b\r\nCookie: deployd_canary=%b\r\n" % value) == 47
    proof = value.partition(b"-")[2]
    for forged in (b"48-" + proof, b"047-" + proof, value[:-1], value + b"0", b"47", b"", b"-" + proof):
        assert lots.drawn(b"Cookie: deployd_canary=%b\r\n" % forged) is None
    for other in (Lots(KEY, "app v3 beside v1"), Lots(bytes(31) + b"1", "app v2 beside v1")):
        assert other.drawn(b"Cookie: deployd_canary=%b\r\n" % value) is None


def test_lots_are_drawn_from_all_there_are() -> None:
    drawn = {Lots(KEY, "app").draw() for _ in range(2_000)}
    assert len(drawn) > 1_000
    assert 0 <= min(drawn) <= max(drawn) < LOTS


@pytest.mark.parametrize("seconds", [0.0001, 0.0009, 0.0123, 0.4, 7.0, 900.0])
def test_a_percentile_is_right_within_a_tenth(seconds: float) -> None:
    latencies = Latencies()
    for _ in range(95):
        latencies.note(seconds)
    for _ in range(5):
        latencies.note(3_000.0)
    assert latencies.quantile(0.95) == pytest.approx(seconds, rel=0.1)
    assert (latencies.quantile(0.96) or 0) > 2_700


def test_percentiles_of_nothing_and_of_extremes() -> None:
    latencies = Latencies()
    assert latencies.quantile(0.95) is None
    for seconds in (0.0, -1.0, 1e9):
        latencies.note(seconds)
    assert latencies.quantile(0.5) == pytest.approx(0.0001)
    assert (latencies.quantile(1) or 0) > 3_000


def test_figures_add_up() -> None:
    figures = Figures()
    for error in (False, True, False):
        figures.ended(error)
    figures.latencies.note(0.5)
    shown = figures.of(7)
    assert (shown.release, shown.requests, shown.errors) == (7, 3, 1)
    assert shown.p95_seconds == pytest.approx(0.5, rel=0.1)


# On the wire


def split(bench: Bench, live: Address | None, canary: Address | None, **rule: object) -> None:
    """v1 live, v2 the canary."""
    who = msgspec.convert({"release": 2, **rule}, Canary)
    bench.proxy.switch(
        Route(
            app=APP,
            hosts=HOSTS,
            release=1,
            targets=(live,) if live else (),
            canary=CanaryRoute(canary=who, deployment=DeploymentId("dep-1"), targets=(canary,) if canary else ()),
        )
    )


async def visit(bench: Bench, extra: str = "") -> Received:
    async with connected(bench.port) as visitor:
        await visitor.send(get(extra=extra))
        return await visitor.response()


def failing(status: bytes = b"500 No") -> Serve:
    async def serve(conversation: Conversation) -> None:
        while True:
            await conversation.request()
            await conversation.send(b"HTTP/1.1 %b\r\nContent-Length: 4\r\n\r\nfail" % status)

    return serve


async def test_an_app_without_a_canary_sets_no_cookie(bench: Bench) -> None:
    async with upstream(answering(b"live")) as live:
        bench.route(live.address)
        assert (await visit(bench)).field("Set-Cookie") is None


async def test_a_visitor_stays_on_the_side_that_his_cookie_says(bench: Bench) -> None:
    async with upstream(answering(b"live")) as live, upstream(answering(b"canary")) as canary:
        split(bench, live.address, canary.address, percent=50)
        sides = set()
        for _ in range(30):
            answer = await visit(bench)
            found = COOKIE.fullmatch(answer.field("Set-Cookie") or b"")
            assert found is not None
            assert found[2] == b"/"
            sides.add(answer.body)
            cookie = f"Cookie: deployd_canary={found[1].decode()}\r\n"
            for _ in range(3):
                again = await visit(bench, cookie)
                assert (again.body, again.field("Set-Cookie")) == (answer.body, None)
        assert sides == {b"live", b"canary"}


async def test_a_made_up_cookie_chooses_nothing(bench: Bench) -> None:
    async with upstream(answering(b"live")) as live, upstream(answering(b"canary")) as canary:
        split(bench, live.address, canary.address, percent=0.01)
        bodies = {(await visit(bench, f"Cookie: deployd_canary=0-{'0' * 32}\r\n")).body for _ in range(10)}
        assert bodies == {b"live"}


async def test_more_percent_keep_who_has_it_and_add_others(bench: Bench) -> None:
    async with upstream(answering(b"live")) as live, upstream(answering(b"canary")) as canary:
        split(bench, live.address, canary.address, percent=40)
        chosen: list[str] = []
        while len(chosen) < 5:
            answer = await visit(bench)
            if answer.body == b"canary":
                chosen.append((answer.field("Set-Cookie") or b"").partition(b";")[0].decode())
        counted = bench.proxy.traffic(APP).canary
        split(bench, live.address, canary.address, percent=90)
        assert {(await visit(bench, f"Cookie: {cookie}\r\n")).body for cookie in chosen} == {b"canary"}
        after = bench.proxy.traffic(APP).canary
        assert counted is not None
        assert after is not None
        assert after.requests == counted.requests + 5


async def test_the_header_chooses_without_a_cookie_and_only_with_its_value(bench: Bench) -> None:
    async with upstream(answering(b"live")) as live, upstream(answering(b"canary")) as canary:
        split(bench, live.address, canary.address, header="X-Canary: yes")
        for extra, body in (("X-Canary: yes\r\n", b"canary"), ("X-Canary: no\r\n", b"live"), ("", b"live")):
            answer = await visit(bench, extra)
            assert (answer.body, answer.field("Set-Cookie")) == (body, None)


@pytest.mark.parametrize(("network", "body"), [("127.0.0.0/8", b"canary"), ("192.0.2.0/24", b"live")])
async def test_the_address_chooses(bench: Bench, network: str, body: bytes) -> None:
    async with upstream(answering(b"live")) as live, upstream(answering(b"canary")) as canary:
        split(bench, live.address, canary.address, allow=(network,))
        assert (await visit(bench)).body == body


async def test_a_connection_carries_requests_of_both_sides_and_records_say_which(bench: Bench) -> None:
    async with upstream(answering(b"live")) as live, upstream(answering(b"canary")) as canary:
        split(bench, live.address, canary.address, header="X-Canary: yes")
        async with connected(bench.port) as client:
            await client.send(get() + get(extra="X-Canary: yes\r\n") + get())
            assert [(await client.response()).body for _ in range(3)] == [b"live", b"canary", b"live"]
        records = await bench.recorded(3)
        assert [record.release for record in records] == [1, 2, 1]
        assert bench.proxy.stats().requests[APP] == {"2xx": 3}


async def test_both_sides_are_counted_apart(bench: Bench) -> None:
    async with upstream(answering(b"live")) as live, upstream(failing()) as canary:
        split(bench, live.address, canary.address, header="X-Canary: yes")
        for _ in range(3):
            await visit(bench)
        for _ in range(2):
            assert (await visit(bench, "X-Canary: yes\r\n")).status == 500
        traffic = bench.proxy.traffic(APP)
        assert traffic.live is not None
        assert traffic.canary is not None
        assert (traffic.live.release, traffic.live.requests, traffic.live.errors) == (1, 3, 0)
        assert (traffic.canary.release, traffic.canary.requests, traffic.canary.errors) == (2, 2, 2)
        assert 0 < (traffic.live.p95_seconds or 0) < 5


async def test_a_canary_that_does_not_answer_is_counted_too_and_its_visitor_draws_again(bench: Bench) -> None:
    gone = Upstream(answering())
    await gone.open()
    await gone.close()
    async with upstream(answering(b"live")) as live:
        split(bench, live.address, gone.address, percent=100)
        answer = await visit(bench)
        assert (answer.status, answer.field("Set-Cookie")) == (502, None)
        canary = bench.proxy.traffic(APP).canary
        assert canary is not None
        assert (canary.requests, canary.errors) == (1, 1)


async def test_without_an_instance_of_the_canary_everybody_gets_the_live_release(bench: Bench) -> None:
    async with upstream(answering(b"live")) as live:
        split(bench, live.address, None, percent=100, header="X-Canary: yes")
        assert (await visit(bench, "X-Canary: yes\r\n")).body == b"live"


async def test_without_an_instance_of_the_live_release_only_the_canary_serves(bench: Bench) -> None:
    async with upstream(answering(b"canary")) as canary:
        split(bench, None, canary.address, header="X-Canary: yes")
        assert (await visit(bench, "X-Canary: yes\r\n")).body == b"canary"
        assert (await visit(bench)).status == 503


async def test_a_promoted_canary_keeps_its_connections_and_nothing_is_cut(bench: Bench) -> None:
    async with upstream(answering(b"live")) as live, upstream(answering(b"canary")) as canary:
        split(bench, live.address, canary.address, percent=100)
        await visit(bench)
        bench.route(canary.address, release=2)
        report = await bench.proxy.drain(APP, 5)
        answer = await visit(bench)
        assert (answer.body, answer.field("Set-Cookie")) == (b"canary", None)
        assert canary.connections == 1
        assert (report.failed, report.cut) == (0, 0)
        assert bench.proxy.traffic(APP).canary is None


async def test_an_aborted_canary_finishes_what_it_has(bench: Bench) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slow(conversation: Conversation) -> None:
        await conversation.request()
        asked.set()
        await answer.wait()
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow")
        await conversation.rest()

    async with (
        upstream(answering(b"live")) as live,
        upstream(slow) as canary,
        connected(bench.port) as waiting,
    ):
        split(bench, live.address, canary.address, percent=100)
        await waiting.send(get())
        await asked.wait()
        bench.route(live.address, release=1)
        async with asyncio.TaskGroup() as group:
            drain = group.create_task(bench.proxy.drain(APP, 5))
            assert (await visit(bench)).body == b"live"
            assert not drain.done()
            answer.set()
            assert (await waiting.response()).body == b"slow"
        assert (drain.result().served_by_old, drain.result().cut) == (1, 0)


async def test_sticky_instances_and_a_canary_go_together(bench: Bench) -> None:
    async with (
        upstream(answering(b"a")) as one,
        upstream(answering(b"b")) as two,
        upstream(answering(b"canary")) as canary,
    ):
        bench.proxy.switch(
            Route(
                app=APP,
                hosts=HOSTS,
                release=1,
                targets=(one.address, two.address),
                edge=EdgeSettings(sticky=True),
                canary=CanaryRoute(
                    canary=Canary(release=2, percent=0.01), deployment=DeploymentId("dep-1"), targets=(canary.address,)
                ),
            )
        )
        first = await visit(bench)
        names = {value.partition(b"=")[0] for value in first.fields("Set-Cookie")}
        assert names == {b"deployd_instance", b"deployd_canary"}
        cookies = "; ".join(value.partition(b";")[0].decode() for value in first.fields("Set-Cookie"))
        again = await visit(bench, f"Cookie: {cookies}\r\n")
        assert (again.body, again.fields("Set-Cookie")) == (first.body, [])


# The proof of a switch


async def test_errors_are_counted_since_the_switch_and_compared_with_those_before(bench: Bench) -> None:
    async with upstream(answering(b"old")) as old, upstream(failing()) as new:
        bench.route(old.address, release=1)
        for _ in range(3):
            await visit(bench)
        bench.route(new.address, release=2)
        for _ in range(2):
            await visit(bench)
        bench.route(new.address, release=2)  # another setting, say
        await visit(bench)
        traffic = bench.proxy.traffic(APP)
        assert traffic.release == 2
        assert (traffic.before.requests, traffic.before.errors) == (3, 0)
        assert (traffic.now.requests, traffic.now.errors) == (3, 3)


async def test_what_the_door_answers_is_no_error_of_the_release(bench: Bench) -> None:
    async with upstream(answering(b"old")) as old:
        bench.route(old.address, edge=EdgeSettings(allow=("192.0.2.1",)))
        await visit(bench)
        assert bench.proxy.traffic(APP).now.requests == 0


async def test_a_switch_says_how_long_requests_waited_and_who_was_asked_to_leave(bench: Bench) -> None:
    async def chat(conversation: Conversation) -> None:
        await conversation.head()
        await conversation.send(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        )
        await conversation.rest()

    async with upstream(chat) as old, upstream(answering(b"new")) as new, connected(bench.port) as socket:
        bench.route(old.address, release=1)
        await socket.send(get(extra="Connection: Upgrade\r\nUpgrade: websocket\r\n"))
        await socket.head()
        bench.route(new.address, release=2)
        bench.proxy.pause(APP, 0.1)
        assert (await visit(bench)).body == b"new"
        report = await bench.proxy.drain(APP, 0.2)
        assert report.asked_to_leave == 1
        assert 0.05 < report.longest_hold_seconds < 5


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (
            SwitchReport(served_by_old=1200, served_by_new=642, drain_seconds=1.25, longest_hold_seconds=0.0123),
            "Switched: 0 of 1,842 requests failed (1,200 served by the old release, 642 by the new one); "
            "the longest wait was 0.0123 s, drained in 1.25 s.",
        ),
        (
            SwitchReport(served_by_new=1, failed=2, cut=1, asked_to_leave=1),
            "Switched: 3 of 4 requests failed (0 served by the old release, 1 by the new one); "
            "the longest wait was 0 s, drained in 0 s, 1 WebSocket was asked to leave.",
        ),
        (
            SwitchReport(asked_to_leave=1500),
            "Switched; no request came meanwhile, drained in 0 s, 1,500 WebSockets were asked to leave.",
        ),
    ],
)
def test_the_proof_is_a_sentence(report: SwitchReport, said: str) -> None:
    assert str(report).endswith(said)


async def test_a_static_release_may_be_a_canary_too(bench: Bench, tmp_path: Path) -> None:
    for name in ("live", "canary"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.html").write_text(name)
        (tmp_path / name / "big.bin").write_bytes(name.encode() * 100_000)
    sites = {name: StaticSite(root=str(tmp_path / name)) for name in ("live", "canary")}
    bench.proxy.switch(
        Route(
            app=APP,
            hosts=HOSTS,
            release=1,
            site=sites["live"],
            canary=CanaryRoute(
                canary=Canary(release=2, percent=100), deployment=DeploymentId("dep-1"), site=sites["canary"]
            ),
        )
    )
    answer = await visit(bench)
    assert (answer.status, answer.body) == (200, b"canary")
    assert COOKIE.fullmatch(answer.field("Set-Cookie") or b"")
    async with connected(bench.port) as visitor:
        await visitor.send(get("/big.bin"))
        assert (await visitor.response()).body == b"canary" * 100_000
    bench.proxy.switch(Route(app=APP, hosts=HOSTS, release=1, site=sites["live"]))
    assert (await visit(bench)).body == b"live"


@pytest.mark.parametrize("percent", [0.01, 100])
async def test_answers_are_compressed_on_both_sides_for_those_who_ask(bench: Bench, percent: float) -> None:
    body = b"the same words again and again, " * 100
    async with upstream(answering(body, b"Content-Type: text/plain\r\n")) as app:
        split(bench, app.address, app.address, percent=percent)
        packed = await visit(bench, "Accept-Encoding: gzip\r\n")
        assert (packed.field("content-encoding"), gzip.decompress(packed.body)) == (b"gzip", body)
        assert packed.field("set-cookie") is not None
        as_it_is = await visit(bench)
        assert (as_it_is.field("content-encoding"), as_it_is.body) == (None, body)
