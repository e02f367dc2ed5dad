"""Cuts what a build says into lines, none of them endless, and stops at what a whole build may say."""

from collections.abc import Callable

_LONGEST = 65_536
_COST_OF_A_LINE = 64
"""What keeping a line takes besides its text: a flood of empty lines is a flood too."""


class Written:
    """How much one build has said so far; shared by all its steps."""

    def __init__(self) -> None:
        self.bytes = 0


class Lines:
    """`most` is for everything that counts into `written`; one line tells that the rest is not shown."""

    def __init__(self, on_line: Callable[[str], None], written: Written, most: int) -> None:
        self._on_line = on_line
        self._written = written
        self._most = most
        self._rest = b""

    def feed(self, chunk: bytes) -> None:
        if self._full:
            return
        self._written.bytes += len(chunk)
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            self._say(line)
        while len(self._rest) > _LONGEST:
            self._say(self._rest[:_LONGEST])
            self._rest = self._rest[_LONGEST:]
        if self._full:
            self.end()
            self._on_line(f"The build has written more than {self._most >> 20} MiB; the rest is not shown.")

    def end(self) -> None:
        if self._rest:
            self._say(self._rest)
            self._rest = b""

    @property
    def _full(self) -> bool:
        return self._written.bytes > self._most

    def _say(self, line: bytes) -> None:
        """A progress bar overwrites itself with carriage returns: its last state is the line."""
        self._written.bytes += _COST_OF_A_LINE
        text = line.rstrip(b"\r").rpartition(b"\r")[2]
        for start in range(0, max(len(text), 1), _LONGEST):
            self._on_line(text[start : start + _LONGEST].decode("utf-8", "replace"))
