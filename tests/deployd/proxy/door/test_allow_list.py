"""Who is let in by address."""

import pytest

from deployd.proxy.door.allow_list import AllowList

NETWORKS = ("10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "203.0.113.77/24")
TABLE = {
    "10.255.0.1": True,
    "11.0.0.1": False,
    "192.0.2.7": True,
    "192.0.2.8": False,
    "203.0.113.1": True,
    "2001:db8:1::1": True,
    "2001:db9::1": False,
    "::ffff:10.1.2.3": True,
    "::ffff:11.1.2.3": False,
    "::1": False,
    "unknown": False,
    "": False,
}


@pytest.mark.parametrize("ip", TABLE)
def test_an_address_is_let_in_as_the_table_says(ip: str) -> None:
    assert TABLE[ip] is AllowList(NETWORKS).admits(ip)


def test_everybody_can_be_let_in_by_either_family() -> None:
    everybody = AllowList(("0.0.0.0/0",))
    assert (everybody.admits("1.2.3.4"), everybody.admits("::1")) == (True, False)
