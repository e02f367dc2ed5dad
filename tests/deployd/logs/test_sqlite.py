import asyncio
import sqlite3
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deployd.domain.errors import StoreUnusable
from deployd.domain.ids import AppName
from deployd.domain.log_line import Level, LogLine, Portion, Position, Source
from deployd.logs.sqlite import SqliteLogStore
from tests.support.log_lines import BLOG, SHOP, line, put


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "logs.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteLogStore]:
    store = await SqliteLogStore.open(path)
    yield store
    await store.close()


def _texts(lines: list[LogLine]) -> list[str]:
    return [line.text for line in lines]


async def test_a_line_comes_back_as_it_went_in(store: SqliteLogStore) -> None:
    sent = line("späß \0 \x1b[31mred\x1b[0m", level=Level.WARN, source=Source.BUILD, deployment="dep-1")
    stored = await put(store, [sent])
    assert stored == await store.read(SHOP)
    assert {**{name: getattr(sent, name) for name in sent.__struct_fields__}, "seq": 1} == {
        name: getattr(stored[0], name) for name in stored[0].__struct_fields__
    }


async def test_each_app_counts_its_own_lines_without_a_hole(store: SqliteLogStore) -> None:
    stored = await put(store, [line("a"), line("b", BLOG), line("c")])
    stored += await put(store, [line("d", BLOG), line("e")])
    assert [(one.app, one.seq) for one in stored] == [("shop", 1), ("blog", 1), ("shop", 2), ("blog", 2), ("shop", 3)]


async def test_numbers_go_on_after_a_restart_even_when_all_lines_are_gone(path: Path) -> None:
    first = await SqliteLogStore.open(path)
    await put(first, [line("a"), line("b")])
    assert await first.trim(older_than_ms=2_000, keep_bytes=1_000) == 2
    await first.close()
    second = await SqliteLogStore.open(path)
    assert [one.seq for one in await put(second, [line("c")])] == [3]
    await second.close()


async def test_appends_at_the_same_time_each_get_their_own_numbers(store: SqliteLogStore) -> None:
    async with asyncio.TaskGroup() as tasks:
        appends = [tasks.create_task(put(store, [line(f"{n}a"), line(f"{n}b")])) for n in range(100)]
    for number, append in enumerate(appends):
        first, second = append.result()
        assert (f"{number}a", f"{number}b", first.seq + 1) == (first.text, second.text, second.seq)
    assert list(range(1, 201)) == sorted(one.seq for append in appends for one in append.result())


async def test_reading_gives_the_last_lines_or_those_after_or_before_a_number(store: SqliteLogStore) -> None:
    await put(store, [line(str(number)) for number in range(1, 11)])
    assert _texts(await store.read(SHOP, limit=3)) == ["8", "9", "10"]
    assert _texts(await store.read(SHOP, after=3, limit=2)) == ["4", "5"]
    assert _texts(await store.read(SHOP, before=7, limit=2)) == ["5", "6"]
    assert _texts(await store.read(SHOP, after=3, before=7)) == ["4", "5", "6"]
    assert await store.read(SHOP, after=10) == []
    assert await store.read(BLOG) == []


async def test_reading_all_apps_keeps_the_order_in_which_lines_came(store: SqliteLogStore) -> None:
    await put(store, [line("1"), line("2", BLOG), line("3"), line("4", BLOG)])
    assert _texts(await store.read(None, limit=3)) == ["2", "3", "4"]
    assert _texts(await store.read(None, after=1, after_app=BLOG)) == ["3", "4"]
    assert _texts(await store.read(None, after=0, limit=2)) == ["1", "2"]


async def test_going_on_in_all_apps_works_when_the_line_last_seen_was_deleted(store: SqliteLogStore) -> None:
    await put(store, [line("1", BLOG, time_ms=5_000), line("2", time_ms=1)])
    await put(store, [line("3", BLOG, time_ms=5_000), line("4", time_ms=5_000)])
    await store.trim(older_than_ms=1_000, keep_bytes=10_000)
    assert _texts(await store.read(None, after=1, after_app=SHOP)) == ["4"]


@pytest.mark.parametrize("app", [SHOP, None])
async def test_reading_by_level_takes_it_as_the_least(store: SqliteLogStore, app: AppName | None) -> None:
    await put(store, [line(level.value, level=level) for level in Level])
    assert _texts(await store.read(app, level=Level.DEBUG)) == ["debug", "info", "warn", "error"]
    assert _texts(await store.read(app, level=Level.INFO)) == ["info", "warn", "error"]
    assert _texts(await store.read(app, level=Level.WARN)) == ["warn", "error"]
    assert _texts(await store.read(app, level=Level.ERROR, after=0)) == ["error"]


@pytest.mark.parametrize("app", [SHOP, None])
async def test_reading_one_deployment_leaves_the_others_out(store: SqliteLogStore, app: AppName | None) -> None:
    await put(store, [line("a", deployment="dep-1"), line("b", deployment="dep-2"), line("c", deployment="dep-1")])
    assert _texts(await store.read(app, deployment="dep-1")) == ["a", "c"]
    assert _texts(await store.read(app, deployment="dep-1", after=1, after_app=SHOP)) == ["c"]
    assert _texts(await store.read(SHOP, deployment="dep-1", before=3)) == ["a"]


async def test_a_position_is_kept_until_it_is_forgotten(path: Path) -> None:
    store = await SqliteLogStore.open(path)
    assert await store.position("inst-1") == 0
    await store.append(
        Portion(lines=[line()], position=Position(file="inst-1", start=0, offset=10)),
        Portion(lines=[], position=Position(file="inst-2", start=0, offset=5)),
    )
    await store.append(Portion(lines=[], position=Position(file="inst-1", start=10, offset=20)))
    await store.close()
    store = await SqliteLogStore.open(path)
    assert (await store.position("inst-1"), await store.position("inst-2")) == (20, 5)
    await store.forget_position("inst-1")
    assert (await store.position("inst-1"), await store.position("inst-2")) == (0, 5)
    await store.close()


async def test_lines_that_do_not_begin_at_the_stored_position_are_refused(store: SqliteLogStore) -> None:
    def portion(text: str, start: int, offset: int) -> Portion:
        return Portion(lines=[line(text)], position=Position(file="inst-1", start=start, offset=offset))

    stored = await store.append(
        portion("ahead", 10, 20),
        portion("first", 0, 10),
        portion("first again", 0, 15),
        Portion(lines=[line("by the way")]),
        portion("second", 10, 20),
    )
    stored += await store.append(portion("second again", 10, 20), portion("first once more", 0, 20))
    assert [one.position for one in stored] == [0, 10, 10, None, 20, 20, 20]
    assert [kept.text for one in stored for kept in one.lines] == ["first", "by the way", "second"]
    kept = [(one.seq, one.text) for one in await store.read(SHOP)]
    assert kept == [(1, "first"), (2, "by the way"), (3, "second")]


async def test_removing_an_app_leaves_the_others_and_the_count(store: SqliteLogStore) -> None:
    await put(store, [line("a"), line("b", BLOG)] * 6_000)
    await store.remove(SHOP)
    assert (await store.read(SHOP), len(await store.read(BLOG))) == ([], 500)
    assert [one.seq for one in await put(store, [line("again")])] == [6_001]
    await store.remove(SHOP)
    await store.remove(SHOP)


async def test_trimming_deletes_by_age_then_the_oldest_over_the_size(store: SqliteLogStore) -> None:
    await put(store, [line("old", time_ms=1)] * 12_000 + [line("old", BLOG, time_ms=1)])
    await put(store, [line(f"{number:010}", time_ms=9_000) for number in range(12_000)])
    await put(store, [line("b", BLOG, time_ms=9_000)])
    assert await store.trim(older_than_ms=5_000, keep_bytes=1_000) == 12_001 + 11_900
    assert [f"{number:010}" for number in range(11_900, 12_000)] == _texts(await store.read(SHOP))
    assert _texts(await store.read(BLOG)) == ["b"]
    assert await store.trim(older_than_ms=5_000, keep_bytes=1_000) == 0


async def test_trimming_gives_disk_space_back(store: SqliteLogStore, path: Path) -> None:
    for _ in range(10):
        await put(store, [line("x" * 500)] * 1_000)
    before = _size(path)
    await store.trim(older_than_ms=2_000, keep_bytes=0)
    assert _size(path) < before / 2


async def test_a_cancelled_append_is_carried_through(store: SqliteLogStore) -> None:
    appending = asyncio.create_task(put(store, [line("a")]))
    await asyncio.sleep(0)
    appending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await appending
    assert _texts(await store.read(SHOP)) == ["a"]


async def test_nobody_but_the_owner_may_read_the_file(store: SqliteLogStore, path: Path) -> None:
    assert await asyncio.to_thread(lambda: stat.S_IMODE(path.stat().st_mode)) == 0o600


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to be taken for one" * 40, b"x"])
def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(StoreUnusable):
        asyncio.run(SqliteLogStore.open(path))
    assert content == path.read_bytes()


async def test_a_corrupted_page_is_reported_and_not_papered_over(path: Path) -> None:
    store = await SqliteLogStore.open(path)
    for _ in range(20):
        await put(store, [line("x" * 400)] * 100)
    await store.close()
    await asyncio.to_thread(_corrupt, path)
    store = await SqliteLogStore.open(path)
    with pytest.raises(StoreUnusable, match="corrupted"):
        await store.read(SHOP)
    await store.close()


async def test_a_store_of_a_newer_deployd_is_refused(path: Path) -> None:
    await (await SqliteLogStore.open(path)).close()
    with sqlite3.connect(path) as newer:
        newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(StoreUnusable, match="newer deployd"):
        await SqliteLogStore.open(path)


async def test_some_other_database_is_refused(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE customers (id INTEGER)")
    other.close()
    with pytest.raises(StoreUnusable, match="not a log store"):
        await SqliteLogStore.open(path)


async def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreUnusable):
        await SqliteLogStore.open(tmp_path / "file" / "logs.db")


async def test_a_full_disk_is_an_error_and_loses_nothing_that_was_stored(path: Path) -> None:
    child = await _appender(str(path), str(400_000))
    output, errors = await child.communicate()
    *durable, said = output.decode().splitlines()
    assert said.startswith("ProviderUnavailable: "), (said, errors.decode())
    store = await SqliteLogStore.open(path)
    assert int(durable[-1]) == await store.position("inst-1")
    assert int(durable[-1]) == len(await store.read(SHOP, limit=10_000))
    await store.close()


async def test_lines_and_position_stay_one_across_kill_9(path: Path) -> None:
    for _ in range(3):
        child = await _appender(str(path))
        assert child.stdout is not None
        durable = 0
        for _ in range(40):
            durable = int(await child.stdout.readline())
        child.kill()
        durable = int(((await child.communicate())[0].splitlines() or [str(durable).encode()])[-1])
        store = await SqliteLogStore.open(path)
        position = await store.position("inst-1")
        numbers = [int(one.text.split()[1]) for one in await store.read(SHOP, after=0, limit=1_000_000)]
        await store.close()
        assert list(range(position)) == numbers
        assert position >= durable


async def test_a_commit_broken_by_one_caller_is_an_error_for_all_in_it(store: SqliteLogStore) -> None:
    with pytest.raises(UnicodeEncodeError):
        await put(store, [line("\ud800")])
    assert [one.seq for one in await put(store, [line("fine")])] == [1]


def _size(path: Path) -> int:
    """Once what is in the write-ahead log has reached the file."""
    looking = sqlite3.connect(path)
    looking.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    looking.close()
    return path.stat().st_size


def _corrupt(path: Path) -> None:
    """All but the pages that opening looks at."""
    content = bytearray(path.read_bytes())
    content[10 * 4096 :] = b"\xff" * (len(content) - 10 * 4096)
    path.write_bytes(content)


async def _appender(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.deployd.logs.appender",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
