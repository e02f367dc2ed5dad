"""What Telegram's errors mean to us: vendor errors end here."""

from enum import Enum, auto

from aiogram.exceptions import (
    AiogramError,
    TelegramBadRequest,
    TelegramConflictError,
    TelegramForbiddenError,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramUnauthorizedError,
)

from deployd.domain.errors import DeploydError, ProviderUnavailable, UserMistake
from deployd.ports.chat import ChatRefused, MessageGone, MessageRefused

Failure = (AiogramError, UnicodeDecodeError)
"""All that a call can raise; aiogram lets through what a page that is not Telegram's own makes of its decoding."""


class Refusal(Enum):
    """Why a request was called bad (400). Telegram gives no codes for this, only its English texts."""

    MARKUP = auto()
    LINK = auto()
    UNCHANGED = auto()
    GONE = auto()
    NO_CHAT = auto()
    TOO_LATE = auto()
    OTHER = auto()


_TEXTS = {
    "can't parse entities": Refusal.MARKUP,
    "inline keyboard button url": Refusal.LINK,
    "button_url_invalid": Refusal.LINK,
    "message is not modified": Refusal.UNCHANGED,
    "message to edit not found": Refusal.GONE,
    "message can't be edited": Refusal.GONE,
    "message_id_invalid": Refusal.GONE,
    "chat not found": Refusal.NO_CHAT,
    "query is too old": Refusal.TOO_LATE,
    "query_id_invalid": Refusal.TOO_LATE,
}


def refusal_of(error: BaseException | None) -> Refusal:
    if not isinstance(error, TelegramBadRequest):
        return Refusal.OTHER
    said = error.message.lower()
    return next((refusal for text, refusal in _TEXTS.items() if text in said), Refusal.OTHER)


def translated(error: AiogramError | UnicodeDecodeError) -> DeploydError:
    match error:
        case TelegramRetryAfter():
            return ProviderUnavailable("Telegram asks us to slow down.", retry_after_seconds=float(error.retry_after))
        case TelegramForbiddenError():
            return ChatRefused("This person does not let the bot write to them.")
        case TelegramUnauthorizedError() | TelegramNotFound():
            return UserMistake("Telegram does not know this bot token; set the one that @BotFather shows.")
        case TelegramConflictError():
            return ProviderUnavailable("Another program polls with the same Telegram bot token; stop one of the two.")
        case TelegramBadRequest():
            return _bad_request(error)
        case _:
            return ProviderUnavailable("Telegram cannot be reached.")


def _bad_request(error: TelegramBadRequest) -> DeploydError:
    match refusal_of(error):
        case Refusal.GONE:
            return MessageGone("The message is gone.")
        case Refusal.NO_CHAT:
            return ChatRefused("This person has never started the bot.")
        case _:
            return MessageRefused(f"Telegram refused the message: {error.message}.")
