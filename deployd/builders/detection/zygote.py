"""The process beside deployd that reads repositories: it holds the detectors ready and forks for each project.

A hostile file costs only the fork that reads it, which has limits and can do nothing but read. This process itself
never looks at a project; it ends when deployd does.
"""

import gc
import os
import selectors
import socket
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NoReturn

import msgspec

from deployd.builders.detect import detect
from deployd.builders.detection.confine import CPU_SECONDS, limit, only_read
from deployd.builders.detection.notes import Ask, Broke, Ended, Planned, Reading, Refused, line
from deployd.builders.listing import list_project
from deployd.builders.project import Project
from deployd.domain.build import BuildPlan, BuildWishes
from deployd.domain.errors import BuildFailed

_NICE = 5
_MOST_ASKED = 16 << 20
_LONGEST_ANSWER = 1 << 20
_LONGEST_ERROR = 2_000


Look = Callable[[Project, BuildWishes], BuildPlan]


def main(descriptor: int, look: Look = detect, cpu_seconds: int = CPU_SECONDS) -> None:
    """Forks for each connection that comes over the socket `descriptor`, until its other end is closed."""
    gc.freeze()  # What the forks share stays shared.
    with suppress(PermissionError):  # A hardened service may forbid it: then apps and detectors are alike.
        os.nice(_NICE)
    forks: dict[int, tuple[int, socket.socket]] = {}
    answer = partial(_answer, look, cpu_seconds)
    with socket.socket(fileno=descriptor) as orders, selectors.DefaultSelector() as ready:
        ready.register(orders, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select():
                if key.fileobj is orders:
                    said, connections, _, _ = socket.recv_fds(orders, 1, 1)
                    if not said:
                        return
                    handle, fork = _fork(socket.socket(fileno=connections[0]), orders, answer)
                    forks[handle] = fork
                    ready.register(handle, selectors.EVENT_READ)
                else:
                    ready.unregister(key.fd)
                    _reap(key.fd, *forks.pop(key.fd))


def _fork(
    connection: socket.socket, orders: socket.socket, answer: Callable[[socket.socket], bytes]
) -> tuple[int, tuple[int, socket.socket]]:
    pid = os.fork()
    if pid == 0:
        orders.close()
        _serve(connection, answer)
    return os.pidfd_open(pid), (pid, connection)


def _reap(handle: int, pid: int, connection: socket.socket) -> None:
    """The connection is held here, too, so that whoever waits is told how the fork ended."""
    os.close(handle)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with connection, suppress(OSError):
        connection.sendall(line(Ended(code=code)))


def _serve(connection: socket.socket, answer: Callable[[socket.socket], bytes]) -> NoReturn:
    code = 1
    try:
        connection.sendall(answer(connection))
        code = 0
    except BaseException:  # noqa: BLE001 - the end of this process, whatever it was
        traceback.print_exc()
    finally:
        os._exit(code)


def _answer(look: Look, cpu_seconds: int, connection: socket.socket) -> bytes:
    limit(cpu_seconds)
    ask = msgspec.json.decode(_asked(connection), type=Ask)
    folder = Path(ask.project)
    only_read(folder)
    try:
        plan = look(_watched(list_project(folder), connection), ask.wishes)
    except BuildFailed as refusal:
        return line(Refused(reason=str(refusal)[:_LONGEST_ANSWER]))
    except Exception as fault:  # noqa: BLE001 - deployd decides: it is told, whatever it is
        told = "".join(traceback.format_exception(fault))
        error = f"{type(fault).__name__}: {fault}"
        return line(Broke(error=error[:_LONGEST_ERROR], traceback=told[-_LONGEST_ERROR * 4 :]))
    answer = line(Planned(plan=plan))
    if len(answer) > _LONGEST_ANSWER:
        return line(Refused(reason="The plan for this project is longer than 1 MiB: its files say far too much."))
    return answer


def _asked(connection: socket.socket) -> bytes:
    asked = b""
    while part := connection.recv(1 << 16):
        asked += part
        if len(asked) > _MOST_ASKED:
            raise ValueError("what is asked is too long")
    return asked


def _watched(project: Project, connection: socket.socket) -> Project:
    def read(name: str) -> str:
        connection.sendall(line(Reading(name=name)))
        return project.read(name)

    return Project(files=project.files, read=read)
