"""What a person reads when an address cannot be listened at."""

import errno
import os
import socket

import pytest

from deployd.domain.route import Address
from deployd.listening import why_not

HTTP = Address(host="0.0.0.0", port=80)


def test_who_has_the_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = Address(host="127.0.0.1", port=other.getsockname()[1])
        said = why_not(address, "server.http", OSError(errno.EADDRINUSE, "Address already in use"))
    assert f"(process {os.getpid()}) listens there; stop it, or change `server.http`." in said


def test_a_port_that_needs_a_privilege_is_not_told_as_taken() -> None:
    said = why_not(HTTP, "server.http", PermissionError(errno.EACCES, "Permission denied"))
    assert "sysctl net.ipv4.ip_unprivileged_port_start=80" in said
    assert "CAP_NET_BIND_SERVICE" in said
    assert "stop" not in said


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EADDRNOTAVAIL, "x"), "no interface of this machine has that address"),
        (socket.gaierror(-2, "Name or service not known"), "the name 0.0.0.0 is not known here"),
        (OSError(errno.EMFILE, "Too many open files"), "Too many open files"),
    ],
)
def test_other_reasons_are_told_as_they_are(error: OSError, words: str) -> None:
    said = why_not(HTTP, "server.http", error)
    assert words in said
    assert said.endswith("change `server.http`.")
