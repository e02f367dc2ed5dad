"""Files of strangers are read in a process that has nothing, may do nothing but read, and costs nobody else a thing."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from time import perf_counter

import psutil
import pytest

from deployd.builders.detection.confine import landlock
from deployd.builders.detection.detector import DetectionBroke, Detector
from deployd.domain.build import BuildWishes
from deployd.domain.errors import BuildFailed
from deployd.kernel.watchdog import LoopWatchdog

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
async def detector() -> AsyncIterator[Detector]:
    made = Detector()
    yield made
    await made.close()


@pytest.fixture
async def misbehaving(tmp_path: Path) -> AsyncIterator["Misbehaving"]:
    command = (sys.executable, "-m", "tests.deployd.builders.detection.misbehaving")
    made = Detector(command, {"PYTHONPATH": str(ROOT)})
    yield Misbehaving(made, tmp_path)
    await made.close()


class Misbehaving:
    def __init__(self, detector: Detector, folder: Path) -> None:
        self.detector = detector
        self._folder = folder

    async def does(self, what: str) -> str:
        (self._folder / "behave").write_text(what)
        return (await self.detector.plan(self._folder, BuildWishes())).why


def project(folder: Path, files: dict[str, str]) -> Path:
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


async def test_one_endless_line_holds_up_nobody(detector: Detector, tmp_path: Path) -> None:
    """It took 65 s, in which no app was answered."""
    lags: list[float] = []
    folder = project(tmp_path / "app", {"requirements.txt": f"flask{' ' * 100_000}x\n", "app.py": "import flask\n"})
    watchdog = LoopWatchdog(lags.append)
    watching = asyncio.create_task(watchdog.run())
    await asyncio.sleep(0)
    began = perf_counter()
    with pytest.raises(BuildFailed, match=r"Line 1 of requirements.txt has 100,006 characters; the most is 16,384\."):
        await detector.plan(folder, BuildWishes())
    assert perf_counter() - began < 5
    watching.cancel()
    assert lags == []


NESTED = "is nested too deeply to be read."
ENDLESS = "holds a number with more digits than can be read."


async def test_the_reason_names_the_file_that_is_too_much_for_any_reader(detector: Detector, tmp_path: Path) -> None:
    rows = [
        ("package.json", "[" * 100_000, NESTED),
        ("package.json", '{"dependencies": ' * 5_000, NESTED),
        (".deployd.toml", f"a = {'[' * 5_000}", NESTED),
        ("pyproject.toml", f"a = {'[' * 5_000}", NESTED),
        ("Cargo.toml", f"a = {'{b=' * 5_000}", NESTED),
        ("app.json", f'{{"formation": {"[" * 5_000}', NESTED),
        (".deployd.toml", f"a = {'9' * 5_000}", ENDLESS),
        ("pyproject.toml", f"a = {'9' * 5_000}", ENDLESS),
        ("Pipfile", f"a = {'9' * 5_000}", ENDLESS),
        ("Cargo.toml", f"a = {'9' * 5_000}", ENDLESS),
    ]
    reasons = []
    for number, (name, text, _) in enumerate(rows):
        with pytest.raises(BuildFailed) as failure:
            await detector.plan(project(tmp_path / str(number), {name: text}), BuildWishes())
        reasons.append(str(failure.value))
    assert reasons == [f"{name} {reason}" for name, _, reason in rows]


async def test_what_computes_without_end_is_stopped_and_keeps_nobody_waiting(
    misbehaving: Misbehaving, tmp_path: Path
) -> None:
    slow = project(tmp_path / "slow", {"behave": "spin"})
    spinning = asyncio.create_task(misbehaving.detector.plan(slow, BuildWishes()))
    assert "LANG" in await misbehaving.does("env")
    assert not spinning.done()
    with pytest.raises(BuildFailed, match=r"took more than 10 s of computing\. It was at behave then\."):
        await spinning


async def test_what_eats_memory_gets_none(misbehaving: Misbehaving) -> None:
    with pytest.raises(DetectionBroke, match=r"MemoryError.*\(after a look at behave\)"):
        await misbehaving.does("eat")


async def test_a_crash_of_a_parser_is_that_builds_failure_alone(misbehaving: Misbehaving) -> None:
    crash, refusal = misbehaving.does("crash"), "No."
    with pytest.raises(BuildFailed, match=r"ended with signal 6\. It was at behave then\."):
        await crash
    with pytest.raises(BuildFailed, match=refusal):
        await misbehaving.does("refuse")


async def test_a_fault_of_deployd_is_told_with_its_traceback(misbehaving: Misbehaving) -> None:
    with pytest.raises(DetectionBroke, match="nobody foresaw this") as broke:
        await misbehaving.does("bug")
    assert "misbehaving.py" in broke.value.__notes__[0]


async def test_it_writes_nothing_and_starts_nothing(misbehaving: Misbehaving, tmp_path: Path) -> None:
    for attempt in (f"write {tmp_path / 'mine'}", "write behave", "start"):
        with pytest.raises((DetectionBroke, BuildFailed)):
            await misbehaving.does(attempt)
    assert not (tmp_path / "mine").exists() or (tmp_path / "mine").read_text() == ""


@pytest.mark.skipif(landlock() < 1, reason="this kernel has no Landlock")
async def test_it_reads_nothing_but_the_project(misbehaving: Misbehaving, tmp_path: Path) -> None:
    outside = tmp_path.parent / f"{tmp_path.name}-secret"
    outside.write_text("planted")
    for attempt in (f"read {outside}", "read /etc/passwd", f"read /proc/{os.getpid()}/environ"):
        with pytest.raises(DetectionBroke, match="PermissionError"):
            await misbehaving.does(attempt)
    assert await misbehaving.does(f"read {tmp_path}/behave") == f"read {tmp_path}/behave"


async def test_nothing_of_our_environment_is_in_its_own(
    misbehaving: Misbehaving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPLOYD_MASTER", "planted")
    assert "DEPLOYD_MASTER" not in await misbehaving.does("env")


async def test_when_the_process_was_killed_the_next_project_is_read_by_another(
    detector: Detector, tmp_path: Path
) -> None:
    folder = project(tmp_path / "app", {"index.html": "hello"})
    first = await detector.plan(folder, BuildWishes())
    for one in await _detectors():
        one.kill()
    assert await detector.plan(folder, BuildWishes()) == first


async def test_an_answer_is_taken_before_the_end_of_whoever_gave_it_is_told(
    misbehaving: Misbehaving, tmp_path: Path
) -> None:
    answer = asyncio.create_task(misbehaving.does(f"wait {tmp_path / 'go'}"))
    (zygote,) = await _detectors()
    async with asyncio.timeout(10):
        while not zygote.children():
            await asyncio.sleep(0.01)
    zygote.suspend()  # It would tell of the end.
    try:
        (tmp_path / "go").touch()
        async with asyncio.timeout(10):
            assert await answer == "waited"
    finally:
        zygote.resume()


async def _detectors() -> list[psutil.Process]:
    async with asyncio.timeout(10):
        while not (found := [one for one in psutil.Process().children() if "detector" in one.cmdline()]):
            await asyncio.sleep(0.01)
    return found


async def test_it_is_gone_when_nobody_has_asked_for_a_while(tmp_path: Path) -> None:
    before = set(psutil.Process().children())
    detector = Detector(idle_seconds=0.05)
    await detector.plan(project(tmp_path / "app", {"index.html": "hello"}), BuildWishes())
    async with asyncio.timeout(5):
        while set(psutil.Process().children()) - before:
            await asyncio.sleep(0.02)
    await detector.close()
