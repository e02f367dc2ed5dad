"""One deployd for each data folder: a second one would adopt, stop and delete what belongs to the first."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deployd.domain.errors import UserMistake


class Lock:
    """Held until it is closed, which the kernel also brings about when the process is killed."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor

    def sign(self) -> None:
        """Notes down who holds it, for the message to the next one that tries."""
        os.truncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def close(self) -> None:
        """A copy of the descriptor, in whatever process, holds it on."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


@contextmanager
def only_one(file: Path, inherited: int | None = None) -> Iterator[Lock]:
    """Holds the lock until the end. UserMistake.

    `inherited` is the descriptor with which the process before this one holds it.
    """
    lock = Lock(_opened(file) if inherited is None else inherited)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(lock.fileno(), 20).decode(errors="replace").strip()
            raise UserMistake(
                f"Another deployd (process {holder}) works in {file.parent}: stop it first, or set another `data_dir`."
            ) from None
        lock.sign()
        yield lock
    finally:
        lock.close()


def _opened(file: Path) -> int:
    try:
        return os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UserMistake(
            f"{file} cannot be opened: {error.strerror}; it has to be a file of this user's, or none."
        ) from error
