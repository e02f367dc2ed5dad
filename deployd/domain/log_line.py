"""One line of log, as it is stored and shown."""

from collections.abc import Sequence
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
    """How far a source has been read: `offset` bytes of `file` (an instance's id), going on from the stored `start`."""

    file: str
    start: int
    offset: int


class Portion(msgspec.Struct, frozen=True, kw_only=True):
    """Lines to be stored together. With a position: only if its start is the stored one, and the position with them."""

    lines: Sequence[NewLine]
    position: Position | None = None


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a portion. A refused one has no lines; `position` is the file's stored one, whatever was asked."""

    lines: list[LogLine]
    position: int | None = None
