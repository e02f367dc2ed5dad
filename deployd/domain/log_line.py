"""One line of log, as it is stored and shown."""

from enum import StrEnum

import msgspec

from deployd.domain.ids import AppName


class Source(StrEnum):
    BUILD = "build"
    APP = "app"
    PROXY = "proxy"
    DEPLOYD = "deployd"


class Level(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"


class NewLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line on its way to the store. `process` is `web.1`, `worker.1`…; `stream` is stdout or stderr."""

    app: AppName
    time_ms: int
    source: Source
    text: str
    level: Level = Level.INFO
    process: str | None = None
    stream: str | None = None
    deployment: str | None = None
    release: int | None = None


class LogLine(NewLine, frozen=True, kw_only=True):
    """A stored line: `seq` grows by one from line to line within an app."""

    seq: int


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """How far a source has been read: bytes of `file` (an instance's id) whose lines are stored."""

    file: str
    offset: int
