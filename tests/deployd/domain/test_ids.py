"""Ids sort by the time they were made."""

from deployd.domain.ids import new_id


def test_later_ids_sort_after_earlier_ones() -> None:
    times = [0, 31, 32, 1_700_000_000_000, 1_700_000_000_001, 2**45 - 1]
    ids = [new_id("dep", time_ms) for time_ms in times]
    assert ids == sorted(ids)


def test_ids_of_one_moment_differ_and_have_one_shape() -> None:
    ids = {new_id("dep", 1_700_000_000_000) for _ in range(1_000)}
    assert len(ids) == 1_000
    assert {(len(one), one[:13]) for one in ids} == {(20, next(iter(ids))[:13])}
