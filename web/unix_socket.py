"""The listening unix socket of the command line: never reachable by another user, not even while it is made."""

import os
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path

from deployd.domain.errors import UserMistake

_BACKLOG = 64
_PROBE_SECONDS = 1.0


def listen(path: Path) -> socket.socket:
    """Bound in a 0700 folder, made 0600, then moved to `path` in one step, over the socket of a dead deployd.

    UserMistake when a living deployd answers at `path`, or no socket can be made there. Paths of any length work:
    binding goes through a descriptor.
    """
    if _answers(path):
        raise UserMistake(f"Another deployd is already running on {path.parent}; stop it first.")
    try:
        return _listening(path)
    except OSError as error:
        raise UserMistake(f"The socket {path} cannot be made: {error.strerror}.") from error


def _listening(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".socket-") as folder:
            made = Path(folder) / "s"
            _at_descriptor(made, listener.bind)
            made.chmod(0o600)
            made.rename(path)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def _answers(path: Path) -> bool:
    if not path.exists():
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(_PROBE_SECONDS)
        try:
            _at_descriptor(path, client.connect)
        except OSError:
            return False
        return True


def _at_descriptor(path: Path, act: Callable[[str], None]) -> None:
    """A unix address holds 107 bytes; /proc/self/fd/N/NAME is short whatever the folder is called."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        act(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)
