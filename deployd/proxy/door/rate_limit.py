"""How often one address may come: a token bucket each, for as many addresses as there is room."""

import ipaddress
from collections import OrderedDict
from functools import lru_cache

_KNOWN = 4_096


class RateLimit:
    """A bucket holds max(1, `per_second`) + `burst` tokens; one that was not used the longest makes room first.

    It is kept as the moment at which it will be full again, so an address costs one number.
    """

    def __init__(self, per_second: float, burst: int = 0, addresses: int = 10_000) -> None:
        self._interval = 1 / per_second
        self._slack = (max(1.0, per_second) + burst - 1) * self._interval
        self._most = addresses
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, ip: str, now: float) -> float:
        """0.0 when a token was there; otherwise none is taken, and the seconds until there is one."""
        address = neighbourhood(ip) if ":" in ip else ip
        full_at = max(now, self._full_at.get(address, now))
        if full_at - now > self._slack + 1e-9:
            return full_at - now - self._slack
        self._full_at[address] = full_at + self._interval
        self._full_at.move_to_end(address)
        if len(self._full_at) > self._most:
            self._full_at.popitem(last=False)
        return 0.0

    def give_back(self, ip: str) -> None:
        """The token taken last was not needed."""
        address = neighbourhood(ip) if ":" in ip else ip
        if address in self._full_at:
            self._full_at[address] -= self._interval


@lru_cache(_KNOWN)
def neighbourhood(ip: str) -> str:
    """The /64 of an IPv6 address, since that is what one visitor has; an IPv4 address inside IPv6 is itself."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return ip
    if isinstance(address, ipaddress.IPv4Address):
        return ip
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(address) >> 64 << 64, 64)))
