"""A reader that is cut off while its lines are being stored."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from actors.deploy.output import InstanceOutput, LastLines
from actors.logs import LogActor
from deployd.domain.log_line import Portion, Stored
from deployd.kernel.clock import SystemClock
from deployd.kernel.ref import Ref
from deployd.logs.redaction import Redactor
from deployd.logs.sqlite import SqliteLogStore
from deployd.runtimes.output_reader import InotifyOutputReader
from deployd.runtimes.process import ProcessRuntime
from deployd.stores.master_key import MasterKey
from deployd.stores.sqlite import SqliteDatabase
from deployd.stores.stores import open_stores
from tests.actors.deploy.partial_tools import partial_tools
from tests.actors.deploy.test_output import ENDED, SHOP
from tests.support.actor_runner import running

LINES = [f"line {number}" for number in range(30)]


class SlowToCommit(SqliteLogStore):
    """Commits the first append only after somebody asked for the position that it is about to change."""

    beginning: asyncio.Event
    asked: asyncio.Event

    async def append(self, *portions: Portion) -> list[Stored]:
        self.beginning.set()
        await asyncio.shield(self.asked.wait())
        return await super().append(*portions)

    async def position(self, file: str) -> int:
        found = await super().position(file)
        if self.beginning.is_set():
            self.asked.set()
        return found


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[tuple[InstanceOutput, SlowToCommit, Path]]:
    async with AsyncExitStack() as stack:
        store = await SlowToCommit.open(tmp_path / "logs.db")
        store.beginning, store.asked = asyncio.Event(), asyncio.Event()
        stack.push_async_callback(store.close)
        runtime = ProcessRuntime(tmp_path, SystemClock())
        stack.callback(runtime.close)
        reader = InotifyOutputReader()
        stack.callback(reader.close)
        ref = Ref[Any]("log")
        await stack.enter_async_context(running(lambda ref: LogActor(ref, store, SystemClock(), Redactor()), ref))
        database = await SqliteDatabase.open(tmp_path / "deployd.db")
        stack.push_async_callback(database.close)
        stores = open_stores(database, MasterKey(bytes(32)))
        tools = partial_tools(stores, SystemClock(), logs=store, runtime=runtime, output=reader, log=ref)
        output = InstanceOutput(tools, lambda work, name: asyncio.Task(work, name=name), 5.0)
        yield output, store, runtime.output(ENDED)


async def test_a_reader_that_is_cut_off_within_a_commit_stores_no_line_twice(
    house: tuple[InstanceOutput, SlowToCommit, Path],
) -> None:
    output, store, file = house
    file.write_text("\n".join(LINES[:25]) + "\n")
    output.follow(ENDED)
    await store.beginning.wait()
    with file.open("a") as more:
        more.write("\n".join(LINES[25:]))
    await output.drain(ENDED)
    assert [line.text for line in await store.read(SHOP)] == LINES
    assert LINES[-20:] == output.last_lines(ENDED)


def test_of_what_was_delivered_twice_the_last_lines_hold_one_copy() -> None:
    last = LastLines()
    last.note(0, ("a", "b"), 4)
    last.note(4, ("lost",), 6)
    last.note(4, ("lost", "and more"), 8)
    assert last.texts() == ["a", "b", "lost", "and more"]
    last.note(8, tuple(map(str, range(30))), 99)
    assert last.texts() == [str(number) for number in range(10, 30)]
