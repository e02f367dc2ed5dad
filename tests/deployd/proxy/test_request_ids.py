"""A request has one id: in the app's request, in the access log, and in our own answer to it."""

from pathlib import Path

import msgspec

from deployd.domain.edge import EdgeSettings
from deployd.domain.route import Route
from tests.deployd.proxy.rig import APP, HOSTS, Bench, MakeBench
from tests.deployd.proxy.wire import Conversation, connected, get, upstream

GIVEN = "abc-123_X=="


async def echo(conversation: Conversation) -> None:
    """Answers with the id that it was asked with."""
    while True:
        request_id = (await conversation.request()).field("x-request-id") or b"none"
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(request_id), request_id))


async def test_the_app_and_the_access_log_have_the_same_id(bench: Bench) -> None:
    async with upstream(echo) as app, connected(bench.port) as client:
        bench.route(app.address)
        await client.send(get())
        seen = (await client.response()).body.decode()
        (record,) = await bench.recorded(1)
        assert record.request_id == seen


async def test_our_own_answer_names_the_request_as_the_access_log_does(bench: Bench) -> None:
    async with connected(bench.port) as client:
        await client.send(get(extra="Accept: application/json\r\n"))
        answer = await client.response()
        (record,) = await bench.recorded(1)
        said = msgspec.json.decode(answer.body)["request_id"]
        assert (answer.field("x-request-id"), said) == (record.request_id.encode(), record.request_id)


async def test_an_id_that_a_trusted_proxy_gave_is_kept_everywhere(make_bench: MakeBench) -> None:
    bench = await make_bench(trusted=frozenset({"127.0.0.1"}))
    async with upstream(echo) as app, connected(bench.port) as client:
        bench.route(app.address)
        await client.send(get(extra=f"X-Request-ID: {GIVEN}\r\n"))
        assert (await client.response()).body == GIVEN.encode()
        await client.send(get(host="nobody.test", extra=f"X-Request-ID: {GIVEN}\r\n"))
        assert (await client.response()).field("x-request-id") == GIVEN.encode()
        assert [record.request_id for record in await bench.recorded(2)] == [GIVEN, GIVEN]


async def test_what_a_stranger_calls_its_request_and_what_could_break_a_log_is_replaced(make_bench: MakeBench) -> None:
    trusting = await make_bench(trusted=frozenset({"127.0.0.1"}))
    for bench, given in (
        (await make_bench(), GIVEN),
        (trusting, "two words"),
        (trusting, "<b>"),
        (trusting, "x" * 129),
    ):
        async with connected(bench.port) as client:
            await client.send(get(extra=f"X-Request-ID: {given}\r\n"))
            named = (await client.response()).field("x-request-id")
            assert named is not None
            assert named != given.encode()


async def test_a_page_of_the_app_can_show_the_id(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "down.html").write_text("<p>{{reason}} ({{request_id}})</p>")
    bench.proxy.switch(
        Route(
            app=APP,
            hosts=HOSTS,
            release=1,
            closed_because="Gone.",
            folder=str(tmp_path),
            edge=EdgeSettings(error_pages={"503": "down.html"}),
        )
    )
    async with connected(bench.port) as client:
        await client.send(get(extra="Accept: text/html\r\n"))
        answer = await client.response()
        (record,) = await bench.recorded(1)
        assert answer.body.decode() == f"<p>Gone. ({record.request_id})</p>"
