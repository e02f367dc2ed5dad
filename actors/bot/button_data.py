"""What a pressed button means, packed into the few bytes that a button carries. Pure."""

from enum import StrEnum

import msgspec

from deployd.domain.errors import UserMistake
from deployd.ports.chat import MAX_BUTTON_DATA


class Action(StrEnum):
    """The values travel in old messages for months: never give one a new meaning."""

    DEPLOY = "d"
    STATUS = "s"
    APP_LOGS = "l"
    DEPLOYMENT_LOGS = "dl"
    CANCEL = "c"
    RESTART = "rs"
    ASK_ROLLBACK = "r?"
    ROLLBACK = "r!"
    ASK_STOP = "x?"
    STOP = "x!"
    CANARY = "cn"
    ASK_PROMOTE = "p?"
    PROMOTE = "p!"
    ASK_ABORT = "a?"
    ABORT = "a!"
    MAINTENANCE = "m"
    CLOSE = "m1"
    REOPEN = "m0"
    PAUSE = "ps"
    RESUME = "rm"
    NOTHING = "-"


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """`subject` is an app or a deployment, as the action has it."""

    action: Action
    subject: str = ""
    release: int | None = None


def packed(intent: Intent) -> str:
    text = f"{intent.action}:{intent.subject}" + ("" if intent.release is None else f":{intent.release}")
    if len(text.encode()) > MAX_BUTTON_DATA:
        raise ValueError(f"button data {text!r} is longer than {MAX_BUTTON_DATA} bytes")
    return text


def unpacked(data: str) -> Intent:
    action, _, rest = data.partition(":")
    subject, _, release = rest.partition(":")
    try:
        return Intent(action=Action(action), subject=subject, release=int(release) if release else None)
    except ValueError as error:
        raise UserMistake("This button is from another version of deployd; send the command instead.") from error
