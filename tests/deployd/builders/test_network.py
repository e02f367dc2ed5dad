"""Builds with a network of their own: the world yes, this host's loopback no."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from deployd.builders.sandbox import SEARCH_PATH
from deployd.builders.workshop import Place, Workshop
from deployd.domain.errors import BuildFailed
from tests.deployd.builders.yards import Yard, make_yard, missing

ASK = 'python3 -c \'import socket; socket.create_connection(("{}", {}), 5); print("reached")\' 2>/dev/null || echo not'
REGISTRY = "timeout 60 npm view is-odd@3.0.1 version"


@pytest.fixture
async def listener() -> AsyncIterator[int]:
    """The port of something of this host's own."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        port: int = server.sockets[0].getsockname()[1]
        yield port


@pytest.fixture
async def isolated(tmp_path: Path) -> Yard:
    for program in ("slirp4netns", "ip"):
        if shutil.which(program, path=SEARCH_PATH) is None:
            missing(f"{program} is not installed")
    return await make_yard(tmp_path, isolated=True)


async def test_a_build_in_the_hosts_network_reaches_the_hosts_loopback(tmp_path: Path, listener: int) -> None:
    yard = await make_yard(tmp_path)
    assert await yard.build(ASK.format("127.0.0.1", listener)) == ["reached"]


async def test_an_isolated_build_does_not(isolated: Yard, listener: int) -> None:
    steps = [ASK.format(address, listener) for address in ("127.0.0.1", "10.0.2.2", "::1")]
    assert await isolated.build(*steps) == ["not", "not", "not"]


ROUTE = (
    "python3 -c 'import errno, socket; one = socket.socket(socket.{}, socket.SOCK_DGRAM); "
    'print(errno.errorcode.get(one.connect_ex(("{}", 80)), "reachable"))\''
)


async def test_an_isolated_build_does_not_reach_where_clouds_hand_out_credentials(isolated: Yard) -> None:
    places = [("AF_INET", "169.254.169.254"), ("AF_INET", "169.254.0.1"), ("AF_INET6", "fd00:ec2::254")]
    steps = [ROUTE.format(*place) for place in [*places, ("AF_INET", "192.0.2.1")]]
    assert await isolated.build(*steps) == ["EACCES", "EACCES", "ENETUNREACH", "reachable"]


async def test_an_isolated_build_cannot_open_the_way_there(isolated: Yard) -> None:
    said = await isolated.build(
        "ip route del prohibit 169.254.0.0/16 2>&1 || true", ROUTE.format("AF_INET", "169.254.169.254")
    )
    assert said[-1] == "EACCES"


async def test_an_isolated_build_has_a_loopback_of_its_own(isolated: Yard) -> None:
    code = (
        'import socket; server = socket.create_server((\\"127.0.0.1\\", 0)); '
        "socket.create_connection(server.getsockname()); print(server.accept()[1][0])"
    )
    assert await isolated.build(f'python3 -c "{code}"') == ["127.0.0.1"]


@pytest.mark.e2e
async def test_an_isolated_build_reaches_package_registries(isolated: Yard, tmp_path: Path) -> None:
    (tmp_path / "host").mkdir()
    try:
        await (await make_yard(tmp_path / "host")).build(REGISTRY)
    except BuildFailed:
        missing("no package registry can be reached from here")
    assert (await isolated.build(REGISTRY))[-1] == "3.0.1"


async def test_nothing_of_the_network_is_left_when_the_step_ends(isolated: Yard) -> None:
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    await isolated.build("true")
    with pytest.raises(BuildFailed):
        await isolated.build("exit 1")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(isolated.build("sleep 300"), 2)
    assert {process.pid for process in psutil.Process().children(recursive=True)} <= before


async def test_isolation_that_cannot_be_had_is_refused_and_not_left_out(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    said: list[str] = []
    place = Place(project=tmp_path / "project", cache=tmp_path / "cache")
    with pytest.raises(BuildFailed, match=r"this host cannot sandbox them .*set build_network = \"host\""):
        await Workshop(bwrap=False, isolated=True).prepare(place, said.append)
    assert said == []
