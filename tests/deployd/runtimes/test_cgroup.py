"""Limits in control groups: which files carry them, and that the kernel keeps them."""

import os
from pathlib import Path

import pytest

from deployd.domain.app import Limits
from deployd.domain.instance import Exit
from deployd.runtimes.cgroup import Cgroups, Folder, Group, v2_base
from deployd.runtimes.cgroup_limits import Setting, settings
from deployd.runtimes.process import ProcessRuntime
from tests.deployd.runtimes.apps import Ends, launch, python

GREEDY = python("blocks = []\nwhile True: blocks.append(bytearray(1 << 20))")


def test_limits_of_zero_set_nothing() -> None:
    assert settings(Limits(pids=0), v2=True) + settings(Limits(pids=0), v2=False) == []


def test_limits_become_files_of_v2() -> None:
    assert [
        Setting("memory", "memory.max", "268435456"),
        Setting("memory", "memory.swap.max", "0", essential=False),
        Setting("memory", "memory.oom.group", "1", essential=False),
        Setting("pids", "pids.max", "9"),
        Setting("cpu", "cpu.max", "50000 100000"),
    ] == settings(Limits(memory_mb=256, cpus=0.5, pids=9), v2=True)


def test_limits_become_files_of_v1() -> None:
    assert [
        Setting("memory", "memory.limit_in_bytes", "268435456"),
        Setting("memory", "memory.memsw.limit_in_bytes", "268435456", essential=False),
        Setting("pids", "pids.max", "9"),
        Setting("cpu", "cpu.cfs_period_us", "100000"),
        Setting("cpu", "cpu.cfs_quota_us", "150000"),
    ] == settings(Limits(memory_mb=256, cpus=1.5, pids=9), v2=False)


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


def test_a_host_without_writable_groups_is_said_in_a_sentence_each() -> None:
    cgroups = Cgroups()
    assert len(cgroups.unenforced) == len(cgroups.warnings())
    assert all(text.endswith("control group of this host.") for text in cgroups.warnings())


def test_a_delegated_service_makes_its_groups_beside_its_own() -> None:
    own = Path("/system.slice/deployd.service/main")
    assert v2_base(Path("/cg"), own) == Path("/cg/system.slice/deployd.service")


def test_a_group_of_v2_is_limited_by_the_files_it_has(tmp_path: Path) -> None:
    for name in ("memory.max", "pids.max"):
        (tmp_path / name).write_text("max\n")
    group = Group((Folder(tmp_path, v2=True),))
    assert group.limit(Limits(memory_mb=1, cpus=1.0, pids=7)) == ["cpu"]
    assert (tmp_path / "memory.max").read_text().startswith("1048576")
    assert (tmp_path / "pids.max").read_text().startswith("7")


@pytest.mark.parametrize(("kills", "expected"), [(0, False), (2, True)])
def test_a_group_of_v2_counts_its_memory_kills(tmp_path: Path, kills: int, expected: bool) -> None:
    (tmp_path / "memory.events").write_text(f"low 0\noom 3\noom_kill {kills}\noom_group_kill 0\n")
    assert Group((Folder(tmp_path, v2=True),)).ran_out_of_memory() is expected
