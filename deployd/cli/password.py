"""hash-password: what stands in `proxy.basic_auth` in place of a password."""

import sys

import typer

from deployd.cli.failure import Failure
from deployd.cli.session import Session
from deployd.cli.verb import verb
from deployd.proxy.door.password import hash_password as hash_of


@verb
def hash_password(session: Session) -> None:
    """Read a password from the terminal or from stdin, and print its hash for `basic_auth` in deployd.toml."""
    password = _read()
    if not password:
        raise Failure("There was no password to read: type one, or send it through stdin.")
    hashed = hash_of(password.encode())
    session.say({"hash": hashed}, hashed)


def _read() -> str:
    """Without its last line end, as `echo` and editors add one."""
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    return sys.stdin.read().removesuffix("\n").removesuffix("\r")
