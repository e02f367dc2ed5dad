"""Where an app is served: a host or all names one label below a domain, and from which path on."""

from collections.abc import Callable
from typing import Self

import msgspec

_SOME_LABEL = "any"


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """`prefix` is empty for every path, or `/a/b` without a slash at its end."""

    host: str
    prefix: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """`example.com`, `*.example.com`, or either with a path behind it; the form was checked with the settings."""
        host, slash, path = text.partition("/")
        return cls(host=host.lower().removesuffix("."), prefix=f"/{path}" if slash and path else "")

    def __str__(self) -> str:
        return self.host + self.prefix

    @property
    def wildcard(self) -> bool:
        return self.host.startswith("*.")

    def url(self, url_of_host: Callable[[str], str]) -> str:
        url = url_of_host(self.concrete_host)
        return url.removesuffix("/") + self.prefix if self.prefix else url

    @property
    def concrete_host(self) -> str:
        """A name that is served there: of those below a wildcard, one as good as any."""
        return f"{_SOME_LABEL}{self.host[1:]}" if self.wildcard else self.host


def front_place(hosts: tuple[str, ...]) -> Place:
    """Of all places of an app the one to ask it at: with a name of its own, and all paths, where there is one."""
    places = [Place.parse(host) for host in hosts]
    return min(places, key=lambda place: (place.wildcard, bool(place.prefix)))


def is_below(path: str, prefix: str) -> bool:
    """By whole segments: `/api` and `/api/x` are below `/api`, `/apix` is not."""
    return path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in ("", "/", "?")
