"""Installed tools are there whole or not at all, once for all builds, and as long as somebody may use them."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deployd.builders.toolchains.shelf import Scratch, Shelf

LEASE_SECONDS = 100.0


class Hands:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now_ms(self) -> int:
        return int(self.seconds * 1000)

    def monotonic(self) -> float:
        return self.seconds


class Filling:
    """Installs a program of 1,000 bytes, and counts how often."""

    def __init__(self) -> None:
        self.times = 0

    async def __call__(self, scratch: Scratch) -> None:
        self.times += 1
        await asyncio.to_thread(self._write, scratch.tree)

    def _write(self, tree: Path) -> None:
        (tree / "bin").mkdir()
        (tree / "bin" / "node").write_bytes(b"#" * 1000)
        (tree / "bin" / "node").chmod(0o4777)


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def shelf(tmp_path: Path, clock: Hands) -> Shelf:
    shelf = Shelf(tmp_path / "toolchains", clock, LEASE_SECONDS)
    shelf.open()
    return shelf


def names(shelf: Shelf) -> list[str]:
    return sorted(str(path.relative_to(shelf.folder)) for path in shelf.folder.glob("*/*"))


async def test_two_builds_at_once_install_once(shelf: Shelf) -> None:
    fill = Filling()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(shelf.put("node", "22.11.0", fill)) for _ in range(5)]
    assert [task.result() for task in tasks] == ["node/22.11.0/bin"] * 5
    assert fill.times == 1
    assert shelf.versions("node") == ("22.11.0",)


async def test_what_is_installed_can_be_read_by_all_and_written_by_its_owner_only(shelf: Shelf) -> None:
    await shelf.put("node", "22.11.0", Filling())
    assert (shelf.folder / "node/22.11.0/bin/node").stat().st_mode & 0o7777 == 0o755
    assert (shelf.folder / "node/22.11.0/bin").stat().st_mode & 0o7777 == 0o755


async def test_a_failed_installation_leaves_nothing_and_the_next_one_works(shelf: Shelf) -> None:
    async def fail(scratch: Scratch) -> None:
        await Filling()(scratch)
        raise RuntimeError("no more disk")

    with pytest.raises(RuntimeError):
        await shelf.put("node", "22.11.0", fail)
    assert list(shelf.folder.iterdir()) == []
    assert await shelf.put("node", "22.11.0", Filling()) == "node/22.11.0/bin"


async def test_a_cancelled_installation_leaves_nothing_and_the_one_that_waited_installs(shelf: Shelf) -> None:
    begun, fill = asyncio.Event(), Filling()

    async def hang(scratch: Scratch) -> None:
        await Filling()(scratch)
        begun.set()
        await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        first = group.create_task(shelf.put("node", "22.11.0", hang))
        await begun.wait()
        second = group.create_task(shelf.put("node", "22.11.0", fill))
        first.cancel()
    assert second.result() == "node/22.11.0/bin"
    assert fill.times == 1
    assert [path.name for path in shelf.folder.iterdir()] == ["node"]


INSTALLER = """
import asyncio, sys
from pathlib import Path
from deployd.builders.toolchains.shelf import Scratch, Shelf
from deployd.kernel.clock import SystemClock

async def fill(scratch: Scratch) -> None:
    (scratch.tree / "bin").mkdir()
    (scratch.tree / "bin" / "node").write_text("half of it")
    print("begun", flush=True)
    await asyncio.Event().wait()

asyncio.run(Shelf(Path(sys.argv[1]), SystemClock(), 1.0).put("node", "22.11.0", fill))
"""


def test_what_a_killed_deployd_left_is_cleared_at_the_next_start(shelf: Shelf) -> None:
    argv = [sys.executable, "-c", INSTALLER, str(shelf.folder)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as installer:
        assert installer.stdout is not None
        assert installer.stdout.readline() == b"begun\n"
        installer.send_signal(signal.SIGKILL)
    assert len(list(shelf.folder.iterdir())) == 1
    assert shelf.versions("node") == ()
    shelf.open()
    assert list(shelf.folder.iterdir()) == []


async def test_a_tool_whose_program_is_gone_is_made_anew(shelf: Shelf, tmp_path: Path) -> None:
    program = tmp_path / "python3.11"
    program.touch()

    async def link(scratch: Scratch) -> None:
        await asyncio.to_thread((scratch.tree / "bin").mkdir)
        await asyncio.to_thread((scratch.tree / "bin" / "python3").symlink_to, program)

    await shelf.put("python", "3.11.2", link)
    program.unlink()
    assert shelf.versions("python") == ()
    program = tmp_path / "elsewhere"
    program.touch()
    await shelf.put("python", "3.11.2", link)
    assert (shelf.folder / "python/3.11.2/bin/python3").resolve() == program


async def test_versions_that_nobody_keeps_are_deleted(shelf: Shelf, clock: Hands) -> None:
    for version in ("20.0.0", "22.11.0", "24.0.0"):
        await shelf.put("node", version, Filling())
    clock.seconds += LEASE_SECONDS
    assert await shelf.keep_only(["node/22.11.0", "pnpm/9.1.0"]) == 2000
    assert names(shelf) == ["node/22.11.0"]


async def test_a_version_that_a_build_has_just_asked_for_stays(shelf: Shelf, clock: Hands) -> None:
    await shelf.put("node", "20.0.0", Filling())
    await shelf.put("node", "22.11.0", Filling())
    clock.seconds += LEASE_SECONDS - 1
    await shelf.put("node", "22.11.0", Filling())
    clock.seconds += 1
    assert await shelf.keep_only([]) == 1000
    assert names(shelf) == ["node/22.11.0"]


async def test_a_version_that_is_being_installed_stays(shelf: Shelf, clock: Hands) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(scratch: Scratch) -> None:
        await Filling()(scratch)
        begun.set()
        await go_on.wait()

    async with asyncio.TaskGroup() as group:
        group.create_task(shelf.put("node", "22.11.0", slowly))
        await begun.wait()
        clock.seconds += LEASE_SECONDS
        assert await shelf.keep_only([]) == 0
        go_on.set()
    assert shelf.has("node", "22.11.0")
