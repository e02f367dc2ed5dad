"""Steps that end, and processes that do not want to."""

import asyncio
import os
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from deployd.builders.lines import Lines, Written
from deployd.builders.run import MARK, run_step
from deployd.builders.sandbox import plain_argv
from tests.deployd.builders.exits import still_alive

ENV = {"PATH": "/usr/bin:/bin"}


def said_to(on_line: Callable[[str], None]) -> Lines:
    return Lines(on_line, Written(), 16 << 20)


async def test_output_is_streamed_while_the_step_runs(tmp_path: Path) -> None:
    fifo = tmp_path / "go-on"
    os.mkfifo(fifo)
    first = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        step = group.create_task(
            run_step(
                plain_argv(f"echo first; read line < {fifo}"), ENV, str(tmp_path), said_to(lambda line: first.set())
            )
        )
        await asyncio.wait_for(first.wait(), 5)
        assert not step.done()
        fifo.write_text("go\n")
    assert step.result() == 0


@pytest.mark.parametrize(("step", "code"), [("true", 0), ("exit 7", 7), ("kill -9 $$", 137), ("no-such-program", 127)])
async def test_the_exit_code_is_that_of_the_step(tmp_path: Path, step: str, code: int) -> None:
    assert await run_step(plain_argv(step), ENV, str(tmp_path), said_to(print)) == code


@pytest.mark.parametrize("left", ["", "setsid", "setsid setsid"])
async def test_a_process_left_in_the_background_ends_with_the_step(tmp_path: Path, left: str) -> None:
    said: list[str] = []
    fifo = tmp_path / "started"
    os.mkfifo(fifo)
    step = f"{left} sh -c 'echo $$ > {fifo}; exec sleep 300' & cat {fifo}"
    assert await run_step(plain_argv(step), {**ENV, MARK: uuid.uuid4().hex}, str(tmp_path), said_to(said.append)) == 0
    assert await still_alive([int(said[0])]) == []


async def test_cancelling_kills_children_that_left_the_group_too(tmp_path: Path) -> None:
    pids: list[int] = []
    running = asyncio.Event()

    def note(line: str) -> None:
        pids.append(int(line))
        if len(pids) == 3:
            running.set()

    step = "echo $$; sleep 300 & echo $!; setsid setsid sh -c 'echo $$; exec sleep 300' & sleep 300"
    async with asyncio.TaskGroup() as group:
        building = group.create_task(
            run_step(plain_argv(step), {**ENV, MARK: uuid.uuid4().hex}, str(tmp_path), said_to(note))
        )
        await asyncio.wait_for(running.wait(), 5)
        building.cancel()
    assert building.cancelled()
    assert await still_alive(pids) == []


async def test_what_keeps_a_step_from_being_let_in_kills_it(tmp_path: Path) -> None:
    pids: list[int] = []

    async def refuse(pid: int) -> None:
        pids.append(pid)
        raise OSError("not today")

    with pytest.raises(OSError, match="not today"):
        await run_step(plain_argv("sleep 300"), ENV, str(tmp_path), said_to(print), started=refuse)
    assert await still_alive(pids) == []
