"""What a build may use at most: that the kernel keeps it to that, and that what it broke is named."""

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deployd.builders.cage import Cages
from deployd.builders.caps import Caps, lesser_argv, warning
from deployd.domain.errors import BuildFailed
from deployd.limits.cgroup import Cgroups
from tests.deployd.builders.yards import make_yard, missing

SMALL = Caps(memory_mb=96, pids=40)
EATER = "python3 -c 'blocks = []\nwhile True: blocks.append(bytearray(1 << 20))'"
BREEDER = "python3 -c 'import os\nwhile True: os.fork()'"


def need(controller: str) -> None:
    if controller in Cgroups().unenforced:
        missing(f"the {controller} control group is not writable here")


def ram_mb() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20


def test_memory_is_a_share_of_the_machine_unless_said() -> None:
    assert Caps.of(memory_mb=0, cpus=0, pids=9).memory_mb == pytest.approx(max(512, ram_mb() * 0.6), abs=1)
    assert Caps.of(memory_mb=700, cpus=0, pids=9).memory_mb == 700


@pytest.mark.parametrize("sandboxed", [True, False])
async def test_a_step_over_its_memory_is_told_so(tmp_path: Path, sandboxed: bool) -> None:
    need("memory")
    yard = await make_yard(tmp_path, caps=SMALL, bwrap=sandboxed)
    with pytest.raises(BuildFailed) as failure:
        await yard.build("echo fine", "true && " + EATER)
    assert str(failure.value) == (
        f"The build step `true && {EATER}` ran out of memory: it may use 96 MB ([deploy] build_memory_mb)."
    )
    assert "fine" in yard.said


async def test_what_a_step_writes_to_its_tmp_counts_as_memory(tmp_path: Path) -> None:
    need("memory")
    yard = await make_yard(tmp_path, caps=SMALL)
    with pytest.raises(BuildFailed):
        await yard.build("head -c 300000000 /dev/zero > /tmp/file")


async def test_a_step_that_kills_itself_did_not_run_out_of_memory(tmp_path: Path) -> None:
    yard = await make_yard(tmp_path, caps=SMALL)
    with pytest.raises(BuildFailed, match="most likely the machine ran out of memory"):
        await yard.build("kill -9 $$")


@pytest.mark.parametrize("sandboxed", [True, False])
async def test_a_fork_bomb_is_contained_and_named(tmp_path: Path, sandboxed: bool) -> None:
    need("pids")
    yard = await make_yard(tmp_path, caps=Caps(memory_mb=512, pids=40), bwrap=sandboxed)
    with pytest.raises(BuildFailed, match=r"wanted too many processes: it may have 40 at once \(\[deploy\] build_pids"):
        await yard.build(BREEDER)


async def test_cpus_are_shared_out(tmp_path: Path) -> None:
    need("cpu")
    yard = await make_yard(tmp_path, caps=Caps(memory_mb=512, cpus=0.1))
    burn = "import time\nstart = time.time()\nwhile time.process_time() < 0.2: pass\nprint(time.time() - start)"
    (took,) = await yard.build(f"python3 -c '{burn}'")
    assert float(took) > 0.8


def groups() -> list[str]:
    """Of this process; those of others come and go meanwhile, which the walk puts up with."""
    return [name for _, names, _ in os.walk("/sys/fs/cgroup") for name in names if f"build-{os.getpid()}-" in name]


async def test_when_the_host_runs_out_of_memory_a_build_goes_first(tmp_path: Path) -> None:
    yard = await make_yard(tmp_path)
    assert await yard.build("cat /proc/self/oom_score_adj") == ["500"]


async def test_no_group_of_a_build_is_left_behind(tmp_path: Path) -> None:
    yard = await make_yard(tmp_path)
    await yard.build("true")
    assert groups() == []


async def test_no_group_is_left_when_a_build_is_cancelled_twice_while_all_threads_are_busy() -> None:
    need("pids")
    loop, held, go_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
    loop.set_default_executor(ThreadPoolExecutor(1))
    cages = Cages(SMALL)

    async def hold() -> None:
        async with cages.one():
            held.set()
            await asyncio.Event().wait()

    holding = asyncio.create_task(hold())
    await held.wait()
    assert groups()
    busy = loop.run_in_executor(None, go_on.wait)
    for _ in range(2):
        holding.cancel()
        await asyncio.sleep(0)
    go_on.set()
    await asyncio.wait({holding})
    await busy
    assert groups() == []


def test_the_groups_that_a_killed_deployd_left_are_swept_away() -> None:
    cgroups = Cgroups()
    nobody = max(int(folder.name) for folder in Path("/proc").glob("[0-9]*")) + 4_000_000
    stale, own = cgroups.make(f"swept-{nobody}-a"), cgroups.make(f"swept-{os.getpid()}-a")
    cgroups.sweep("swept")
    assert [file.exists() for file in stale.entrances] == [False] * len(stale.entrances)
    assert all(file.exists() for file in own.entrances)
    own.remove()


def test_where_groups_cannot_be_had_each_process_is_limited_and_the_log_says_so_in_one_line() -> None:
    caps = Caps(memory_mb=512, pids=64, cpus=2)
    assert lesser_argv(caps, ()) == []
    assert lesser_argv(caps, ("memory", "pids", "cpu")) == ["prlimit", "--data=536870912", "--nproc=64", "--"]
    assert warning(caps, ()) is None
    assert warning(Caps(memory_mb=512), ("cpu",)) is None
    assert warning(caps, ("memory", "cpu")) == (
        "warning: this build is not capped as a whole (each of its processes may use 512 MB, all together have no "
        "limit; it may use every CPU): deployd may not use the control groups of this host for memory, cpu."
    )
