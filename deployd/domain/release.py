"""The immutable result of a build, and the plan that made it."""

import msgspec

from deployd.domain.ids import AppName


class BuildPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What detection decided, as data.

    `steps` are shell commands run in order in the project folder with the network on;
    `static_root` is the folder (relative to the project) that the proxy serves without a process;
    otherwise `processes` maps names (`web`, `worker`, `release`…) to shell commands that find PORT in their env;
    `env` is what build and processes need besides the app's own; `why` is one sentence for the build log.
    """

    builder: str
    why: str
    steps: tuple[str, ...] = ()
    static_root: str | None = None
    spa: bool = False
    processes: dict[str, str] = {}
    env: dict[str, str] = {}


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """`artifact` is the SHA-256 (hex) of the packed project; `env_version` the env it was made with."""

    app: AppName
    number: int
    artifact: str
    commit: str
    commit_message: str
    plan: BuildPlan
    env_version: int
    created_ms: int
