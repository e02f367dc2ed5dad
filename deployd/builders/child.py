"""A child process, waited for without a thread; the loop's own way to start one would fork all of deployd's memory."""

import asyncio
import os
import subprocess
from collections.abc import Mapping, Sequence
from typing import IO


class Child:
    """In a session of its own, so that its pid is its group's too. `code` is negative for a death by a signal."""

    def __init__(
        self, argv: Sequence[str], *, env: Mapping[str, str], folder: str, output: IO[bytes], pass_fds: Sequence[int]
    ) -> None:
        self._process = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=dict(env),
            cwd=folder,
            pass_fds=tuple(pass_fds),
            start_new_session=True,
        )
        self.pid = self._process.pid

    async def wait(self) -> int:
        if self._process.returncode is None:
            handle = os.pidfd_open(self.pid)
            try:
                await _readable(handle)
            finally:
                os.close(handle)
        return self._process.wait()


async def _readable(handle: int) -> None:
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(handle, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(handle)
