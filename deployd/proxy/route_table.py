"""Host → Service, as an immutable snapshot that one assignment swaps."""

import re
from collections.abc import Mapping

from deployd.proxy.service import Service

_PORT = re.compile(rb":[0-9]*\Z")


class RouteTable:
    """Looked up with the Host field's bytes: O(1), case-insensitive, without port and trailing dot."""

    __slots__ = ("_services",)

    def __init__(self, services: Mapping[bytes, Service] | None = None) -> None:
        self._services = dict(services or {})

    def find(self, host: bytes) -> Service | None:
        return self._services.get(host) or self._services.get(plain_host(host))

    def services(self) -> set[Service]:
        return set(self._services.values())

    def holding(self, hosts: tuple[str, ...], service: Service) -> "RouteTable":
        """A new table in which `service` is served at exactly these hosts."""
        kept = {host: other for host, other in self._services.items() if other is not service}
        return RouteTable(
            kept | {plain_host(host.encode("idna" if not host.isascii() else "ascii")): service for host in hosts}
        )


def plain_host(host: bytes) -> bytes:
    """`WWW.Example.com.:8080` → `www.example.com`; an IPv6 literal keeps its brackets."""
    return _PORT.sub(b"", host).rstrip(b".").lower()
