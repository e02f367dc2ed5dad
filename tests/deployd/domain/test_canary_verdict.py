"""When a release loses its traffic, as tables."""

import pytest

from deployd.domain.canary_verdict import Counts, ReleaseFigures, canary_verdict, error_jump


@pytest.mark.parametrize(
    ("usual", "now", "jumped"),
    [
        ((0, 0), (0, 0), False),
        ((0, 0), (9, 9), False),  # too few to be sure
        ((0, 0), (10, 10), True),
        ((1000, 0), (10, 10), True),
        ((1000, 0), (500, 10), False),  # exactly 2 %
        ((1000, 0), (499, 10), True),
        ((1000, 0), (100_000, 1_999), False),
        ((1000, 50), (100, 15), False),  # exactly three times the usual 5 %
        ((1000, 50), (100, 16), True),
        ((1000, 5), (1000, 20), False),  # three times 0.5 % is less than 2 %
        ((1000, 5), (1000, 21), True),
        ((1000, 400), (1000, 1000), False),  # nothing is three times as bad as that
        ((19, 19), (10, 10), True),  # too few to say what is usual
        ((20, 20), (10, 10), False),
    ],
)
def test_a_jump_is_more_than_two_percent_three_times_the_usual_and_ten_errors(
    usual: tuple[int, int], now: tuple[int, int], jumped: bool
) -> None:
    before = Counts(requests=usual[0], errors=usual[1])
    assert (error_jump(before, Counts(requests=now[0], errors=now[1])) is not None) == jumped


def test_a_jump_is_said_with_its_numbers() -> None:
    said = error_jump(Counts(), Counts(requests=12_000, errors=1_500))
    assert said == "1,500 of 12,000 requests (12.5 %) were answered with errors"


def figures(requests: int, errors: int = 0, p95: float | None = 0.01) -> ReleaseFigures:
    return ReleaseFigures(release=1, requests=requests, errors=errors, p95_seconds=p95)


@pytest.mark.parametrize(
    ("live", "canary", "word"),
    [
        (figures(0, p95=None), figures(0, p95=None), None),
        (figures(5000), figures(5000), None),
        (figures(5000), figures(30, 9), None),
        (figures(5000), figures(30, 10), "10 of 30 requests"),
        (figures(0, p95=None), figures(30, 10, p95=None), "10 of 30 requests"),
        (figures(5000, 500), figures(100, 30), None),
        (figures(5000, 500), figures(100, 31), "10 % of the live release's"),
        (figures(100), figures(100, p95=0.12), None),  # exactly twice and 100 ms
        (figures(100), figures(100, p95=0.121), "within 0.121 s"),
        (figures(99), figures(100, p95=9), None),
        (figures(100), figures(99, p95=9), None),
        (figures(100, p95=2.0), figures(100, p95=4.1), None),
        (figures(100, p95=2.0), figures(100, p95=4.2), "those of the live release within 2 s"),
        (figures(100, p95=None), figures(100, p95=9), None),
    ],
)
def test_a_canary_goes_for_more_errors_or_slower_answers_than_the_live_release(
    live: ReleaseFigures, canary: ReleaseFigures, word: str | None
) -> None:
    verdict = canary_verdict(live, canary)
    assert verdict is None if word is None else word in (verdict or "")


def test_what_came_since_is_the_difference() -> None:
    now = Counts(requests=30, errors=4)
    assert now.since(Counts(requests=10, errors=1)) == Counts(requests=20, errors=3)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (0.00042, "0.42 ms"), (0.0452, "45.2 ms"), (0.9994, "999 ms"), (1.234, "1.23 s")],
)
def test_how_soon_answers_began_is_told_in_few_digits(seconds: float | None, text: str) -> None:
    assert ReleaseFigures(release=1, p95_seconds=seconds).p95 == text
