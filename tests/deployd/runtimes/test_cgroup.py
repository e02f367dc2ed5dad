"""Limits in control groups: that the kernel keeps them for apps, and what is said where it does not."""

import os
from pathlib import Path

import pytest

from deployd.domain.app import Limits
from deployd.domain.instance import Exit
from deployd.limits.cgroup import Cgroups
from deployd.runtimes.launcher import warning
from deployd.runtimes.process import ProcessRuntime
from tests.deployd.runtimes.apps import Ends, launch, python

GREEDY = python("blocks = []\nwhile True: blocks.append(bytearray(1 << 20))")


def need(controller: str) -> None:
    if controller in Cgroups().unenforced:
        if os.environ.get("CI") == "true":
            pytest.fail(f"the {controller} control group is not writable here")
        pytest.skip(f"the {controller} control group is not writable here")


async def test_an_app_over_its_memory_is_told_as_such(runtime: ProcessRuntime, tmp_path: Path) -> None:
    need("memory")
    ends = Ends()
    await runtime.start(launch(tmp_path, GREEDY, limits=Limits(memory_mb=32)), ends)
    assert Exit(signal="SIGKILL", oom=True) == await ends.wait()


async def test_an_app_under_its_memory_limit_that_is_killed_did_not_run_out(
    runtime: ProcessRuntime, tmp_path: Path
) -> None:
    need("memory")
    ends = Ends()
    await runtime.start(launch(tmp_path, "kill -KILL $$", limits=Limits(memory_mb=32)), ends)
    assert Exit(signal="SIGKILL") == await ends.wait()


async def test_an_app_cannot_have_more_processes_than_allowed(runtime: ProcessRuntime, tmp_path: Path) -> None:
    need("pids")
    code = (
        "import os, signal\nfor count in range(20):\n    try:\n        pid = os.fork()\n    except OSError:\n"
        "        print('refused at', count)\n        break\n    if pid == 0:\n        signal.pause()"
    )
    order = launch(tmp_path, python(code), limits=Limits(pids=5))
    ends = Ends()
    await runtime.start(order, ends)
    await ends.wait()
    assert runtime.output(order.instance).read_text() == "refused at 4\n"


async def test_no_group_is_left_behind(runtime: ProcessRuntime, tmp_path: Path) -> None:
    need("pids")
    order = launch(tmp_path, "sleep 60")
    started = await runtime.start(order, Ends())
    group = Cgroups().find(started.id, started.pid)
    assert {started.pid} == group.pids()
    await runtime.stop(started)
    assert set() == Cgroups().find(started.id, None).pids()


async def test_when_the_host_runs_out_of_memory_an_app_goes_before_deployd(
    runtime: ProcessRuntime, tmp_path: Path
) -> None:
    order = launch(tmp_path, "cat /proc/self/oom_score_adj")
    ends = Ends()
    await runtime.start(order, ends)
    await ends.wait()
    assert runtime.output(order.instance).read_text() == "200\n"


def test_a_host_without_writable_groups_is_said_in_a_sentence_each() -> None:
    unenforced = Cgroups().unenforced
    warnings = [warning(controller) for controller in unenforced]
    assert len(set(warnings)) == len(unenforced)
    assert all(text.endswith("control group of this host.") for text in warnings)
