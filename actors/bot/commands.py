"""What people can type: the commands, and reading one. Pure."""

import msgspec

from deployd.domain.errors import UserMistake


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    usage: str
    about: str


COMMANDS = {
    "apps": Spec(usage="", about="All apps and how they are"),
    "deploy": Spec(usage="APP [REF]", about="Deploy an app: its branch, or another branch, tag or commit"),
    "status": Spec(usage="[APP | DEPLOYMENT]", about="What serves, what runs, what was deployed last"),
    "logs": Spec(usage="APP [LINES]", about="The last lines of an app"),
    "rollback": Spec(usage="APP [RELEASE]", about="Go back to an earlier release"),
    "cancel": Spec(usage="[APP | DEPLOYMENT]", about="Stop a deployment that is under way"),
    "ps": Spec(usage="[APP]", about="Running instances"),
    "stop": Spec(usage="APP", about="Stop an app"),
    "restart": Spec(usage="APP", about="Start the serving release anew"),
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
    verb, args = words[0][1:].partition("@")[0].lower(), tuple(words[1:])
    if verb == START:
        return Command(verb=START)
    if verb not in COMMANDS:
        raise UserMistake(f"There is no command /{verb}; send /help for the list.")
    # A word of the usage stands for an argument, `[APP | DEPLOYMENT]` for one of two kinds.
    most = len(COMMANDS[verb].usage.replace(" | ", "|").split())
    if len(args) > most:
        raise UserMistake(f"That is too much for /{verb}; it is /{verb} {COMMANDS[verb].usage}".rstrip() + ".")
    return Command(verb=verb, args=args)


def parsed_lines(text: str, most: int) -> int:
    """How many log lines were asked for."""
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= most:
        raise UserMistake(f"The number of lines must be from 1 to {most}, not {text!r}.")
    return int(text)


def parsed_release(text: str) -> int:
    """`v3` or `3`."""
    digits = text.removeprefix("v")
    if not digits.isascii() or not digits.isdecimal() or len(digits) > 9:
        raise UserMistake(f"A release is a number such as v3, not {text!r}.")
    return int(digits)
