"""Says which control files carry limits; pure."""

from typing import NamedTuple

from deployd.domain.app import Limits

_CPU_PERIOD_US = 100_000


class Setting(NamedTuple):
    """`essential`: the limit does not hold without it; the others only make it tighter where the kernel has them."""

    controller: str
    file: str
    value: str
    essential: bool = True


CONTROLLERS = ("memory", "pids", "cpu")


def settings(limits: Limits, v2: bool) -> list[Setting]:
    return (_memory_v2 if v2 else _memory_v1)(limits) + _pids(limits) + _cpu(limits, v2)


def _memory_v2(limits: Limits) -> list[Setting]:
    if not limits.memory_mb:
        return []
    return [
        Setting("memory", "memory.max", str(limits.memory_mb << 20)),
        Setting("memory", "memory.swap.max", "0", essential=False),
        Setting("memory", "memory.oom.group", "1", essential=False),  # what is half killed would neither work nor end
    ]


def _memory_v1(limits: Limits) -> list[Setting]:
    if not limits.memory_mb:
        return []
    size = str(limits.memory_mb << 20)
    return [
        Setting("memory", "memory.limit_in_bytes", size),
        Setting("memory", "memory.memsw.limit_in_bytes", size, essential=False),
    ]


def _pids(limits: Limits) -> list[Setting]:
    return [Setting("pids", "pids.max", str(limits.pids))] if limits.pids else []


def _cpu(limits: Limits, v2: bool) -> list[Setting]:
    if not limits.cpus:
        return []
    quota = max(1_000, int(limits.cpus * _CPU_PERIOD_US))
    if v2:
        return [Setting("cpu", "cpu.max", f"{quota} {_CPU_PERIOD_US}")]
    return [
        Setting("cpu", "cpu.cfs_period_us", str(_CPU_PERIOD_US)),
        Setting("cpu", "cpu.cfs_quota_us", str(quota)),
    ]
