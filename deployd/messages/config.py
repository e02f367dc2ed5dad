"""What ConfigActor can be told."""

from deployd.kernel.message import Message


class ConfigEdited(Message, frozen=True, kw_only=True):
    """deployd.toml was written: read it again."""


ConfigMessage = ConfigEdited
