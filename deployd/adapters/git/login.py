"""User names and passwords, where git asks for them and neither a disk, an argv nor an environment ever shows them."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import msgspec

from deployd.domain.secret import Secret


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """Sent to the host `at` alone (scheme, host and port)."""

    at: str
    user: Secret
    password: Secret


@contextmanager
def credential_helpers(logins: Sequence[Login]) -> Iterator[dict[str, str]]:
    """Settings by which git asks for them while this is open; each lies in memory of this process, as in ssh_key."""
    with ExitStack() as files:
        yield {f"credential.{login.at}.helper": _helper(files.enter_context(_held(login))) for login in logins}


@contextmanager
def _held(login: Login) -> Iterator[str]:
    file = os.memfd_create("git-login")
    try:
        os.fchmod(file, 0o600)
        os.write(file, f"username={login.user.reveal()}\npassword={login.password.reveal()}\n".encode())
        yield f"/proc/{os.getpid()}/fd/{file}"
    finally:
        os.close(file)


def _helper(file: str) -> str:
    """git adds `get`, and later `store` or `erase`, of which nothing is to come."""
    return f'!f() {{ test "$1" != get || cat {file}; }}; f'
