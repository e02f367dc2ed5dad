"""Opening and closing the edges: nobody else's socket is harmed and nothing stays open."""

import asyncio
import functools
import os
import socket
import stat
from pathlib import Path

import pytest
import uvloop

import web.unix_socket
from deployd.domain.errors import UserMistake
from deployd.domain.route import Address
from deployd.doors import Doors
from tests.web.bench import Bench, Client, over_socket, serving
from web.server import WebServer


async def test_only_its_owner_may_open_the_socket(bench: Bench) -> None:
    assert stat.S_IMODE(bench.socket_path.stat().st_mode) == 0o600
    assert [each.name for each in bench.socket_path.parent.glob(".socket-*")] == []


async def test_a_second_server_on_the_same_folder_is_refused_and_the_first_goes_on(bench: Bench, owner: Client) -> None:
    with Doors() as doors:
        admin = Address(host="127.0.0.1", port=0)
        second = WebServer(bench.desk, doors=doors, admin=admin, socket_path=bench.socket_path)
        with pytest.raises(UserMistake, match="Another deployd is already running"):
            await second.start()
    assert (await owner("GET", "/livez")).status == 200


async def test_a_taken_admin_port_is_refused_in_one_sentence(bench: Bench, tmp_path: Path) -> None:
    with Doors() as doors:
        second = WebServer(
            bench.desk, doors=doors, admin=bench.server.admin_address, socket_path=tmp_path / "other.sock"
        )
        with pytest.raises(UserMistake, match=r"127\.0\.0\.1:\d+ cannot be listened at: .* listens there"):
            await second.start()
    assert not (tmp_path / "other.sock").exists()


async def test_the_socket_of_a_dead_deployd_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "deployd.sock"))
    async with serving(tmp_path) as bench, over_socket(bench.socket_path) as client:
        assert (await client("GET", "/livez")).status == 200


def test_a_socket_that_cannot_be_made_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "deployd.sock").mkdir()
    with pytest.raises(UserMistake, match=r"deployd\.sock cannot be made: Is a directory\."):
        web.unix_socket.listen(tmp_path / "deployd.sock")
    assert [each.name for each in tmp_path.iterdir()] == ["deployd.sock"]


async def test_a_folder_with_a_very_long_name_works(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    async with serving(folder) as bench:
        assert bench.socket_path.is_socket()


def test_what_a_descriptor_became_after_the_socket_was_bound_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop of Python 3.13 looks at the name a socket was bound at: ours is that of a descriptor closed since."""
    cleaning_up = functools.partialmethod(uvloop.Loop.create_unix_server, cleanup_socket=True)
    monkeypatch.setattr(uvloop.Loop, "create_unix_server", cleaning_up)
    listen = web.unix_socket.listen
    others: list[int] = []

    def listen_while_others_open_files(path: Path) -> socket.socket:
        opened = listen(path)
        number = int(Path(opened.getsockname()).parent.name)
        others.append(os.dup2(opened.fileno(), number))
        return opened

    async def ask() -> int:
        async with serving(tmp_path) as bench, over_socket(bench.socket_path) as client:
            return (await client("GET", "/livez")).status

    monkeypatch.setattr("web.server.listen", listen_while_others_open_files)
    try:
        assert uvloop.run(ask()) == 200
    finally:
        os.close(others.pop())


async def test_stopping_removes_the_socket_and_ends_long_polls_and_tails_at_once(tmp_path: Path) -> None:
    async with serving(tmp_path) as bench, over_socket(bench.socket_path) as client:
        await bench.add_app()
        deployment = await bench.add_deployment()
        async with asyncio.timeout(1.5), asyncio.TaskGroup() as group:
            tail = group.create_task(client("GET", "/api/v1/logs/events?app=shop&after=0"))
            poll = group.create_task(client("GET", f"/api/v1/deployments/{deployment.id}?wait=60"))
            await bench.subscribed.wait()
            await bench.server.stop()
        assert poll.result().body["stage"] == "queued"
        assert tail.result().status == 200
        assert not bench.socket_path.exists()


async def test_pages_are_told_not_to_guess_or_be_framed(neighbour: Client) -> None:
    headers = (await neighbour("GET", "/livez")).response.headers
    assert (headers["X-Content-Type-Options"], headers["X-Frame-Options"]) == ("nosniff", "DENY")
    assert "Server" not in headers


async def test_a_stopped_server_can_be_started_again(bench: Bench) -> None:
    await bench.server.stop()
    await bench.server.start()
    async with over_socket(bench.socket_path) as client:
        assert (await client("GET", "/livez")).status == 200
