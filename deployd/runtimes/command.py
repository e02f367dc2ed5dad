"""Turns a launch into the script and the environment that its shell is given; pure."""

import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

from deployd.domain.ids import InstanceId
from deployd.ports.runtime import Launch

MARK = "DEPLOYD_INSTANCE"
"""The variable by which a process says which instance it belongs to."""

_GATE = "read -r _ || exit 125\nexec </dev/null\n"
_SHELL_WORDS = frozenset(
    {"!", "{", "if", "while", "until", "for", "case"}
    | {"exec", "exit", ".", ":", "cd", "eval", "set", "unset", "export", "readonly", "trap", "ulimit", "umask", "wait"}
    | {"read", "shift", "return", "times", "alias", "source"}
)


def gated_script(command: str) -> str:
    """Waits for a line on stdin before it runs `command`, and ends with 125 when stdin is closed instead.

    So whoever starts it can limit and note down the process before any of the app's code runs, and an app whose
    starter dies half-way never runs.
    """
    return _GATE + shell_command(command)


def shell_command(command: str) -> str:
    """A simple command takes the place of its shell, so that signals and exit codes are the app's own."""
    words = _words(command)
    if words is None or words[0] in _SHELL_WORDS:
        return command
    if _is_assignment(words[0]):
        return f"exec env {command}"
    return f"exec {command}"


def environment(launch: Launch) -> dict[str, str]:
    """Exactly the app's env over a small base; nothing of deployd's own."""
    env = {
        "HOME": str(launch.folder),
        "PATH": search_path(launch.folder, launch.programs),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        **launch.env,
        MARK: launch.instance.id,
    }
    if launch.instance.port is not None:
        env["PORT"] = str(launch.instance.port)
    return env


def search_path(folder: Path, programs: Sequence[Path] = ()) -> str:
    own = (folder / "node_modules/.bin", folder / ".venv/bin")
    places = [*own, *programs, "/usr/local/bin", "/usr/bin", "/bin", *_node_folder()]
    return ":".join(dict.fromkeys(str(place) for place in places))


def mark(instance: InstanceId) -> bytes:
    """The entry of that variable as /proc shows it."""
    return f"{MARK}={instance}".encode()


def _node_folder() -> list[Path]:
    node = shutil.which("node")
    return [Path(node).parent] if node else []


def _words(command: str) -> list[str] | None:
    """The words of a simple command; None when the shell itself has work to do."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars="();|&\n")
    lexer.whitespace = " \t"
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        words = list(lexer)
    except ValueError:
        return None  # an open quotation: the shell says so best
    operators = [word for word in words if word and set(word) <= set("();|&\n")]
    return None if operators or not words else words


def _is_assignment(word: str) -> bool:
    return word.partition("=")[0].isidentifier() and "=" in word
