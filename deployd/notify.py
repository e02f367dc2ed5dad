"""Tells systemd how deployd is, in the datagrams of sd_notify(3)."""

import socket
from contextlib import suppress


class Notifier:
    """`address` is what NOTIFY_SOCKET held; without one every call does nothing."""

    def __init__(self, address: str | None) -> None:
        self._address = f"\0{address[1:]}" if address and address.startswith("@") else address

    def ready(self) -> None:
        self._send("READY=1")

    def followed_by(self, pid: int) -> None:
        """From now on that process is the service."""
        self._send(f"MAINPID={pid}")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def alive(self) -> None:
        """Due at least every WATCHDOG_USEC, or systemd restarts deployd."""
        self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        self._send("STATUS=" + text.replace("\n", " "))

    def _send(self, message: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.setblocking(False)
            with suppress(OSError):  # a service manager that does not listen must not stop traffic
                sender.sendto(message.encode(), self._address)
