"""Says in one sentence why a step of a build did not end well."""

from deployd.builders.caps import Caps
from deployd.limits.cgroup import Group

_SIGNALS = {134: "SIGABRT", 137: "SIGKILL", 139: "SIGSEGV", 143: "SIGTERM"}
_LONGEST = 120


def what_went_wrong(step: str, code: int, group: Group, caps: Caps, unreached: str | None = None) -> str | None:
    """None when nothing did; `group` is the one that the step was in, and must still be there.

    `unreached` is a host that the step complained about.
    """
    return None if code == 0 else f"The build step `{_shown(step)}` {_reason(code, group, caps, unreached)}"


def _reason(code: int, group: Group, caps: Caps, unreached: str | None) -> str:
    if group.ran_out_of_memory():
        return f"ran out of memory: it may use {caps.memory_mb} MB ([deploy] build_memory_mb)."
    if group.ran_out_of_pids():
        return f"wanted too many processes: it may have {caps.pids} at once ([deploy] build_pids)."
    if code == 137:
        return "was killed (SIGKILL): most likely the machine ran out of memory."
    if unreached is not None:
        return f"exited with code {code}: it could not reach {unreached}; the build log says more."
    ended = f"was killed by {_SIGNALS[code]}" if code in _SIGNALS else f"exited with code {code}"
    return f"{ended}; the build log says why."


def _shown(step: str) -> str:
    return step if len(step) <= _LONGEST else f"{step[: _LONGEST - 3]}..."
