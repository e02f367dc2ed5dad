"""Live tails: every viewer has its own bounded queue, and one who is too slow misses lines alone and is told so."""

import asyncio
import weakref
from collections import deque
from collections.abc import Callable, Sequence

from deployd.domain.ids import AppName
from deployd.domain.log_line import LogLine
from deployd.logs.figures import Cause, LogFigures
from deployd.logs.level import RANK
from deployd.messages.log import Gap, OpenTail
from deployd.ports.log_store import LogStore

QUEUE_LINES = 5_000
QUEUE_BYTES = 2 * 1024 * 1024
BATCH_LINES = 500
_LINE_OVERHEAD = 64  # bytes counted for a line besides its text
_OFFERS_A_TURN = 5_000  # about 5 ms of work, then other tasks get theirs


class TailHub:
    """Knows the open tails; `publish` is for stored lines, in the order they were stored."""

    def __init__(self, store: LogStore, figures: LogFigures) -> None:
        self._store = store
        self._figures = figures
        # Weak: an asker that gave up while its tail was made must not leave a queue behind.
        self._tails: weakref.WeakSet[Tail] = weakref.WeakSet()

    def open(self, wanted: OpenTail) -> "Tail":
        tail = Tail(wanted, self._store, self._figures, self._closed)
        self._tails.add(tail)
        self._figures.viewers = len(self._tails)
        return tail

    async def publish(self, lines: Sequence[LogLine]) -> None:
        step = max(1, _OFFERS_A_TURN // max(1, len(self._tails)))
        for start in range(0, len(lines), step):
            part = lines[start : start + step]
            for tail in self._tails:
                tail.offer(part)
            await asyncio.sleep(0)

    def close(self) -> None:
        for tail in list(self._tails):
            tail.close()

    def _closed(self, tail: "Tail") -> None:
        self._tails.discard(tail)
        self._figures.viewers = len(self._tails)


class Tail:
    """messages/log.LogTail. Until it has caught up it reads from the store, so that a long replay drops nothing."""

    def __init__(
        self, wanted: OpenTail, store: LogStore, figures: LogFigures, on_close: Callable[["Tail"], None]
    ) -> None:
        self._wanted = wanted
        self._least = RANK[wanted.level]
        self._store = store
        self._figures = figures
        self._on_close = on_close
        self._queue: deque[LogLine | Gap] = deque()
        self._bytes = 0
        self._missed: dict[AppName, Gap] = {}
        self._filled = asyncio.Event()
        self._closed = False
        self._catching_up = wanted.after is not None
        self._cursor = (wanted.app if wanted.app is not None else wanted.after_app, wanted.after or 0)
        self._replayed: dict[AppName, int] = {}
        if self._cursor[0] is not None:
            self._replayed[self._cursor[0]] = self._cursor[1]

    def offer(self, lines: Sequence[LogLine]) -> None:
        for line in lines:
            if self._wants(line):
                if len(self._queue) >= QUEUE_LINES or self._bytes + len(line.text) + _LINE_OVERHEAD > QUEUE_BYTES:
                    self._miss(line)
                else:
                    self._put(line)
        if self._queue:
            self._filled.set()

    async def next_batch(self) -> list[LogLine | Gap]:
        """Safe to cancel: nothing is taken from the queue before the last wait is over."""
        while self._catching_up and not self._closed:
            if page := await self._next_page():
                return page
        if not self._queue:
            self._filled.clear()
            if not self._closed:
                await self._filled.wait()
        return self._take()

    def close(self) -> None:
        self._closed = True
        self._on_close(self)
        self._queue.clear()
        self._missed.clear()
        self._filled.set()

    def _wants(self, line: LogLine) -> bool:
        wanted = self._wanted
        return (
            (wanted.app is None or line.app == wanted.app)
            and RANK[line.level] >= self._least
            and (wanted.deployment is None or line.deployment == wanted.deployment)
            and (wanted.source is None or line.source is wanted.source)
            and line.seq > self._replayed.get(line.app, 0)
        )

    def _put(self, line: LogLine) -> None:
        self._put_gaps()
        self._queue.append(line)
        self._bytes += len(line.text) + _LINE_OVERHEAD

    def _miss(self, line: LogLine) -> None:
        if not self._catching_up:
            self._figures.dropped[Cause.SLOW_VIEWER] += 1
        gap = self._missed.get(line.app)
        first, count = (gap.first, gap.count) if gap else (line.seq, 0)
        self._missed[line.app] = Gap(app=line.app, first=first, last=line.seq, count=count + 1)

    def _put_gaps(self) -> None:
        if self._missed and not self._catching_up:
            self._queue.extend(self._missed.values())
            self._missed.clear()

    def _take(self) -> list[LogLine | Gap]:
        batch = [self._queue.popleft() for _ in range(min(BATCH_LINES, len(self._queue)))]
        self._bytes -= sum(len(item.text) + _LINE_OVERHEAD for item in batch if isinstance(item, LogLine))
        if not self._queue:
            self._put_gaps()
        return batch

    async def _next_page(self) -> list[LogLine | Gap]:
        """The next stored lines; [] when this stretch held nothing for this viewer.

        What is published while the last page is read waits in the queue. If it overflows meanwhile, that is read
        from the store too.
        """
        self._queue.clear()
        self._missed.clear()
        self._bytes = 0
        app, after = self._cursor
        page = await self._store.read(
            self._wanted.app,
            after=after,
            after_app=app,
            level=self._wanted.level,
            deployment=self._wanted.deployment,
            limit=BATCH_LINES,
        )
        if page:
            self._cursor = (page[-1].app, page[-1].seq)
        for line in page:
            self._replayed[line.app] = line.seq
        if len(page) < BATCH_LINES and not self._missed:
            self._go_live()
        return [line for line in page if self._wanted.source in (None, line.source)]

    def _go_live(self) -> None:
        self._catching_up = False
        queued, self._queue = self._queue, deque()
        self._bytes = 0
        self.offer([item for item in queued if isinstance(item, LogLine)])
