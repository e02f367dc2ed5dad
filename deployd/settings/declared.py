"""Which apps stand in deployd.toml: their settings are the file's, and whatever differs from it is told."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path

import msgspec

from deployd.config import AppConfig
from deployd.domain.app import App, AppSettings

_LONGEST = 100
_MAY_HOLD_CREDENTIALS = ("repo", "proxy")


class Owner(StrEnum):
    """Who has the last word about an app's settings."""

    FILE = "file"
    API = "api"


class Declared:
    """As the file was last read and found usable."""

    def __init__(self, file: Path = Path("deployd.toml"), apps: Mapping[str, AppConfig] | None = None) -> None:
        self.file = file
        self.apps: Mapping[str, AppConfig] = apps or {}

    def owner(self, app: str) -> Owner:
        return Owner.FILE if app in self.apps else Owner.API

    def drift(self, app: App) -> tuple[str, ...]:
        """A sentence for each setting that is not what the file says."""
        declared = self.apps.get(app.name)
        if declared is None:
            return ()
        return tuple(
            f"`{field}` {_told(field, getattr(app.settings, field))}, and {self.file.name} says "
            f"{_said(field, getattr(declared, field))}."
            for field in AppSettings.__struct_fields__
            if getattr(app.settings, field) != getattr(declared, field)
        )

    def hidden_env(self, app: str, commanded: Iterable[str]) -> tuple[str, ...]:
        """A sentence for each key of the file's env that has no effect; `commanded` are those set by command."""
        declared = self.apps.get(app)
        if declared is None:
            return ()
        return tuple(
            f"`env.{key}` was set by command, which hides what {self.file.name} says. To have that: "
            f"deployd env unset {app} {key}"
            for key in sorted(set(declared.env).intersection(commanded))
        )


def _told(field: str, value: object) -> str:
    return "is another one" if field in _MAY_HOLD_CREDENTIALS else f"is {_short(value)}"


def _said(field: str, value: object) -> str:
    return "otherwise" if field in _MAY_HOLD_CREDENTIALS else _short(value)


def _short(value: object) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
