"""What reaches a terminal, and what a file."""

import io

import pytest

from deployd.cli.safe_text import safe_text
from deployd.cli.screen import Screen
from deployd.cli.table import Cell, Column, Table


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_a_terminal_has_colours_and_a_line_that_is_written_over() -> None:
    out = Terminal()
    screen = Screen.of(out, {"TERM": "xterm"})
    screen.status("building 1 s")
    screen.line(Cell("done", "green"))
    assert out.getvalue() == "\r\x1b[2Kbuilding 1 s\r\x1b[2K\x1b[32mdone\x1b[0m\n"


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {}])
def test_a_dumb_terminal_has_neither(environment: dict[str, str]) -> None:
    out = Terminal()
    screen = Screen.of(out, environment)
    screen.status("building 1 s")
    screen.line(Cell("done", "green"))
    assert out.getvalue() == "done\n"


def test_no_color_is_respected() -> None:
    out = Terminal()
    Screen.of(out, {"TERM": "xterm", "NO_COLOR": "1"}).line(Cell("done", "green"))
    assert out.getvalue() == "done\n"


def test_a_file_gets_plain_lines_and_nothing_is_folded() -> None:
    out = io.StringIO()
    screen = Screen.of(out, {"TERM": "xterm"})
    screen.status("building 1 s")
    screen.line(Cell("a " * 200 + "end", "red"))
    assert out.getvalue() == "a " * 200 + "end\n"


def test_long_lines_are_folded_between_words_only() -> None:
    out = io.StringIO()
    Screen(out, width=20).line("shop is live at http://a-long-name.example.com/", indent=2)
    assert out.getvalue() == "shop is live at\n  http://a-long-name.example.com/\n"


SOURCE = "   12 | processes = { " + 10 * "one = 1, " + "worker = 99, other = 1 }"
EXCERPT = f"""\
/srv/shop/deployd.toml:12:114: `apps.shop.processes.worker` must be a whole number from 0 to 64, and is 99.
{SOURCE}
      | {(SOURCE.index("99") - 8) * " "}^^
and 2 more mistakes"""


@pytest.mark.parametrize("width", [60, 80])
def test_a_line_of_a_file_is_cut_around_its_marks_and_never_folded(width: int) -> None:
    out = io.StringIO()
    Screen(out, width=width).text(EXCERPT)
    *heading, line, marks, last = out.getvalue().splitlines()
    assert (" ".join(heading), last) == (EXCERPT.splitlines()[0], "and 2 more mistakes")
    assert (line[:9], line[marks.index("^") : len(marks)], len(line) <= width) == ("   12 | …", "99", True)


def test_a_mark_stays_under_its_place_whatever_is_in_the_line() -> None:
    def shown(line: str, marks: str, width: int) -> list[str]:
        out = io.StringIO()
        Screen(out, width=width).text(f"    1 | {line}\n      | {marks}")
        return out.getvalue().splitlines()

    assert shown("a = x", "    ^", 60) == ["    1 | a = x", "      |     ^"]
    assert shown("a = 日本 x", "       ^", 60) == ["    1 | a = 日本 x", "      |          ^"]
    assert shown("\ta = " + 30 * "日本 " + "x", "\t" + 94 * " " + "^", 40) == [
        "    1 | …日本 日本 日本 日本 日本 日本 x",
        "      | " + 31 * " " + "^",
    ]
    assert shown(60 * "a", 60 * " " + "^", 28) == ["    1 | …" + 18 * "a", "      | " + 19 * " " + "^"]
    assert shown(60 * "a", 60 * "^", 28) == ["    1 | " + 19 * "a" + "…", "      | " + 20 * "^"]
    assert shown("a = " + 60 * "b", "^", 3) == ["    1 | a = bbb…", "      | ^"]


def test_every_way_to_the_screen_is_safe() -> None:
    out = io.StringIO()
    screen = Screen(out, width=80, moves=True)
    table = Table((Column("A"),))
    table.add("\x1b[2Jcell\x07")
    screen.table(table)
    screen.text("\x1b]52;c;aGk=\x07text\x9b")
    screen.line(Cell("\x1b(0line\x08"))
    screen.status("\x1b[31mstatus")
    shown = out.getvalue().replace("\r\x1b[2K", "")
    assert not set(shown) & set("\x1b\x07\x08\x9b")
    assert shown.split("\n") == ["A", "cell\ufffd", "text\ufffd", "line\ufffd", "status"]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]8;;http://evil/\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]0;never ended", ""),
        ("a\tb", "a       b"),
        ("one\r\ntwo", "one  two"),
        ("right \u202eleft", "right \ufffdleft"),
        ("👩\u200d🚀 日本", "👩\u200d🚀 日本"),
    ],
)
def test_text_is_made_safe(given: str, shown: str) -> None:
    assert safe_text(given) == shown
