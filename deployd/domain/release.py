"""The immutable result of a build."""

import msgspec

from deployd.domain.build import BuildPlan
from deployd.domain.ids import AppName


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
