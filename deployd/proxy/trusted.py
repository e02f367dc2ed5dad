"""The proxies in front of this one, and whom a request that came through them is from. Sans-I/O."""

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_SCHEMES = frozenset({b"http", b"https"})


class Trusted:
    """`ip in trusted` for the networks given, such as `10.0.0.0/8` or a single address."""

    def __init__(self, networks: Iterable[str] = ()) -> None:
        self._networks: list[_Network] = [ipaddress.ip_network(text, strict=False) for text in networks]
        self._holds = lru_cache(4_096)(self._look)

    def __bool__(self) -> bool:
        return bool(self._networks)

    def __contains__(self, ip: object) -> bool:
        return bool(self._networks) and isinstance(ip, str) and self._holds(ip)

    def chain(self, peer: str, forwarded_for: bytes) -> list[str]:
        """Who handed the request on, the client first and `peer` last.

        Each hop vouches for what it wrote behind the field's end: that holds back to the first address that is not
        trusted, which is the client's. What is written before it, anybody may have made up.
        """
        chain = [peer]
        for text in reversed(forwarded_for.split(b",")) if forwarded_for else ():
            if chain[-1] not in self or (address := plain_address(text)) is None:
                break
            chain.append(address)
        return chain[::-1]

    def _look(self, ip: str) -> bool:
        try:
            address = ipaddress.ip_address(ip)
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)


def plain_address(text: bytes) -> str | None:
    """`1.2.3.4:5678` → `1.2.3.4`, `[::1]:80` → `::1`; None for what is no address."""
    name = text.strip(b" \t").decode("latin-1")
    if name.startswith("["):
        name = name[1:].partition("]")[0]
    elif name.count(":") == 1:
        name = name.partition(":")[0]
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return None


def scheme_of(forwarded_proto: bytes | None, own: bytes) -> bytes:
    """The last hop's word for how the client came; anything but http and https is no word."""
    if forwarded_proto is None:
        return own
    scheme = forwarded_proto.rpartition(b",")[2].strip(b" \t").lower()
    return scheme if scheme in _SCHEMES else own
