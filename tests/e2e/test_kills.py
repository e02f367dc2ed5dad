"""What deployd is killed within is carried through or undone, and leaves nothing behind."""

from pathlib import Path

import pytest

from tests.e2e.kills.matrix import Matrix
from tests.support.daemon import Daemon

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


async def test_killed_at_a_moment_of_everything_it_does_nothing_is_mixed_left_over_lost_or_doubled(
    tmp_path: Path,
) -> None:
    daemon = Daemon(tmp_path, drain_seconds=1.0)
    matrix = Matrix(daemon, tmp_path, seed=20240229)
    try:
        await matrix.prepare()
        await matrix.run(7)
    finally:
        await daemon.remove_all()
        await daemon.stop()
    assert matrix.faults == []
    assert set(matrix.kills.values()) == {1}
