"""A project and a cache with a workshop of their own, and the lines that its steps said."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import pytest

from deployd.builders.caps import Caps
from deployd.builders.workshop import Place, Workshop

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root changes the owner of files")


class Yard:
    def __init__(self, folder: Path, workshop: Workshop, name: str = "project") -> None:
        self.folder = folder
        self.workshop = workshop
        self.project = folder / name
        self.cache = folder / "cache"
        self.project.mkdir()
        self.said: list[str] = []

    async def build(self, *steps: str, env: Mapping[str, str] | None = None) -> list[str]:
        """What these steps said, without the lines that repeat them."""
        place = Place(project=self.project, cache=self.cache, env=env or {})
        self.said = []
        await self.workshop.prepare(place, self.said.append)
        for step in steps:
            await self.workshop.run(step, place, self.said.append)
        return [line for line in self.said if not line.startswith(("$ ", "warning: "))]


async def make_yard(
    folder: Path, *, caps: Caps | None = None, isolated: bool = False, bwrap: bool = True, name: str = "project"
) -> Yard:
    """Skips where bubblewrap is wanted and does not work."""
    workshop = Workshop(caps=caps, network="isolated" if isolated else "host", bwrap=bwrap)
    if bwrap and (reason := await workshop.why_not_sandboxed()) is not None:
        missing(reason)
    return Yard(folder, workshop, name)


def missing(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
