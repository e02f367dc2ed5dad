"""Tells systemd how deployd is, in the datagrams of sd_notify(3)."""

import asyncio
import os
import socket
from collections.abc import Mapping
from contextlib import suppress

_BARRIER_SECONDS = 5.0
_MICROSECONDS = 1_000_000


class Notifier:
    """Without an address in the environment every call does nothing.

    `main`: whether this process is the service. What others say systemd ignores, with a warning each time.
    """

    def __init__(self, environ: Mapping[str, str], *, main: bool = True) -> None:
        self.main = main
        address = environ.get("NOTIFY_SOCKET")
        self._address = f"\0{address[1:]}" if address and address.startswith("@") else address
        limit = environ.get("WATCHDOG_USEC", "")
        self.alive_seconds = int(limit) / _MICROSECONDS / 3 if limit.isdecimal() and int(limit) else None
        """How often systemd is to hear that deployd is alive: two such words may be lost. None when it does not watch.

        WATCHDOG_PID is not looked at: after a hand-over it names the process before this one.
        """

    @property
    def managed(self) -> bool:
        return bool(self._address)

    def become_main(self) -> None:
        """It is ready, or it would not be told so."""
        self.main = True
        self.ready()

    def ready(self) -> None:
        self._send("READY=1")

    async def followed_by(self, pid: int) -> None:
        """From now on that process is the service. Returns when systemd has taken note."""
        self._send(f"MAINPID={pid}")
        await self._barrier()
        self.main = False

    def stopping(self, within_seconds: float) -> None:
        """The unit's own TimeoutStopSec knows nothing of deployd's settings."""
        self._send(f"STOPPING=1\nEXTEND_TIMEOUT_USEC={round(within_seconds * _MICROSECONDS)}")

    def alive(self) -> None:
        """Due at least every WATCHDOG_USEC, or systemd restarts deployd."""
        self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        self._send("STATUS=" + text.replace("\n", " "))

    async def _barrier(self) -> None:
        """systemd closes the descriptor when it has read all that was sent before it; others may never do."""
        if not self._address or not self.main:
            return
        ours, theirs = os.pipe()
        closed = asyncio.Event()
        loop = asyncio.get_running_loop()
        try:
            self._send("BARRIER=1", theirs)
            os.close(theirs)
            loop.add_reader(ours, closed.set)
            with suppress(TimeoutError):
                await asyncio.wait_for(closed.wait(), _BARRIER_SECONDS)
            loop.remove_reader(ours)
        finally:
            os.close(ours)

    def _send(self, message: str, *descriptors: int) -> None:
        if not self._address or not self.main:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.setblocking(False)
            with suppress(OSError):  # a service manager that does not listen must not stop traffic
                sender.connect(self._address)
                socket.send_fds(sender, [message.encode()], descriptors)
