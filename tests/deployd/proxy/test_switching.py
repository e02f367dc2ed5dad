"""A switch is one step: no request fails, each is answered by the right side, and the old side is let finish."""

import asyncio

import aiohttp
import pytest

from deployd.domain.errors import StateConflict
from deployd.domain.ids import AppName
from deployd.domain.route import Route
from tests.deployd.proxy.rig import APP, HOSTS, Bench
from tests.deployd.proxy.wire import Conversation, Upstream, answering, connected, get, upstream


class Gated:
    """An upstream that answers only when it is let."""

    def __init__(self, body: bytes) -> None:
        self.asked = asyncio.Event()
        self.answer = asyncio.Event()
        self._body = body

    async def serve(self, conversation: Conversation) -> None:
        await conversation.request()
        self.asked.set()
        await self.answer.wait()
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(self._body), self._body))
        await conversation.rest()


async def test_twenty_switches_under_load_fail_no_request(bench: Bench) -> None:
    failures: list[object] = []
    served = 0
    current = 0
    done = asyncio.Event()

    async def hammer(session: aiohttp.ClientSession) -> None:
        nonlocal served
        while not done.is_set():
            oldest = current
            url = f"http://127.0.0.1:{bench.port}/"
            try:
                async with session.get(url, headers={"Host": "app.test"}) as response:
                    body = await response.read()
                    if response.status != 200 or not oldest <= int(body) <= current:
                        failures.append((response.status, oldest, body, current))
            except aiohttp.ClientError as error:
                failures.append(error)
            served += 1

    async def switch_often() -> None:
        nonlocal current
        for release in range(1, 21):
            app = Upstream(answering(b"%d" % release))
            await app.open()
            current = release
            bench.route(app.address, release=release)
            report = await bench.proxy.drain(APP, 5)
            assert (report.failed, report.cut) == (0, 0)
            await running[-1].close()
            running.append(app)
            reached = served + 20
            while served < reached:
                await asyncio.sleep(0.001)
        done.set()

    first = Upstream(answering(b"0"))
    await first.open()
    running = [first]
    bench.route(first.address, release=0)
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(hammer(session))
        group.create_task(switch_often())
    await running[-1].close()
    assert failures == []
    assert served >= 400
    assert bench.proxy.stats().failed == 0


async def test_a_drain_waits_for_what_is_in_flight_and_says_who_served(bench: Bench) -> None:
    old = Gated(b"old")
    async with (
        upstream(old.serve) as before,
        upstream(answering(b"new")) as after,
        connected(bench.port) as waiting,
        connected(bench.port) as client,
    ):
        bench.route(before.address, release=1)
        await waiting.send(get())
        await old.asked.wait()
        bench.route(after.address, release=2)
        async with asyncio.TaskGroup() as group:
            drain = group.create_task(bench.proxy.drain(APP, 5))
            await client.send(get() + get())
            assert [(await client.response()).body for _ in range(2)] == [b"new", b"new"]
            assert not drain.done()
            old.answer.set()
            assert (await waiting.response()).body == b"old"
        report = drain.result()
        assert (report.served_by_old, report.served_by_new, report.failed, report.cut) == (1, 2, 0, 0)


async def test_what_outlasts_the_drain_is_cut(bench: Bench) -> None:
    old = Gated(b"old")

    async def half(conversation: Conversation) -> None:
        head = await conversation.head()
        if b"/half" not in head:
            old.asked.set()
        else:
            await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        await conversation.rest()

    async with (
        upstream(half) as before,
        upstream(answering(b"new")) as after,
        connected(bench.port) as waiting,
        connected(bench.port) as reading,
    ):
        bench.route(before.address, release=1)
        await waiting.send(get())
        await reading.send(get("/half"))
        await reading.head()
        await old.asked.wait()
        bench.route(after.address, release=2)
        report = await bench.proxy.drain(APP, 0.05)
        assert (report.served_by_old, report.cut) == (0, 2)
        assert (await waiting.response()).status == 503
        with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
            await reading.exactly(10)
        await waiting.send(get())
        assert (await waiting.response()).body == b"new"


async def test_targets_that_stay_keep_their_connections(bench: Bench) -> None:
    async with upstream(answering()) as app, connected(bench.port) as client:
        bench.route(app.address, release=1)
        await client.send(get())
        await client.response()
        bench.route(app.address, release=2)
        report = await bench.proxy.drain(APP, 1)
        await client.send(get())
        await client.response()
        assert app.connections == 1
        assert report.drain_seconds < 1


async def test_a_removed_app_answers_404_and_its_host_can_be_taken(bench: Bench) -> None:
    async with upstream(answering()) as app, connected(bench.port) as client:
        bench.route(app.address)
        assert bench.proxy.owner_of("APP.test") == APP
        bench.proxy.remove(APP)
        await client.send(get())
        assert (await client.response()).status == 404
        assert bench.proxy.owner_of("app.test") is None


async def test_a_host_has_one_owner(bench: Bench) -> None:
    bench.route()
    for host in ("app.test", "control.test"):
        with pytest.raises(StateConflict, match=host):
            bench.proxy.switch(Route(app=type(APP)("other"), hosts=(host,)))
    assert bench.proxy.owner_of(HOSTS[0]) == APP


async def test_hosts_that_a_route_gives_up_are_free_again(bench: Bench) -> None:
    async with upstream(answering()) as app, connected(bench.port) as client:
        bench.route(app.address)
        bench.proxy.switch(Route(app=APP, hosts=("new.test",), targets=(app.address,)))
        await client.send(get(host="app.test") + get(host="new.test"))
        assert [(await client.response()).status for _ in range(2)] == [404, 200]


async def test_an_app_that_was_only_announced_says_why_it_does_not_answer(bench: Bench) -> None:
    async with upstream(answering()) as app, connected(bench.port) as client:
        why = "This app has not been deployed yet."
        bench.proxy.announce(Route(app=APP, hosts=HOSTS, closed_because=why))
        await client.send(get())
        told = await client.response()
        assert (told.status, told.field("retry-after"), why.encode() in told.body) == (503, b"5", True)
        with pytest.raises(StateConflict, match="no route yet"):
            bench.proxy.pause(APP, 1)
        bench.route(app.address)
        await client.send(get())
        assert (await client.response()).body == b"hello"
        bench.proxy.pause(APP, 1)
        bench.proxy.resume(APP)
        assert bench.proxy.stats().failed == 0


async def test_announcing_an_app_takes_no_host_from_another(bench: Bench) -> None:
    async with upstream(answering()) as app, connected(bench.port) as client:
        bench.route(app.address)
        bench.proxy.announce(Route(app=AppName("late"), hosts=("late.test", *HOSTS), closed_because="Not yet."))
        for host, status in (("app.test", 200), ("late.test", 503)):
            await client.send(get(host=host))
            assert (await client.response()).status == status
        bench.proxy.remove(AppName("late"))
        await client.send(get(host="late.test"))
        assert (await client.response()).status == 404
