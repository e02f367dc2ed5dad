"""Instances outlive deployd, and the next one takes over exactly those that are its own."""

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import msgspec
import pytest

from deployd.domain.app import Limits
from deployd.domain.ids import InstanceId
from deployd.domain.instance import Exit, Instance
from deployd.kernel.clock import SystemClock
from deployd.runtimes.output_reader import InotifyOutputReader
from deployd.runtimes.process import ProcessRuntime
from tests.deployd.runtimes.apps import Ends, launch, line_starting, processes_of, python

LINES = 30_000
COUNTING = python(
    f"import signal\nfor n in range({LINES}):\n    print('line', n, flush=n % 50 == 0)\n"
    "print('last', flush=True)\nsignal.pause()"
)
FIRST_DEPLOYD = """
import asyncio, sys
from pathlib import Path
import msgspec
from deployd.kernel.clock import SystemClock
from deployd.ports.runtime import Launch
from deployd.runtimes.output_reader import InotifyOutputReader
from deployd.runtimes.process import ProcessRuntime

async def main():
    runtime = ProcessRuntime(Path(sys.argv[1]), SystemClock())
    order = msgspec.json.decode(sys.argv[2], type=Launch, dec_hook=lambda _type, text: Path(text))
    instance = await runtime.start(order, print)
    print(msgspec.json.encode(instance).decode(), flush=True)

    async def store(lines, offset):
        print(offset, lines[-1], flush=True)

    await InotifyOutputReader().follow(runtime.output(instance), 0, store)

asyncio.run(main())
"""


async def test_an_app_outlives_a_killed_deployd_and_no_line_is_lost(runtime: ProcessRuntime, tmp_path: Path) -> None:
    order = launch(tmp_path, COUNTING)
    encoded = msgspec.json.encode(order, enc_hook=str)
    deployd = await asyncio.create_subprocess_exec(
        sys.executable, "-c", FIRST_DEPLOYD, tmp_path / "output", encoded, stdout=asyncio.subprocess.PIPE
    )
    assert deployd.stdout is not None
    instance = msgspec.json.decode(await deployd.stdout.readline(), type=Instance)
    offset, _, last = (await deployd.stdout.readline()).decode().strip().partition(" ")
    deployd.kill()
    await deployd.wait()

    ends = Ends()
    assert await runtime.adopt(instance, ends, Limits())
    numbers = await _numbers(runtime.output(instance), int(offset))
    assert list(range(int(last.split()[1]) + 1, LINES)) == numbers
    assert len(processes_of(instance)) == 1
    await runtime.stop(instance)
    assert ([Exit()], []) == (ends.told, processes_of(instance))


async def _numbers(file: Path, offset: int) -> list[int]:
    numbers: list[int] = []
    all_read = asyncio.Event()

    async def collect(lines: tuple[str, ...], _offset: int) -> None:
        numbers.extend(int(line.split()[1]) for line in lines if line.startswith("line"))
        if lines[-1] == "last":
            all_read.set()

    reader = InotifyOutputReader()
    async with asyncio.TaskGroup() as group:
        following = group.create_task(reader.follow(file, offset, collect))
        await all_read.wait()
        following.cancel()
    reader.close()
    return numbers


async def test_an_adopted_app_that_ends_is_told(runtime: ProcessRuntime, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    started = await runtime.start(launch(tmp_path, "read -r _ < gate; exit 5"), Ends())
    runtime.close()
    ends = Ends()
    next_runtime = ProcessRuntime(tmp_path / "output", SystemClock())
    assert await next_runtime.adopt(started, ends, Limits())
    gate = os.open(tmp_path / "gate", os.O_RDWR)
    os.write(gate, b"\n")
    assert Exit() == await ends.wait()
    os.close(gate)


async def test_the_owner_that_was_restarted_hears_the_exit_code(runtime: ProcessRuntime, tmp_path: Path) -> None:
    earlier, later = Ends(), Ends()
    started = await runtime.start(launch(tmp_path, "trap 'exit 5' TERM; echo up; sleep 60 & wait"), earlier)
    await line_starting(runtime.output(started), "up")
    assert await runtime.adopt(started, later, Limits())
    await runtime.stop(started)
    assert ([], [Exit(code=5)]) == (earlier.told, later.told)


@pytest.mark.parametrize("change", [{"pid_started": 1}, {"id": InstanceId("ins-other")}, {"pid": None}, {"pid": 1}])
async def test_a_process_that_is_somebody_elses_is_neither_adopted_nor_stopped(
    runtime: ProcessRuntime, tmp_path: Path, change: dict[str, int | str | None]
) -> None:
    order = launch(tmp_path, python("import signal; print('up', flush=True); signal.pause()"))
    started = await runtime.start(order, Ends())
    await line_starting(runtime.output(started), "up")
    other = msgspec.structs.replace(started, id=InstanceId("ins-of-a-reused-pid"))
    other = msgspec.structs.replace(other, **change)
    next_runtime = ProcessRuntime(tmp_path / "output", SystemClock())
    assert not await next_runtime.adopt(other, Ends(), Limits())
    await next_runtime.stop(other, grace_seconds=0)
    assert [started.pid] == processes_of(started)
    await runtime.stop(started)


async def test_an_app_that_wiped_its_env_is_known_by_its_output(runtime: ProcessRuntime, tmp_path: Path) -> None:
    started = await runtime.start(launch(tmp_path, "exec env -i sleep 60"), Ends())
    runtime.close()
    next_runtime = ProcessRuntime(tmp_path / "output", SystemClock())
    ends = Ends()
    assert await next_runtime.adopt(started, ends, Limits())
    await next_runtime.stop(started)
    assert len(ends.told) == 1


async def test_what_outlived_its_leader_is_ended_when_nobody_can_be_adopted(
    runtime: ProcessRuntime, tmp_path: Path
) -> None:
    order = launch(tmp_path, "setsid sleep 60 & echo up; sleep 60")
    started = await runtime.start(order, Ends())
    await line_starting(runtime.output(started), "up")
    runtime.close()
    assert started.pid is not None
    os.kill(started.pid, signal.SIGKILL)
    await asyncio.to_thread(os.waitpid, started.pid, 0)
    next_runtime = ProcessRuntime(tmp_path / "output", SystemClock())
    assert not await next_runtime.adopt(started, Ends(), Limits())
    assert processes_of(started) == []


async def test_a_port_is_owned_by_the_instance_that_listens_on_it(runtime: ProcessRuntime, tmp_path: Path) -> None:
    serving = python(
        "import os, signal, socket\n"
        "server = socket.create_server((os.environ['HOST'], int(os.environ['PORT'])))\n"
        "print('up', flush=True)\nsignal.pause()"
    )
    for host in ("127.0.0.1", "0.0.0.0"):
        order = launch(tmp_path, f"{serving} & wait", port=await runtime.free_port(), env={"HOST": host})
        started = await runtime.start(order, Ends())
        await line_starting(runtime.output(started), "up")
        assert await runtime.owns_port(started)
        await runtime.stop(started)
        assert not await runtime.owns_port(started)


async def test_a_port_that_somebody_else_listens_on_is_not_owned(runtime: ProcessRuntime, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        order = launch(tmp_path, "sleep 60", port=stranger.getsockname()[1])
        started = await runtime.start(order, Ends())
        assert not await runtime.owns_port(started)
        await runtime.stop(started)
