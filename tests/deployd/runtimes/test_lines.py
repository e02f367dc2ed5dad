"""How bytes become lines."""

import pytest

from deployd.domain.secret import Secret
from deployd.logs.prepare import prepared
from deployd.logs.redaction import REDACTED, Redactor
from deployd.runtimes.lines import CONTINUED, MAX_LINE_BYTES, MAX_LINES, cut_lines
from tests.support.log_lines import SHOP, line


def test_only_whole_lines_are_cut() -> None:
    assert cut_lines(b"a\r\n\nb\x1b[1m\nrest") == (("a", "", "b\x1b[1m"), 10)


def test_an_unfinished_last_line_is_cut_at_the_end() -> None:
    assert cut_lines(b"a\nrest", final=True) == (("a", "rest"), 6)


def test_bytes_that_are_not_utf8_are_replaced() -> None:
    assert cut_lines(b"\xffok\n") == (("\ufffdok",), 4)


def test_a_batch_is_bounded_and_the_next_goes_on() -> None:
    data = b"x\n" * (MAX_LINES + 5)
    first, start = cut_lines(data)
    second, end = cut_lines(data, start)
    assert (MAX_LINES, 5, len(data)) == (len(first), len(second), end)


def test_a_line_of_the_greatest_length_stays_whole() -> None:
    assert cut_lines(b"y" * MAX_LINE_BYTES + b"\n") == (("y" * MAX_LINE_BYTES,), MAX_LINE_BYTES + 1)


def test_a_longer_line_is_split_between_characters_and_marked() -> None:
    text = "é" * MAX_LINE_BYTES  # two bytes each
    parts, end = cut_lines(b"x" + text.encode() + b"\n")
    assert [part.endswith(CONTINUED) for part in parts] == [True] * 2 + [False]
    assert "x" + text == "".join(part.removesuffix(CONTINUED) for part in parts)
    assert end == 2 * MAX_LINE_BYTES + 2


def test_a_long_line_that_is_not_utf8_is_split_all_the_same() -> None:
    parts, _ = cut_lines(b"\x80" * (MAX_LINE_BYTES + 10), final=True)
    assert [MAX_LINE_BYTES, 10 + len(CONTINUED)] == [len(part) for part in parts]


@pytest.mark.parametrize("filler", ["x", "é", "<"])
def test_a_part_with_its_mark_is_a_line_that_the_log_takes_whole(filler: str) -> None:
    parts, _ = cut_lines((filler * 200_000 + "\n").encode())
    lines = [line(part) for part in parts]
    assert prepared(lines, Redactor()) == lines


def test_a_secret_in_a_long_line_does_not_hide_across_two_parts() -> None:
    redactor = Redactor()
    redactor.remember(SHOP, [Secret("planted-secret-value")])
    for before in range(MAX_LINE_BYTES - 40, MAX_LINE_BYTES):
        parts, _ = cut_lines(b"x" * before + b' TOKEN="planted-secret-value"\n')
        assert "".join(each.text for each in prepared(map(line, parts), redactor)).count(REDACTED) == 1
