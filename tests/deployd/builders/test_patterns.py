"""Whatever a repository holds, no regular expression of the detectors takes more than a moment for it."""

import re
import signal
from collections.abc import Iterator
from time import process_time

import pytest

from tests.deployd.builders.pattern_index import Found, Hostile, expressions, hostile_texts

LENGTH = 100_000
FIRST_LENGTH = 12_500
FIRST_SECONDS = 0.005
"""Who takes less for an eighth of the length takes less than a third of a second for the whole, even if quadratic."""

SECONDS = 0.5


class TooSlow(Exception):
    pass


@pytest.fixture(autouse=True)
def _stopwatch() -> Iterator[None]:
    """Of this process's own time, so that a busy machine changes nothing; `re` looks for signals while it works."""

    def stop(*_: object) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGVTALRM, stop)
    yield
    signal.signal(signal.SIGVTALRM, before)


def slow_methods(found: Found) -> Iterator[str]:
    for method in found.methods:
        for hostile in hostile_texts(found.pattern):
            if is_slow(found.pattern, method, hostile):
                yield f"{found.where}: {method} {found.pattern.pattern!r} on {hostile}"
                break


def is_slow(pattern: re.Pattern[str], method: str, hostile: Hostile) -> bool:
    return seconds(pattern, method, hostile.text(FIRST_LENGTH)) > FIRST_SECONDS and (
        seconds(pattern, method, hostile.text(LENGTH)) >= SECONDS
    )


def seconds(pattern: re.Pattern[str], method: str, text: str) -> float:
    began = process_time()
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        getattr(pattern, method)(*(("", text) if method == "sub" else (text,)))
    except TooSlow:
        return SECONDS
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return process_time() - began


def test_every_expression_of_the_builders_takes_hostile_text_in_its_stride() -> None:
    found = expressions("deployd.builders")
    assert len(found) > 100
    assert [line for one in found for line in slow_methods(one)] == []


@pytest.mark.parametrize(
    "expression",
    [
        r"[A-Za-z0-9][\w.-]*\s*(\[[^\]]*\])?\s*={2,3}\s*[\w.!+]+\s*(;.*)?",
        r"\s+or\s+",
        r"^\s*gem[ (]",
        r'"(?:\\.|[^"\\])*"',
        r"/\*.*?\*/",
        r"(a|aa)+$",
    ],
)
def test_one_that_is_not_would_be_found(expression: str) -> None:
    found = Found("here", re.compile(expression, re.M | re.S), ("search",))
    assert list(slow_methods(found)) != []
