"""Listening sockets that outlive whoever accepts from them."""

import socket

import pytest

from deployd.domain.errors import UserMistake
from deployd.domain.route import Address
from deployd.doors import Doors, from_systemd

LOOPBACK = Address(host="127.0.0.1", port=0)


def at(door: socket.socket) -> Address:
    return Address(host="127.0.0.1", port=door.getsockname()[1])


def test_a_connection_waits_while_nobody_accepts() -> None:
    with Doors() as doors:
        first = doors.open(LOOPBACK, "server.http")
        address = at(first)
        first.close()
        with socket.create_connection((address.host, address.port)) as visitor, doors.open(address, "x") as again:
            again.setblocking(True)
            accepted, _ = again.accept()
            with accepted:
                assert accepted.getpeername() == visitor.getsockname()


def test_an_inherited_socket_is_used_instead_of_a_new_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as inherited, Doors([inherited.dup()]) as doors:
        with doors.open(at(inherited), "server.http") as door:
            assert door.getsockname() == inherited.getsockname()
        assert len(doors.all()) == 1


def test_a_taken_address_is_named_with_its_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, Doors() as doors:
        with pytest.raises(
            UserMistake,
            match=r"127\.0\.0\.1:\d+ cannot be listened at: .* listens there; stop it, or change `server.http`",
        ):
            doors.open(at(other), "server.http")
        assert doors.all() == ()


def test_sockets_meant_for_another_process_are_left_alone() -> None:
    assert from_systemd({"LISTEN_PID": "1", "LISTEN_FDS": "1"}) == []
