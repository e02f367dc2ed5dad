"""Writes rows from many tasks until it is killed, and prints each one's name once its commit was acknowledged."""

import asyncio
import sys
from itertools import count
from pathlib import Path

from deployd.stores.database import Statement
from deployd.stores.sqlite import SqliteDatabase

_WRITERS = 20
_PAIR = "INSERT INTO tokens (name, hash, created_ms) VALUES ($1, $1, 1)"


async def main(file: Path) -> None:
    database = await SqliteDatabase.open(file)

    async def write(writer: int) -> None:
        for number in count():
            name = f"{writer}-{number}"
            await database.transact(Statement(_PAIR, (name,)), Statement(_PAIR, (f"twin of {name}",)))
            print(name, flush=True)

    async with asyncio.TaskGroup() as group:
        for writer in range(_WRITERS):
            group.create_task(write(writer))


asyncio.run(main(Path(sys.argv[1])))
