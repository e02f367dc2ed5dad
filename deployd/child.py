"""A child process, waited for without a thread.

The event loop's own way to start one forks all of deployd's memory. And uvloop's closes a descriptor twice: in between,
a thread may have got its number for a file of its own, and loses that.
"""

import asyncio
import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO

Stream = IO[bytes] | int | None
"""A file, a descriptor, or DEVNULL; None for deployd's own."""
DEVNULL = subprocess.DEVNULL


class Child:
    """`code` is negative for a death by a signal. OSError when it cannot be started.

    With `own_session` its pid is its group's too.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        folder: str | None = None,
        stdin: Stream = DEVNULL,
        stdout: Stream = DEVNULL,
        stderr: Stream = DEVNULL,
        pass_fds: Sequence[int] = (),
        own_session: bool = True,
    ) -> None:
        self._process = subprocess.Popen(
            list(argv),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=dict(env),
            cwd=folder,
            pass_fds=tuple(pass_fds),
            start_new_session=own_session,
        )
        self.pid = self._process.pid

    @property
    def ended(self) -> bool:
        """Whether somebody has waited for its end."""
        return self._process.returncode is not None

    async def wait(self) -> int:
        if self._process.returncode is None:
            handle = os.pidfd_open(self.pid)
            try:
                await _readable(handle)
            finally:
                os.close(handle)
        return self._process.wait()

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()


async def _readable(handle: int) -> None:
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(handle, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(handle)
