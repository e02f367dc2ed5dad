"""Makes, for root, a mount namespace in which an unprivileged user reaches folders that its paths keep it from."""

import ctypes
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

STAGE = "/mnt"

_CLONE_NEWNS = 0x0002_0000
_MS_BIND, _MS_REC, _MS_PRIVATE, _MS_NOSUID, _MS_NODEV = 0x1000, 0x4000, 0x4_0000, 0x2, 0x4

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)
_libc.unshare.argtypes = (ctypes.c_int,)


class Source(NamedTuple):
    path: Path
    file: bool


@contextmanager
def staged_mounts(sources: Sequence[Source]) -> Iterator[int]:
    """A descriptor of a namespace that shows each source at STAGE/<its number>; nothing of it is seen outside.

    OSError when this process may not make one.
    """
    namespace = _made_in_thread(sources)
    try:
        yield namespace
    finally:
        os.close(namespace)


def _made_in_thread(sources: Sequence[Source]) -> int:
    """Of a thread's own: only it moves, and it ends at once, while the namespace lives on in the descriptor.

    No programs are run for it: `mount` for each source takes longer than the whole sandbox.
    """
    made: list[int] = []
    failures: list[OSError] = []

    def work() -> None:
        try:
            made.append(_make(sources))
        except OSError as error:
            failures.append(error)

    thread = threading.Thread(target=work, name="mount namespace")
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return made[0]


def _make(sources: Sequence[Source]) -> int:
    _done(_libc.unshare(_CLONE_NEWNS), "a mount namespace")
    _done(_libc.mount(None, b"/", None, _MS_REC | _MS_PRIVATE, None), "/")
    _done(_libc.mount(b"deployd", STAGE.encode(), b"tmpfs", _MS_NOSUID | _MS_NODEV, b"mode=0755,size=1m"), STAGE)
    for number, source in enumerate(sources):
        place = f"{STAGE}/{number}"
        if source.file:
            os.close(os.open(place, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))
        else:
            os.mkdir(place)
        _done(_libc.mount(os.fsencode(source.path), place.encode(), None, _MS_BIND | _MS_REC, None), str(source.path))
    return os.open("/proc/thread-self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)


def _done(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), what)
