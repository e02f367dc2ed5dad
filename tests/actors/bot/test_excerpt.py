import html

import pytest

from actors.bot.excerpt import excerpt
from deployd.ports.chat import units


@pytest.mark.parametrize("line", ["x" * 70, "<&>" * 20, "😀" * 40, "e\u0301" * 30])
def test_the_newest_lines_that_fit_are_shown_whole(line: str) -> None:
    lines = [f"{number} {line}" for number in range(500)]
    block, shown = excerpt(lines, 1000)
    text = html.unescape(block.removeprefix("<pre>").removesuffix("</pre>"))
    assert text.split("\n") == lines[-shown:]
    assert 1000 - units(line) - 5 <= units(text) <= 1000


def test_no_lines_make_no_block() -> None:
    assert excerpt([]) == ("", 0)


def test_one_line_that_is_longer_than_the_room_is_left_out() -> None:
    assert excerpt(["a", "b" * 50], 20) == ("", 0)


def test_colours_and_control_characters_are_taken_out() -> None:
    assert excerpt(["\x1b[1;32mok\x1b[0m\x00\x07 a\tb\nc"]) == ("<pre>ok a\tb c</pre>", 1)


def test_of_a_line_that_was_written_over_the_last_is_shown() -> None:
    block, _ = excerpt(["fetch 10%\rfetch 100%", "\x1b[1Gone\x1b[2K\x1b[Gtwo", "kept\r\x1b[0m", "\r"])
    assert block == "<pre>fetch 100%\ntwo\nkept\n</pre>"
