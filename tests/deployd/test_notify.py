"""What systemd is told, over a real datagram socket."""

import asyncio
import os
import socket
from pathlib import Path

import pytest

from deployd.notify import Notifier


@pytest.mark.parametrize("abstract", [False, True])
def test_each_state_is_one_datagram(tmp_path: Path, abstract: bool) -> None:
    address = f"@{tmp_path}/notify" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(5)
        manager.bind(address.replace("@", "\0"))
        notifier = Notifier({"NOTIFY_SOCKET": address})
        notifier.ready()
        notifier.status("serving\n3 apps")
        notifier.alive()
        notifier.stopping(45.5)
        told = [manager.recv(1000) for _ in range(4)]
    assert told == [b"READY=1", b"STATUS=serving 3 apps", b"WATCHDOG=1", b"STOPPING=1\nEXTEND_TIMEOUT_USEC=45500000"]


@pytest.mark.parametrize("address", [None, "", "/no/such/socket"])
def test_nobody_to_tell_is_no_failure(address: str | None) -> None:
    Notifier({} if address is None else {"NOTIFY_SOCKET": address}).ready()


@pytest.mark.parametrize(("microseconds", "expected"), [("60000000", 20.0), ("0", None), ("", None), ("soon", None)])
def test_it_says_that_it_is_alive_three_times_as_often_as_it_must(microseconds: str, expected: float | None) -> None:
    assert Notifier({"WATCHDOG_USEC": microseconds}).alive_seconds == expected


async def test_what_is_no_longer_the_service_says_nothing_more_and_returns_once_that_was_read(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.setblocking(False)
        manager.bind(str(tmp_path / "notify"))
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        following = asyncio.create_task(notifier.followed_by(7))
        loop = asyncio.get_running_loop()
        assert await loop.sock_recv(manager, 100) == b"MAINPID=7"
        await asyncio.sleep(0)
        word, passed, _, _ = socket.recv_fds(manager, 100, 1)
        assert (word, following.done()) == (b"BARRIER=1", False)
        os.close(*passed)
        await following
        notifier.alive()
        with pytest.raises(BlockingIOError):
            manager.recv(100)
