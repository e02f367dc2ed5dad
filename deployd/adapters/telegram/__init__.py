"""Telegram as a Chat. Importing this costs nothing: aiogram is loaded by `connect`, in a thread."""

import asyncio
import importlib
import importlib.util

from deployd.domain.errors import UserMistake
from deployd.domain.secret import Secret
from deployd.ports.chat import Chat


async def connect(token: Secret, api_url: str | None = None) -> Chat:
    """Loads aiogram (seconds, 134 MB) without touching the network; `api_url` is for an own Bot API server.

    Raises UserMistake when `token` cannot be a bot token or aiogram is not installed.
    """
    return await asyncio.to_thread(_load, token, api_url)


def _load(token: Secret, api_url: str | None) -> Chat:
    if importlib.util.find_spec("aiogram") is None:
        raise UserMistake("A Telegram bot token is set, but aiogram is not installed: pip install 'deployd[telegram]'.")
    client = importlib.import_module("deployd.adapters.telegram.client")
    chat: Chat = client.TelegramChat(token, api_url)
    return chat
