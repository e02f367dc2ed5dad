"""Tables in the columns there are."""

import pytest

from deployd.cli.table import Column, Table, cells, wrapped

URL = "http://a-rather-long-name.apps.example.com:18180/"


def text_of(table: Table, width: int | None) -> list[str]:
    return ["".join(cell.text for cell in line) for line in table.lines(width)]


def apps() -> Table:
    table = Table(
        (
            Column("APP", whole=True),
            Column("STATE"),
            Column("LAST DEPLOYMENT"),
            Column("ADDRESS", whole=True, below=True),
        )
    )
    table.add("a-rather-long-name", "serving v3", "failed 2 min ago (v4 never went live)", URL)
    table.add("up", "routing to 127.0.0.1:9000", "-", "http://up.example.com/")
    return table


def test_without_a_width_each_row_is_a_line() -> None:
    heading, first, second = text_of(apps(), None)
    assert first.startswith(
        "a-rather-long-name  serving v3                 failed 2 min ago (v4 never went live)  http"
    )
    assert {heading.index("STATE"), first.index("serving"), second.index("routing")} == {20}


def test_an_address_moves_below_its_row_before_anything_is_folded_small() -> None:
    assert text_of(apps(), 80) == [
        "APP                 STATE                      LAST DEPLOYMENT",
        "a-rather-long-name  serving v3                 failed 2 min ago (v4 never went",
        "                                               live)",
        f"  {URL}",
        "up                  routing to 127.0.0.1:9000  -",
        "  http://up.example.com/",
    ]


def test_the_rows_are_stacked_where_columns_have_no_room() -> None:
    assert text_of(apps(), 50) == [
        "a-rather-long-name",
        "  STATE            serving v3",
        "  LAST DEPLOYMENT  failed 2 min ago (v4 never went",
        "                   live)",
        f"  ADDRESS          {URL}",
        "up",
        "  STATE            routing to 127.0.0.1:9000",
        "  LAST DEPLOYMENT  -",
        "  ADDRESS          http://up.example.com/",
    ]


@pytest.mark.parametrize("width", [*range(1, 130), 200])
def test_an_address_and_a_name_are_whole_at_every_width_and_nothing_else_is_too_wide(width: int) -> None:
    lines = text_of(apps(), width)
    for whole in (URL, "a-rather-long-name"):
        assert any(whole in line for line in lines)
    assert all(len(line) <= max(width, 40) for line in lines if "http" not in line)


def test_wide_letters_count_twice() -> None:
    assert cells("日本") == 4
    assert wrapped("日本語 ok", 6) == ["日本語", "ok"]
    assert wrapped("abcdefgh", 3) == ["abc", "def", "gh"]
