"""What an app prints while it is restarted is in its log once."""

from pathlib import Path

import pytest

from tests.e2e.kills.restarts import restarted
from tests.support.daemon import Daemon

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


async def test_restarts_at_a_thousand_lines_a_second_neither_lose_nor_double_a_line(
    daemon: Daemon, tmp_path: Path
) -> None:
    assert (await restarted(daemon, tmp_path, restarts=6)).faults == []
