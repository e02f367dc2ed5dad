import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from actors.logs import LogActor
from deployd.domain.errors import ProviderUnavailable
from deployd.domain.ids import AppName
from deployd.domain.log_line import Level, LogLine, Portion, Position, Source, Stored
from deployd.domain.secret import Secret
from deployd.kernel.clock import SystemClock
from deployd.kernel.ref import Ref
from deployd.logs.figures import Cause, LogFigures
from deployd.logs.prepare import CONTINUED, LINE_CHARS
from deployd.logs.redaction import REDACTED, Redactor
from deployd.logs.sqlite import SqliteLogStore
from deployd.logs.tail import QUEUE_LINES
from deployd.messages.log import (
    AppendAt,
    AppendLines,
    ForgetApp,
    Gap,
    LogMessage,
    LogTail,
    OpenTail,
    RememberSecrets,
)
from tests.support.actor_runner import running
from tests.support.log_lines import BLOG, SHOP, line, put

ASK_SECONDS = 10.0


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteLogStore]:
    store = await SqliteLogStore.open(tmp_path / "logs.db")
    yield store
    await store.close()


@pytest.fixture
async def log(store: SqliteLogStore) -> AsyncIterator[Ref[LogMessage]]:
    async with _running(store) as ref:
        yield ref


@asynccontextmanager
async def _running(store: SqliteLogStore, **options: object) -> AsyncIterator[Ref[LogMessage]]:
    ref: Ref[LogMessage] = Ref("log", capacity=100_000)
    options.setdefault("redactor", Redactor())
    async with running(lambda ref: LogActor(ref, store, SystemClock(), **options), ref):  # type: ignore[arg-type]
        yield ref


async def _read(tail: LogTail, count: int) -> list[LogLine | Gap]:
    """At least that many lines, counting those that a gap stands for."""
    items: list[LogLine | Gap] = []
    async with asyncio.timeout(ASK_SECONDS):
        while sum(item.count if isinstance(item, Gap) else 1 for item in items) < count:
            batch = await tail.next_batch()
            assert batch, "the tail was closed"
            items += batch
    return items


def _texts(items: list[LogLine | Gap] | list[LogLine]) -> list[str]:
    return ["gap" if isinstance(item, Gap) else item.text for item in items]


async def _open(log: Ref[LogMessage], **wanted: object) -> LogTail:
    return await log.ask(OpenTail(**wanted), timeout_seconds=ASK_SECONDS)  # type: ignore[arg-type]


async def test_a_line_is_shown_after_it_was_stored(log: Ref[LogMessage], store: SqliteLogStore) -> None:
    tail = await _open(log, app=SHOP)
    log.tell(AppendLines(lines=(line("a"), line("other", BLOG), line("b"))))
    shown = await _read(tail, 2)
    assert _texts(shown) == ["a", "b"]
    assert shown == await store.read(SHOP)


async def test_a_tail_gives_only_what_was_asked_for(log: Ref[LogMessage]) -> None:
    lines = (
        line("quiet", level=Level.DEBUG),
        line("bad", level=Level.ERROR),
        line("built", source=Source.BUILD, deployment="dep-1"),
        line("elsewhere", BLOG, level=Level.ERROR),
    )
    errors = await _open(log, level=Level.WARN)
    builds = await _open(log, source=Source.BUILD)
    deployment = await _open(log, app=SHOP, deployment="dep-1")
    log.tell(AppendLines(lines=lines))
    assert _texts(await _read(errors, 2)) == ["bad", "elsewhere"]
    assert _texts(await _read(builds, 1)) == ["built"]
    assert _texts(await _read(deployment, 1)) == ["built"]


async def test_levels_are_guessed_for_apps_but_not_for_deployds_own_lines(
    log: Ref[LogMessage], store: SqliteLogStore
) -> None:
    tail = await _open(log)
    log.tell(AppendLines(lines=(line("ERROR: no"), line("ERROR: no", source=Source.DEPLOYD))))
    assert [item.level for item in await _read(tail, 2) if isinstance(item, LogLine)] == [Level.ERROR, Level.INFO]


async def test_secrets_never_reach_the_store_or_a_viewer(log: Ref[LogMessage], store: SqliteLogStore) -> None:
    tail = await _open(log)
    log.tell(RememberSecrets(app=SHOP, secrets=(Secret("hunter2hunter2"),)))
    log.tell(AppendLines(lines=(line("password is hunter2hunter2"),)))
    await log.ask(
        AppendAt(lines=(line("again hunter2hunter2"),), position=Position(file="i", start=0, offset=1)), ASK_SECONDS
    )
    expected = [f"password is {REDACTED}", f"again {REDACTED}"]
    assert expected == _texts(await _read(tail, 2)) == _texts(await store.read(SHOP))


async def test_a_secret_across_the_split_of_a_long_line_is_still_hidden(
    log: Ref[LogMessage], store: SqliteLogStore
) -> None:
    tail = await _open(log)
    log.tell(RememberSecrets(app=SHOP, secrets=(Secret("hunter2hunter2"),)))
    log.tell(AppendLines(lines=(line("x" * (LINE_CHARS - 5) + "hunter2hunter2" + "y" * LINE_CHARS),)))
    first, second, third = _texts(await _read(tail, 3))
    assert len(first) == LINE_CHARS
    assert (second[: len(CONTINUED)], third[: len(CONTINUED)]) == (CONTINUED, CONTINUED)
    whole = first + second.removeprefix(CONTINUED) + third.removeprefix(CONTINUED)
    assert whole == "x" * (LINE_CHARS - 5) + REDACTED + "y" * LINE_CHARS


async def test_text_that_is_not_unicode_is_stored_all_the_same(log: Ref[LogMessage]) -> None:
    tail = await _open(log)
    log.tell(AppendLines(lines=(line("ok"), line("half \ud83d of a pair"))))
    assert _texts(await _read(tail, 2)) == ["ok", "half ? of a pair"]


async def test_a_position_is_answered_once_it_is_durable(log: Ref[LogMessage], store: SqliteLogStore) -> None:
    await log.ask(AppendAt(lines=(line("a"),), position=Position(file="inst-1", start=0, offset=12)), ASK_SECONDS)
    assert await store.position("inst-1") == 12
    assert _texts(await store.read(SHOP)) == ["a"]


async def test_resuming_gives_every_line_once_however_the_reader_comes_and_goes(log: Ref[LogMessage]) -> None:
    total = 6_000

    async def write() -> None:
        for number in range(0, total, 20):
            log.tell(AppendLines(lines=tuple(line(str(n)) for n in range(number, number + 20))))
            await asyncio.sleep(0)

    seen: list[str] = []
    last = 0
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(write())
        while len(seen) < total:
            tail = await _open(log, app=SHOP, after=last)
            for item in await _read(tail, min(700, total - len(seen))):
                assert isinstance(item, LogLine)
                seen.append(item.text)
                last = item.seq
            tail.close()
    assert [str(number) for number in range(total)] == seen


async def test_resuming_in_all_apps_gives_every_line_once(log: Ref[LogMessage]) -> None:
    before = await _open(log)
    log.tell(AppendLines(lines=tuple(line(str(n), (SHOP, BLOG)[n % 2]) for n in range(1_000))))
    cut = (await _read(before, 1_000))[299]
    before.close()
    assert isinstance(cut, LogLine)
    after = await _open(log, after=cut.seq, after_app=cut.app)
    log.tell(AppendLines(lines=tuple(line(str(n), (SHOP, BLOG)[n % 2]) for n in range(1_000, 1_500))))
    assert [str(number) for number in range(300, 1_500)] == _texts(await _read(after, 1_200))


async def test_a_replay_longer_than_the_queue_drops_nothing(log: Ref[LogMessage]) -> None:
    total = 2 * QUEUE_LINES
    tail = await _open(log, app=SHOP, after=0)
    log.tell(AppendLines(lines=tuple(line(str(number)) for number in range(total))))
    witness = await _open(log, app=SHOP)
    log.tell(AppendLines(lines=(line("end"),)))
    await _read(witness, 1)
    assert [*map(str, range(total)), "end"] == _texts(await _read(tail, total + 1))


async def test_only_the_slow_viewer_misses_lines_and_it_is_told_which(store: SqliteLogStore) -> None:
    figures = LogFigures()
    async with _running(store, figures=figures) as log:
        slow, quick = await _open(log, app=SHOP), await _open(log)
        for number in range(0, 3 * QUEUE_LINES, 500):
            log.tell(AppendLines(lines=tuple(line(str(n)) for n in range(number, number + 500))))
        assert [str(number) for number in range(3 * QUEUE_LINES)] == _texts(await _read(quick, 3 * QUEUE_LINES))
        first = await _read(slow, 3 * QUEUE_LINES)
        gap = Gap(app=SHOP, first=QUEUE_LINES + 1, last=3 * QUEUE_LINES, count=2 * QUEUE_LINES)
        assert [*map(str, range(QUEUE_LINES)), "gap"] == _texts(first)
        assert gap == first[-1]
        log.tell(AppendLines(lines=(line("after"),)))
        assert _texts(await _read(slow, 1)) == ["after"]
        assert figures.dropped[Cause.SLOW_VIEWER] == 2 * QUEUE_LINES


async def test_a_gap_stands_before_the_line_that_came_after_it(log: Ref[LogMessage]) -> None:
    slow, quick = await _open(log), await _open(log)
    log.tell(AppendLines(lines=tuple(line(str(n)) for n in range(QUEUE_LINES + 1))))
    await _read(quick, QUEUE_LINES + 1)
    head = await slow.next_batch()
    log.tell(AppendLines(lines=(line("after"),)))
    await _read(quick, 1)
    assert _texts(await _read(slow, QUEUE_LINES + 2 - len(head)))[-2:] == ["gap", "after"]


async def test_a_forgotten_app_loses_its_lines_and_only_its_own(log: Ref[LogMessage], store: SqliteLogStore) -> None:
    log.tell(AppendLines(lines=(line("old"), line("kept", BLOG))))
    log.tell(ForgetApp(app=SHOP))
    await log.ask(AppendAt(lines=(line("new"),), position=Position(file="i", start=0, offset=1)), ASK_SECONDS)
    assert (_texts(await store.read(SHOP)), _texts(await store.read(BLOG))) == (["new"], ["kept"])


async def test_stopping_stores_what_waits_and_closes_every_tail(store: SqliteLogStore) -> None:
    async with _running(store) as log:
        tail = await _open(log, app=AppName("nobody"))
        for number in range(10_000):
            log.tell(AppendLines(lines=(line(str(number)),)))
    assert await tail.next_batch() == []
    assert [str(number) for number in range(10_000)] == _texts(await store.read(SHOP, limit=20_000))


class TellsOfTrimming(SqliteLogStore):
    trimmed: asyncio.Event

    async def trim(self, *, older_than_ms: int, keep_bytes: int) -> int:
        count = await super().trim(older_than_ms=older_than_ms, keep_bytes=keep_bytes)
        self.trimmed.set()
        return count


async def test_old_lines_are_trimmed_at_the_start(tmp_path: Path) -> None:
    store = await TellsOfTrimming.open(tmp_path / "trimmed.db")
    store.trimmed = asyncio.Event()
    now_ms = SystemClock().now_ms()
    await put(store, [line("old", time_ms=now_ms - 3 * 86_400_000), line("young", time_ms=now_ms)])
    async with _running(store, keep_days=2):
        await asyncio.wait_for(store.trimmed.wait(), ASK_SECONDS)
        assert _texts(await store.read(SHOP)) == ["young"]
    await store.close()


class FullForAWhile(SqliteLogStore):
    """Refuses until told otherwise, as a full disk would."""

    full = True

    async def append(self, *portions: Portion) -> list[Stored]:
        if self.full:
            raise ProviderUnavailable("The disk is full.")
        return await super().append(*portions)


async def test_lines_wait_while_the_disk_is_full_and_people_are_told(tmp_path: Path) -> None:
    said: asyncio.Queue[str | None] = asyncio.Queue()
    store = await FullForAWhile.open(tmp_path / "full.db")
    async with _running(store, on_trouble=said.put_nowait) as log:
        tail = await _open(log)
        log.tell(AppendLines(lines=(line("a"),)))
        assert await asyncio.wait_for(said.get(), ASK_SECONDS) == "The disk is full."
        log.tell(AppendLines(lines=(line("b"),)))
        store.full = False
        assert _texts(await _read(tail, 2)) == ["a", "b"]
        while (sentence := await asyncio.wait_for(said.get(), ASK_SECONDS)) is not None:
            assert sentence == "The disk is full."
    await store.close()
