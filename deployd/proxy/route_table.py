"""Host and path → Service, as an immutable snapshot that one assignment swaps."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from deployd.domain.place import Place
from deployd.proxy.plain_path import plain_path
from deployd.proxy.refused import Refused

if TYPE_CHECKING:
    from deployd.proxy.service import Service

_PORT = re.compile(rb":[0-9]*\Z")

Paths = Mapping[bytes, "Service"]


class RouteTable:
    """Looked up with the Host field's bytes, case-insensitive, without port and trailing dot.

    A host that an app has all paths of costs one look; path prefixes (longest first, by whole segments) and wildcards
    (`*` is one label) are looked at only where there are such, and never for the `reserved` hosts.
    """

    __slots__ = ("_exact", "_held", "_reserved", "_whole", "_wild")

    def __init__(self, reserved: frozenset[bytes] = frozenset()) -> None:
        self._reserved = reserved
        self._held: dict[Service, tuple[Place, ...]] = {}
        self._whole: dict[bytes, Service] = {}
        self._exact: dict[bytes, Paths] = {}
        self._wild: dict[bytes, Paths] = {}

    def find(self, host: bytes, target: bytes = b"/") -> "Service | None":
        """Refused when it depends on how the path is read whose it is."""
        service = self._whole.get(host)
        return service if service is not None else self._search(host, target)[0]

    def prefix_of(self, host: bytes, target: bytes) -> bytes:
        """The path prefix by which `find` came to its answer."""
        return b"" if host in self._whole else self._search(host, target)[1]

    def owner(self, place: Place) -> "Service | None":
        """Who has exactly this place."""
        host, prefix = _key(place)
        return self._paths_at(place.wildcard, host).get(prefix)

    def services(self) -> "Iterable[Service]":
        return self._held.keys()

    def hosts(self) -> Iterator[Place]:
        for places in self._held.values():
            yield from places

    def holding(self, hosts: tuple[str, ...], service: "Service") -> "RouteTable":
        """A new table in which `service` is served at exactly these hosts."""
        new = RouteTable(self._reserved)
        new._held, new._whole = self._held.copy(), self._whole.copy()
        new._exact, new._wild = self._exact.copy(), self._wild.copy()
        for place in new._held.pop(service, ()):
            new._put(place, None)
        places = tuple(Place.parse(host) for host in hosts)
        for place in places:
            new._put(place, service)
        if places:
            new._held[service] = places
        return new

    def _put(self, place: Place, service: "Service | None") -> None:
        """`service` None gives the place up. Maps that other snapshots share are replaced, never changed."""
        host, prefix = _key(place)
        paths = dict(self._paths_at(place.wildcard, host))
        if service is None:
            paths.pop(prefix, None)
        else:
            paths[prefix] = service
        by_host = self._wild if place.wildcard else self._exact
        by_host.pop(host, None)
        if not place.wildcard:
            self._whole.pop(host, None)
        if not place.wildcard and paths.keys() == {b""}:
            self._whole[host] = paths[b""]
        elif paths:
            by_host[host] = dict(sorted(paths.items(), key=lambda item: -len(item[0])))

    def _paths_at(self, wildcard: bool, host: bytes) -> Paths:
        if wildcard:
            return self._wild.get(host, {})
        whole = self._whole.get(host)
        return self._exact.get(host, {}) if whole is None else {b"": whole}

    def _search(self, host: bytes, target: bytes) -> "tuple[Service | None, bytes]":
        host = plain_host(host)
        whole = self._whole.get(host)
        if whole is not None:
            return whole, b""
        if self._exact:
            found = _longest(self._exact.get(host), target)
            if found[0] is not None:
                return found
        if self._wild and host not in self._reserved:
            return _longest(self._wild.get(host.partition(b".")[2]), target)
        return None, b""


def _longest(paths: "Paths | None", target: bytes) -> "tuple[Service | None, bytes]":
    if paths is None:
        return None, b""
    path = target.partition(b"?")[0]
    service, prefix = _match(paths, path)
    plain = plain_path(path)
    if plain != path and _match(paths, plain)[0] is not service:
        raise Refused(400, "The path can be read in two ways, and they lead to different apps.")
    return service, prefix


def _match(paths: "Paths", path: bytes) -> "tuple[Service | None, bytes]":
    for prefix, service in paths.items():
        if not prefix or (path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in (b"/", b"")):
            return service, prefix
    return None, b""


def _key(place: Place) -> tuple[bytes, bytes]:
    return host_name(place), place.prefix.encode()


def host_name(place: Place) -> bytes:
    """As it is looked up: of a wildcard, the domain that the names are below."""
    host = place.host.removeprefix("*.")
    return plain_host(host.encode("idna" if not host.isascii() else "ascii"))


def plain_host(host: bytes) -> bytes:
    """`WWW.Example.com.:8080` → `www.example.com`; an IPv6 literal keeps its brackets."""
    return _PORT.sub(b"", host).rstrip(b".").lower()
