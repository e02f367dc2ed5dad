"""Whether another process can take the place of this one, which depends on who waits for it to end."""

import os
from pathlib import Path

_CONTAINER_INITS = frozenset({"tini", "docker-init", "dumb-init", "catatonit", "podman-init", "s6-svscan"})
"""They end when the process that they started does, and the container with them."""


def why_not_replaceable(managed: bool) -> str | None:
    """The reason, for a person; None when it can. `managed`: a service manager is told who comes next."""
    if managed or not ends_with_us(os.getpid(), os.getppid(), _first_process()):
        return None
    return (
        "deployd is the first process of its container, which would end with it: "
        "restart the container instead (`docker restart`)."
    )


def ends_with_us(pid: int, parent: int, first: str) -> bool:
    """`first` is the name of process 1; a parent of 0 is outside of the container."""
    return pid == 1 or parent == 0 or (parent == 1 and first in _CONTAINER_INITS)


def _first_process() -> str:
    try:
        return Path("/proc/1/comm").read_text().strip()
    except OSError:
        return ""
