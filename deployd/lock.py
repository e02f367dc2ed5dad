"""One deployd for each data folder: a second one would adopt, stop and delete what belongs to the first."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deployd.domain.errors import UserMistake


@contextmanager
def only_one(file: Path, inherited: int | None = None) -> Iterator[int]:
    """Holds the lock until the end, which the kernel also brings about when the process is killed. UserMistake.

    `inherited` is the descriptor with which the process before this one holds it; the lock is let go of when the last
    copy of it is closed. Gives the descriptor.
    """
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600) if inherited is None else inherited
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 20).decode(errors="replace").strip()
            raise UserMistake(
                f"Another deployd (process {holder}) works in {file.parent}: stop it first, or set another `data_dir`."
            ) from None
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)
