"""Following output files: nothing lost, nothing twice, no faster than the store, and the disk given back."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deployd.runtimes.output_reader import InotifyOutputReader
from deployd.runtimes.tail import CHUNK_BYTES, KEPT_BYTES, MOST_UNREAD_BYTES

FAST_WRITER = "import os\nfor n in range(100_000): os.write(1, b'line %d\\n' % n)"


class Store:
    """Keeps what it is given, in its own time."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.offset = 0
        self.batches = 0
        self._grown = asyncio.Event()

    async def __call__(self, lines: tuple[str, ...], offset: int) -> None:
        await asyncio.sleep(0)
        self.lines.extend(lines)
        self.offset = offset
        self.batches += 1
        self._grown.set()

    async def has(self, count: int) -> None:
        while len(self.lines) < count:
            self._grown.clear()
            await self._grown.wait()


@pytest.fixture
async def reader() -> AsyncIterator[InotifyOutputReader]:
    reader = InotifyOutputReader()
    yield reader
    reader.close()


@contextlib.asynccontextmanager
async def following(reader: InotifyOutputReader, file: Path, offset: int, store: Store) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(reader.follow(file, offset, store))
        yield
        task.cancel()


async def test_no_line_of_a_fast_writer_is_lost(reader: InotifyOutputReader, tmp_path: Path) -> None:
    store, file = Store(), tmp_path / "out.log"
    with file.open("ab") as output:
        async with following(reader, file, 0, store):
            writer = await asyncio.create_subprocess_exec(sys.executable, "-S", "-c", FAST_WRITER, stdout=output)
            await store.has(100_000)
            await writer.wait()
    assert [f"line {n}" for n in range(100_000)] == store.lines
    assert file.stat().st_size == store.offset


async def test_many_files_are_followed_at_once(reader: InotifyOutputReader, tmp_path: Path) -> None:
    files = [tmp_path / f"{n}.log" for n in range(20)]
    stores = [Store() for _ in files]
    async with contextlib.AsyncExitStack() as stack:
        for file, store in zip(files, stores, strict=True):
            await stack.enter_async_context(following(reader, file, 0, store))
        for turn in range(5):
            for file in files:
                with file.open("a") as output:
                    output.write(f"{file.name} {turn}\n")
            for store in stores:
                await store.has(turn + 1)
    assert [[f"{file.name} {turn}" for turn in range(5)] for file in files] == [store.lines for store in stores]


async def test_following_goes_on_at_the_stored_offset(reader: InotifyOutputReader, tmp_path: Path) -> None:
    first, second, file = Store(), Store(), tmp_path / "out.log"
    file.write_text("one\ntwo\nunfini")
    async with following(reader, file, 0, first):
        await first.has(2)
    with file.open("a") as output:
        output.write("shed\nfour\n")
    async with following(reader, file, first.offset, second):
        await second.has(2)
    assert (first.lines, second.lines) == (["one", "two"], ["unfinished", "four"])


async def test_a_batch_that_was_not_stored_is_delivered_again(reader: InotifyOutputReader, tmp_path: Path) -> None:
    store, file = Store(), tmp_path / "out.log"
    file.write_text("one\n")

    async def broken(_lines: tuple[str, ...], _offset: int) -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await reader.follow(file, 0, broken)
    assert await reader.finish(file, 0, store) == 4
    assert store.lines == ["one"]


async def test_an_ended_instance_is_read_to_its_last_byte(reader: InotifyOutputReader, tmp_path: Path) -> None:
    store, file = Store(), tmp_path / "out.log"
    file.write_text("line\n" * 60_000 + "no end")
    assert await reader.finish(file, 5, store) == 300_006
    assert (len(store.lines), store.lines[-1]) == (60_000, "no end")


async def test_a_file_that_never_was_is_finished(reader: InotifyOutputReader, tmp_path: Path) -> None:
    store = Store()
    assert await reader.finish(tmp_path / "none.log", 7, store) == 7
    assert (store.batches, (tmp_path / "none.log").exists()) == (0, False)


async def test_delivered_blocks_are_given_back(reader: InotifyOutputReader, tmp_path: Path) -> None:
    store, file = Store(), tmp_path / "out.log"
    size = 4 * CHUNK_BYTES
    file.write_bytes((b"z" * 99 + b"\n") * (size // 100))
    before = file.stat()
    await reader.finish(file, 0, store)
    after = file.stat()
    assert before.st_size == after.st_size
    assert after.st_blocks * 512 <= after.st_blksize < before.st_blocks * 512


async def test_what_was_not_delivered_stays_on_the_disk(reader: InotifyOutputReader, tmp_path: Path) -> None:
    store, file = Store(), tmp_path / "out.log"
    file.write_bytes((b"z" * 99 + b"\n") * (4 * CHUNK_BYTES // 100) + b"unfinished")
    async with following(reader, file, 0, store):
        await store.has(4 * CHUNK_BYTES // 100)
        with file.open("a") as output:
            output.write(" business\n")
        await store.has(4 * CHUNK_BYTES // 100 + 1)
    assert store.lines[-1] == "unfinished business"
    assert file.read_bytes().endswith(b"unfinished business\n")
    assert file.stat().st_blocks * 512 < 2 * CHUNK_BYTES


async def test_a_file_that_was_emptied_is_read_from_its_start(reader: InotifyOutputReader, tmp_path: Path) -> None:
    store, file = Store(), tmp_path / "out.log"
    file.write_text("a long first line\n")
    async with following(reader, file, 0, store):
        await store.has(1)
        os.truncate(file, 0)
        with file.open("a") as output:
            output.write("new\n")
        await store.has(2)
    assert store.lines == ["a long first line", "new"]


async def test_of_what_nobody_can_ever_read_the_end_is_kept_and_the_rest_given_back(
    reader: InotifyOutputReader, tmp_path: Path
) -> None:
    store, file = Store(), tmp_path / "out.log"
    file.write_bytes((b"z" * 99 + b"\n") * 10_000)
    os.truncate(file, MOST_UNREAD_BYTES)  # a hole: as long as it is to the reader, and nothing to the disk
    end = [f"line {number:04}" for number in range(1_000)]
    with file.open("a") as output:
        output.write("\n" + "\n".join(end) + "\n")
    size = file.stat().st_size
    async with following(reader, file, 500, store):
        while store.lines[-1:] != end[-1:]:
            await store.has(len(store.lines) + 1)
    assert store.lines[0] == f"… {size - KEPT_BYTES - 500:,} bytes are left out here: more came than could be stored."
    assert store.lines[-1_000:] == end
    assert store.offset == file.stat().st_size == size
    assert await reader.finish(file, store.offset, store) == size
    assert file.stat().st_blocks * 512 < 2 * CHUNK_BYTES
