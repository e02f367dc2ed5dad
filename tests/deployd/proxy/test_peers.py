"""Connections are counted by who can be told apart."""

import pytest

from deployd.proxy.peers import Peers


@pytest.mark.parametrize("ip", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "unknown", "10.0.0.1"])
def test_this_host_and_the_proxies_in_front_are_not_counted(ip: str) -> None:
    peers = Peers(1, frozenset({"10.0.0.1"}))
    assert all(peers.enter(ip) for _ in range(10))
    assert peers.open_from(ip) == 0


def test_addresses_of_one_customer_network_are_one() -> None:
    peers = Peers(2, frozenset())
    assert peers.enter("2001:db8:1:2::1")
    assert peers.enter("2001:db8:1:2:ffff::9")
    assert not peers.enter("2001:db8:1:2::3")
    assert peers.enter("2001:db8:1:3::1")


def test_an_old_address_written_the_new_way_is_the_same() -> None:
    peers = Peers(1, frozenset())
    assert peers.enter("192.0.2.7")
    assert not peers.enter("::ffff:192.0.2.7")


def test_whoever_leaves_makes_room_and_nothing_is_kept() -> None:
    peers = Peers(1, frozenset())
    for number in range(1_000):
        assert peers.enter(f"192.0.{number // 256}.{number % 256}")
        peers.leave(f"192.0.{number // 256}.{number % 256}")
    assert peers.enter("192.0.0.1")
    peers.leave("192.0.0.1")
    peers.leave("192.0.0.1")
    assert peers.open_from("192.0.0.1") == 0


def test_zero_means_any_number() -> None:
    peers = Peers(0, frozenset())
    assert all(peers.enter("192.0.2.7") for _ in range(1_000))
