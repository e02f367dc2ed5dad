"""Lets the kernel copy a file to a client's socket, past the loop's transport (which has no sendfile)."""

import asyncio
import errno
import os
from typing import cast

_PIECE = 1_048_576
_UNKNOWN_HERE = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})


class NoSendfile(Exception):
    """This file system or platform cannot; the bytes have to be read and written."""


class SendfileSocket:
    """A second descriptor of the transport's socket. To be used only while the transport has nothing to write."""

    def __init__(self, loop: asyncio.AbstractEventLoop, number: int) -> None:
        self._loop = loop
        self._socket = os.dup(number)
        self._woken = asyncio.Event()

    async def send(self, opened: int, start: int, stop: int) -> int:
        """Some of these bytes, as many as the socket takes; 0 when the file ends before. OSError as from sendfile."""
        count = min(_PIECE, stop - start)
        if not _is_at_hand(opened, start, start + count - 1):
            await asyncio.to_thread(os.pread, opened, count, start)
        try:
            sent = os.sendfile(self._socket, opened, start, count)
        except BlockingIOError:
            await self._writable()
            return -1
        except OSError as error:
            if error.errno in _UNKNOWN_HERE:
                raise NoSendfile from error
            raise
        if sent == count:
            await asyncio.sleep(0)  # others get their turn, however fast this client reads
        return sent

    async def _writable(self) -> None:
        self._woken.clear()
        self._loop.add_writer(self._socket, self._woken.set)
        try:
            await self._woken.wait()
        finally:
            self._loop.remove_writer(self._socket)

    def wake(self) -> None:
        """Ends a wait: there is nothing to wait for any more."""
        self._woken.set()

    def close(self) -> None:
        os.close(self._socket)


def sendfile_socket(loop: asyncio.AbstractEventLoop, transport: asyncio.Transport) -> SendfileSocket | None:
    """None where the bytes have to pass through us: TLS, or no socket at all."""
    if not hasattr(os, "sendfile") or transport.is_closing() or transport.get_extra_info("sslcontext") is not None:
        return None
    found = transport.get_extra_info("socket")
    return SendfileSocket(loop, cast(int, found.fileno())) if found is not None else None


def _is_at_hand(opened: int, first: int, last: int) -> bool:
    """Whether the ends of a piece are in memory, so that copying it does not wait for the disk."""
    probe = bytearray(1)
    try:
        for at in (first, last):
            os.preadv(opened, [probe], at, os.RWF_NOWAIT)
    except BlockingIOError:
        return False
    except (OSError, AttributeError):
        return True  # not told here
    return True
