"""194 ways to be misunderstood, through a whole deployd: every MUST is kept, no app gets what we did not mean."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.probe.capture import Capture
from tests.e2e.probe.cases import all_cases
from tests.e2e.probe.expected import wanted
from tests.e2e.probe.runner import judge, judge_all, probed
from tests.e2e.probe.table import deviations
from tests.support.stream_server import stream_server

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SECURITY = Path(__file__).parents[2] / "docs" / "security.md"
AMBIGUOUS = {"SMUG-CL-TE-BOTH", "SMUG-CLTE-SMUGGLED-GET", "RFC9112-5.1-OBS-FOLD", "SMUG-CHUNK-LF-TERM"}


def test_every_case_says_what_it_expects() -> None:
    assert len(all_cases()) == 194
    assert all(wanted(case) for case in all_cases())


async def test_every_must_is_kept_and_no_request_is_read_in_two_ways(tmp_path: Path) -> None:
    async with probed(tmp_path) as (daemon, capture):
        verdicts = await judge_all(daemon.http_port, capture)
    assert [one.case.id for one in verdicts if one.failed] == [], "\n".join(deviations(verdicts))
    told = SECURITY.read_text()
    assert {one.case.id for one in verdicts if not one.as_expected and one.case.id not in told} == set()


async def test_the_judge_finds_out_a_gateway_that_passes_on_whatever_it_gets() -> None:
    capture = Capture()
    await capture.open()

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", capture.port)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_copy(reader, far_writer))
                group.create_task(_copy(far_reader, writer))
        finally:
            far_writer.close()

    try:
        async with stream_server(pipe) as port:
            for case in all_cases():
                if case.id in AMBIGUOUS:
                    verdicts = await judge(port, capture, case)
                    assert all(one.harm or not one.as_expected for one in verdicts), case.id
    finally:
        await capture.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()
