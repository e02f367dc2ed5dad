"""Puts a build step into a control group of its own, which caps it and knows afterwards which cap it broke."""

import os
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from deployd.builders.caps import Caps
from deployd.kernel.in_thread import in_thread
from deployd.limits.cgroup import Cgroups, Group
from deployd.limits.oom_score import BUILD_SCORE

_KIND = "build"
_JOIN = (
    f"echo {BUILD_SCORE} 2>/dev/null >/proc/self/oom_score_adj; "
    'while [ "$1" != -- ]; do echo $$ > "$1" || exit 125; shift; done; shift; exec "$@"'
)


class Cages:
    """Blocks while it finds out what this host allows; `unenforced` are the controllers it does not."""

    def __init__(self, caps: Caps) -> None:
        self._caps = caps
        self._cgroups = Cgroups()
        self._cgroups.sweep(_KIND)
        self.unenforced = self._cgroups.unenforced

    @asynccontextmanager
    async def one(self) -> AsyncIterator[Group]:
        """Gone with everything in it at the end, however often one is cancelled meanwhile."""
        made: list[Group] = []
        try:
            await in_thread(lambda check: made.append(self._make()))
            yield made[0]
        finally:
            if made:
                await in_thread(lambda check: made[0].remove())

    def _make(self) -> Group:
        group = self._cgroups.make(f"{_KIND}-{os.getpid()}-{secrets.token_hex(6)}")
        group.limit(self._caps.limits)
        return group


def joining(group: Group, argv: Sequence[str]) -> list[str]:
    """The command enters by itself, and makes itself the kernel's first choice when the host runs out of memory: then
    it has no child yet that could be left outside.
    """
    return ["sh", "-c", _JOIN, "sh", *map(str, group.entrances), "--", *argv]
