"""Run as a program by the tests: appends lines with positions as fast as it can and says what is durable.

`python -m tests.deployd.logs.appender FILE [LIMIT_BYTES]`; with a limit no file may grow beyond it.
"""

import asyncio
import resource
import sys
from pathlib import Path

from deployd.domain.errors import DeploydError
from deployd.domain.log_line import Portion, Position
from deployd.logs.sqlite import SqliteLogStore
from tests.support.log_lines import line

STEP = 7


async def append_forever(path: Path) -> None:
    store = await SqliteLogStore.open(path)
    offset = await store.position("inst-1")
    while True:
        lines = [line(f"line {number} {'x' * 200}") for number in range(offset, offset + STEP)]
        offset += STEP
        try:
            position = Position(file="inst-1", start=offset - STEP, offset=offset)
            await store.append(Portion(lines=lines, position=position))
        except DeploydError as error:
            print(f"{type(error).__name__}: {error}", flush=True)
            await store.close()
            return
        print(offset, flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
    asyncio.run(append_forever(Path(sys.argv[1])))
