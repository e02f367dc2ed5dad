"""Stopping leaves nobody behind, and gives everybody the grace."""

import asyncio
from pathlib import Path

import pytest

from deployd.domain.errors import StartFailed
from deployd.domain.instance import Exit
from deployd.runtimes.process import ProcessRuntime
from tests.deployd.runtimes.apps import Ends, launch, line_starting, processes_of, python

STUBBORN = python(
    "import os, signal, time\n"
    "if os.fork() == 0:\n"
    "    if os.fork() == 0:\n"
    "        os.setsid()\n"
    "        signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "        print('stubborn', flush=True)\n"
    "    signal.pause()\n"
    "signal.pause()\n"
    "signal.pause()\n"
)


async def test_a_polite_app_ends_by_sigterm(runtime: ProcessRuntime, tmp_path: Path) -> None:
    ends = Ends()
    started = await runtime.start(launch(tmp_path, "sleep 60"), ends)
    await runtime.stop(started)
    assert [Exit(signal="SIGTERM")] == ends.told


async def test_a_grandchild_that_ignores_sigterm_is_killed(runtime: ProcessRuntime, tmp_path: Path) -> None:
    ends = Ends()
    started = await runtime.start(launch(tmp_path, STUBBORN), ends)
    await line_starting(runtime.output(started), "stubborn")
    assert len(processes_of(started)) == 3
    await runtime.stop(started, grace_seconds=0.2)
    assert processes_of(started) == []
    assert [Exit(signal="SIGTERM")] == ends.told


async def test_workers_finish_their_work_after_their_leader_has_gone(runtime: ProcessRuntime, tmp_path: Path) -> None:
    worker = "trap 'sleep 0.2; echo finished; exit' TERM; echo up; while :; do sleep 60 & wait; done"
    order = launch(tmp_path, f'sh -c "{worker}" & sleep 60')
    started = await runtime.start(order, Ends())
    await line_starting(runtime.output(started), "up")
    await runtime.stop(started)
    assert runtime.output(started).read_text() == "up\nfinished\n"


async def test_several_stops_at_once_are_one(runtime: ProcessRuntime, tmp_path: Path) -> None:
    ends = Ends()
    started = await runtime.start(launch(tmp_path, STUBBORN), ends)
    await line_starting(runtime.output(started), "stubborn")
    async with asyncio.TaskGroup() as group:
        for grace in (0.3, 0.1, 0.2):
            group.create_task(runtime.stop(started, grace_seconds=grace))
    await runtime.stop(started)
    assert (processes_of(started), len(ends.told)) == ([], 1)


async def test_a_crash_while_stopping_is_told_once(runtime: ProcessRuntime, tmp_path: Path) -> None:
    ends = Ends()
    started = await runtime.start(launch(tmp_path, "exit 3"), ends)
    await runtime.stop(started)
    assert [Exit(code=3)] == ends.told or [Exit(signal="SIGTERM")] == ends.told


async def test_an_instance_whose_pid_was_never_written_down_is_found(runtime: ProcessRuntime, tmp_path: Path) -> None:
    order = launch(tmp_path, "sleep 60")
    await runtime.start(order, Ends())
    runtime.close()
    await runtime.stop(order.instance)
    assert processes_of(order.instance) == []


async def test_the_output_of_a_single_run_is_streamed(runtime: ProcessRuntime, tmp_path: Path) -> None:
    lines: list[str] = []
    end = await runtime.run_once(launch(tmp_path, "echo one; printf 'two\\nthree'; exit 4"), lines.append, 5)
    assert (["one", "two", "three"], Exit(code=4)) == (lines, end)


async def test_a_single_run_is_over_when_its_command_is(runtime: ProcessRuntime, tmp_path: Path) -> None:
    order = launch(tmp_path, "sleep 60 & echo done")
    lines: list[str] = []
    assert Exit(code=0) == await runtime.run_once(order, lines.append, 5)
    assert (lines, processes_of(order.instance)) == (["done"], [])


async def test_a_single_run_that_takes_too_long_is_stopped(runtime: ProcessRuntime, tmp_path: Path) -> None:
    order = launch(tmp_path, "sleep 60 | sleep 60")
    with pytest.raises(StartFailed, match=r"The process 'web' did not end within 0.2 s and was stopped."):
        await runtime.run_once(order, print, 0.2)
    assert processes_of(order.instance) == []


async def test_a_cancelled_single_run_leaves_nobody(runtime: ProcessRuntime, tmp_path: Path) -> None:
    order = launch(tmp_path, STUBBORN)
    stubborn = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        run = group.create_task(runtime.run_once(order, lambda _line: stubborn.set(), 60))
        await stubborn.wait()
        run.cancel()
    assert processes_of(order.instance) == []
