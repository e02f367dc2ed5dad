"""A newer single file takes the place of this one, and gives it back when it does not get ready."""

import os
import re
from collections.abc import Callable
from pathlib import Path

from deployd.domain.errors import UserMistake
from deployd.installation.layout import Layout
from deployd.installation.steps import Folder, Program, StepFailed, Unpacked, run

_VERSION = re.compile(r"deployd (\S+)")
_FIRST_START_SECONDS = 60.0


def version_of(program: Path) -> str:
    """UserMistake unless it is a deployd that runs on this host."""
    if not program.is_file():
        raise UserMistake(f"{program} is not a file: name the deployd to upgrade to.")
    if not os.access(program, os.X_OK):
        raise UserMistake(f"{program} may not be executed: chmod +x {program}")
    try:
        said = run([str(program.absolute()), "--version"], seconds=_FIRST_START_SECONDS)
    except StepFailed as failure:
        raise UserMistake(f"{program} is no deployd that runs on this host: {failure}") from failure
    match = _VERSION.match(said)
    if match is None:
        raise UserMistake(f"{program} is no deployd: asked for its version, it says {said.strip()[:80]!r}.")
    return match[1]


def replace(source: Path, target: Path, layout: Layout, take_over: Callable[[], None]) -> None:
    """`take_over` raises when the new one does not get ready; the old file is back in place then."""
    previous = target.with_name(f"{target.name}.previous")
    program = Program(source=source, target=target, previous=previous)
    program.take()
    try:
        if target == layout.program and layout.unpacked.is_dir():
            Folder(path=layout.unpacked, mode=0o755).take()
            Unpacked(program=target, into=layout.unpacked).take()
        take_over()
    except BaseException:
        previous.replace(target)
        raise
