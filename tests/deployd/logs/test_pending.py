import asyncio

import pytest

from deployd.domain.errors import StateConflict
from deployd.domain.log_line import NewLine, Position
from deployd.logs.figures import Cause, LogFigures
from deployd.logs.pending import BATCH_LINES, PENDING_LINES, Batch, Pending
from tests.support.log_lines import BLOG, SHOP, line

NOW_MS = 7


def _pending() -> Pending:
    return Pending(LogFigures())


def _lines(batch: Batch) -> list[NewLine]:
    return [line for portion in batch.portions for line in portion.lines]


async def test_batches_keep_order_and_stay_small() -> None:
    pending = _pending()
    for number in range(5_000):
        pending.add((line(str(number)),))
    sizes, texts = [], []
    while pending:
        batch = pending.take(NOW_MS)
        sizes.append(len(_lines(batch)))
        texts += [one.text for one in _lines(batch)]
    assert sizes == [BATCH_LINES, BATCH_LINES, 5_000 - 2 * BATCH_LINES]
    assert [str(number) for number in range(5_000)] == texts


async def test_lines_of_one_message_with_a_position_are_never_parted() -> None:
    pending = _pending()
    stored = asyncio.get_running_loop().create_future()
    pending.add((line("first"),))
    pending.add_at(tuple(line(str(n)) for n in range(BATCH_LINES + 1)), Position(file="i", start=0, offset=9), stored)
    assert [one.text for one in _lines(pending.take(NOW_MS))] == ["first"]
    batch = pending.take(NOW_MS)
    assert (BATCH_LINES + 1, [stored]) == (len(_lines(batch)), batch.waiting)


async def test_over_the_bound_the_oldest_lines_go_and_a_line_says_how_many() -> None:
    figures = LogFigures()
    pending = Pending(figures)
    stored = asyncio.get_running_loop().create_future()
    pending.add_at((line("kept"),), Position(file="i", start=0, offset=9), stored)
    pending.add((line("lost", BLOG),))
    for number in range(PENDING_LINES):
        pending.add((line(str(number)),))
    batch = pending.take(NOW_MS)
    notes, rest = _lines(batch)[:2], _lines(batch)[2:]
    texts = [one.text for one in rest]
    while pending:
        texts += [one.text for one in _lines(pending.take(NOW_MS))]
    lost = PENDING_LINES + 1 - (len(texts) - 1)
    assert {BLOG: "1 line was dropped", SHOP: f"{lost - 1} lines were dropped"} == {
        note.app: note.text.partition(" here")[0] for note in notes
    }
    assert ["kept", *map(str, range(lost - 1, PENDING_LINES))] == texts
    assert lost == figures.dropped[Cause.DISK_TOO_SLOW]


async def test_a_later_position_of_the_same_file_replaces_one_still_waiting() -> None:
    pending = _pending()
    loop = asyncio.get_running_loop()
    former, later = loop.create_future(), loop.create_future()
    pending.add_at((line("a"),), Position(file="i", start=0, offset=1), former)
    pending.add_at((line("a"), line("b")), Position(file="i", start=0, offset=2), later)
    batch = pending.take(NOW_MS)
    assert [one.text for one in _lines(batch)] == ["a", "b"]
    assert [Position(file="i", start=0, offset=2)] == [portion.position for portion in batch.portions]
    with pytest.raises(StateConflict):
        former.result()


async def test_a_batch_ends_where_an_app_is_forgotten() -> None:
    pending = _pending()
    pending.add((line("old"),))
    pending.add_forget(SHOP)
    pending.add((line("new"),))
    first, second = pending.take(NOW_MS), pending.take(NOW_MS)
    assert ([one.text for one in _lines(first)], first.forget) == (["old"], SHOP)
    assert ([one.text for one in _lines(second)], second.forget) == (["new"], None)
