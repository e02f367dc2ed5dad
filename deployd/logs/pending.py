"""Lines between their sender and the disk: bounded, in order, taken out in batches that fit one commit."""

import asyncio
from collections import Counter, deque
from dataclasses import dataclass, field

from deployd.domain.errors import StateConflict
from deployd.domain.ids import AppName
from deployd.domain.log_line import Level, NewLine, Portion, Position, Source
from deployd.logs.figures import Cause, LogFigures

PENDING_LINES = 50_000
PENDING_BYTES = 32 * 1024 * 1024
BATCH_LINES = 2_000
BATCH_BYTES = 1024 * 1024


@dataclass(slots=True, eq=False)
class Entry:
    """What came in one message. One with a position is never dropped: its sender waits for the answer."""

    lines: tuple[NewLine, ...] = ()
    position: Position | None = None
    stored: asyncio.Future[int] | None = None
    forget: AppName | None = None
    bytes: int = 0

    def give_up(self) -> None:
        if self.stored is not None and not self.stored.done():
            self.stored.set_exception(
                StateConflict("A later position of the same file came before this one was stored.")
            )
        self.lines, self.position = (), None


@dataclass(slots=True)
class Batch:
    """For one commit: the portions, who waits for each, and the app whose lines go after it."""

    portions: list[Portion] = field(default_factory=list)
    waiting: list[asyncio.Future[int] | None] = field(default_factory=list)
    forget: AppName | None = None


class Pending:
    def __init__(self, figures: LogFigures) -> None:
        self._figures = figures
        self._entries: deque[Entry] = deque()
        self._reading: dict[str, Entry] = {}
        self._lines = 0
        self._bytes = 0
        self._dropped: Counter[AppName] = Counter()
        self._filled = asyncio.Event()

    def __bool__(self) -> bool:
        return bool(self._entries or self._dropped)

    async def filled(self) -> None:
        await self._filled.wait()

    def add(self, lines: tuple[NewLine, ...]) -> None:
        """Over the bounds the oldest lines without a position give way, and are counted for the note that says so."""
        self._add(Entry(lines=lines))
        if self._lines > PENDING_LINES or self._bytes > PENDING_BYTES:
            self._drop_oldest()

    def add_at(self, lines: tuple[NewLine, ...], position: Position, stored: asyncio.Future[int]) -> None:
        """A reader asks again only after it gave up on its former question: that one must not be stored as well."""
        if former := self._reading.get(position.file):
            self._uncount(former)
            former.give_up()
        entry = self._reading[position.file] = Entry(lines=lines, position=position, stored=stored)
        self._add(entry)

    def add_forget(self, app: AppName) -> None:
        self._add(Entry(forget=app))

    def take(self, now_ms: int) -> Batch:
        """Whole entries, at least one; stops after one that forgets an app, so that order holds."""
        notes = [_note(app, count, now_ms) for app, count in self._dropped.items()]
        batch = Batch(portions=[Portion(lines=notes)], waiting=[None]) if notes else Batch()
        self._dropped.clear()
        count, size = len(notes), 0
        while self._entries and batch.forget is None:
            entry = self._entries[0]
            if count and (count + len(entry.lines) > BATCH_LINES or size + entry.bytes > BATCH_BYTES):
                break
            self._entries.popleft()
            self._uncount(entry)
            count += len(entry.lines)
            size += entry.bytes
            self._move(entry, batch)
        if not self._entries:
            self._filled.clear()
        return batch

    def _add(self, entry: Entry) -> None:
        entry.bytes = sum(len(line.text) for line in entry.lines)
        self._entries.append(entry)
        self._lines += len(entry.lines)
        self._bytes += entry.bytes
        self._filled.set()

    def _move(self, entry: Entry, batch: Batch) -> None:
        batch.forget = entry.forget
        if entry.position is not None:
            self._reading.pop(entry.position.file, None)
        if entry.lines or entry.position is not None:
            batch.portions.append(Portion(lines=entry.lines, position=entry.position))
            batch.waiting.append(entry.stored)

    def _drop_oldest(self) -> None:
        """Down to nine tenths at once: going through the entries for every new line would cost too much."""
        kept: deque[Entry] = deque()
        while self._entries and (self._lines > PENDING_LINES * 0.9 or self._bytes > PENDING_BYTES * 0.9):
            entry = self._entries.popleft()
            if entry.position is not None or not entry.lines:
                kept.append(entry)
                continue
            self._uncount(entry)
            self._dropped.update(line.app for line in entry.lines)
            self._figures.dropped[Cause.DISK_TOO_SLOW] += len(entry.lines)
        self._entries.extendleft(reversed(kept))

    def _uncount(self, entry: Entry) -> None:
        self._lines -= len(entry.lines)
        self._bytes -= entry.bytes


def _note(app: AppName, count: int, now_ms: int) -> NewLine:
    lines = "line was" if count == 1 else "lines were"
    text = f"{count} {lines} dropped here: they came faster than the log store could keep them."
    return NewLine(app=app, time_ms=now_ms, source=Source.DEPLOYD, level=Level.WARN, text=text)
