"""Access records come in batches, and what does not fit between two batches is counted."""

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
