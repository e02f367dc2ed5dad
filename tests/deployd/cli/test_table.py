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


UPSTREAM = "metrics-backend-1.internal.example.com:9000"
DEPLOYMENT = "dep-0f3k9x2m7q4s"
PAGE = "https://ci.internal.example.com/projects/metrics/pipelines/184467/jobs/991"


def upstreams() -> Table:
    table = apps()
    table.add("metrics", f"routing to {UPSTREAM}", "-", "http://metrics.example.com/")
    return table


def deployments() -> Table:
    below = (Column("COMMIT", below=True), Column("REASON", below=True))
    table = Table((Column("DEPLOYMENT", whole=True), *map(Column, ("STATE", "RELEASE", "WHEN")), *below))
    table.add(
        DEPLOYMENT, "failed", "v4", "2 min ago", "1a2b3c4d Faster", f"The check failed: see {PAGE} for its lines."
    )
    return table


def test_a_cell_with_a_word_too_long_for_its_column_moves_below_its_row() -> None:
    assert text_of(upstreams(), 80) == [
        "APP                 STATE                      LAST DEPLOYMENT",
        "a-rather-long-name  serving v3                 failed 2 min ago (v4 never went",
        "                                               live)",
        f"  {URL}",
        "up                  routing to 127.0.0.1:9000  -",
        "  http://up.example.com/",
        "metrics                                        -",
        f"  routing to {UPSTREAM}",
        "  http://metrics.example.com/",
    ]


def test_other_columns_are_folded_first_where_that_keeps_the_word_in_its_column() -> None:
    assert text_of(upstreams(), 90) == [
        "APP                 STATE                                        LAST DEPLOYMENT",
        "a-rather-long-name  serving v3                                   failed 2 min ago (v4",
        "                                                                 never went live)",
        f"  {URL}",
        "up                  routing to 127.0.0.1:9000                    -",
        "  http://up.example.com/",
        "metrics             routing to                                   -",
        f"                    {UPSTREAM}",
        "  http://metrics.example.com/",
    ]


def test_several_addresses_are_folded_between_each_other() -> None:
    table = Table((Column("APP", whole=True), Column("STATE"), Column("ADDRESS", whole=True, below=True)))
    table.add("shop", "serving v3", f"{URL} {URL} {URL}")
    assert text_of(table, 110)[2:] == [f"  {URL} {URL}", f"  {URL}"]


@pytest.mark.parametrize("width", [*range(40, 201)])
def test_each_address_and_id_stands_unbroken_in_a_line_at_every_width(width: int) -> None:
    for table, wholes in ((upstreams(), (UPSTREAM, URL)), (deployments(), (DEPLOYMENT, PAGE))):
        lines = text_of(table, width)
        for whole in wholes:
            assert any(whole in line.split() for line in lines)
        assert all(len(line) <= width for line in lines if "://" not in line and UPSTREAM not in line)


@pytest.mark.parametrize("width", [*range(1, 130), 200])
def test_an_address_and_a_name_are_whole_at_every_width_and_nothing_else_is_too_wide(width: int) -> None:
    lines = text_of(apps(), width)
    for whole in (URL, "a-rather-long-name"):
        assert any(whole in line for line in lines)
    assert all(len(line) <= max(width, 40) for line in lines if "http" not in line)


def test_wide_letters_count_twice() -> None:
    assert cells("日本") == 4
    assert wrapped("日本語 ok", 6) == ["日本語", "ok"]


def test_a_word_is_never_cut() -> None:
    assert wrapped("abcdefgh", 3) == ["abcdefgh"]
    assert wrapped("a abcdefgh i j", 3) == ["a", "abcdefgh", "i j"]
