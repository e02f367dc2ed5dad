"""How many connections each client address has open, so that no single one can take them all."""

from collections.abc import Container
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

_KNOWN = 4_096


class Peers:
    """At most `most` connections an address, or an IPv6 network of 64 bits, which is what one customer gets; 0 means
    any number. This host itself and the proxies in front of us speak for many clients and are not counted.
    """

    def __init__(self, most: int, trusted: Container[str]) -> None:
        self._most = most
        self._trusted = trusted
        self._open: dict[str, int] = {}

    def enter(self, ip: str) -> bool:
        """False when there are too many from there; then there is nothing to leave."""
        key = _counted_as(ip)
        if not self._most or key is None or ip in self._trusted:
            return True
        count = self._open.get(key, 0)
        if count >= self._most:
            return False
        self._open[key] = count + 1
        return True

    def leave(self, ip: str) -> None:
        key = _counted_as(ip)
        count = self._open.get(key, 0) if key is not None else 0
        if key is not None and count > 1:
            self._open[key] = count - 1
        elif key is not None:
            self._open.pop(key, None)

    def open_from(self, ip: str) -> int:
        return self._open.get(_counted_as(ip) or "", 0)


@lru_cache(_KNOWN)
def _counted_as(ip: str) -> str | None:
    """None for what is not counted: loopback, and what is no address, such as the peer of a unix socket."""
    try:
        address = ip_address(ip.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    if address.is_loopback:
        return None
    return address.exploded[:19] if isinstance(address, IPv6Address) else str(address)
