"""A visitor with our cookie comes back to the same instance, as long as that can serve."""

import re

from deployd.domain.edge import EdgeSettings
from deployd.domain.route import Address
from deployd.proxy.sticky import COOKIE, Sticky
from deployd.proxy.target import Target
from tests.deployd.proxy.rig import Bench, MakeBench
from tests.deployd.proxy.wire import Conversation, Received, answering, connected, get, upstream

STICKY = EdgeSettings(sticky=True)
FORM = re.compile(rb"deployd_instance=[0-9a-f]{32}; Path=/; HttpOnly; SameSite=Lax")


def cookie_of(answer: Received) -> str:
    lines = [line for line in answer.fields("set-cookie") if line.startswith(COOKIE)]
    return lines[0].partition(b";")[0].decode() if lines else ""


def made(count: int) -> list[Target]:
    return [Target(Address(host="127.0.0.1", port=port)) for port in range(1, count + 1)]


def test_a_token_names_its_target_and_nobody_elses() -> None:
    targets = made(3)
    sticky = Sticky(b"k" * 32, targets)
    for target in targets:
        line = sticky.cookie(target, b"", secure=False)
        cookie = line.partition(b": ")[2].partition(b";")[0]
        assert target.name.encode() not in line
        for fields in (
            b"Cookie: " + cookie + b"\r\n",
            b"Host: x\r\ncookie: a=b; " + cookie + b" ;c=d\r\nX: y\r\n",
            b"Cookie: deployd_instance=" + b"0" * 32 + b"; " + cookie + b"\r\n",
            b"Cookie: a=b\r\nCookie:" + cookie + b"\r\n",
        ):
            assert sticky.known(fields) is target


def test_what_is_not_our_cookie_names_nobody() -> None:
    target = made(1)[0]
    sticky = Sticky(b"k" * 32, [target])
    cookie = sticky.cookie(target, b"", secure=False).partition(b": ")[2].partition(b";")[0]
    for fields in (
        b"",
        b"Cookie: x" + cookie + b"\r\n",
        b"Cookie: " + cookie + b"0\r\n",
        b"X-Cookie: " + cookie + b"\r\n",
        b"Cookie: " + cookie.upper() + b"\r\n",
    ):
        assert sticky.known(fields) is None
    assert Sticky(b"other" * 6, [target]).known(b"Cookie: " + cookie + b"\r\n") is None


def test_behind_https_and_below_a_prefix_the_cookie_says_so() -> None:
    target = made(1)[0]
    line = Sticky(b"k", [target]).cookie(target, b"/api", secure=True)
    assert line.endswith(b"; Path=/api; HttpOnly; SameSite=Lax; Secure\r\n")


async def test_a_visitor_stays_with_one_of_two(bench: Bench) -> None:
    async with upstream(answering(b"one")) as one, upstream(answering(b"two")) as two, connected(bench.port) as client:
        bench.route(one.address, two.address, edge=STICKY)
        await client.send(get())
        first = await client.response()
        assert FORM.fullmatch(first.fields("set-cookie")[0])
        for _ in range(20):
            await client.send(get(extra=f"Cookie: {cookie_of(first)}\r\n"))
            again = await client.response()
            assert (again.body, again.fields("set-cookie")) == (first.body, [])


async def test_the_apps_own_cookies_stay(bench: Bench) -> None:
    own = b"Set-Cookie: a=1\r\n"
    async with upstream(answering(extra=own)) as one, upstream(answering(extra=own)) as two:
        bench.route(one.address, two.address, edge=STICKY)
        async with connected(bench.port) as client:
            await client.send(get())
            assert len((await client.response()).fields("set-cookie")) == 2


async def test_a_visitor_whose_instance_is_gone_gets_another_and_its_cookie(bench: Bench) -> None:
    async with (
        upstream(answering(b"one")) as one,
        upstream(answering(b"two")) as two,
        upstream(answering(b"three")) as three,
        connected(bench.port) as client,
    ):
        bench.route(one.address, two.address, edge=STICKY)
        await client.send(get())
        first = await client.response()
        left = two if first.body == b"one" else one
        bench.route(left.address, three.address, edge=STICKY)
        await client.send(get(extra=f"Cookie: {cookie_of(first)}\r\n"))
        second = await client.response()
        assert second.body != first.body
        assert cookie_of(second) not in ("", cookie_of(first))


async def test_a_visitor_whose_instance_refuses_is_served_by_another(bench: Bench) -> None:
    async with upstream(answering(b"one")) as one, upstream(answering(b"two")) as two, connected(bench.port) as client:
        bench.route(one.address, two.address, edge=STICKY)
        await client.send(get())
        first = await client.response()
        await (one if first.body == b"one" else two).close()
        await client.send(get(extra=f"Cookie: {cookie_of(first)}\r\n"))
        second = await client.response()
        assert (second.status, second.body == first.body) == (200, False)
        assert cookie_of(second) not in ("", cookie_of(first))
        await (one if first.body == b"one" else two).open()


async def test_with_one_instance_there_is_nothing_to_stick_to(bench: Bench) -> None:
    async with upstream(answering()) as app, connected(bench.port) as client:
        bench.route(app.address, edge=STICKY)
        await client.send(get())
        assert (await client.response()).fields("set-cookie") == []


async def test_a_websocket_sticks_too(bench: Bench) -> None:
    async def accepting(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
        )
        await conversation.rest()

    async with upstream(accepting) as one, upstream(accepting) as two, connected(bench.port) as client:
        bench.route(one.address, two.address, edge=STICKY)
        await client.send(get(extra="Connection: Upgrade\r\nUpgrade: websocket\r\n"))
        assert COOKIE in await client.head()


async def test_where_the_client_came_by_https_the_cookie_does_not_go_elsewhere(make_bench: MakeBench) -> None:
    bench = await make_bench(trusted=frozenset({"127.0.0.1"}))
    async with upstream(answering()) as one, upstream(answering()) as two, connected(bench.port) as client:
        bench.route(one.address, two.address, edge=STICKY)
        await client.send(get(extra="X-Forwarded-Proto: https\r\n"))
        assert (await client.response()).fields("set-cookie")[0].endswith(b"; Secure")
