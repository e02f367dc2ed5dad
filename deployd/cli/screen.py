"""Where people read: every text that reaches a terminal or a file passes here, and is made safe here."""

import shutil
import sys
from collections.abc import Mapping
from typing import TextIO

from deployd.cli.safe_text import safe_text
from deployd.cli.source_line import fitted
from deployd.cli.table import Cell, Table, cells

_CODES = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33, "magenta": 35, "cyan": 36}
_ERASE = "\r\x1b[2K"


class Screen:
    """`width` is None for a file or a pipe: nothing is folded there. `moves`: the last line may be written anew."""

    def __init__(self, out: TextIO, *, width: int | None = None, colours: bool = False, moves: bool = False) -> None:
        self._out = out
        self._colours = colours
        self._status = ""
        self.width = width
        self.moves = moves

    @classmethod
    def of(cls, out: TextIO, environment: Mapping[str, str]) -> "Screen":
        if not out.isatty():
            return cls(out)
        smart = environment.get("TERM", "") not in ("", "dumb")
        width = shutil.get_terminal_size().columns
        return cls(out, width=width, colours=smart and not environment.get("NO_COLOR"), moves=smart)

    def line(self, *parts: str | Cell, indent: int = 0, fold: bool = True) -> None:
        """One line of parts; a long one is folded between words on a terminal, where no word is broken."""
        pieces = [Cell(part) if isinstance(part, str) else part for part in parts]
        safe = [Cell(safe_text(piece.text), piece.style) for piece in pieces]
        for line in [safe] if self.width is None or not fold else _folded(safe, self.width, indent):
            self._put("".join(map(self._painted, line)))

    def text(self, text: str, style: str = "", indent: int = 0) -> None:
        """As many lines as it has; what is folded of an indented one is indented further.

        A line of a file and the marks under it are cut instead: folded, the marks would stand under something else.
        """
        lines = text.split("\n")
        while lines:
            if self.width is not None and len(lines) > 1 and (pair := fitted(lines[0], lines[1], self.width)):
                for line in pair:
                    self.line(Cell(line, style), fold=False)
                del lines[:2]
                continue
            line = lines.pop(0)
            margin = len(line) - len(line.lstrip(" "))
            self.line(Cell(line, style), indent=margin + 2 if margin else indent)

    def table(self, table: Table, *, wide: bool = False) -> None:
        safe = Table(
            table.columns, [tuple(Cell(safe_text(cell.text), cell.style) for cell in row) for row in table.rows]
        )
        for line in safe.lines(None if wide else self.width):
            self._put("".join(map(self._painted, line)))

    def status(self, text: str) -> None:
        """A line at the bottom that is written over by the next; nothing where lines cannot be written over."""
        if not self.moves or text == self._status:
            return
        self._status = text
        shown = safe_text(text)
        while cells(shown) >= (self.width or 80):
            shown = shown[:-1]
        self._write(_ERASE + shown)

    def _put(self, text: str) -> None:
        if self._status:
            self._write(_ERASE)
            self._status = ""
        self._write(text.rstrip() + "\n")

    def _write(self, text: str) -> None:
        encoding = self._out.encoding or "utf-8"
        self._out.write(text.encode(encoding, "replace").decode(encoding))
        self._out.flush()

    def _painted(self, cell: Cell) -> str:
        if not (self._colours and cell.style and cell.text):
            return cell.text
        return f"\x1b[{_CODES[cell.style]}m{cell.text}\x1b[0m"


def say_to_stderr(text: str) -> None:
    """For sentences of several lines, too."""
    from deployd.config_file import environment

    Screen.of(sys.stderr, environment()).text(text)


def _folded(parts: list[Cell], width: int, indent: int) -> list[list[Cell]]:
    """At spaces only, and never within a word; what follows the first line is indented."""
    lines: list[list[Cell]] = [[]]
    used = 0
    for part in parts:
        for number, word in enumerate(part.text.split(" ")):
            space = " " if number else ""
            if used + len(space) + cells(word) > width and space and used > indent:
                lines.append([Cell(" " * indent)])
                used, space = indent, ""
            _append(lines[-1], Cell(space + word, part.style))
            used += len(space) + cells(word)
    return lines


def _append(line: list[Cell], cell: Cell) -> None:
    if line and line[-1].style == cell.style:
        line[-1] = Cell(line[-1].text + cell.text, cell.style)
    else:
        line.append(cell)
