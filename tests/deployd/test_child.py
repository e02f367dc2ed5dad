"""A child process is started without costing a thread one of its descriptors."""

import asyncio
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop

from deployd.child import Child
from deployd.pipes import open_pipe, reading
from tests.support.descriptors import none_lost

_ROOT = Path(__file__).resolve().parents[2]
_ROUNDS = 200


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[..., object]:
    found: Callable[..., object] = request.param
    return found


async def _start_many_beside_threads() -> None:
    with none_lost():
        for _ in range(_ROUNDS):
            assert await Child(["true"], env={}).wait() == 0


def test_no_thread_loses_a_descriptor_when_a_child_is_started(run: Callable[..., object]) -> None:
    run(_start_many_beside_threads())


def test_no_child_is_started_in_the_event_loops_own_way() -> None:
    """uvloop's closes a descriptor twice at each start."""
    own = re.compile(r"create_subprocess_(exec|shell)|\.subprocess_(exec|shell)|connect_(read|write)_pipe")
    using = [
        str(file.relative_to(_ROOT))
        for room in ("deployd", "actors", "web")
        for file in (_ROOT / room).rglob("*.py")
        if own.search(file.read_text())
    ]
    assert using == ["deployd/pipes.py"]


def test_what_it_says_is_read_and_its_end_is_told(run: Callable[..., object]) -> None:
    async def say() -> tuple[bytes, int]:
        way_out, way_in = open_pipe()
        async with reading(way_out) as reader:
            with way_in:
                child = Child(["sh", "-c", "echo said; kill -TERM $$"], env={}, stdout=way_in)
            return await reader.read(), await child.wait()

    assert run(say()) == (b"said\n", -signal.SIGTERM)


def test_one_that_is_killed_has_ended(run: Callable[..., object]) -> None:
    async def kill() -> tuple[bool, int, bool]:
        child = Child(["sleep", "60"], env={"PATH": "/usr/bin:/bin"})
        before = child.ended
        child.kill()
        return before, await child.wait(), child.ended

    assert run(kill()) == (False, -signal.SIGKILL, True)
