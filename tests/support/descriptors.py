"""Shows whether anything closes a descriptor that a thread has been given meanwhile."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_THREADS = 3


class Opener(threading.Thread):
    """Opens and uses descriptors all the time; `lost` counts those that somebody else closed."""

    def __init__(self) -> None:
        super().__init__()
        self.over = threading.Event()
        self.lost = 0

    def run(self) -> None:
        while not self.over.is_set():
            try:
                with socket.socket(socket.AF_UNIX) as mine:
                    mine.bind("")
                    mine.listen(1)
            except OSError:
                self.lost += 1


@contextmanager
def none_lost() -> Iterator[None]:
    """Fails when a thread lost one while the block ran."""
    openers = [Opener() for _ in range(_THREADS)]
    for opener in openers:
        opener.start()
    try:
        yield
    finally:
        for opener in openers:
            opener.over.set()
            opener.join()
    assert sum(opener.lost for opener in openers) == 0
