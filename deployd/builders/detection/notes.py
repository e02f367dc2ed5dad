"""What deployd and the process that reads a repository tell each other: JSON, one note a line."""

import msgspec

from deployd.domain.build import BuildPlan, BuildWishes

VERB = "detector"
"""How this program is told to be that process; the number of the descriptor that it is ordered over follows."""


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    project: str
    wishes: BuildWishes


class Reading(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The file that is looked at from now on: named when that is the end of it."""

    name: str


class Planned(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    plan: BuildPlan


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    reason: str


class Broke(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A fault of ours."""

    error: str
    traceback: str


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The last note of all: the exit code, negative for a death by a signal."""

    code: int


Note = Reading | Planned | Refused | Broke | Ended


def line(note: msgspec.Struct) -> bytes:
    return msgspec.json.encode(note) + b"\n"
