"""What ConfigActor can be told."""

from collections.abc import Mapping

from deployd.domain.app import App
from deployd.kernel.message import Message, Request


class ConfigEdited(Message, frozen=True, kw_only=True):
    """deployd.toml was written: read it again."""


class ChangeDeclared(Request[App], frozen=True, kw_only=True):
    """Writes settings of an app that stands in deployd.toml there, and applies them.

    `changes` is a merge patch (RFC 7396): None gives a setting its default back. UserMistake when they cannot work,
    StateConflict when the file cannot be written or the app does not stand in it: the file is as before then.
    """

    app: str
    changes: Mapping[str, object]


class RemoveDeclared(Request[None], frozen=True, kw_only=True):
    """Takes an app out of deployd.toml, then stops and deletes it. StateConflict as for ChangeDeclared."""

    app: str


ConfigMessage = ConfigEdited | ChangeDeclared | RemoveDeclared
