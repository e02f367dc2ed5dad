"""A pause holds requests at the door and lets them go on in order; none is lost, and none waits for ever."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from deployd.domain.errors import StateConflict
from deployd.domain.ids import AppName
from deployd.domain.route import StaticSite
from deployd.proxy.limits import ProxyLimits
from deployd.proxy.pause import MOST_HELD
from tests.deployd.proxy.rig import APP, Bench, MakeBench
from tests.deployd.proxy.test_door import guarded
from tests.deployd.proxy.wire import Conversation, answering, connected, get, upstream

QUICK_TO_GIVE_UP = ProxyLimits(half_closed_seconds=0.05, sweep_seconds=0.02, access_batch_seconds=0.01)


async def waiting(bench: Bench, count: int) -> None:
    """Returns when that many are held."""
    async with asyncio.timeout(10):
        while bench.proxy.stats().held != count:
            await asyncio.sleep(0.001)


async def test_requests_wait_and_go_on_in_the_order_they_came(bench: Bench, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        bench.route(site=StaticSite(root=str(tmp_path)))
        bench.proxy.pause(APP, 30)
        clients = [await stack.enter_async_context(connected(bench.port)) for _ in range(70)]
        for number, client in enumerate(clients):
            await client.send(get(f"/{number}"))
            await waiting(bench, number + 1)
        assert bench.records == []
        assert bench.proxy.paused() == {APP}
        report = bench.proxy.resume(APP)
        assert report.held == 70
        assert [(await client.response()).status for client in clients] == [404] * 70
    records = await bench.recorded(70)
    assert [record.path for record in records] == [f"/{number}" for number in range(70)]
    assert bench.proxy.paused() == set()
    assert max(record.duration_seconds for record in records) >= report.longest_seconds - 0.01 > 0


async def test_bodies_and_pipelined_requests_survive_the_wait(bench: Bench) -> None:
    seen: list[bytes] = []

    async def serve(conversation: Conversation) -> None:
        while True:
            seen.append((await conversation.request()).body)
            await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    large = b"y" * 500_000
    async with upstream(serve) as app, connected(bench.port) as client, connected(bench.port) as other:
        bench.route(app.address)
        bench.proxy.pause(APP, 30)
        head = b"POST / HTTP/1.1\r\nHost: app.test\r\n"
        client.writer.write(
            head + b"Content-Length: 500000\r\n\r\n" + large
            + head + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n" + get()
        )  # fmt: skip
        await other.send(head + b"Content-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        await waiting(bench, 2)
        bench.proxy.resume(APP)
        assert (await other.head()).startswith(b"HTTP/1.1 100")
        assert [(await client.response()).status for _ in range(3)] == [200] * 3
        await other.send(b"abc")
        assert (await other.response()).status == 200
    assert sorted(seen) == sorted([large, b"hi", b"", b"abc"])


async def test_what_was_held_is_served_by_what_serves_afterwards(bench: Bench) -> None:
    async with (
        upstream(answering(b"old")) as old,
        upstream(answering(b"new")) as new,
        connected(bench.port) as client,
        connected(bench.port) as later,
    ):
        bench.route(old.address, release=1)
        bench.proxy.pause(APP, 30)
        await client.send(get() + get())
        await waiting(bench, 1)
        bench.route(new.address, release=2)
        await later.send(get())
        await waiting(bench, 2)
        bench.proxy.resume(APP)
        assert [(await client.response()).body for _ in range(2)] == [b"new", b"new"]
        assert (await later.response()).body == b"new"
        assert old.connections == 0
        assert (await bench.proxy.drain(APP, 5)).longest_hold_seconds > 0
        bench.route(new.address, release=3)
        assert (await bench.proxy.drain(APP, 5)).longest_hold_seconds == 0, "it belongs to the swap before"


async def test_a_pause_ends_by_itself(bench: Bench) -> None:
    async with upstream(answering()) as app, connected(bench.port) as client:
        bench.route(app.address)
        bench.proxy.pause(APP, 0.05)
        await client.send(get())
        await waiting(bench, 1)
        assert (await client.response()).status == 200
        with pytest.raises(StateConflict, match="not paused"):
            bench.proxy.resume(APP)
        await client.send(get())
        assert (await client.response()).status == 200
        assert bench.proxy.stats().held == 0


async def test_a_thousand_may_wait_and_the_next_is_told_so(make_bench: MakeBench) -> None:
    bench = await make_bench(limits=QUICK_TO_GIVE_UP)
    async with upstream(answering()) as app, AsyncExitStack() as stack:
        bench.route(app.address)
        bench.proxy.pause(APP, 30)
        clients = [await stack.enter_async_context(connected(bench.port)) for _ in range(MOST_HELD)]
        for client in clients:
            client.writer.write(get())
        await waiting(bench, MOST_HELD)
        async with connected(bench.port) as late:
            await late.send(get())
            answer = await late.response()
            assert (answer.status, answer.field("retry-after")) == (503, b"5")
        clients[0].writer.transport.abort()
        await waiting(bench, MOST_HELD - 1)
        async with connected(bench.port) as next_one:
            await next_one.send(get())
            await waiting(bench, MOST_HELD)
            bench.proxy.resume(APP)
            assert (await next_one.response()).status == 200
            for client in clients[1:]:
                assert (await client.response()).status == 200
    assert bench.proxy.stats().failed == 0


async def test_a_client_that_leaves_frees_its_place(make_bench: MakeBench) -> None:
    bench = await make_bench(limits=QUICK_TO_GIVE_UP)
    async with upstream(answering()) as app:
        bench.route(app.address)
        bench.proxy.pause(APP, 30)
        async with connected(bench.port) as polite:
            await polite.send(get())
            await waiting(bench, 1)
        await waiting(bench, 0)
        assert (await bench.recorded(1))[0].status == 499
        bench.proxy.resume(APP)
        assert app.connections == 0


async def test_our_own_health_check_does_not_wait(bench: Bench) -> None:
    async with upstream(answering()) as app, connected(bench.port) as client:
        bench.route(app.address)
        bench.proxy.pause(APP, 30)
        await client.send(get(extra=f"X-Deployd-Pass: {bench.proxy.door_pass()}\r\n"))
        assert (await client.response()).status == 200


async def test_what_the_door_refuses_does_not_wait(bench: Bench) -> None:
    async with connected(bench.port) as client:
        guarded(bench, maintenance="closed")
        bench.proxy.pause(APP, 30)
        await client.send(get())
        assert (await client.response()).status == 503


async def test_what_waits_for_an_app_that_is_removed_is_told_so(bench: Bench) -> None:
    async with upstream(answering()) as app, connected(bench.port) as client:
        bench.route(app.address)
        bench.proxy.pause(APP, 30)
        await client.send(get())
        await waiting(bench, 1)
        bench.proxy.remove(APP)
        assert (await client.response()).status == 404


async def test_closing_the_proxy_lets_what_waits_finish(bench: Bench) -> None:
    async with upstream(answering()) as app, connected(bench.port) as client:
        bench.route(app.address)
        bench.proxy.pause(APP, 30)
        await client.send(get())
        await waiting(bench, 1)
        async with asyncio.TaskGroup() as group:
            group.create_task(bench.proxy.close(5))
            answer = await client.response()
        assert (answer.status, answer.field("connection")) == (200, b"close")


async def test_only_what_is_routed_can_be_paused_and_resumed(bench: Bench) -> None:
    for act in (lambda: bench.proxy.pause(AppName("ghost"), 1), lambda: bench.proxy.resume(AppName("ghost"))):
        with pytest.raises(StateConflict, match="deploy it first"):
            act()
    bench.route()
    with pytest.raises(StateConflict, match="not paused"):
        bench.proxy.resume(APP)
