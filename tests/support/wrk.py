"""wrk, the load generator: what it counts as an error we did not think of ourselves."""

import asyncio
import os
import re
import shutil
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NoReturn

import msgspec
import pytest

_LONGEST_SECONDS = 300
_PATIENCE_SECONDS = 60
"""What waits longer is an error: its own 2 s would make a slow machine one."""
_REQUESTS = re.compile(r"^ *(\d+) requests in ", re.M)


class Report(msgspec.Struct):
    """Filled when it has ended; `errors` are its own lines about sockets and about answers that are not 2xx or 3xx."""

    text: str = ""

    @property
    def requests(self) -> int:
        found = _REQUESTS.search(self.text)
        assert found is not None, self.text
        return int(found[1])

    @property
    def errors(self) -> list[str]:
        return [line.strip() for line in self.text.splitlines() if "Socket errors" in line or "Non-2xx" in line]


@asynccontextmanager
async def wrk(url: str, host: str, connections: int = 32, within: Sequence[str] = ()) -> AsyncIterator[Report]:
    """Asks again and again as long as the block lasts. `within` executes the rest of its command line elsewhere."""
    program = shutil.which("wrk")
    if program is None:
        _give_up("there is no wrk (apt-get install wrk)")
    process = await asyncio.create_subprocess_exec(
        *within, program, "-t1", f"-c{connections}", f"-d{_LONGEST_SECONDS}s", f"--timeout={_PATIENCE_SECONDS}s",
        "-H", f"Host: {host}", url,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    report = Report()
    try:
        yield report
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        output, _ = await process.communicate()
        report.text = output.decode()


def _give_up(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
