"""Big files go out whole or visibly broken, in parts, to slow readers; nothing is held for those who left."""

import asyncio
import os
import random
import re
from pathlib import Path

import psutil
import pytest

from deployd.domain.route import StaticSite
from deployd.proxy.limits import ProxyLimits
from deployd.proxy.protocol import ClientConnection
from deployd.proxy.static import SiteExchange
from tests.deployd.proxy.memory import plane_of
from tests.deployd.proxy.rig import Bench, MakeBench
from tests.deployd.proxy.tls.rig import connected as securely_connected
from tests.deployd.proxy.tls.rig import listen, trusting
from tests.deployd.proxy.wire import connected, get
from tests.support.certificate_maker import CertificateMaker

MAKER = CertificateMaker()
MEBIBYTE = 1_048_576
BIG = random.Random(1).randbytes(24 * MEBIBYTE)
LINES = b"0123456789" * 30


def sends_by_kernel(bench: Bench) -> list[bool]:
    """Of each exchange with the site that is under way."""
    clients = [one for one in plane_of(bench).connections if isinstance(one, ClientConnection)]
    return [one.exchange._socket is not None for one in clients if isinstance(one.exchange, SiteExchange)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "big.bin").write_bytes(BIG)
    (tmp_path / "small.txt").write_bytes(LINES)
    return tmp_path


@pytest.fixture
def site(bench: Bench, folder: Path) -> Bench:
    bench.route(site=StaticSite(root=str(folder)))
    return bench


async def nothing_is_open(folder: Path) -> None:
    async with asyncio.timeout(5):
        while any(file.path.startswith(str(folder)) for file in psutil.Process().open_files()):
            await asyncio.sleep(0.01)


async def test_a_big_file_arrives_byte_for_byte_and_the_connection_goes_on(site: Bench, folder: Path) -> None:
    async with connected(site.port) as client:
        for _ in range(2):
            await client.send(get("/big.bin") + get("/small.txt"))
            assert (await client.response()).body == BIG
            assert (await client.response()).body == LINES
    records = await site.recorded(4)
    assert [record.sent_bytes for record in records] == [len(BIG), len(LINES)] * 2
    await nothing_is_open(folder)


async def test_over_tls_the_same_bytes_arrive(site: Bench) -> None:
    site.proxy.certificates.hold([MAKER.make("app.test").certificate("app.test")])
    port = await listen(site)
    async with securely_connected(port, "app.test", trusting(MAKER.root)) as client:
        await client.send(get("/big.bin"))
        await client.head()
        assert sends_by_kernel(site) == [False]
        assert await client.exactly(len(BIG)) == BIG
        await client.send(get("/small.txt"))
        assert (await client.response()).body == LINES


@pytest.mark.parametrize(("path", "content"), [("/small.txt", LINES), ("/big.bin", BIG)], ids=["small", "big"])
async def test_several_parts_come_in_one_answer(site: Bench, path: str, content: bytes) -> None:
    wanted = [(5, 9), (len(content) - 100, len(content)), (20, 150)]
    asked = ",".join(f"{start}-{stop - 1}" for start, stop in wanted)
    async with connected(site.port) as client:
        await client.send(get(path, extra=f"Range: bytes={asked}\r\n") + get("/small.txt"))
        answer = await client.response()
        assert answer.status == 206
        kind = re.fullmatch(rb"multipart/byteranges; boundary=([0-9a-f]{32})", answer.field("content-type") or b"")
        assert kind is not None
        before, *parts, after = answer.body.split(b"\r\n--" + kind[1])
        assert (before, after) == (b"", b"--\r\n")
        for (start, stop), part in zip(wanted, parts, strict=True):
            head, _, body = part.partition(b"\r\n\r\n")
            assert b"Content-Range: bytes %d-%d/%d" % (start, stop - 1, len(content)) in head
            assert body == content[start:stop]
        assert (await client.response()).body == LINES


async def test_too_many_parts_are_the_whole_file(site: Bench) -> None:
    many = ",".join(f"{number * 2}-{number * 2}" for number in range(17))
    async with connected(site.port) as client:
        await client.send(get("/small.txt", extra=f"Range: bytes={many}\r\n"))
        answer = await client.response()
        assert (answer.status, answer.body) == (200, LINES)


async def test_a_slow_reader_gets_all_of_it_and_holds_up_nobody(site: Bench) -> None:
    async with connected(site.port) as slow, connected(site.port) as quick:
        await slow.send(get("/big.bin"))
        await slow.head()
        assert sends_by_kernel(site) == [True]
        for _ in range(20):
            await quick.send(get("/small.txt"))
            assert (await quick.response()).body == LINES
        got = bytearray()
        while len(got) < len(BIG):
            got += await slow.reader.read(MEBIBYTE // 4)
            await asyncio.sleep(0)
        assert bytes(got) == BIG


async def test_a_reader_that_stops_for_good_is_let_go(make_bench: MakeBench, folder: Path) -> None:
    bench = await make_bench(limits=ProxyLimits(body_idle_seconds=0.2, sweep_seconds=0.02, access_batch_seconds=0.01))
    bench.route(site=StaticSite(root=str(folder)))
    async with connected(bench.port) as client:
        await client.send(get("/big.bin"))
        record = (await bench.recorded(1))[0]
        assert (record.status, record.sent_bytes < len(BIG)) == (200, True)
        await nothing_is_open(folder)


async def test_a_client_that_leaves_in_the_middle_leaves_nothing_open(site: Bench, folder: Path) -> None:
    async with connected(site.port) as client:
        await client.send(get("/big.bin"))
        await client.exactly(MEBIBYTE)
        client.writer.transport.abort()
    assert (await site.recorded(1))[0].sent_bytes < len(BIG)
    await nothing_is_open(folder)


async def test_a_file_that_is_replaced_meanwhile_is_sent_as_it_was(site: Bench, folder: Path) -> None:
    async with connected(site.port) as client:
        await client.send(get("/big.bin"))
        head = await client.head()
        assert b"Content-Length: %d\r\n" % len(BIG) in head
        (folder / "new").write_bytes(b"new" * MEBIBYTE)
        os.replace(folder / "new", folder / "big.bin")
        assert await client.exactly(len(BIG)) == BIG
        await client.send(get("/big.bin"))
        assert (await client.response()).body == b"new" * MEBIBYTE


@pytest.mark.parametrize("change", ["cut", "written into"])
async def test_a_file_that_changes_meanwhile_is_broken_off(site: Bench, folder: Path, change: str) -> None:
    async with connected(site.port) as client:
        await client.send(get("/big.bin"))
        await client.head()
        if change == "cut":
            os.truncate(folder / "big.bin", MEBIBYTE)
        else:
            (folder / "big.bin").write_bytes(b"other" + BIG[5:])
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await client.exactly(len(BIG))
    assert (await site.recorded(1))[0].failed


async def test_many_at_once_each_get_their_own(site: Bench, folder: Path) -> None:
    for number in range(8):
        (folder / f"{number}.bin").write_bytes(bytes([number]) * MEBIBYTE)

    async def fetch(number: int) -> None:
        async with connected(site.port) as client:
            await client.send(get(f"/{number}.bin"))
            assert (await client.response()).body == bytes([number]) * MEBIBYTE

    async with asyncio.TaskGroup() as group:
        for number in range(8):
            group.create_task(fetch(number))
    await nothing_is_open(folder)
