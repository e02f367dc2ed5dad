"""How instances start, what they are given and how their end is told."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from deployd.domain.app import Limits
from deployd.domain.errors import StartFailed, StateConflict, UserMistake
from deployd.domain.instance import Exit
from deployd.kernel.clock import SystemClock
from deployd.runtimes import procfs
from deployd.runtimes.process import ProcessRuntime
from tests.deployd.runtimes.apps import Ends, launch, line_starting, processes_of, python


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("true", Exit(code=0)),
        ("sh -c 'exit 7'", Exit(code=7)),
        ("sleep 0 && exit 8", Exit(code=8)),
        ("no-such-program", Exit(code=127)),
        ("sh -c 'kill -TERM $$'", Exit(signal="SIGTERM")),
        ("kill -SEGV $$; true", Exit(signal="SIGSEGV")),
    ],
)
async def test_the_end_tells_code_or_signal(
    runtime: ProcessRuntime, tmp_path: Path, command: str, expected: Exit
) -> None:
    ends = Ends()
    await runtime.start(launch(tmp_path, command), ends)
    assert expected == await ends.wait()


async def test_the_app_takes_the_place_of_its_shell(runtime: ProcessRuntime, tmp_path: Path) -> None:
    order = launch(tmp_path, python("import os; print('pid', os.getpid(), os.getsid(0), flush=True)"))
    ends = Ends()
    started = await runtime.start(order, ends)
    await ends.wait()
    assert f"pid {started.pid} {started.pid}\n" == runtime.output(started).read_text()


async def test_the_env_is_exactly_the_apps_own_over_a_small_base(runtime: ProcessRuntime, tmp_path: Path) -> None:
    code = "import os; print(sorted(key for key in os.environ if key not in ('PWD', 'LC_CTYPE')))"
    order = launch(tmp_path, python(code), port=1234, env={"GREETING": "hallo"})
    ends = Ends()
    await runtime.start(order, ends)
    await ends.wait()
    expected = ["DEPLOYD_INSTANCE", "GREETING", "HOME", "LANG", "PATH", "PORT", "PYTHONUNBUFFERED"]
    assert f"{expected}\n" == runtime.output(order.instance).read_text()


async def test_the_app_gets_no_descriptor_but_the_three(runtime: ProcessRuntime, tmp_path: Path) -> None:
    order = launch(tmp_path, python("import os; print(sorted(int(d) for d in os.listdir('/proc/self/fd'))[:-1])"))
    ends = Ends()
    await runtime.start(order, ends)
    await ends.wait()
    assert runtime.output(order.instance).read_text() == "[0, 1, 2]\n"


async def test_limits_hold_before_the_first_line_of_the_app(runtime: ProcessRuntime, tmp_path: Path) -> None:
    code = "import resource as r; print(r.getrlimit(r.RLIMIT_NOFILE), r.getrlimit(r.RLIMIT_CORE))"
    order = launch(tmp_path, f"{sys.executable} -c '{code}'", limits=Limits(open_files=200))
    ends = Ends()
    await runtime.start(order, ends)
    await ends.wait()
    assert runtime.output(order.instance).read_text() == "(200, 200) (0, 0)\n"


async def test_both_streams_are_appended_to_the_output_file(runtime: ProcessRuntime, tmp_path: Path) -> None:
    order = launch(tmp_path, "echo out; echo err >&2")
    for _ in range(2):
        ends = Ends()
        await runtime.start(order, ends)
        await ends.wait()
    assert runtime.output(order.instance).read_text() == "out\nerr\n" * 2


async def test_a_missing_folder_is_said_clearly(runtime: ProcessRuntime, tmp_path: Path) -> None:
    with pytest.raises(StartFailed, match=r"'web' of shop v1 cannot start: its folder .* is missing"):
        await runtime.start(launch(tmp_path / "gone", "true"), Ends())


async def test_an_instance_is_started_once(runtime: ProcessRuntime, tmp_path: Path) -> None:
    order = launch(tmp_path, "sleep 60")
    started = await runtime.start(order, Ends())
    with pytest.raises(StateConflict):
        await runtime.start(order, Ends())
    await runtime.stop(started)


async def test_a_cancelled_start_runs_nothing(runtime: ProcessRuntime, tmp_path: Path) -> None:
    orders = [launch(tmp_path, f"touch {tmp_path}/ran; sleep 60") for _ in range(20)]
    for turns, order in enumerate(orders):
        async with asyncio.TaskGroup() as group:
            task = group.create_task(runtime.start(order, Ends()))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
        await runtime.stop(order.instance, grace_seconds=0)
    assert [pid for order in orders for pid in processes_of(order.instance)] == []


async def test_what_an_ended_app_left_running_is_ended(runtime: ProcessRuntime, tmp_path: Path) -> None:
    order = launch(tmp_path, "trap '' TERM; sleep 60 & setsid sleep 60 & echo started; exit 1")
    ends = Ends()
    await runtime.start(order, ends)
    assert Exit(code=1) == await ends.wait()
    assert processes_of(order.instance) == []


async def test_ports_are_handed_out_once(runtime: ProcessRuntime) -> None:
    ports = [await runtime.free_port() for _ in range(300)]
    assert len(set(ports)) == 300


async def test_a_user_that_is_not_there_is_refused(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        runtime = ProcessRuntime(tmp_path, SystemClock(), user="no-such-user")
        assert any("only root may change users" in text for text in runtime.warnings())
        return
    with pytest.raises(UserMistake, match="no-such-user"):
        ProcessRuntime(tmp_path, SystemClock(), user="no-such-user")


async def test_root_runs_apps_as_somebody_else(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may change users")
    runtime = ProcessRuntime(tmp_path / "output", SystemClock(), user="nobody")
    order = launch(Path("/"), "id -un; id -G; id -gn")
    ends = Ends()
    await runtime.start(order, ends)
    await ends.wait()
    name, groups, group = runtime.output(order.instance).read_text().split("\n")[:3]
    assert (name, len(groups.split()), group) == ("nobody", 1, "nogroup")


async def test_the_start_time_names_the_process(runtime: ProcessRuntime, tmp_path: Path) -> None:
    order = launch(tmp_path, "echo up; sleep 60 | cat")
    started = await runtime.start(order, Ends())
    await line_starting(runtime.output(started), "up")
    assert started.pid is not None
    stat = procfs.stat(started.pid)
    assert stat is not None
    assert (started.pid, started.pid_started) == (stat.session, stat.started)
    await runtime.stop(started)
