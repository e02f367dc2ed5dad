"""The chat bot: BotActor and what it is made with."""

from actors.bot.actor import BotActor, ChatFactory
from actors.bot.pace import Pace
from actors.bot.reads import BotReads

__all__ = ["BotActor", "BotReads", "ChatFactory", "Pace"]
