"""One running copy of a process of a release."""

from enum import StrEnum

import msgspec

from deployd.domain.ids import AppName, DeploymentId, InstanceId


class InstanceState(StrEnum):
    """A WARM one gets no requests any more, and runs on in case traffic has to go back to it."""

    STARTING = "starting"
    RUNNING = "running"
    WARM = "warm"
    CRASHED = "crashed"
    STOPPING = "stopping"


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """`pid` with `pid_started` (clock ticks since boot, field 22 of /proc/PID/stat) names one OS process for good.

    `process` is the name and the number of the copy: `web.1`.
    `port` is the loopback port handed to it as PORT; None for processes that serve nothing.
    """

    id: InstanceId
    app: AppName
    release: int
    deployment: DeploymentId
    process: str
    state: InstanceState
    created_ms: int
    pid: int | None = None
    pid_started: int | None = None
    port: int | None = None
    restarts: int = 0

    @property
    def kind(self) -> str:
        """The process it is a copy of: `web` for `web.2`."""
        return self.process.rsplit(".", 1)[0]


class Exit(msgspec.Struct, frozen=True, kw_only=True):
    """How an instance's OS process ended; `code` and `signal` are both None when it was not our child (adopted)."""

    code: int | None = None
    signal: str | None = None
    oom: bool = False

    def __str__(self) -> str:
        if self.oom:
            return "was killed for using too much memory"
        if self.signal is not None:
            return f"was killed by {self.signal}"
        if self.code is not None:
            return f"exited with code {self.code}"
        return "ended"
