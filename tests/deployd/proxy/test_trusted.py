"""Whom a request is from when it came through proxies: only what trusted ones wrote counts."""

import pytest

from deployd.proxy.trusted import Trusted, plain_address, scheme_of
from tests.deployd.proxy.rig import Bench, MakeBench
from tests.deployd.proxy.wire import Conversation, Received, Serve, connected, get, upstream

TRUSTED = Trusted(("10.0.0.0/8", "192.168.1.1", "2001:db8::/32"))


@pytest.mark.parametrize(
    ("ip", "expected"),
    [
        ("10.1.2.3", True),
        ("11.1.2.3", False),
        ("192.168.1.1", True),
        ("192.168.1.2", False),
        ("2001:db8::5", True),
        ("2001:db9::5", False),
        ("::ffff:10.1.2.3", True),
        ("unknown", False),
        ("", False),
    ],
)
def test_addresses_and_networks_are_trusted(ip: str, expected: bool) -> None:
    assert (ip in TRUSTED) is expected


def test_without_networks_nobody_is_trusted() -> None:
    assert not Trusted()
    assert "127.0.0.1" not in Trusted()


@pytest.mark.parametrize(
    ("peer", "field", "expected"),
    [
        ("10.0.0.1", b"", ["10.0.0.1"]),
        ("10.0.0.1", b"9.9.9.9", ["9.9.9.9", "10.0.0.1"]),
        ("10.0.0.1", b"1.1.1.1, 9.9.9.9", ["9.9.9.9", "10.0.0.1"]),
        ("10.0.0.1", b"1.1.1.1,9.9.9.9, 10.0.0.2", ["9.9.9.9", "10.0.0.2", "10.0.0.1"]),
        ("10.0.0.1", b"10.0.0.3, 10.0.0.2", ["10.0.0.3", "10.0.0.2", "10.0.0.1"]),
        ("10.0.0.1", b"9.9.9.9:4711", ["9.9.9.9", "10.0.0.1"]),
        ("10.0.0.1", b"[2001:db9::1]:80", ["2001:db9::1", "10.0.0.1"]),
        ("10.0.0.1", b"9.9.9.9, unknown", ["10.0.0.1"]),
        ("10.0.0.1", b"9.9.9.9,", ["10.0.0.1"]),
        ("10.0.0.1", b"9.9.9.9, ,10.0.0.2", ["10.0.0.2", "10.0.0.1"]),
        ("8.8.8.8", b"9.9.9.9", ["8.8.8.8"]),
    ],
)
def test_the_client_is_the_last_hop_that_is_not_trusted(peer: str, field: bytes, expected: list[str]) -> None:
    assert TRUSTED.chain(peer, field) == expected


def test_a_chain_of_any_length_ends() -> None:
    assert len(TRUSTED.chain("10.0.0.1", b",".join([b"10.0.0.2"] * 1_000))) == 1_001


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b" 1.2.3.4\t", "1.2.3.4"),
        (b"1.2.3.4:80", "1.2.3.4"),
        (b"::1", "::1"),
        (b"[::1]", "::1"),
        (b"[::1]:80", "::1"),
        (b"_hidden", None),
        (b"1.2.3.4.5", None),
        (b"\xff", None),
        (b"[", None),
    ],
)
def test_an_address_may_come_with_a_port(text: bytes, expected: str | None) -> None:
    assert plain_address(text) == expected


@pytest.mark.parametrize(
    ("field", "expected"),
    [(None, b"http"), (b"https", b"https"), (b"http, HTTPS", b"https"), (b"ftp", b"http"), (b"", b"http")],
)
def test_the_scheme_is_the_last_hops_word(field: bytes | None, expected: bytes) -> None:
    assert scheme_of(field, b"http") == expected


def keeping(received: list[Received]) -> Serve:
    async def serve(conversation: Conversation) -> None:
        while True:
            received.append(await conversation.request())
            await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    return serve


async def test_each_request_of_a_trusted_connection_may_be_from_somebody_else(make_bench: MakeBench) -> None:
    bench = await make_bench(trusted=frozenset({"127.0.0.0/8"}))
    received: list[Received] = []
    async with upstream(keeping(received)) as app, connected(bench.port) as client:
        bench.route(app.address)
        for extra in (
            "X-Forwarded-For: 6.6.6.6, 9.9.9.9, 127.0.0.5\r\nX-Forwarded-Proto: https\r\n",
            "X-Forwarded-For: 8.8.8.8\r\n",
            "X-Real-IP: 7.7.7.7\r\n",
            "",
        ):
            await client.send(get(extra=extra))
            await client.response()
    clients = ["9.9.9.9", "8.8.8.8", "7.7.7.7", "127.0.0.1"]
    assert [record.client for record in await bench.recorded(4)] == clients
    assert [(request.field("x-real-ip") or b"").decode() for request in received] == clients
    assert [request.field("x-forwarded-for") for request in received] == [
        b"9.9.9.9, 127.0.0.5, 127.0.0.1",
        b"8.8.8.8, 127.0.0.1",
        b"7.7.7.7, 127.0.0.1",
        b"127.0.0.1",
    ]
    assert [request.field("x-forwarded-proto") for request in received] == [b"https", b"http", b"http", b"http"]


async def test_what_a_stranger_says_about_itself_is_dropped(bench: Bench) -> None:
    received: list[Received] = []
    async with upstream(keeping(received)) as app, connected(bench.port) as client:
        bench.route(app.address)
        await client.send(get(extra="X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Prefix: /x\r\nForwarded: for=9.9.9.9\r\n"))
        await client.response()
    assert received[0].field("x-forwarded-for") == b"127.0.0.1"
    assert [received[0].field(name) for name in ("x-forwarded-prefix", "forwarded")] == [None, None]
