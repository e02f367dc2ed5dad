"""Small real apps for the runtime's tests, and ways to wait for what they do."""

import asyncio
import shlex
import sys
from pathlib import Path

import psutil

from deployd.domain.app import Limits
from deployd.domain.ids import AppName, DeploymentId, InstanceId, new_id
from deployd.domain.instance import Exit, Instance, InstanceState
from deployd.kernel.clock import SystemClock
from deployd.ports.runtime import Launch
from deployd.runtimes.output_reader import InotifyOutputReader


def python(code: str) -> str:
    """A command that runs `code` without the cost of site packages."""
    return f"{shlex.quote(sys.executable)} -S -E -c {shlex.quote(code)}"


def launch(
    folder: Path,
    command: str,
    *,
    port: int | None = None,
    env: dict[str, str] | None = None,
    limits: Limits | None = None,
) -> Launch:
    now = SystemClock().now_ms()
    instance = Instance(
        id=InstanceId(new_id("ins", now)),
        app=AppName("shop"),
        release=1,
        deployment=DeploymentId("dep-1"),
        process="web",
        state=InstanceState.STARTING,
        created_ms=now,
        port=port,
    )
    return Launch(instance=instance, command=command, folder=folder, env=env or {}, limits=limits or Limits())


class Ends:
    """Takes an instance's end, and counts how often it was told."""

    def __init__(self) -> None:
        self.told: list[Exit] = []
        self._ended = asyncio.Event()

    def __call__(self, end: Exit) -> None:
        self.told.append(end)
        self._ended.set()

    async def wait(self) -> Exit:
        await self._ended.wait()
        return self.told[0]


async def line_starting(file: Path, start: str) -> str:
    """The first line of the file with that start, as soon as it is written."""
    found: list[str] = []

    class Found(Exception):
        pass

    async def look(lines: tuple[str, ...], _offset: int) -> None:
        found.extend(line for line in lines if line.startswith(start))
        if found:
            raise Found

    reader = InotifyOutputReader()
    try:
        await reader.follow(file, 0, look)
    except Found:
        return found[0]
    finally:
        reader.close()
    raise AssertionError("follow never ends by itself")


def processes_of(instance: Instance) -> list[int]:
    """Everyone alive who carries its mark, looked up independently of the runtime."""
    found: list[int] = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get("DEPLOYD_INSTANCE") == instance.id:
                found.append(process.pid)
        except psutil.Error:
            continue
    return found
