"""What a supervisor is told about a child: how to make it, how long it may take, what to do when it keeps failing."""

from collections.abc import Callable
from enum import StrEnum
from typing import Generic, TypeVar

import msgspec

from deployd.kernel.actor import Actor
from deployd.kernel.ref import Ref

M = TypeVar("M")


class GiveUp(StrEnum):
    """What happens when the restart budget is spent."""

    ESCALATE = "escalate"  # the whole process cannot go on without it
    PARK = "park"  # the rest goes on; it stays down until it is revived


class ChildSpec(msgspec.Struct, Generic[M], frozen=True, kw_only=True):
    """`build` makes an actor for each life; `stop_seconds` covers what is in line, spawned tasks and `on_stop`."""

    ref: Ref[M]
    build: Callable[[Ref[M]], Actor[M]]
    start_seconds: float = 60.0
    stop_seconds: float = 10.0
    give_up: GiveUp = GiveUp.ESCALATE
