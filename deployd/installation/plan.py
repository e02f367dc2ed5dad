"""What installing and uninstalling consist of on this host; pure: the steps are data, to be shown or taken."""

from pathlib import Path

from deployd.installation.carried import config_text, unit_text
from deployd.installation.layout import SOCKET, UNIT, USER, Layout, Origin
from deployd.installation.steps import (
    Folder,
    Gone,
    NoUser,
    ProcessesEnded,
    Program,
    Started,
    Step,
    Stopped,
    SystemUser,
    TextFile,
    UnitsRead,
    Unpacked,
)

_HIDDEN = ("/root/", "/home/", "/run/user/", "/tmp/", "/var/tmp/")
"""What the unit keeps from the service: homes, and folders that are emptied."""


def install_plan(origin: Origin, layout: Layout) -> list[Step]:
    own = USER
    steps: list[Step] = [
        SystemUser(name=own, home=layout.data),
        Folder(path=layout.data, mode=0o700, owner=own, group=own),
        Folder(path=layout.config.parent, mode=0o750, group=own),
        TextFile(path=layout.config, text=config_text(layout), mode=0o640, group=own, keep=True),
    ]
    command = origin.command
    if origin.file is not None:
        command = (str(layout.program),)
        steps += [
            Program(source=origin.file, target=layout.program, previous=layout.previous),
            Folder(path=layout.unpacked, mode=0o755),
            Unpacked(program=layout.program, into=layout.unpacked),
        ]
    if origin.systemd:
        steps += [TextFile(path=layout.unit, text=unit_text(command, layout), mode=0o644), Started(unit=UNIT)]
    return steps


def uninstall_plan(layout: Layout, *, systemd: bool, daemon: int | None, single_file: bool, purge: bool) -> list[Step]:
    """`daemon` is the pid of one that runs without systemd.

    An installed `single_file` goes last, since it may be the one that does all this; a package is not ours to remove.
    """
    steps: list[Step] = [Stopped(units=(SOCKET, UNIT))] if systemd else []
    steps += [
        ProcessesEnded(daemon=None if systemd else daemon),
        Gone(path=layout.unit),
        Gone(path=layout.unit.with_name(SOCKET)),
    ]
    if systemd:
        steps.append(UnitsRead(unit=layout.unit))
    if purge:
        steps += [Gone(path=layout.config.parent), Gone(path=layout.data), NoUser(name=USER)]
    if single_file:
        steps += [Gone(path=layout.previous), Gone(path=layout.program), Gone(path=layout.unpacked)]
    return steps


def out_of_reach(command: tuple[str, ...], interpreter: Path) -> str | None:
    """Why the service's user could not run a deployd that lies there; None when it can."""
    for path in (Path(command[0]), interpreter):
        if str(path).startswith(_HIDDEN):
            return (
                f"This deployd runs from {path}, which a service cannot reach: install it for the whole host, such as "
                "with `UV_TOOL_DIR=/opt/deployd UV_PYTHON_INSTALL_DIR=/opt/python UV_TOOL_BIN_DIR=/usr/local/bin "
                "uv tool install deployd` or `PIPX_HOME=/opt/pipx PIPX_BIN_DIR=/usr/local/bin pipx install deployd`, "
                "then run `deployd install` again."
            )
    return None
