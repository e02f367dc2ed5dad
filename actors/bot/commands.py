"""What people can type: the commands, and reading one. Pure."""

import re

import msgspec

from deployd.domain.errors import UserMistake

_NUMBER = re.compile(r"[0-9]{1,4}([.,][0-9]{1,4})?", re.ASCII)
_RELEASE = re.compile(r"v?[0-9]{1,9}", re.ASCII)


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """With `sentence` the last argument is all that follows, as it was written."""

    usage: str
    about: str
    sentence: bool = False


COMMANDS = {
    "apps": Spec(usage="", about="All apps and how they are"),
    "deploy": Spec(usage="APP [REF]", about="Deploy an app: its branch, or another branch, tag or commit"),
    "status": Spec(usage="[APP | DEPLOYMENT]", about="What serves, what runs, what was deployed last"),
    "logs": Spec(usage="APP [LINES]", about="The last lines of an app"),
    "rollback": Spec(usage="APP [RELEASE]", about="Go back to an earlier release"),
    "canary": Spec(
        usage="APP [PERCENT | promote | abort] [RELEASE | REF]",
        about="Give some visitors another release: see how it does",
    ),
    "cancel": Spec(usage="[APP | DEPLOYMENT]", about="Stop a deployment that is under way"),
    "ps": Spec(usage="[APP]", about="Running instances"),
    "stop": Spec(usage="APP", about="Stop an app"),
    "restart": Spec(usage="APP", about="Start the serving release anew"),
    "maintenance": Spec(usage="APP [on | off] [TEXT]", about="Close an app to visitors, who read why", sentence=True),
    "pause": Spec(usage="APP [SECONDS]", about="Let an app's requests wait, at most 30 s"),
    "resume": Spec(usage="APP", about="Let a paused app's requests go on"),
    "help": Spec(usage="", about="This list"),
}

START = "start"
"""What a chat sends when it is opened; it is no entry of the menu."""


class Command(msgspec.Struct, frozen=True, kw_only=True):
    verb: str
    args: tuple[str, ...] = ()


def menu() -> dict[str, str]:
    return {verb: spec.about for verb, spec in COMMANDS.items()}


def parsed(text: str) -> Command:
    """`/deploy@OurBot shop main` → deploy, (shop, main). UserMistake says what to type instead."""
    words = text.split()
    if not words or not words[0].startswith("/"):
        raise UserMistake("I only understand commands; send /help for the list.")
    verb = words[0][1:].partition("@")[0].lower()
    if verb == START:
        return Command(verb=START)
    if verb not in COMMANDS:
        raise UserMistake(f"There is no command /{verb}; send /help for the list.")
    spec = COMMANDS[verb]
    # A word of the usage stands for an argument, `[APP | DEPLOYMENT]` for one of two kinds.
    most = len(spec.usage.replace(" | ", "|").split())
    args = text.split(maxsplit=most)[1:] if spec.sentence else text.replace(" %", "%").split()[1:]
    if len(args) > most:
        raise UserMistake(f"That is too much for /{verb}; it is /{verb} {spec.usage}".rstrip() + ".")
    return Command(verb=verb, args=tuple(arg.strip() for arg in args))


def parsed_lines(text: str, most: int) -> int:
    """How many log lines were asked for."""
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= most:
        raise UserMistake(f"The number of lines must be from 1 to {most}, not {text!r}.")
    return int(text)


def is_release(text: str) -> bool:
    """`v3` or `3`."""
    return _RELEASE.fullmatch(text) is not None


def parsed_release(text: str) -> int:
    if not is_release(text):
        raise UserMistake(f"A release is a number such as v3, not {text!r}.")
    return int(text.removeprefix("v"))


def parsed_percent(text: str) -> float:
    """`5%`, `5` or `0,5%`: more than none, at most all."""
    percent = _number(text.removesuffix("%"))
    if percent is None or not 0 < percent <= 100:
        raise UserMistake(f"A share of the visitors is a percentage such as 5%, not {text!r}.")
    return percent


def parsed_pause(text: str, most: float) -> float:
    """In seconds."""
    seconds = _number(text.removesuffix("s"))
    if seconds is None or not 0.1 <= seconds <= most:
        raise UserMistake(f"A pause takes from 0.1 to {most:g} seconds, not {text!r}.")
    return seconds


def _number(text: str) -> float | None:
    return float(text.replace(",", ".")) if _NUMBER.fullmatch(text) else None
