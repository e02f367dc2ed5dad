"""One output file that is being read: what was delivered, what was read but not yet delivered."""

import os
import threading
from pathlib import Path
from typing import Self

from deployd.runtimes.lines import cut_lines
from deployd.runtimes.punch_hole import punch_hole

CHUNK_BYTES = 256 * 1024
MOST_UNREAD_BYTES = 1024**3
KEPT_BYTES = 1024**2
"""What is left of the unread when there is more of it than that."""

_RELEASE_BYTES = 64 * 1024


class Tail:
    """`offset` is the byte after the last delivered line. Holds at most one chunk and one unfinished line.

    `read` and `release` are for threads, since disks can hang; the lock keeps a thread whose waiter was cancelled
    away from a descriptor that was closed, and may be another file by now.
    """

    def __init__(self, file: Path, offset: int, *, create: bool) -> None:
        self.offset = offset
        self.left_out = 0
        """How many bytes the last `read` passed over, since there were too many to ever be read."""
        self._descriptor = os.open(file, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0), 0o600)
        self._lock = threading.Lock()
        self._closed = False
        self._pending = b""
        self._cut = 0
        self._released = 0
        self._can_release = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        with self._lock:
            self._closed = True
            os.close(self._descriptor)

    def read(self) -> bool:
        """Gives the delivered blocks back, then reads on; False at the end of the file."""
        with self._lock:
            if self._closed:
                return False
            self._release(_RELEASE_BYTES)
            size = os.fstat(self._descriptor).st_size
            if size < self.offset:
                self.offset, self._pending, self._released = 0, b"", 0  # somebody emptied it: what follows is new
            self.left_out = 0 if size - self.offset <= MOST_UNREAD_BYTES else size - KEPT_BYTES - self.offset
            if self.left_out:
                self.offset, self._pending, self._cut = size - KEPT_BYTES, b"", 0
            data = os.pread(self._descriptor, CHUNK_BYTES, self.offset + len(self._pending))
            self._pending += data
            return bool(data)

    def release(self) -> None:
        with self._lock:
            if not self._closed:
                self._release(1)

    def next_lines(self, *, final: bool = False) -> tuple[tuple[str, ...], int]:
        """The next lines and the offset after them, which become `delivered` when they are durable."""
        lines, used = cut_lines(self._pending, self._cut, final=final)
        return lines, self.offset + used - self._cut

    def delivered(self, offset: int) -> None:
        self._cut += offset - self.offset
        self.offset = offset

    def compact(self) -> None:
        """Forgets the delivered bytes."""
        self._pending = self._pending[self._cut :]
        self._cut = 0

    def _release(self, from_bytes: int) -> None:
        if self._can_release and self.offset - self._released >= from_bytes:
            self._can_release = punch_hole(self._descriptor, self._released, self.offset)
            self._released = self.offset
