"""Brings an instance to the point where only its gate has to be opened; all of it is for threads."""

import os
import pwd
from typing import NamedTuple

import msgspec

from deployd.domain.errors import StartFailed, UserMistake
from deployd.domain.instance import Instance
from deployd.limits.cgroup import Cgroups, Group
from deployd.limits.cgroup_limits import CONTROLLERS
from deployd.ports.runtime import Launch
from deployd.runtimes.child import GatedChild, User, restrict, spawn

_LIMIT_NAMES = {"memory": "memory", "pids": "process count", "cpu": "CPU"}


class Started(NamedTuple):
    """`instance` has its pid and start time."""

    instance: Instance
    child: GatedChild
    group: Group

    def abandon(self) -> None:
        self.child.abandon()
        self.group.remove()


class Launcher:
    """Remembers which limits the host refused."""

    def __init__(self, cgroups: Cgroups, user: str | None) -> None:
        self._cgroups = cgroups
        self._user = _user(user)
        self._warnings = dict.fromkeys(warning(controller) for controller in cgroups.unenforced)
        if user is not None and self._user is None:
            self._warnings[f"Apps run as deployd's own user, not as {user!r}: only root may change users."] = None

    def start(self, launch: Launch, output: int) -> Started:
        group = self._cgroups.make(launch.instance.id)
        try:
            child = self._limited(launch, output, group)
        except StartFailed:
            group.remove()
            raise
        instance = msgspec.structs.replace(launch.instance, pid=child.process.pid, pid_started=child.started)
        return Started(instance, child, group)

    def warnings(self) -> tuple[str, ...]:
        return tuple(self._warnings)

    def _limited(self, launch: Launch, output: int, group: Group) -> GatedChild:
        refused = group.limit(launch.limits)
        child = spawn(launch, output, self._user)
        if not group.join(child.process.pid):
            refused = list(CONTROLLERS)
        self._warnings.update(dict.fromkeys(warning(controller) for controller in refused))
        try:
            restrict(child.process.pid, launch.limits)
        except OSError as error:
            self._warnings[f"The open-file limit of apps is not enforced: {error.strerror}."] = None
        return child


def warning(controller: str) -> str:
    return (
        f"The {_LIMIT_NAMES[controller]} limit of apps is not enforced: "
        f"deployd may not use the {controller} control group of this host."
    )


def _user(name: str | None) -> User | None:
    if name is None or os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise UserMistake(f"There is no user {name!r} on this host to run apps as.") from None
    return User(entry.pw_uid, entry.pw_gid)
