"""The parts of a file that a Range field asks for."""

import pytest

from deployd.proxy.conditional import Unsatisfiable
from deployd.proxy.ranges import MOST_RANGES, Span, spans


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (b"bytes=0-3", [(0, 4)]),
        (b"Bytes=0-3", [(0, 4)]),
        (b"bytes=0-0", [(0, 1)]),
        (b"bytes=99-99", [(99, 100)]),
        (b"bytes=90-", [(90, 100)]),
        (b"bytes=-2", [(98, 100)]),
        (b"bytes=-1000", [(0, 100)]),
        (b"bytes=95-1000", [(95, 100)]),
        (b"bytes=0-1,4-5", [(0, 2), (4, 6)]),
        (b"bytes= 4-5 , 0-1", [(4, 6), (0, 2)]),
        (b"bytes=0-5,4-9", [(0, 10)]),
        (b"bytes=0-4,5-9", [(0, 10)]),
        (b"bytes=0-1,20-21,1-20", [(0, 22)]),
        (b"bytes=50-59,0-9,55-70", [(50, 71), (0, 10)]),
        (b"bytes=0-1,200-300", [(0, 2)]),
        (b"bytes=0-1,-1", [(0, 2), (99, 100)]),
        (
            b"bytes=" + b",".join(b"%d-%d" % (n * 4, n * 4) for n in range(MOST_RANGES)),
            [(n * 4, n * 4 + 1) for n in range(16)],
        ),
        (b"bytes=" + b",".join(b"%d-%d" % (n * 4, n * 4) for n in range(MOST_RANGES + 1)), []),
        (b"bytes=3-1", []),
        (b"bytes=0-1,3-2", []),
        (b"bytes=", []),
        (b"bytes=-", []),
        (b"bytes=a-b", []),
        (b"bytes=0-1,", []),
        (b"bytes=+1-2", []),
        (b"bytes=0-1;2-3", []),
        (b"bytes=0-1000000000000000000000", []),
        (b"lines=0-1", []),
        (b"bytes 0-1", []),
    ],
)
def test_ranges_are_read_joined_and_bounded(wanted: bytes, expected: list[Span]) -> None:
    assert expected == spans(wanted, 100)


@pytest.mark.parametrize("wanted", [b"bytes=100-", b"bytes=-0", b"bytes=100-200,300-400", b"bytes=100-100"])
def test_ranges_beyond_the_end_cannot_be_satisfied(wanted: bytes) -> None:
    with pytest.raises(Unsatisfiable):
        spans(wanted, 100)


@pytest.mark.parametrize("wanted", [b"bytes=0-0", b"bytes=-1"])
def test_nothing_of_an_empty_file_can_be_sent(wanted: bytes) -> None:
    with pytest.raises(Unsatisfiable):
        spans(wanted, 0)
