"""Kills builds at random points, fifty times in all: whatever they leave behind, the next build gives the same."""

import asyncio
import os
import random
import shutil
import sys
from pathlib import Path

import pytest

from deployd.builders.workshop import Workshop
from tests.deployd.builders.caches.counting import Yard, write_project

CANCELLED = 35
KILLED = 15
SEED = 20240229
ROOT = Path(__file__).resolve().parents[4]


class Ruin:
    """A yard whose builds are interrupted; `honest` are the digests that a build without any cache gives."""

    def __init__(self, folder: Path, kind: str, workshop: Workshop) -> None:
        self.folder = folder
        self.kind = kind
        self.yard = Yard(folder, workshop)
        self.honest: list[str] = []
        self.seconds = 0.0

    async def learn(self) -> None:
        loop = asyncio.get_running_loop()
        for number in range(3):
            fresh = self.folder / f"fresh-{number}"
            fresh.mkdir()
            start = loop.time()
            digest = await Yard(fresh, Workshop(bwrap=self.kind == "sandboxed")).build(self.project(number, fresh))
            self.seconds = loop.time() - start
            self.honest.append(digest)

    def project(self, number: int, folder: Path | None = None) -> Path:
        place = (folder or self.folder) / "project"
        shutil.rmtree(place, ignore_errors=True)
        return write_project(place, f"lock {number}")

    async def check(self, number: int) -> None:
        """A build that nobody interrupts, over what the one before has left."""
        loop = asyncio.get_running_loop()
        project, start = self.project(number), loop.time()
        assert await self.yard.build(project) == self.honest[number]
        self.seconds = loop.time() - start
        assert not [line for line in self.yard.said if "An earlier build has written into" in line]


@pytest.fixture
async def ruin(tmp_path: Path) -> Ruin:
    workshop = Workshop()
    if reason := await workshop.why_not_sandboxed():
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    ruin = Ruin(tmp_path, "sandboxed", workshop)
    await ruin.learn()
    return ruin


async def test_builds_that_are_cancelled_anywhere_never_spoil_the_next(ruin: Ruin) -> None:
    chance = random.Random(SEED)
    left = CANCELLED
    for _ in range(3 * CANCELLED):  # Some have ended before their time came.
        doomed = ruin.yard.build(ruin.project(chance.randrange(3)))
        try:
            await asyncio.wait_for(doomed, chance.uniform(0, ruin.seconds))
        except TimeoutError:
            left -= 1
        await ruin.check(chance.randrange(3))
        if chance.random() < 0.5:
            await ruin.yard.builder.tidy(ruin.yard.cache)
        if left == 0:
            break
    assert left == 0


async def test_a_deployd_that_is_killed_anywhere_never_spoils_the_next(ruin: Ruin) -> None:
    chance = random.Random(SEED)
    for _ in range(KILLED):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.deployd.builders.caches.build_once",
            str(ruin.folder),
            ruin.kind,
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        try:
            assert await process.stdout.readline() == b"started\n"
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(process.wait(), chance.uniform(0, ruin.seconds))
        finally:
            process.kill()
            await process.wait()
        await ruin.check(chance.randrange(3))
