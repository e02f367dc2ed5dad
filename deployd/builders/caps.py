"""What one build may use at most, and the sentences that say so."""

import os
from collections.abc import Collection

import msgspec

from deployd.domain.app import Limits

_LEAST_MB = 512
_SHARE_OF_RAM = 0.6
_UNIT = 1 << 20


def _automatic_memory_mb() -> int:
    ram = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(_LEAST_MB, int(ram * _SHARE_OF_RAM) // _UNIT)


class Caps(msgspec.Struct, frozen=True, kw_only=True):
    """For everything that a build runs at a time, and `output_mb` for all that it says. `cpus` of 0 means all."""

    memory_mb: int = msgspec.field(default_factory=_automatic_memory_mb)
    cpus: float = 0.0
    pids: int = 4096
    output_mb: int = 16

    @classmethod
    def of(cls, *, memory_mb: int, cpus: float, pids: int) -> "Caps":
        """As deployd.toml says them: memory of 0 means 60 % of this machine's, and 512 MB at least."""
        return cls(memory_mb=memory_mb or _automatic_memory_mb(), cpus=cpus, pids=pids)

    @property
    def limits(self) -> Limits:
        return Limits(memory_mb=self.memory_mb, cpus=self.cpus, pids=self.pids, open_files=0)

    @property
    def output_bytes(self) -> int:
        return self.output_mb * _UNIT

    @property
    def memory_bytes(self) -> int:
        return self.memory_mb * _UNIT


def lesser_argv(caps: Caps, unenforced: Collection[str]) -> list[str]:
    """What stands before a command so that each process keeps the caps that no control group keeps for all of them.

    Memory is counted as data that can be written: whole address spaces are of no use, node reserves gigabytes of them.
    """
    limits = []
    if "memory" in unenforced:
        limits.append(f"--data={caps.memory_bytes}")
    if "pids" in unenforced:
        limits.append(f"--nproc={caps.pids}")
    return ["prlimit", *limits, "--"] if limits else []


def warning(caps: Caps, unenforced: Collection[str]) -> str | None:
    """One line for the build log; None when every cap holds."""
    lesser = {
        "memory": f"each of its processes may use {caps.memory_mb} MB, all together have no limit",
        "pids": f"its user may have {caps.pids} processes",
        "cpu": "it may use every CPU",
    }
    missing = [name for name in lesser if name in unenforced and (name != "cpu" or caps.cpus)]
    if not missing:
        return None
    return (
        f"warning: this build is not capped as a whole ({'; '.join(lesser[name] for name in missing)}): "
        f"deployd may not use the control groups of this host for {', '.join(missing)}."
    )
