"""Reads what /proc tells about one OS process."""

import os
from contextlib import suppress
from typing import NamedTuple

_DEAD = frozenset("ZXx")


class Stat(NamedTuple):
    """`started` is in clock ticks since boot; with the pid it names one process for good."""

    state: str
    session: int
    started: int

    @property
    def alive(self) -> bool:
        return self.state not in _DEAD


def stat(pid: int) -> Stat | None:
    """None when there is no such process."""
    try:
        text = _read(f"/proc/{pid}/stat")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text[text.rindex(b")") + 2 :].split()  # the name before it may hold anything, brackets too
    return Stat(state=chr(fields[0][0]), session=int(fields[3]), started=int(fields[19]))


def environ(pid: int) -> frozenset[bytes]:
    """The KEY=VALUE entries it was started with; empty when it may not be read, or has overwritten them."""
    try:
        return frozenset(_read(f"/proc/{pid}/environ").split(b"\0"))
    except OSError:
        return frozenset()


def open_files(pid: int) -> dict[int, str]:
    """Its descriptors and what each leads to; empty when it may not be read."""
    folder = f"/proc/{pid}/fd"
    found: dict[int, str] = {}
    with suppress(OSError):
        for name in os.listdir(folder):
            with suppress(FileNotFoundError):  # closed meanwhile
                found[int(name)] = os.readlink(f"{folder}/{name}")
    return found


def pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()]


def _read(file: str) -> bytes:
    """Hundreds of these make one look at a host, so nothing is put between us and the kernel."""
    with open(file, "rb", buffering=0) as opened:
        return opened.read()
