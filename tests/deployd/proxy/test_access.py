"""Access records come in batches, and what does not fit between two batches is counted."""

import asyncio

from deployd.domain.ids import AppName
from deployd.proxy.access import AccessLog
from deployd.proxy.limits import ProxyLimits
from tests.deployd.proxy.rig import APP, MakeBench
from tests.deployd.proxy.wire import answering, connected, get, upstream


async def test_records_that_do_not_fit_are_dropped_and_counted(make_bench: MakeBench) -> None:
    bench = await make_bench(limits=ProxyLimits(access_queue=2, access_batch_seconds=0.05))
    async with upstream(answering()) as app, connected(bench.port) as client:
        bench.route(app.address)
        await client.send(get("/1") + get("/2") + get("/3") + get("/4") + get("/5"))
        for _ in range(5):
            await client.response()
        records = await bench.recorded(2)
    stats = bench.proxy.stats()
    assert [record.path for record in records] == ["/1", "/2"]
    assert stats.dropped_access_records == 3
    assert stats.requests[APP] == {"2xx": 5}
    assert stats.totals()["requests_total"] == 5


async def test_a_record_says_what_happened(make_bench: MakeBench) -> None:
    bench = await make_bench()
    async with upstream(answering(b"x" * 7)) as app, connected(bench.port) as client:
        bench.route(app.address, release=3)
        await client.send(get("/path?query"))
        await client.response()
        record = (await bench.recorded(1))[0]
    assert (record.app, record.release, record.method, record.path) == (APP, 3, "GET", "/path?query")
    assert (record.client, record.host, record.status, record.sent_bytes) == ("127.0.0.1", "app.test", 200, 7)
    assert 0 < record.duration_seconds < 5
    assert not record.failed


async def test_what_removed_apps_served_stays_in_the_totals(make_bench: MakeBench) -> None:
    bench = await make_bench()
    bench.route(closed="stopped")
    async with connected(bench.port) as client:
        await client.send(get())
        assert (await client.response()).status == 503
        before = bench.proxy.stats().totals()
        bench.proxy.remove(APP)
        after = bench.proxy.stats().totals()
    assert (before["requests_total"], before["failed_total"]) == (1, 1)
    assert (after["requests_total"], after["failed_total"]) == (1, 1)


async def test_of_a_flood_only_some_are_recorded_and_each_says_how_many_it_stands_for(make_bench: MakeBench) -> None:
    limits = ProxyLimits(access_per_second=2, access_batch_seconds=0.05, access_one_in=5)
    bench = await make_bench(limits=limits)
    async with upstream(answering()) as app, connected(bench.port) as client:
        bench.route(app.address)
        await client.send(b"".join(get(f"/{number}") for number in range(1, 11)))
        for _ in range(10):
            await client.response()
        records = await bench.recorded(4)
    assert [(record.path, record.stands_for) for record in records] == [("/1", 1), ("/2", 1), ("/5", 5), ("/10", 5)]
    stats = bench.proxy.stats()
    assert stats.dropped_access_records == 6
    assert stats.requests[APP] == {"2xx": 10}


async def test_what_failed_is_recorded_even_in_a_flood() -> None:
    access = AccessLog(lambda _: None, ProxyLimits(access_per_second=1))
    assert [access.weight(APP, status) for status in (200, 200, 404, 500, 503)] == [1, 0, 0, 1, 1]


async def test_one_apps_flood_hides_no_other_app() -> None:
    access = AccessLog(lambda _: None, ProxyLimits(access_per_second=1))
    assert [access.weight(app, 200) for app in (APP, APP, AppName("other"), None)] == [1, 0, 1, 1]


async def test_who_was_left_out_is_recorded_again_when_the_flood_is_over() -> None:
    access = AccessLog(lambda _: None, ProxyLimits(access_per_second=1, access_batch_seconds=0.01))
    assert [access.weight(APP, 200) for _ in range(2)] == [1, 0]
    async with asyncio.timeout(5):
        while access.weight(APP, 200) != 1:
            await asyncio.sleep(0.05)
