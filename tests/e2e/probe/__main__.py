"""`python -m tests.e2e.probe`: the conformance table of this deployd; ends with 1 when a MUST is missed."""

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.e2e.probe.runner import judge_all, probed
from tests.e2e.probe.table import deviations, table


async def _run() -> int:
    with tempfile.TemporaryDirectory() as folder:
        async with probed(Path(folder)) as (daemon, capture):
            verdicts = await judge_all(daemon.http_port, capture)
    for line in (*table(verdicts), "", *deviations(verdicts)):
        print(line)
    return int(any(one.failed for one in verdicts))


if __name__ == "__main__":
    sys.exit(asyncio.run(_run()))
