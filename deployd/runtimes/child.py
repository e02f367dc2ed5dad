"""Starts a process that waits behind a gate until it is limited and noted down."""

import os
import resource
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple

from deployd.domain.app import Limits
from deployd.domain.errors import StartFailed
from deployd.limits.oom_score import APP_SCORE, expose
from deployd.ports.runtime import Launch
from deployd.runtimes import procfs
from deployd.runtimes.command import environment, gated_script

_SHELL = "/bin/sh"


class User(NamedTuple):
    uid: int
    gid: int


class Child(subprocess.Popen[bytes]):
    """An instance outlives the object that started it: no warning, no reaping when that is let go."""

    def __del__(self) -> None:
        pass


class GatedChild(NamedTuple):
    """`started` is field 22 of its /proc/PID/stat."""

    process: Child
    started: int

    def open_gate(self) -> None:
        with suppress(BrokenPipeError):  # killed meanwhile: whoever watches it will hear of that
            os.write(self._gate.fileno(), b"\n")
        self._gate.close()

    def abandon(self) -> None:
        """For a start that goes no further: no line of the app has run yet."""
        self.process.kill()
        self.process.wait()
        self._gate.close()

    @property
    def _gate(self) -> IO[bytes]:
        assert self.process.stdin is not None
        return self.process.stdin


def spawn(launch: Launch, output: int, user: User | None) -> GatedChild:
    """In a session of its own, with `output` as stdout and stderr; StartFailed when that cannot be."""
    if not launch.folder.is_dir():
        raise StartFailed(f"{_name(launch)} cannot start: its folder {launch.folder} is missing; deploy again.")
    try:
        process = Child(
            [_SHELL, "-c", gated_script(launch.command)],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=launch.folder,
            env=environment(launch),
            start_new_session=True,
            user=user.uid if user else None,
            group=user.gid if user else None,
            extra_groups=[] if user else None,
        )
    except (OSError, ValueError) as error:
        raise StartFailed(f"{_name(launch)} cannot start: {error}.") from error
    found = procfs.stat(process.pid)
    assert found is not None, "a child that was not waited for has an entry in /proc"
    return GatedChild(process, found.started)


def restrict(pid: int, limits: Limits) -> None:
    """No core files, and no more open files than allowed; the host's own hard limit stays the upper bound.

    Before deployd, it is ended when the host runs out of memory.
    """
    expose(pid, APP_SCORE)
    resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
    if limits.open_files:
        _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        allowed = limits.open_files if hard == resource.RLIM_INFINITY else min(limits.open_files, hard)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (allowed, allowed))


def open_output(file: Path) -> int:
    """For appending only, so that two writers never overwrite one another."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        return os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StartFailed(f"The output file {file} cannot be written: {error.strerror}.") from error


def _name(launch: Launch) -> str:
    instance = launch.instance
    return f"Process {instance.process!r} of {instance.app} v{instance.release}"
