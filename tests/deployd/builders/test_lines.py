"""Lines cut from streams, and where they stop."""

from deployd.builders.lines import Lines, Written

MOST = 16 << 20


def cut(*chunks: bytes, written: Written | None = None) -> list[str]:
    said: list[str] = []
    lines = Lines(said.append, written or Written(), MOST)
    for chunk in chunks:
        lines.feed(chunk)
    lines.end()
    return said


def test_lines_are_put_together_across_chunks() -> None:
    assert cut(b"on", b"e\ntwo\r\n\nlast") == ["one", "two", "", "last"]


def test_of_a_progress_bar_the_last_state_is_shown() -> None:
    assert cut(b"10%\r50%\r100%\n") == ["100%"]


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert cut(b"a\xffb\n") == ["a\N{REPLACEMENT CHARACTER}b"]


def test_a_line_without_end_is_split() -> None:
    said = cut(*[b"x" * 50_000] * 4)
    assert [len(line) for line in said] == [65_536, 65_536, 65_536, 200_000 - 3 * 65_536]


def test_output_beyond_the_limit_is_dropped_with_a_word() -> None:
    said = cut(*[b"x" * 65_535 + b"\n"] * 300)
    assert len(said) == 257
    assert said[-1] == "The build has written more than 16 MiB; the rest is not shown."


def test_what_the_steps_of_a_build_say_counts_together_and_the_word_is_said_once() -> None:
    written = Written()
    steps = [cut(*[b"x" * 65_535 + b"\n"] * 100, written=written) for _ in range(4)]
    assert [len(said) for said in steps] == [100, 100, 57, 0]
    assert steps[2][-1] == "The build has written more than 16 MiB; the rest is not shown."


def test_empty_lines_count_for_what_they_cost() -> None:
    assert len(cut(*[b"\n" * 4096] * 4096)) < 300_000
