"""Lays out a table in the columns there are: it is folded between words, and no address, id or other word is broken."""

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
    """`whole` cells stand in one line beside the others. `below`: moves to lines of its own under the row where there
    is no room."""

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
        """Without a `width` each row is one line. What is too long for its column stands below its row."""
        beside = [number for number, column in enumerate(self.columns) if not column.below]
        for numbers in (list(range(len(self.columns))), beside):
            part = Table(
                tuple(self.columns[number] for number in numbers),
                [tuple(row[number] for number in numbers) for row in self.rows],
            )
            if (widths := part._widths(width, part._longest_words())) is not None:
                return self._laid_out(part, numbers, widths, width)
        while (widths := part._widths(width, [_LEAST] * len(beside))) is not None:
            fitting = part._without_long_words(widths)
            if fitting == part:
                return self._laid_out(part, beside, widths, width)
            part = fitting  # Without those cells there may be more room for the others.
        return self._stacked(width or 0)

    def _widths(self, width: int | None, least: list[int]) -> list[int] | None:
        """None when they do not fit."""
        natural = [
            max(cells(text) for text in (column.heading, *(row[number].text for row in self.rows)))
            for number, column in enumerate(self.columns)
        ]
        return natural if width is None or _total(natural) <= width else self._folded(natural, least, width)

    def _folded(self, natural: list[int], least: list[int], width: int) -> list[int] | None:
        """The widest of those that may be broken gives way first; None when that is not enough."""
        least = [max(_LEAST, one, cells(column.heading)) for one, column in zip(least, self.columns, strict=True)]
        widths = list(natural)
        while (excess := _total(widths) - width) > 0:
            spare = [
                (widths[number], number)
                for number, column in enumerate(self.columns)
                if not column.whole and widths[number] > least[number]
            ]
            if not spare:
                return None
            widest, number = max(spare)
            second = max((one for one, _ in spare if one < widest), default=_LEAST)
            widths[number] = max(least[number], widest - excess, min(second, widest - 1))
        return widths

    def _longest_words(self) -> list[int]:
        return [
            max((_longest_word(row[number].text) for row in self.rows), default=0)
            for number in range(len(self.columns))
        ]

    def _without_long_words(self, widths: list[int]) -> "Table":
        """Cells with a word that is wider than their column are empty."""
        rows = [
            tuple(
                cell if column.whole or _longest_word(cell.text) <= room else Cell("")
                for cell, column, room in zip(row, self.columns, widths, strict=True)
            )
            for row in self.rows
        ]
        return Table(self.columns, rows)

    def _laid_out(self, part: "Table", numbers: list[int], widths: list[int], width: int | None) -> list[Line]:
        """`part` is what has room beside each other in the columns `numbers`; the rest follows under each row."""
        lines = list(part._row(tuple(Cell(column.heading, "bold") for column in part.columns), widths))
        for row, full in zip(part.rows, self.rows, strict=True):
            lines += part._row(row, widths)
            beside = dict(zip(numbers, row, strict=True))
            for number, cell in enumerate(full):
                if cell.text and beside.get(number) != cell:
                    folded = wrapped(cell.text, max((width or 0) - _GAP, _LEAST))
                    lines += [[Cell(" " * _GAP), Cell(text, cell.style)] for text in folded]
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
                for text in wrapped(cell.text, max(width - label_width, _LEAST)):
                    if text:
                        lines.append([Cell(label, "dim"), Cell(text, cell.style)])
                    label = " " * label_width
        return lines


def wrapped(text: str, width: int) -> list[str]:
    """Between words; one that is longer than the line stands in a line of its own. At least one line."""
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        joined = f"{line} {word}" if line else word
        if line and cells(joined) > width:
            lines.append(line)
            line = word
        else:
            line = joined
    return [*lines, line] if line or not lines else lines


def cells(text: str) -> int:
    """How many columns of a terminal it takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _longest_word(text: str) -> int:
    return max(map(cells, text.split(" ")))


def _total(widths: list[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1)


def _without_end(line: Line) -> Line:
    while line and not line[-1].text.strip():
        line.pop()
    return line
