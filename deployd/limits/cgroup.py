"""Keeps each instance and each build step in a control group of its own, `deployd/<name>`, in v2 where it can, else v1.

Where that group is made: under the group deployd runs in, except in v2, where a group that holds processes cannot
hand controllers on: there it is the parent of a group called `main`, or, for root, the top of the tree. In a service
with Delegate=yes deployd moves itself into such a `main`, which systemd does since version 254 only.
"""

import errno
import os
import secrets
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from deployd.domain.app import Limits
from deployd.domain.ids import InstanceId
from deployd.limits.cgroup_limits import CONTROLLERS, settings

_OURS = "deployd"
_DELEGATED = "main"
_V2 = ""  # as /proc/PID/cgroup names it
_PROBE = Limits(memory_mb=1 << 20, cpus=1.0, pids=1 << 15)
_UNLIMITED = (["max"], ["0"])
_ATTEMPTS = 5
_PAUSES = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024)


class Folder(NamedTuple):
    """One group in one hierarchy."""

    path: Path
    v2: bool


class Group:
    """The control groups of one name: one in v2, or one for each controller in v1, or none at all."""

    def __init__(self, folders: tuple[Folder, ...]) -> None:
        self._folders = folders

    def pids(self) -> set[int]:
        found: set[int] = set()
        for folder in self._folders:
            found.update(int(line) for line in _read(folder.path / "cgroup.procs").split())
        return found

    @property
    def entrances(self) -> tuple[Path, ...]:
        """The files into which a process writes its pid to be in the group."""
        return tuple(folder.path / "cgroup.procs" for folder in self._folders)

    def join(self, pid: int) -> bool:
        return all([_write(folder.path / "cgroup.procs", str(pid)) for folder in self._folders])

    def limit(self, limits: Limits) -> list[str]:
        """The controllers whose limit the kernel refused."""
        refused: list[str] = []
        for folder in self._folders:
            for setting in settings(limits, folder.v2):
                file = folder.path / setting.file
                if (folder.v2 or file.exists()) and not _write(file, setting.value) and setting.essential:
                    refused.append(setting.controller)
        return refused

    def limit_again(self, limits: Limits) -> None:
        """Sets what was lost when the controllers were taken away for the start of deployd; what holds stays."""
        for folder in self._folders:
            for setting in settings(limits, folder.v2):
                if folder.v2 and _read(folder.path / setting.file).split()[:1] in _UNLIMITED:
                    _write(folder.path / setting.file, setting.value)

    def ran_out_of_memory(self) -> bool:
        return any(
            _counted(folder.path / ("memory.events" if folder.v2 else "memory.oom_control"), "oom_kill")
            for folder in self._folders
        )

    def ran_out_of_pids(self) -> bool:
        return any(_counted(folder.path / "pids.events", "max") for folder in self._folders)

    def kill(self) -> None:
        """All of it at once, where the kernel can (v2 since 5.14)."""
        for folder in self._folders:
            _write(folder.path / "cgroup.kill", "1")

    def remove(self) -> None:
        """For a thread. Nothing happens while a process is left in it."""
        for folder in self._folders:
            if _remove(folder.path):
                with suppress(OSError):  # the last one to go takes the parent along
                    folder.path.parent.rmdir()


class Cgroups:
    """What this host lets us do; built once, at start."""

    def __init__(self) -> None:
        self._mounts = _mounts()
        self._parents = self._find_parents()
        self.unenforced = self._probe()

    def make(self, name: str) -> Group:
        """Its group where one can be made; the rest is what `unenforced` tells."""
        made = [Folder(parent.path / name, parent.v2) for parent in self._parents if self._made(parent, name)]
        return Group(tuple(made))

    def sweep(self, kind: str) -> None:
        """Removes the empty groups `<kind>-<pid>-…` whose maker was killed before it could."""
        for parent in self._parents:
            for folder in parent.path.glob(f"{kind}-*-*"):
                maker = folder.name.split("-")[1]
                if maker.isdecimal() and not Path(f"/proc/{maker}").exists():
                    with suppress(OSError):
                        folder.rmdir()

    def find(self, instance: InstanceId, pid: int | None) -> Group:
        """The group an earlier deployd made, which may have run in another group itself."""
        folders = [Folder(parent.path / instance, parent.v2) for parent in self._parents]
        if pid is not None:
            for name, path in _memberships(Path(f"/proc/{pid}/cgroup")).items():
                if name in self._mounts and path.parts[-2:] == (_OURS, instance):
                    folders.append(Folder(_below(self._mounts[name], path), name == _V2))
        return Group(tuple(folder for folder in dict.fromkeys(folders) if folder.path.is_dir()))

    def _find_parents(self) -> list[Folder]:
        own = _memberships(Path("/proc/self/cgroup"))
        parents: list[Folder] = []
        if _V2 in self._mounts and set(CONTROLLERS) & set(_read(self._mounts[_V2] / "cgroup.controllers").split()):
            base = v2_base(self._mounts[_V2], own.get(_V2, Path("/")))
            make_room(base)
            parents.append(Folder(base / _OURS, True))
        for controller in CONTROLLERS:
            if controller in self._mounts:
                base = _below(self._mounts[controller], own.get(controller, Path("/")))
                base = base if base.is_dir() else self._mounts[controller]
                parents.append(Folder(base / _OURS, False))
        return list(dict.fromkeys(parents))

    def _made(self, parent: Folder, name: str) -> bool:
        for _ in range(_ATTEMPTS):  # another deployd may remove the empty parent in between
            try:
                parent.path.mkdir(exist_ok=True)
                if parent.v2:
                    _hand_on(parent.path)
                (parent.path / name).mkdir(exist_ok=True)
            except FileNotFoundError:
                continue
            except OSError:
                return False
            return True
        return False

    def _probe(self) -> tuple[str, ...]:
        group = self.make(f"probe-{os.getpid()}-{secrets.token_hex(4)}")
        refused = set(group.limit(_PROBE))
        there = {
            setting.controller
            for folder in group._folders
            for setting in settings(_PROBE, folder.v2)
            if (folder.path / setting.file).exists()
        }
        group.remove()
        return tuple(controller for controller in CONTROLLERS if controller not in there or controller in refused)


def _mounts() -> dict[str, Path]:
    """Where each controller of v1, and v2 as a whole, is mounted."""
    found: dict[str, Path] = {}
    for line in _read(Path("/proc/self/mounts")).splitlines():
        _, folder, kind, options, *_ = line.split()
        if kind == "cgroup2":
            found.setdefault(_V2, Path(folder))
        elif kind == "cgroup":
            for controller in set(options.split(",")) & set(CONTROLLERS):
                found.setdefault(controller, Path(folder))
    return found


def _memberships(file: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for line in _read(file).splitlines():
        _, names, path = line.split(":", 2)
        found.update({name: Path(path) for name in names.split(",")})
    return found


def _below(mount: Path, path: Path) -> Path:
    return mount / path.relative_to("/")


def v2_base(mount: Path, own: Path) -> Path:
    if own.name == _DELEGATED:
        return _below(mount, own.parent)
    folder = _below(mount, own)
    return folder if os.geteuid() != 0 or _is_delegated(folder) else mount


def make_room(base: Path) -> None:
    """Moves what runs in a service's own group into `main` below it, so that it can hand controllers on."""
    if not _is_delegated(base):
        return
    room = base / _DELEGATED
    with suppress(OSError):
        room.mkdir(exist_ok=True)
    for _ in range(_ATTEMPTS):  # one that forked in between is seen the next time
        left = _read(base / "cgroup.procs").split()
        if not left or not all([_write(room / "cgroup.procs", pid) for pid in left]):
            return


def _is_delegated(folder: Path) -> bool:
    """systemd gives the group of a service with Delegate=yes to its user; root's it marks."""
    if not folder.name.endswith(".service"):
        return False
    try:
        return folder.stat().st_uid == os.geteuid() != 0 or os.getxattr(folder, "user.delegate") == b"1"
    except OSError:
        return False


def _hand_on(parent: Path) -> None:
    """Lets the groups below `parent` have limits; what cannot be handed on is found missing later."""
    for folder in (parent.parent, parent):
        enabled = set(_read(folder / "cgroup.subtree_control").split())
        for controller in CONTROLLERS:
            if controller not in enabled:
                _write(folder / "cgroup.subtree_control", f"+{controller}")


def _counted(file: Path, event: str) -> bool:
    words = _read(file).split()
    return event in words and words[words.index(event) + 1] != "0"


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""


def _write(file: Path, value: str) -> bool:
    """Control files are never created, so one that is missing is a limit that cannot be set."""
    try:
        descriptor = os.open(file, os.O_WRONLY)
    except OSError:
        return False
    try:
        os.write(descriptor, value.encode())
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def _remove(folder: Path) -> bool:
    """A process leaves its group some moments after its end was told, and v1 has no event for that."""
    for pause in _PAUSES:
        try:
            folder.rmdir()
        except OSError as error:
            if error.errno != errno.EBUSY:
                return False
            time.sleep(pause)
        else:
            return True
    return False
