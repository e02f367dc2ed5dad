"""Follows the output files of instances by inotify, no faster than their lines become durable.

A store that is slow makes the files grow, never an app wait. They do not grow for ever: when a gibibyte waits in one,
all but its end is left out, and a line says so.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from asyncinotify import Inotify, Mask, Watch

from deployd.ports.output_reader import Chunk
from deployd.runtimes.tail import Tail

_EVENTS_AT_ONCE = 1_000


class InotifyOutputReader:
    """One inotify instance for all files. A file is only watched while its reader has nothing left to read.

    So a busy file costs one event for each time its reader had caught up, however many writes there were.
    """

    def __init__(self) -> None:
        self._inotify: Inotify | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: dict[Watch, asyncio.Event] = {}

    async def follow(self, file: Path, offset: int, deliver: Chunk) -> None:
        with Tail(file, offset, create=True) as tail:
            while True:
                with self._changes(file) as changed:  # watched first, then read: what is written between is an event
                    if not await _read_on(tail, deliver):
                        await changed.wait()

    async def finish(self, file: Path, offset: int, deliver: Chunk) -> int:
        try:
            tail = Tail(file, offset, create=False)
        except FileNotFoundError:
            return offset
        with tail:
            while await _read_on(tail, deliver):
                pass
            await _deliver(tail, deliver, final=True)
            await asyncio.to_thread(tail.release)
            return tail.offset

    def close(self) -> None:
        if self._inotify is not None and self._loop is not None:
            self._loop.remove_reader(self._inotify.fd)
            self._inotify.close()
            self._inotify = None

    @contextmanager
    def _changes(self, file: Path) -> Iterator[asyncio.Event]:
        inotify = self._opened()
        watch = inotify.add_watch(file, Mask.MODIFY | Mask.ONESHOT)
        changed = self._waiting[watch] = asyncio.Event()
        try:
            yield changed
        finally:
            if self._waiting.get(watch) is changed:
                del self._waiting[watch]

    def _opened(self) -> Inotify:
        if self._inotify is None:
            self._inotify = Inotify(sync_timeout=0)
            self._loop = asyncio.get_running_loop()
            self._loop.add_reader(self._inotify.fd, self._wake)
        return self._inotify

    def _wake(self) -> None:
        assert self._inotify is not None
        for _ in range(_EVENTS_AT_ONCE):
            event = self._inotify.sync_get()
            if event is None:
                return
            if Mask.Q_OVERFLOW in event.mask:
                for changed in self._waiting.values():
                    changed.set()
            elif event.watch in self._waiting:
                self._waiting[event.watch].set()


async def _read_on(tail: Tail, deliver: Chunk) -> bool:
    """Delivers the whole lines of one chunk; False when there was nothing to read."""
    grew = await asyncio.to_thread(tail.read)
    if tail.left_out:
        await deliver((f"… {tail.left_out:,} bytes are left out here: more came than could be stored.",), tail.offset)
    if grew:
        await _deliver(tail, deliver, final=False)
    return grew


async def _deliver(tail: Tail, deliver: Chunk, *, final: bool) -> None:
    while True:
        lines, after = tail.next_lines(final=final)
        if not lines:
            break
        await deliver(lines, after)
        tail.delivered(after)
    tail.compact()
