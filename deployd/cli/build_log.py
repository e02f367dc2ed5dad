"""Shows a deployment's lines while it runs: a thread on the live tail, and at the end whatever the tail missed."""

from collections.abc import Callable
from threading import Thread
from typing import Self

import msgspec

from deployd.cli.daemon import Daemon, EventStream, segment
from deployd.cli.failure import Failure
from deployd.cli.logs import TailFrame
from deployd.domain.deployment import Deployment
from deployd.domain.log_line import LogLine
from web.views import LineList

_PAGE = 5000


class BuildLog:
    """Every line of `deployment` is handed to `on_line` once and in order; all of them when the block is left."""

    def __init__(self, daemon: Daemon, deployment: Deployment, on_line: Callable[[LogLine], None]) -> None:
        self._daemon = daemon
        self._deployment = deployment
        self._on_line = on_line
        self._last = 0
        self._stream: EventStream | None = None
        self._thread: Thread | None = None

    def __enter__(self) -> Self:
        self._catch_up()
        try:
            self._stream = self._daemon.stream(
                "/logs/events", app=self._deployment.app, deployment=self._deployment.id, after=self._last
            )
        except Failure:
            return self
        self._thread = Thread(target=self._follow, args=(self._stream,), name="build log", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._stream is not None and self._thread is not None:
            self._stream.close()
            self._thread.join()
            self._stream.__exit__()
        if kind is None:
            self._catch_up()

    def _follow(self, stream: EventStream) -> None:
        """Stops at a gap: what comes after it is read from the store, so that no line is left out."""
        for payload in stream:
            frame = msgspec.json.decode(payload, type=TailFrame)
            if frame.gap is not None:
                return
            self._show(list(frame.lines))

    def _catch_up(self) -> None:
        path = f"/apps/{segment(self._deployment.app)}/logs"
        while True:
            page = self._daemon.get(path, LineList, after=self._last, deployment=self._deployment.id, limit=_PAGE).lines
            self._show(page)
            if len(page) < _PAGE:
                return

    def _show(self, lines: list[LogLine]) -> None:
        for line in lines:
            if line.seq > self._last:
                self._last = line.seq
                self._on_line(line)
