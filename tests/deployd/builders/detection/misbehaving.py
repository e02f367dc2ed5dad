"""The process that reads projects, with a detector in it that does what the file `behave` of the project says."""

import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

from deployd.builders.detection import zygote
from deployd.builders.project import Project
from deployd.domain.build import BuildPlan, BuildWishes
from deployd.domain.errors import BuildFailed

CPU_SECONDS = 1


def look(project: Project, wishes: BuildWishes) -> BuildPlan:
    what, _, about = project.text("behave").partition(" ")
    return BuildPlan(builder="test", why=str(DEEDS[what](about)))


def _spin(about: str) -> object:
    while True:
        pass


def _wait(about: str) -> object:
    while not Path(about).exists():
        time.sleep(0.005)
    return "waited"


def _refuse(about: str) -> object:
    raise BuildFailed("No.")


DEEDS: dict[str, Callable[[str], object]] = {
    "read": lambda about: Path(about).read_text(),
    "write": lambda about: Path(about).write_text("was here"),
    "start": lambda about: os.posix_spawn("/bin/true", ["true"], {}),
    "connect": lambda about: socket.create_connection(("127.0.0.1", int(about)), 2).getpeername(),
    "eat": lambda about: len(bytearray(2 << 30)),
    "crash": lambda about: os.abort(),
    "bug": lambda about: dict[str, str]()["nobody foresaw this"],
    "env": lambda about: sorted(os.environ),
    "spin": _spin,
    "wait": _wait,
    "refuse": _refuse,
}


if __name__ == "__main__":
    zygote.main(int(sys.argv[2]), look, CPU_SECONDS)
