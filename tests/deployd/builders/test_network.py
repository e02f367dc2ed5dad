"""Builds with a network of their own: the world yes, this host's loopback no."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from deployd.builders import network
from deployd.builders.network import NotIsolated, own_addresses
from deployd.builders.sandbox import SEARCH_PATH
from deployd.builders.workshop import Place, Workshop
from deployd.domain.errors import BuildFailed
from tests.deployd.builders.yards import Yard, make_yard, missing
from tests.support.stream_server import stream_server

ASK = 'python3 -c \'import socket; socket.create_connection(("{}", {}), 5); print("reached")\' 2>/dev/null || echo not'
REGISTRY = "timeout 60 npm view is-odd@3.0.1 version"


@pytest.fixture
async def listener() -> AsyncIterator[int]:
    """The port of something of this host's own."""

    async with stream_server(_greet) as port:
        yield port


async def _greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """By hanging up."""


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


async def test_an_isolated_build_reaches_no_port_of_an_app_at_this_hosts_other_addresses(tmp_path: Path) -> None:
    """Apps may listen on all addresses; a firewall keeps strangers away, but a build comes from inside of it."""
    address = next(iter(own_addresses()), None)
    if address is None:
        missing("this host has no address but its loopback's")
    (tmp_path / "project").mkdir()
    said: list[str] = []
    place = Place(project=tmp_path / "project", cache=tmp_path / "cache")
    async with stream_server(_greet, address) as port, stream_server(_greet, address) as other:
        workshop = Workshop(network="isolated", closed_ports=[range(port, port + 1)])
        await workshop.prepare(place, said.append)
        for each in (port, other):
            await workshop.run(ASK.format(address, each), place, said.append)
    assert [line for line in said if line in ("reached", "not")] == ["not", "reached"]


NAMES = """python3 -c '
import socket
for kind, name in (("abstract", "\\0{}"), ("file", "{}")):
    try:
        socket.socket(socket.AF_UNIX).connect(name)
        print(kind, "reached")
    except OSError:
        print(kind, "not")
try:
    socket.socket(socket.AF_UNIX).bind("\\0{}")
    print("free")
except OSError:
    print("taken")
'"""


@pytest.mark.parametrize(("isolated", "answers"), [(True, ["abstract not", "file not", "free"]), (False, None)])
async def test_an_isolated_build_neither_reaches_nor_takes_names_of_this_host(
    tmp_path: Path, isolated: bool, answers: list[str] | None
) -> None:
    """An abstract name is how each deployd of this host claims a port: builds could have taken all of them."""
    name, path = f"deployd-test-{tmp_path.name}", str(tmp_path / "deployd.sock")
    with socket.socket(socket.AF_UNIX) as abstract, socket.socket(socket.AF_UNIX) as file:
        abstract.bind(f"\0{name}")
        file.bind(path)
        for one in (abstract, file):
            one.listen()
        yard = await make_yard(tmp_path, isolated=isolated)
        said = await yard.build(NAMES.format(name, path, name))
    assert said == (answers or ["abstract reached", "file not", "taken"])


@pytest.mark.parametrize("works", [True, False])
async def test_isolation_is_had_where_it_works_and_missed_out_loud_where_it_does_not(
    tmp_path: Path, listener: int, works: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not works:
        monkeypatch.setitem(network.NEEDED, "no-such-program", "no-such-package")
    yard = Yard(tmp_path, Workshop(network="auto"))
    assert await yard.build(ASK.format("127.0.0.1", listener)) == ["not" if works else "reached"]
    warnings = [line for line in yard.said if "host's own network" in line]
    assert (len(warnings), len(yard.workshop.warnings())) == ((0, 0) if works else (1, 1))
    assert works or "no-such-package is not installed" in warnings[0]


async def test_isolation_that_is_insisted_on_is_missed_at_the_first_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(network.NEEDED, "no-such-program", "no-such-package")
    yard = Yard(tmp_path, Workshop(network="isolated"))
    await yard.workshop.look()
    assert ["no-such-package is not installed" in one for one in yard.workshop.warnings()] == [True]
    with pytest.raises(NotIsolated, match="no-such-package is not installed"):
        await yard.build("echo it ran")
    assert yard.said == []


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
        await Workshop(bwrap=False, network="isolated").prepare(place, said.append)
    assert said == []


async def test_a_network_that_cannot_be_set_up_is_missed_at_once_and_says_what_was_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(network, "own_addresses", lambda: ["no address"])
    reason = await network.why_not_isolated([range(1024, 1025)])
    assert reason is not None
    assert reason.startswith("`ip` cannot set it up (")
    assert "no" in reason
