"""Learns the end of one process, our child or not, clears away what it left running, and tells it once."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable

from deployd.domain.instance import Exit, Instance
from deployd.limits.cgroup import Group
from deployd.runtimes.crew import Crew

OnExit = Callable[[Exit], None]
_KILL_SECONDS = 10.0


class Watch:
    """A pidfd becomes readable when its process ends; no SIGCHLD, no thread for each child.

    `process` is None for an instance that was adopted: then nobody but its parent knows the exit code.
    """

    def __init__(
        self,
        instance: Instance,
        group: Group,
        crew: Crew,
        process: subprocess.Popen[bytes] | None,
        tell: OnExit,
    ) -> None:
        assert instance.pid is not None
        self.instance = instance
        self.group = group
        self.crew = crew
        self.tell = tell
        self.stoppers = 0
        self.ended = asyncio.Event()
        self._process = process
        self._loop = asyncio.get_running_loop()
        self._descriptor = os.pidfd_open(instance.pid)

        self._loop.add_reader(self._descriptor, self._leader_ended)

    def leave(self) -> None:
        """Stops watching; the process goes on."""
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)

    def _leader_ended(self) -> None:
        self.leave()
        self._loop.run_in_executor(None, self._clear).add_done_callback(self._tell)

    def _clear(self) -> Exit:
        """An instance is over when its leader is, unless `stop` is giving the others their grace.

        The leader is reaped last: until then its pid, which is also the session's number, cannot be given away.
        """
        stopping = self.stoppers > 0
        try:
            if not stopping:
                self.crew.kill(_KILL_SECONDS)
        finally:
            found = exit_of(self._process.poll() if self._process else None, self.group)
            if not stopping:
                self.group.remove()
        return found

    def _tell(self, cleared: asyncio.Future[Exit]) -> None:
        self.ended.set()
        self.tell(cleared.result())


def exit_of(code: int | None, group: Group) -> Exit:
    """`code` as subprocess gives it: negative for a signal, None when unknown."""
    oom = code != 0 and group.ran_out_of_memory()
    if code is not None and code < 0:
        return Exit(signal=_signal_name(-code), oom=oom)
    return Exit(code=code, oom=oom)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"  # a real-time one
