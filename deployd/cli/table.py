"""Lays out a table in the columns there are: an address or an id is never broken, the rest is folded around them."""

from collections.abc import Iterable
from dataclasses import dataclass, field

_GAP = 2
_LEAST = 20
"""A folded column is not made narrower than that: it moves below its row, or the rows are stacked."""


@dataclass(frozen=True)
class Cell:
    text: str
    style: str = ""


@dataclass(frozen=True)
class Column:
    """`whole` cells are never broken: they are copied, clicked and typed again. `below`: moves to a line of its own
    under the row where there is no room."""

    heading: str
    whole: bool = False
    below: bool = False


Line = list[Cell]
"""Pieces one after the other."""


@dataclass
class Table:
    columns: tuple[Column, ...]
    rows: list[tuple[Cell, ...]] = field(default_factory=list)

    def add(self, *cells: str | Cell) -> None:
        self.rows.append(tuple(Cell(cell) if isinstance(cell, str) else cell for cell in cells))

    def lines(self, width: int | None) -> list[Line]:
        """Without a `width` each row is one line."""
        beside = [number for number, column in enumerate(self.columns) if not column.below]
        for numbers in (list(range(len(self.columns))), beside):
            part = Table(
                tuple(self.columns[number] for number in numbers),
                [tuple(row[number] for number in numbers) for row in self.rows],
            )
            if (widths := part._widths(width)) is not None:
                return self._laid_out(part, widths, width)
        return self._stacked(width or 0)

    def _widths(self, width: int | None) -> list[int] | None:
        """None when they do not fit."""
        natural = [
            max(cells(text) for text in (column.heading, *(row[number].text for row in self.rows)))
            for number, column in enumerate(self.columns)
        ]
        return natural if width is None or _total(natural) <= width else self._folded(natural, width)

    def _folded(self, natural: list[int], width: int) -> list[int] | None:
        """The widest of those that may be broken gives way first; None when that is not enough."""
        widths = list(natural)
        while (excess := _total(widths) - width) > 0:
            spare = [
                (widths[number], number)
                for number, column in enumerate(self.columns)
                if not column.whole and widths[number] > max(_LEAST, cells(column.heading))
            ]
            if not spare:
                return None
            widest, number = max(spare)
            second = max((one for one, _ in spare if one < widest), default=_LEAST)
            least = max(_LEAST, cells(self.columns[number].heading))
            widths[number] = max(least, widest - excess, min(second, widest - 1))
        return widths

    def _laid_out(self, part: "Table", widths: list[int], width: int | None) -> list[Line]:
        """`part` is what has room beside each other; the rest follows under each row."""
        lines = list(part._row(tuple(Cell(column.heading, "bold") for column in part.columns), widths))
        below = [number for number, column in enumerate(self.columns) if column not in part.columns]
        for row, full in zip(part.rows, self.rows, strict=True):
            lines += part._row(row, widths)
            for number in below:
                cell, whole = full[number], self.columns[number].whole or width is None
                for text in [cell.text] if whole else wrapped(cell.text, max((width or 0) - _GAP, _LEAST)):
                    lines += [[Cell(" " * _GAP), Cell(text, cell.style)]] if text else []
        return lines

    def _row(self, row: tuple[Cell, ...], widths: list[int]) -> Iterable[Line]:
        parts = [
            [cell.text] if column.whole else wrapped(cell.text, room)
            for cell, column, room in zip(row, self.columns, widths, strict=True)
        ]
        for number in range(max(map(len, parts))):
            line: Line = []
            for cell, part, room in zip(row, parts, widths, strict=True):
                text = part[number] if number < len(part) else ""
                line += [Cell(text, cell.style), Cell(" " * (room - cells(text) + _GAP))]
            yield _without_end(line)

    def _stacked(self, width: int) -> list[Line]:
        """Too narrow for columns: each row becomes a paragraph under its first cell."""
        label_width = max(cells(column.heading) for column in self.columns[1:]) + 2 * _GAP
        lines: list[Line] = []
        for first, *rest in self.rows:
            lines.append([Cell(first.text, first.style or "bold")])
            for cell, column in zip(rest, self.columns[1:], strict=True):
                label = f"{' ' * _GAP}{column.heading}".ljust(label_width)
                whole = column.whole or not cell.text
                for text in [cell.text] if whole else wrapped(cell.text, max(width - label_width, _LEAST)):
                    if text:
                        lines.append([Cell(label, "dim"), Cell(text, cell.style)])
                    label = " " * label_width
        return lines


def wrapped(text: str, width: int) -> list[str]:
    """By words; a word longer than the line is cut. At least one line."""
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        joined = f"{line} {word}" if line else word
        if cells(joined) <= width:
            line = joined
            continue
        if line:
            lines.append(line)
        while cells(word) > width:
            head = _head(word, width)
            lines.append(head)
            word = word[len(head) :]
        line = word
    return [*lines, line] if line or not lines else lines


def cells(text: str) -> int:
    """How many columns of a terminal it takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _head(word: str, width: int) -> str:
    end = len(word) if len(word) < width else width
    while end > 1 and cells(word[:end]) > width:
        end -= 1
    return word[:end]


def _total(widths: list[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1)


def _without_end(line: Line) -> Line:
    while line and not line[-1].text.strip():
        line.pop()
    return line
