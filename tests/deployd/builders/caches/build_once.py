"""Run as a program, to be killed: says `started`, then builds the project again and again as a deployd would."""

import asyncio
import os
import shutil
import sys
from pathlib import Path

from deployd.builders.workshop import Workshop
from tests.deployd.builders.caches.counting import Yard, write_project


async def run(folder: Path, bwrap: bool) -> None:
    yard = Yard(folder, Workshop(bwrap=bwrap))
    print("started", flush=True)
    for number in range(1000):
        project = write_project(folder / f"doomed-{os.getpid()}-{number}", f"lock {number % 3}")
        await yard.build(project)
        await asyncio.to_thread(shutil.rmtree, project)
        await yard.builder.tidy(yard.cache)


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), sys.argv[2] == "sandboxed"))
