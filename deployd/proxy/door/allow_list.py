"""Who is let in by address."""

import ipaddress
from collections.abc import Sequence
from functools import lru_cache

_KNOWN = 4_096


class AllowList:
    def __init__(self, networks: Sequence[str]) -> None:
        self._networks = [ipaddress.ip_network(network, strict=False) for network in networks]
        self.admits = lru_cache(_KNOWN)(self._admits)

    def _admits(self, ip: str) -> bool:
        """False for what is no address, such as the peer of a unix socket."""
        try:
            address = ipaddress.ip_address(ip)
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address.version == network.version and address in network for network in self._networks)
