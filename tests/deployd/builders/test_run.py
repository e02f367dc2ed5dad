"""Lines cut from streams, and processes that do not want to end."""

import asyncio
import os
import uuid
from pathlib import Path

import pytest

from deployd.builders.run import MARK, Lines, run_step
from deployd.builders.sandbox import plain_argv
from tests.deployd.builders.exits import still_alive

ENV = {"PATH": "/usr/bin:/bin"}


def cut(*chunks: bytes) -> list[str]:
    said: list[str] = []
    lines = Lines(said.append)
    for chunk in chunks:
        lines.feed(chunk)
    lines.end()
    return said


def test_lines_are_put_together_across_chunks() -> None:
    assert cut(b"on", b"e\ntwo\r\n\nlast") == ["one", "two", "", "last"]


def test_of_a_progress_bar_the_last_state_is_shown() -> None:
    assert cut(b"10%\r50%\r100%\n") == ["100%"]


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert cut(b"a\xffb\n") == ["a\N{REPLACEMENT CHARACTER}b"]


def test_a_line_without_end_is_split() -> None:
    said = cut(*[b"x" * 50_000] * 4)
    assert [len(line) for line in said] == [65_536, 65_536, 65_536, 200_000 - 3 * 65_536]


def test_output_beyond_the_limit_is_dropped_with_a_word() -> None:
    said = cut(*[b"x" * 65_535 + b"\n"] * 300)
    assert len(said) == 257
    assert said[-1] == "The step has written more than 16 MiB; the rest is not shown."


async def test_output_is_streamed_while_the_step_runs(tmp_path: Path) -> None:
    fifo = tmp_path / "go-on"
    os.mkfifo(fifo)
    first = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        step = group.create_task(
            run_step(plain_argv(f"echo first; read line < {fifo}"), ENV, str(tmp_path), lambda line: first.set())
        )
        await asyncio.wait_for(first.wait(), 5)
        assert not step.done()
        fifo.write_text("go\n")
    assert step.result() == 0


@pytest.mark.parametrize(("step", "code"), [("true", 0), ("exit 7", 7), ("kill -9 $$", 137), ("no-such-program", 127)])
async def test_the_exit_code_is_that_of_the_step(tmp_path: Path, step: str, code: int) -> None:
    assert await run_step(plain_argv(step), ENV, str(tmp_path), lambda line: None) == code


@pytest.mark.parametrize("left", ["", "setsid", "setsid setsid"])
async def test_a_process_left_in_the_background_ends_with_the_step(tmp_path: Path, left: str) -> None:
    said: list[str] = []
    fifo = tmp_path / "started"
    os.mkfifo(fifo)
    step = f"{left} sh -c 'echo $$ > {fifo}; exec sleep 300' & cat {fifo}"
    assert await run_step(plain_argv(step), {**ENV, MARK: uuid.uuid4().hex}, str(tmp_path), said.append) == 0
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
        building = group.create_task(run_step(plain_argv(step), {**ENV, MARK: uuid.uuid4().hex}, str(tmp_path), note))
        await asyncio.wait_for(running.wait(), 5)
        building.cancel()
    assert building.cancelled()
    assert await still_alive(pids) == []
