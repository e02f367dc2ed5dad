"""completion: the script that makes a shell complete verbs, options and the names of apps."""

from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from deployd.cli.daemon import Daemon
from deployd.cli.failure import Failure
from deployd.cli.place import place_of
from deployd.cli.session import Session
from deployd.cli.topics import TOPICS
from deployd.cli.verb import verb
from deployd.domain.errors import DeploydError
from web.views import AppList

_DAEMON_SECONDS = 0.5
"""Somebody waits with a finger on the Tab key."""


class Shell(StrEnum):
    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


_SCRIPTS = {
    Shell.BASH: """\
# To load it in every shell:  deployd completion bash > ~/.local/share/bash-completion/completions/deployd
_deployd() {
    local IFS=$'\\n'
    COMPREPLY=( $(deployd complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null) )
}
complete -o default -F _deployd deployd
""",
    Shell.ZSH: """\
#compdef deployd
# To load it in every shell:  deployd completion zsh > "${fpath[1]}/_deployd"
_deployd() {
    local -a found
    found=(${(f)"$(deployd complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)"})
    if (( ${#found} )); then compadd -- $found; else _files; fi
}
if [[ $funcstack[1] == _deployd ]]; then _deployd "$@"; else compdef _deployd deployd; fi
""",
    Shell.FISH: """\
# To load it in every shell:  deployd completion fish > ~/.config/fish/completions/deployd.fish
function __deployd_complete
    set -l typed (commandline -opc) (commandline -ct)
    deployd complete -- $typed[2..-1] 2>/dev/null
end
complete -c deployd -f -a '(__deployd_complete)'
""",
}


@verb
def completion(session: Session, shell: Annotated[Shell, typer.Argument(metavar="bash|zsh|fish")]) -> None:
    """Print the completion script of a shell; its first lines say where to put it."""
    session.say({"shell": shell, "script": _SCRIPTS[shell]}, _SCRIPTS[shell].rstrip("\n"))


def complete(context: typer.Context) -> None:
    """What the scripts ask: the words typed so far, the last of them unfinished."""
    from deployd.cli.main import root

    words = context.args or [""]
    for found in candidates(root(), words):
        if found.startswith(words[-1]):
            typer.echo(found)


def candidates(command: Any, words: list[str]) -> list[str]:
    """What may stand in place of the last word."""
    *before, last = words
    position, wanting = 0, None
    for word in before:
        if wanting is not None:
            wanting = None
        elif word.startswith("-"):
            wanting = _wants_value(command, word)
        elif isinstance(command, TyperGroup) and word in command.commands:
            command, position = command.commands[word], 0
        else:
            position += 1
    if wanting is not None:
        return list(getattr(wanting.type, "choices", ()))
    if last.startswith("-"):
        return [name for param in command.params for name in (*param.opts, *param.secondary_opts) if name[:1] == "-"]
    if isinstance(command, TyperGroup):
        verbs = [name for name, one in command.commands.items() if not one.hidden]
        return [*verbs, *_apps(words)] if command.name == "env" else verbs
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    return _values(arguments[position].metavar or "", words) if position < len(arguments) else []


def _wants_value(command: Any, word: str) -> Any:
    for param in command.params:
        if word in param.opts and not param.is_flag:
            return param
    return None


def _values(metavar: str, words: list[str]) -> list[str]:
    """A metavar tells: small letters stand for themselves."""
    kinds = metavar.strip("[]").split("|")
    found = [kind for kind in kinds if kind.islower()]
    if "APP" in kinds:
        found += _apps(words)
    if "TOPIC" in kinds:
        found += TOPICS
    return found


def _apps(words: list[str]) -> list[str]:
    """None when the daemon is not there, or not quick enough."""
    typed = dict(pairwise(words))
    config = typed.get("--config") or typed.get("-c")
    data_dir = typed.get("--data-dir")
    try:
        place = place_of(Path(config) if config else None, Path(data_dir) if data_dir else None)
        return [app.name for app in Daemon(place.socket, _DAEMON_SECONDS).get("/apps", AppList).apps]
    except (Failure, DeploydError):
        return []
