"""Where instances run."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import msgspec

from deployd.domain.app import Limits
from deployd.domain.instance import Exit, Instance


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """`command` is a shell command run in `folder` with exactly `env` plus PORT, HOME, PATH and LANG.

    `programs` are folders that stand in PATH after the project's own and before the host's.
    """

    instance: Instance
    command: str
    folder: Path
    programs: tuple[Path, ...] = ()
    env: Mapping[str, str]
    limits: Limits


class Runtime(Protocol):
    async def free_port(self) -> int:
        """A loopback port nobody listens on, not handed out again while it is reserved by a known instance."""
        ...

    async def start(self, launch: Launch, on_exit: Callable[[Exit], None]) -> Instance:
        """The instance with pid and start time; its output goes to `output(instance)`. StartFailed when it cannot run.

        `on_exit` is called once when it ends, asked or not.
        """
        ...

    async def adopt(self, instance: Instance, on_exit: Callable[[Exit], None], limits: Limits) -> bool:
        """Watches a process that an earlier deployd started; False when it is gone or its pid is somebody else's.

        `limits` are for what has lost its own meanwhile.
        """
        ...

    async def stop(self, instance: Instance, grace_seconds: float = 10.0) -> None:
        """SIGTERM to the group, SIGKILL after the grace; returns when no process of it is left. Harmless when gone."""
        ...

    async def owns_port(self, instance: Instance) -> bool:
        """Whether a process of this instance listens on `instance.port`: a target is checked to be what it claims."""
        ...

    def output(self, instance: Instance) -> Path:
        """The file that stdout and stderr are appended to."""
        ...

    async def run_once(self, launch: Launch, on_line: Callable[[str], None], timeout_seconds: float) -> Exit:
        """Runs a command to its end (the `release` process); cancelling or the timeout kills its group."""
        ...

    def warnings(self) -> tuple[str, ...]:
        """One sentence for each limit that this host cannot enforce."""
        ...
