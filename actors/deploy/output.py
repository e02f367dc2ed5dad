"""What instances print, from their files into the log: each line once, however often its reader is cut off."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from actors.deploy.tools import DeployTools
from deployd.domain.ids import InstanceId
from deployd.domain.instance import Instance
from deployd.domain.log_line import Level, NewLine, Position, Source
from deployd.kernel.errors import ActorError
from deployd.messages.log import AppendAt

_LAST_LINES = 20
_STORED_WITHIN_SECONDS = 60.0
_STORE_AGAIN_SECONDS = 1.0
_END_BYTES = 256 * 1024
_END_SECONDS = 5.0

Spawn = Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]]


class Elsewhere(Exception):
    """The stored lines end at another place than this reader began: it reads on from the stored position."""


class InstanceOutput:
    """One follower for each instance, until what is left of the file is drained."""

    def __init__(self, tools: DeployTools, spawn: Spawn, rest_seconds: float) -> None:
        """`rest_seconds` is how long draining may take before output is left out."""
        self._tools = tools
        self._spawn = spawn
        self._rest_seconds = rest_seconds
        self._followers: dict[InstanceId, asyncio.Task[None]] = {}
        self._last_lines: dict[InstanceId, LastLines] = {}

    def follow(self, instance: Instance) -> None:
        self._followers[instance.id] = self._spawn(self._follow(instance), f"follow {instance.id}")

    async def drain(self, instance: Instance) -> None:
        """Of an instance that has ended; what cannot be stored in time is left out, and a line says how much."""
        follower = self._followers.pop(instance.id, None)
        if follower is not None:
            follower.cancel()
            await asyncio.wait({follower})
        file = self._tools.runtime.output(instance)
        try:
            async with asyncio.timeout(self._rest_seconds):
                await self._finish(instance, file)
        except (TimeoutError, ActorError):
            await self._leave_out(instance, file)

    def last_lines(self, instance: Instance) -> list[str]:
        return self._last_lines[instance.id].texts() if instance.id in self._last_lines else []

    async def forget(self, instance: Instance) -> None:
        """And its file, which goes first: without its position it would be read from the start again."""
        await asyncio.to_thread(self._tools.runtime.output(instance).unlink, missing_ok=True)
        await self._tools.logs.forget_position(instance.id)
        self._last_lines.pop(instance.id, None)

    async def _follow(self, instance: Instance) -> None:
        file = self._tools.runtime.output(instance)
        while True:
            offset = await self._tools.logs.position(instance.id)
            try:
                await self._tools.output.follow(file, offset, self._deliver(instance, offset))
            except Elsewhere:
                continue
            except ActorError:
                await asyncio.sleep(_STORE_AGAIN_SECONDS)  # The store is slow or restarting; the file keeps the lines.

    async def _finish(self, instance: Instance, file: Path) -> None:
        while True:
            offset = await self._tools.logs.position(instance.id)
            with suppress(Elsewhere):
                await self._tools.output.finish(file, offset, self._deliver(instance, offset))
                return

    async def _leave_out(self, instance: Instance, file: Path) -> None:
        """Of more than could be stored in time the end is kept: the reason for a crash stands there."""
        end = (await asyncio.to_thread(file.stat)).st_size - _END_BYTES
        with suppress(TimeoutError, ActorError, Elsewhere):
            async with asyncio.timeout(_END_SECONDS):
                if await self._skip_to(instance, end):
                    await self._tools.output.finish(file, end, self._deliver(instance, end))

    async def _skip_to(self, instance: Instance, end: int) -> bool:
        """False when nothing is to be skipped: it is the store that is slow, and the log's buffer has these lines."""
        while (offset := await self._tools.logs.position(instance.id)) < end:
            text = (
                f"{end - offset:,} bytes of output of {instance.process} are left out: more came than could be stored."
            )
            note = self._line(instance, text, Source.DEPLOYD, Level.WARN)
            with suppress(Elsewhere):
                await self._append((note,), Position(file=instance.id, start=offset, offset=end))
                return True
        return False

    def _deliver(self, instance: Instance, start: int) -> Callable[[tuple[str, ...], int], Coroutine[Any, Any, None]]:
        """`start` is the file's stored position."""
        last = self._last_lines.setdefault(instance.id, LastLines())

        async def deliver(texts: tuple[str, ...], offset: int) -> None:
            nonlocal start
            lines = tuple(self._line(instance, text, Source.APP, Level.INFO) for text in texts)
            try:
                await self._append(lines, Position(file=instance.id, start=start, offset=offset))
            except (asyncio.CancelledError, ActorError):
                last.note(start, texts, offset)  # It may be stored all the same, and is not delivered again then.
                raise
            last.note(start, texts, offset)
            start = offset

        return deliver

    async def _append(self, lines: tuple[NewLine, ...], position: Position) -> None:
        stored = await self._tools.log.ask(AppendAt(lines=lines, position=position), _STORED_WITHIN_SECONDS)
        if stored != position.offset:
            raise Elsewhere

    def _line(self, instance: Instance, text: str, source: Source, level: Level) -> NewLine:
        return NewLine(
            app=instance.app,
            time_ms=self._tools.clock.now_ms(),
            source=source,
            level=level,
            text=text,
            process=instance.process,
            deployment=instance.deployment,
            release=instance.release,
        )


class LastLines:
    """The last lines that were delivered, each once, also when it is not known yet whether they were stored."""

    def __init__(self) -> None:
        self._chunks: deque[tuple[int, tuple[str, ...]]] = deque()

    def note(self, start: int, texts: tuple[str, ...], offset: int) -> None:
        while self._chunks and self._chunks[-1][0] > start:
            self._chunks.pop()
        self._chunks.append((offset, texts[-_LAST_LINES:]))
        while sum(len(later) for _, later in islice(self._chunks, 1, None)) >= _LAST_LINES:
            self._chunks.popleft()

    def texts(self) -> list[str]:
        return [text for _, texts in self._chunks for text in texts][-_LAST_LINES:]
