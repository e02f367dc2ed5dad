"""What systemd is told, over a real datagram socket."""

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
        notifier = Notifier(address)
        notifier.ready()
        notifier.status("serving\n3 apps")
        notifier.alive()
        notifier.stopping()
        told = [manager.recv(1000) for _ in range(4)]
    assert told == [b"READY=1", b"STATUS=serving 3 apps", b"WATCHDOG=1", b"STOPPING=1"]


@pytest.mark.parametrize("address", [None, "", "/no/such/socket"])
def test_nobody_to_tell_is_no_failure(address: str | None) -> None:
    Notifier(address).ready()
