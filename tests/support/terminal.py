"""A command in a terminal of a given width, and what a person sees of it in the end."""

import asyncio
import fcntl
import os
import re
import struct
import sys
import termios
from collections.abc import Sequence
from pathlib import Path

_ERASED = re.compile(r".*\r\x1b\[2K")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_ROOT = Path(__file__).resolve().parents[2]


class Terminal:
    """`type_when` types a key once a text was seen. Without a width, stdout and stderr are pipes instead."""

    def __init__(self, width: int) -> None:
        self._width = width
        self.written = ""

    async def run(self, argv: Sequence[str], *, type_when: tuple[str, str] | None = None) -> int:
        """`python -m deployd` with these arguments; its exit code."""
        ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, self._width, 0, 0))
        environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR")}
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", _AS_LEADER, *argv, cwd=_ROOT, stdin=theirs, stdout=theirs, stderr=theirs,
                env={**environment, "TERM": "xterm"}, start_new_session=True,
            )  # fmt: skip
        finally:
            os.close(theirs)
        try:
            async with asyncio.timeout(60):
                await asyncio.to_thread(self._read, ours, type_when)
                return await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            os.close(ours)

    def _read(self, descriptor: int, type_when: tuple[str, str] | None) -> None:
        """Until the last one who could write has gone."""
        data = b""
        while True:
            try:
                chunk = os.read(descriptor, 65536)
            except OSError:
                break
            if not chunk:
                break
            data += chunk
            if type_when is not None and type_when[0].encode() in data:
                os.write(descriptor, type_when[1].encode())
                type_when = None
        self.written = data.decode()

    @property
    def lines(self) -> list[str]:
        """As they stand when all is written: what was written over is gone, and so are colours."""
        shown = self.written.replace("\r\n", "\n").split("\n")
        return [_COLOURS.sub("", _ERASED.sub("", line)) for line in shown]


_AS_LEADER = """\
import fcntl, signal, termios
signal.signal(signal.SIGINT, signal.default_int_handler)
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from deployd.__main__ import main
main()
"""
"""The terminal is the session's own, so that Ctrl-C becomes a signal, also in a shell's background jobs."""
