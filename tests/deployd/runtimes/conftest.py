"""A process runtime whose instances are gone after each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from deployd.kernel.clock import SystemClock
from deployd.runtimes.process import ProcessRuntime


@pytest.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[ProcessRuntime]:
    runtime = ProcessRuntime(tmp_path / "output", SystemClock())
    yield runtime
    runtime.close()
    left = [process for process in psutil.process_iter() if _works_in(process, tmp_path)]
    for process in left:
        process.kill()
    psutil.wait_procs(left, timeout=5)


def _works_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return Path(process.cwd()).is_relative_to(folder)
    except (psutil.Error, FileNotFoundError):
        return False
